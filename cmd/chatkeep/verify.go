package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/repo"
)

func (a *app) verifyCommand() *cobra.Command {
	var p place
	var data string
	c := &cobra.Command{
		Use: "verify", Short: a.say("cmd.verify"), Long: a.say("cmd.verify") + "\n\n" + a.say("cmd.verify.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			share, err := percent(data)
			if err != nil {
				return err
			}
			return a.verify(c.Context(), p, share)
		},
	}
	p.flags(a, c)
	c.Flags().StringVar(&data, "data", "", a.say("flag.data"))
	c.Flags().Lookup("data").NoOptDefVal = "100"
	return c
}

// percent reads --data[=PCT].
func percent(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(s, "%"))
	if err != nil || n < 1 || n > 100 {
		return 0, usageError(fmt.Errorf("--data=%s: 1–100", s))
	}
	return n, nil
}

type badJSON struct {
	Object string `json:"object"`
	Reason string `json:"reason"`
}

type verifyJSON struct {
	Objects    int       `json:"objects"`
	Bytes      int64     `json:"bytes"`
	Downloaded int64     `json:"downloaded"`
	Summed     int       `json:"summed"`    // confirmed by checksums, the service's own or, of a folder, taken now
	ReadBack   int       `json:"read_back"` // content read and proven
	Present    int       `json:"present"`   // there, and no more is known
	Bad        []badJSON `json:"bad"`
	Alarms     []alarm   `json:"alarms"`
}

// verify proves what is on the remote.
func (a *app) verify(ctx context.Context, p place, data int) error {
	o, err := a.open(ctx, p)
	if err != nil {
		return err
	}
	defer o.Close()
	bar := a.progress("progress.verify")
	rep, err := o.Check(ctx, repo.CheckOptions{Data: data, Progress: bar.tellBytes()})
	bar.end()
	if err != nil {
		return err
	}
	doc := verifyJSON{Objects: rep.Objects, Bytes: rep.Bytes, Downloaded: rep.Downloaded,
		Summed: rep.Summed, ReadBack: rep.ReadBack, Present: rep.Present, Bad: []badJSON{}}
	for _, b := range rep.Bad {
		doc.Bad = append(doc.Bad, badJSON{b.Object, b.Reason})
		a.raise(exitIntegrity)
		a.note("verify.bad", "object", printable(b.Object), "reason", a.say("reason."+b.Reason), "cause", printable(fmt.Sprint(b.Err)))
	}
	doc.Alarms = a.alarms(rep.Alarms)
	a.tellVerify(rep, data, o.Remote().Traits().SumsCostRead)
	return a.document(doc)
}

func (a *app) tellVerify(rep *repo.Report, data int, folder bool) {
	a.tell("verify.present", "objects", count(uint64(rep.Objects)), "bytes", size(uint64(rep.Bytes)))
	switch {
	case folder:
		a.tell("verify.hashed", "objects", count(uint64(rep.Summed)))
	case rep.Summed > 0:
		a.tell("verify.summed", "objects", count(uint64(rep.Summed)))
	}
	if data > 0 {
		a.tell("verify.read", "packs", rep.ReadBack, "downloaded", size(uint64(rep.Downloaded)))
	}
	if rep.Present > 0 {
		a.tell("verify.only_present", "objects", count(uint64(rep.Present)))
	}
	switch {
	case rep.OK():
		a.tell("verify.ok")
	case len(rep.Bad) == 0 && onlyShutOut(rep.Alarms): // nothing is wrong with what is stored, and no backup here would help
	default:
		a.tell("verify.found", "count", len(rep.Bad)+len(rep.Alarms))
		if rep.Unnoted {
			a.tell("verify.next_again")
		} else {
			a.tell("verify.next")
		}
	}
}

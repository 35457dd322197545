package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
)

func (a *app) historyCommand() *cobra.Command {
	var n int
	c := &cobra.Command{
		Use: "history", Short: a.say("cmd.history"), Args: a.atMost(0),
		RunE: func(*cobra.Command, []string) error { return a.history(n) },
	}
	c.Flags().IntVarP(&n, "last", "n", 20, a.say("flag.last"))
	return c
}

type runJSON struct {
	Job     string         `json:"job"`
	Why     string         `json:"why"`
	Slot    string         `json:"slot,omitempty"`
	Missed  int            `json:"missed,omitempty"`
	Started string         `json:"started"`
	Ended   string         `json:"ended,omitempty"`
	Outcome string         `json:"outcome,omitempty"` // left out while it runs
	Reasons []string       `json:"reasons,omitempty"`
	Error   *lastErrorJSON `json:"error,omitempty"`
	Facts   any            `json:"facts,omitempty"`
}

// history tells what ran, the newest last. It reads the file, so that it works
// without the daemon, too.
func (a *app) history(n int) error {
	dir, err := config.StateDir(a.getenv)
	if err != nil {
		return err
	}
	runs, err := history.Open(dir).Last(max(n, 1))
	if err != nil {
		return err
	}
	list := []runJSON{}
	for _, r := range runs {
		list = append(list, a.runDocument(&r))
		a.printf("%s  %s\n", r.Started.Local().Format("2006-01-02 15:04"), a.runText(&r))
	}
	if len(runs) == 0 {
		a.tell("history.none")
	}
	return a.document(list)
}

func (a *app) runDocument(r *history.Run) runJSON {
	d := runJSON{Job: r.Job, Why: r.Why, Missed: r.Missed, Started: r.Started.UTC().Format(time.RFC3339), Outcome: r.Outcome, Reasons: r.Reasons}
	if !r.Slot.IsZero() {
		d.Slot = r.Slot.UTC().Format(time.RFC3339)
	}
	if !r.Ended.IsZero() {
		d.Ended = r.Ended.UTC().Format(time.RFC3339)
	}
	if len(r.Facts) > 0 {
		d.Facts = r.Facts
	}
	if r.Trouble != nil {
		d.Error = &lastErrorJSON{Code: r.Trouble.Code, Time: r.Trouble.Time.UTC().Format(time.RFC3339)}
		d.Error.Text, d.Error.Hint = a.explained(r.Trouble)
	}
	return d
}

// runText is one run in a line.
func (a *app) runText(r *history.Run) string {
	outcome := r.Outcome
	if outcome == "" {
		outcome = "running"
	}
	text := a.say("history.line", "job", a.jobName(r.Job), "why", a.say("why."+r.Why), "outcome", a.say("outcome."+outcome))
	if f := backupFactsOf(r); r.Job == jobBackup && f.Seq > 0 {
		text += a.say("history.sent", "bytes", size(f.Uploaded), "seconds", seconds(r.Ended.Sub(r.Started).Seconds()))
	}
	if f := verifyFactsOf(r); r.Job == jobVerify && f.Objects > 0 {
		key := "history.checked"
		if f.Bad > 0 {
			key = "history.checked_bad"
		}
		text += a.say(key, "objects", count(uint64(f.Objects)), "bad", f.Bad)
	}
	if r.Missed > 0 {
		text += a.say("history.missed", "count", r.Missed)
	}
	if len(r.Reasons) > 0 && (r.Outcome == history.Held || r.Outcome == history.Remarks) {
		text += a.say("history.because", "why", a.reasonCodes(r.Reasons))
	}
	if r.Trouble != nil {
		what, _ := a.explained(r.Trouble)
		text += a.say("history.because", "why", what)
	}
	return text
}

// jobName is what a person calls a job.
func (a *app) jobName(job string) string {
	for _, known := range []string{jobBackup, jobPull, jobVerify, jobDigest} {
		if job == known {
			return a.say("job." + job)
		}
	}
	return printable(job)
}

// reasonCodes says reasons of which only the codes are known.
func (a *app) reasonCodes(codes []string) string {
	var list []policy.Reason
	for _, c := range codes {
		r := policy.Reason{Code: c}
		if c == policy.LowBattery {
			r.Code = policy.OnBattery // how much was left is not known any more
		}
		list = append(list, r)
	}
	return a.reasons(list)
}

package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/sources/livedb"
)

func (a *app) hotcopyCommand() *cobra.Command {
	var locks string
	src, dst := a.say("arg.database"), a.say("arg.copy")
	c := &cobra.Command{
		Use: "hotcopy " + src + " " + dst, Short: a.say("cmd.hotcopy"), Long: a.say("cmd.hotcopy") + "\n\n" + a.say("cmd.hotcopy.more"),
		Args: a.exactly(src, dst),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := lockMode(locks)
			if err != nil {
				return err
			}
			return a.hotcopy(c.Context(), args[0], args[1], l)
		},
	}
	c.Flags().StringVar(&locks, "locks", "brief", a.say("flag.locks"))
	return c
}

// lockMode reads --locks.
func lockMode(s string) (livedb.Locks, error) {
	switch s {
	case "brief":
		return livedb.Brief, nil
	case "none":
		return livedb.None, nil
	}
	return 0, usageError(fmt.Errorf("--locks=%s: none, brief", s))
}

type hotcopyJSON struct {
	Proven   bool   `json:"proven"`
	Reason   string `json:"reason,omitempty"` // why it is not; then nothing was written
	Bytes    int64  `json:"bytes"`
	Read     int64  `json:"read"`
	PageSize int    `json:"page_size"`
	Plain    bool   `json:"plain"`
	Journal  bool   `json:"journal"` // COPY-journal was written and belongs to it
	Class    string `json:"class"`
	Locked   bool   `json:"locked"` // with the app's locks
	Attempts int    `json:"attempts"`
	Network  bool   `json:"network"`
}

// hotcopy copies one database. It needs no configuration.
func (a *app) hotcopy(ctx context.Context, src, dst string, locks livedb.Locks) error {
	// Temporary files go where there has to be room anyway.
	r, err := livedb.Copy(ctx, src, dst, livedb.Options{Locks: locks, Dir: filepath.Dir(dst)})
	if err != nil {
		return err
	}
	doc := hotcopyJSON{
		Proven: r.Proven, Reason: string(r.Reason), Bytes: r.Size, Read: r.Read, PageSize: r.PageSize, Plain: r.Plain,
		Journal: r.Journal != nil, Class: string(r.Class), Locked: r.Tier == 1, Attempts: r.Attempts, Network: r.Network,
	}
	if !r.Proven {
		a.raise(exitRemarks)
		a.note("hotcopy.refused", "path", printable(src), "reason", a.say("reason."+doc.Reason))
		return a.document(doc)
	}
	a.tell("hotcopy.done", "path", printable(dst), "bytes", size(uint64(r.Size)))
	if doc.Journal {
		a.tell("hotcopy.journal", "path", printable(dst+"-journal"))
	}
	return a.document(doc)
}

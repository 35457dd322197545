package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/snapshot"
)

func (a *app) findCommand() *cobra.Command {
	var p place
	c := &cobra.Command{
		Use: "find " + a.say("arg.pattern"), Short: a.say("cmd.find"), Long: a.say("cmd.find") + "\n\n" + a.say("cmd.find.more"),
		Args: a.exactly(a.say("arg.pattern")),
		RunE: func(c *cobra.Command, args []string) error { return a.find(c.Context(), p, args[0]) },
	}
	p.flags(a, c)
	return c
}

type foundJSON struct {
	entryJSON
	Device string `json:"device"`
	First  uint64 `json:"first"` // sequence of the oldest snapshot with this version
	Last   uint64 `json:"last"`  // and of the newest
}

// find looks a pattern up in all snapshots, and tells each version once.
func (a *app) find(ctx context.Context, p place, pattern string) error {
	if err := snapshot.ValidGlobs([]string{pattern}); err != nil {
		return err
	}
	o, err := a.open(ctx, p)
	if err != nil {
		return err
	}
	defer o.Close()
	found, err := snapshot.Find(ctx, o.Repo, pattern, a.lostNames)
	if err != nil {
		return err
	}
	doc := []foundJSON{}
	for _, f := range found {
		d := foundJSON{entryOf(f.Path, &f.Entry), o.DeviceName(f.Device), f.First, f.Last}
		doc = append(doc, d)
		a.printf("%s  %s  %s  %s%s\n", a.versions(d), sizeOf(d.entryJSON), clock(f.Entry.ModTime), printable(f.Path), a.suffix(&f.Entry))
	}
	if len(found) == 0 {
		a.tell("find.none", "pattern", pattern)
	}
	a.alarms(o.Alarms())
	return a.document(doc)
}

func (a *app) versions(d foundJSON) string {
	if d.First == d.Last {
		return fmt.Sprintf("%s/%d", printable(d.Device), d.First)
	}
	return fmt.Sprintf("%s/%d–%d", printable(d.Device), d.First, d.Last)
}

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/snapshot"
)

func (a *app) diffCommand() *cobra.Command {
	var p place
	c := &cobra.Command{
		Use: "diff " + a.say("arg.snapshot") + " " + a.say("arg.snapshot"), Short: a.say("cmd.diff"),
		Args: a.exactly(a.say("arg.snapshot"), a.say("arg.snapshot")),
		RunE: func(c *cobra.Command, args []string) error { return a.diff(c.Context(), p, args[0], args[1]) },
	}
	p.flags(a, c)
	return c
}

type changeJSON struct {
	Path   string `json:"path"`
	Change string `json:"change"` // added, removed, changed, attributes
	Before uint64 `json:"before"` // bytes
	After  uint64 `json:"after"`
}

var changeSigns = map[snapshot.Change]string{snapshot.Added: "+", snapshot.Removed: "-", snapshot.Modified: "M", snapshot.Attributes: "a"}

// diff tells what changed from one snapshot to another.
func (a *app) diff(ctx context.Context, p place, from, to string) error {
	o, err := a.open(ctx, p)
	if err != nil {
		return err
	}
	defer o.Close()
	doc := []changeJSON{}
	counts := map[snapshot.Change]uint64{}
	err = snapshot.Diff(ctx, o.Repo, from, to, func(d snapshot.Difference) error {
		if d.Err != nil {
			return a.lostNames(d.Path, d.Err)
		}
		counts[d.Change]++
		doc = append(doc, changeJSON{escape(d.Path), string(d.Change), d.Before, d.After})
		a.printf("%s %s\n", changeSigns[d.Change], printable(d.Path))
		return nil
	})
	if err != nil {
		return err
	}
	a.tell("diff.done", "added", count(counts[snapshot.Added]), "removed", count(counts[snapshot.Removed]),
		"changed", count(counts[snapshot.Modified]), "attributes", count(counts[snapshot.Attributes]))
	a.alarms(o.Alarms())
	return a.document(doc)
}

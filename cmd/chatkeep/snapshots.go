package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/repo/format"
)

func (a *app) snapshotsCommand() *cobra.Command {
	var p place
	c := &cobra.Command{
		Use: "snapshots", Short: a.say("cmd.snapshots"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.snapshots(c.Context(), p) },
	}
	p.flags(a, c)
	return c
}

type snapshotJSON struct {
	ID       string `json:"id"`
	Device   string `json:"device"`
	Sequence uint64 `json:"sequence"`
	Time     string `json:"time"`
	Files    uint64 `json:"files"`
	Bytes    uint64 `json:"bytes"`
	Partial  bool   `json:"partial"`
	Flagged  uint64 `json:"flagged"`
	Skipped  uint64 `json:"skipped"`
}

// snapshots lists all snapshots that can be proven.
func (a *app) snapshots(ctx context.Context, p place) error {
	o, err := a.open(ctx, p)
	if err != nil {
		return err
	}
	defer o.Close()
	list, err := o.Snapshots(ctx, format.DeviceID{})
	if err != nil {
		return err
	}
	doc := []snapshotJSON{}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	if len(list) > 0 {
		a.row(w, "snapshots.header")
	}
	for _, s := range list {
		d := snapshotJSON{s.Name.Digest.String(), o.DeviceName(s.Device), s.Seq, stamp(s.Time), s.Counts.Files, s.Counts.Bytes, s.Partial, s.Counts.Flagged, s.Counts.Skipped}
		doc = append(doc, d)
		if !a.json {
			fmt.Fprintf(w, "%s/%d\t%s\t%s\t%s\t%s\n", printable(d.Device), s.Seq, clock(s.Time), count(s.Counts.Files), size(s.Counts.Bytes), count(s.Counts.Flagged+s.Counts.Skipped))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(list) == 0 {
		a.tell("snapshots.none")
	}
	a.alarms(o.Alarms())
	return a.document(doc)
}

// row writes a table's header line.
func (a *app) row(w *tabwriter.Writer, key string) {
	if !a.json {
		fmt.Fprintln(w, a.say(key))
	}
}

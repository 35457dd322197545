package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/repo"
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
	rows := [][]string{strings.Split(a.say("snapshots.header"), "\t")}
	for _, s := range list {
		d := snapshotJSON{s.Name.Digest.String(), o.DeviceName(s.Device), s.Seq, stamp(s.Time), s.Counts.Files, s.Counts.Bytes, s.Partial, s.Counts.Flagged, s.Counts.Skipped}
		doc = append(doc, d)
		rows = append(rows, []string{fmt.Sprintf("%s/%d", printable(d.Device), s.Seq), clock(s.Time), count(d.Files), size(d.Bytes), a.remarksOf(s)})
	}
	if len(list) > 0 {
		a.table(rows)
	}
	if len(list) == 0 {
		a.tell("snapshots.none")
	}
	a.alarms(o.Alarms())
	return a.document(doc)
}

// remarksOf says in a word or two what is special about a snapshot.
func (a *app) remarksOf(s *repo.Snapshot) string {
	var list []string
	if n := s.Counts.Flagged + s.Counts.Skipped; n > 0 {
		list = append(list, count(n))
	}
	if s.Partial {
		list = append(list, a.say("snapshots.partial"))
	}
	return strings.Join(list, ", ")
}

package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
)

func (a *app) confirmShrinkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "confirm-shrink", Short: a.say("cmd.confirm_shrink"), Long: a.say("cmd.confirm_shrink") + "\n\n" + a.say("cmd.confirm_shrink.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.confirmShrink(c.Context()) },
	}
}

type confirmJSON struct {
	Sequence  uint64   `json:"sequence"` // up to this snapshot
	Confirmed []remark `json:"confirmed"`
	Alarms    []alarm  `json:"alarms"`
}

// newestOwn returns this device's newest snapshot, nil if it has none.
func newestOwn(ctx context.Context, o *opened) (*repo.Snapshot, error) {
	d := o.Device()
	if d == nil {
		return nil, hint.New("not_member", errors.New("look: this device is not in the repository"))
	}
	return o.Head(ctx, d.ID)
}

// confirmShrink states that what shrank was meant to.
func (a *app) confirmShrink(ctx context.Context) error {
	o, err := a.open(ctx, place{changes: true})
	if err != nil {
		return err
	}
	defer o.Close()
	s, err := newestOwn(ctx, o)
	if err != nil {
		return err
	}
	d := confirmJSON{Confirmed: []remark{}}
	if s != nil && s.ShrunkAt > 0 {
		shrunk, err := a.shrunkIn(ctx, o, s)
		if err != nil {
			return err
		}
		if err := o.ConfirmShrink(ctx, s); err != nil {
			return err
		}
		for _, m := range shrunk {
			d.Confirmed = append(d.Confirmed, remark{escape(m.Source + "/" + m.Path), m.Reason})
			a.tell("confirm_shrink.item", "path", printable(m.Source+"/"+m.Path))
		}
		d.Sequence = s.Seq
		a.tell("confirm_shrink.done")
	} else {
		a.tell("confirm_shrink.none")
	}
	d.Alarms = a.alarms(o.Alarms())
	return a.document(d)
}

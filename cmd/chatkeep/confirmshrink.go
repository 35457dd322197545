package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/providers"
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

// confirmShrink states that what shrank was meant to.
func (a *app) confirmShrink(ctx context.Context) error {
	o, s, err := a.openOwn(ctx, providers.RetryOptions{})
	if err != nil {
		return err
	}
	defer o.Close()
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

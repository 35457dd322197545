package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/repo"
)

func (a *app) deviceRotateCommand() *cobra.Command {
	var p place
	c := &cobra.Command{
		Use: "rotate", Short: a.say("cmd.device.rotate"), Long: a.say("cmd.device.rotate") + "\n\n" + a.say("cmd.device.rotate.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.change(c.Context(), p, "device.rotated", func(ctx context.Context, o *opened) error { return o.Rotate(ctx) })
		},
	}
	p.signFlags(a, c)
	neverAsks(a, c)
	return c
}

// neverAsks takes --yes although there is nothing to ask, so that a script can
// pass it to every change.
func neverAsks(a *app, c *cobra.Command) {
	c.Flags().Bool("yes", true, a.say("flag.yes"))
	c.Flags().Lookup("yes").Hidden = true
}

type changedJSON struct {
	Devices []string `json:"devices"` // names of the members
	Alarms  []alarm  `json:"alarms"`
}

// change makes a change to the list of devices that takes nothing but the
// wish.
func (a *app) change(ctx context.Context, p place, done string, fn func(context.Context, *opened) error) error {
	o, err := a.openToChange(ctx, p)
	if err != nil {
		return err
	}
	defer o.Close()
	if err := fn(ctx, o); err != nil {
		return err
	}
	doc := changedJSON{Devices: []string{}}
	for _, d := range o.Devices() {
		if !d.Revoked {
			doc.Devices = append(doc.Devices, o.DeviceName(d.ID))
		}
	}
	a.tell(done, "names", printables(doc.Devices))
	doc.Alarms = a.alarms(slices.DeleteFunc(o.Alarms(), func(x repo.Alarm) bool { return x.Code == repo.CodeRosterForked })) // that is settled
	return a.document(doc)
}

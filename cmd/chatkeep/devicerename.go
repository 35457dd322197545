package main

import (
	"context"

	"github.com/spf13/cobra"
)

func (a *app) deviceRenameCommand() *cobra.Command {
	var p place
	name, next := a.say("arg.name"), a.say("arg.new_name")
	c := &cobra.Command{
		Use: "rename " + name + " " + next, Short: a.say("cmd.device.rename"), Long: a.say("cmd.device.rename") + "\n\n" + a.say("cmd.device.rename.more"),
		Args: a.exactly(name, next),
		RunE: func(c *cobra.Command, args []string) error { return a.deviceRename(c.Context(), args[0], args[1], p) },
	}
	p.signFlags(a, c)
	neverAsks(a, c)
	return c
}

type renamedJSON struct {
	Device string  `json:"device"` // its id
	Old    string  `json:"old"`
	Name   string  `json:"name"`
	Alarms []alarm `json:"alarms"`
}

// deviceRename calls a device something else.
func (a *app) deviceRename(ctx context.Context, old, name string, p place) error {
	if err := a.checkDeviceName(name); err != nil {
		return err
	}
	o, err := a.openToChange(ctx, p)
	if err != nil {
		return err
	}
	defer o.Close()
	d, err := o.DeviceNamed(old)
	if err != nil {
		return err
	}
	if d.Name == name {
		a.tell("device.renamed_same", "name", name)
	} else if err := o.Rename(ctx, d.ID, name); err != nil {
		return err
	} else {
		a.tell("device.renamed", "old", printable(old), "name", name)
	}
	return a.document(renamedJSON{d.ID.String(), escape(old), name, a.alarms(o.Alarms())})
}

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/repo/format"
)

type changeFlags struct {
	place
	yes bool
}

func (f *changeFlags) flags(a *app, c *cobra.Command) {
	f.signFlags(a, c)
	c.Flags().BoolVar(&f.yes, "yes", false, a.say("flag.yes"))
}

func (a *app) deviceRoleCommand() *cobra.Command {
	var f changeFlags
	name, role := a.say("arg.name"), a.say("arg.role")
	c := &cobra.Command{
		Use: "role " + name + " " + role, Short: a.say("cmd.device.role"), Long: a.say("cmd.device.role") + "\n\n" + a.say("cmd.device.role.more"),
		Args: a.exactly(name, role),
		RunE: func(c *cobra.Command, args []string) error { return a.deviceRole(c.Context(), args[0], args[1], f) },
	}
	f.flags(a, c)
	return c
}

type roleJSON struct {
	Device string  `json:"device"` // its id
	Name   string  `json:"name"`
	Role   string  `json:"role"`
	Before string  `json:"before"`
	Alarms []alarm `json:"alarms"`
}

// deviceRole changes what a device may do.
func (a *app) deviceRole(ctx context.Context, name, wanted string, f changeFlags) error {
	role, err := a.roleNamed(wanted)
	if err != nil {
		return err
	}
	o, err := a.openToChange(ctx, f.place)
	if err != nil {
		return err
	}
	defer o.Close()
	d, err := o.DeviceNamed(name)
	if err != nil {
		return err
	}
	doc := roleJSON{Device: d.ID.String(), Name: escape(name), Role: role.String(), Before: d.Role.String()}
	if d.Role == role && !d.Revoked {
		a.tell("device.role.same", "name", printable(name), "role", a.roleText(role))
		doc.Alarms = a.alarms(o.Alarms())
		return a.document(doc)
	}
	v := a.beforeAsking(!f.yes)
	v.tell("device.role.will", "name", printable(name), "may", a.say("device.may."+role.String()))
	if reads(d.Role) && !reads(role) {
		v.detail("device.role.loses_reading")
	}
	if !reads(d.Role) && reads(role) {
		v.detail("device.role.gains_reading")
	}
	if !f.yes {
		if err := a.agree(ctx, a.asker(), "device.ask_go_on"); err != nil {
			return err
		}
	}
	if err := o.Convert(ctx, d.ID, role); err != nil {
		return err
	}
	a.tell("device.role.done", "name", printable(name), "role", a.roleText(role))
	doc.Alarms = a.alarms(o.Alarms())
	return a.document(doc)
}

func reads(r format.Role) bool { return r != format.BackupOnly }

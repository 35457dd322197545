package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

func (a *app) deviceRevokeCommand() *cobra.Command {
	var f changeFlags
	name := a.say("arg.name")
	c := &cobra.Command{
		Use: "revoke " + name + "…", Short: a.say("cmd.device.revoke"), Long: a.say("cmd.device.revoke") + "\n\n" + a.say("cmd.device.revoke.more"),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(errors.New(a.say("usage.missing", "name", name)))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return a.deviceRevoke(c.Context(), args, f) },
	}
	f.flags(a, c)
	return c
}

type revokedJSON struct {
	Device   string `json:"device"` // its id
	Name     string `json:"name"`
	Role     string `json:"role"`
	Sequence uint64 `json:"sequence"` // its newest snapshot that counts
}

type revokeJSON struct {
	Revoked []revokedJSON `json:"revoked"`
	Alarms  []alarm       `json:"alarms"`
}

// deviceRevoke removes devices. What that can't undo is said before and after.
func (a *app) deviceRevoke(ctx context.Context, names []string, f changeFlags) error {
	o, err := a.openToChange(ctx, f.place)
	if err != nil {
		return err
	}
	defer o.Close()
	devices, err := toRevoke(o, names)
	if err != nil {
		return err
	}
	doc := revokeJSON{Revoked: []revokedJSON{}}
	var ids []format.DeviceID
	for i, d := range devices {
		ids = append(ids, d.ID)
		doc.Revoked = append(doc.Revoked, revokedJSON{Device: d.ID.String(), Name: escape(names[i]), Role: d.Role.String()})
		a.beforeAsking(!f.yes).revoking(names[i], d)
	}
	if !f.yes {
		if err := a.agree(ctx, a.asker(), "device.ask_go_on"); err != nil {
			return err
		}
	}
	if err := o.Revoke(ctx, ids...); err != nil {
		return err
	}
	for i, id := range ids {
		s, err := o.Head(ctx, id)
		if err != nil {
			return err
		}
		if s != nil {
			doc.Revoked[i].Sequence = s.Seq
		}
	}
	a.tell("device.revoke.done", "names", printables(names))
	a.tellCloudAccess()
	doc.Alarms = a.alarms(o.Alarms())
	return a.document(doc)
}

// toRevoke finds all that are named, and refuses those that can't be removed,
// before anything is asked.
func toRevoke(o *opened, names []string) (list []*format.Device, err error) {
	own := o.Device()
	for _, name := range names {
		d, err := o.DeviceNamed(name)
		switch {
		case err != nil:
			return nil, err
		case d.Revoked:
			return nil, hint.New(repo.CodeAlreadyRevoked, fmt.Errorf("remove device %s: it was removed before", name), "device", name)
		case own != nil && own.ID == d.ID:
			return nil, hint.New(repo.CodeSelf, fmt.Errorf("remove device %s: it is this one, which would make the keys that it must not have", name))
		}
		list = append(list, d)
	}
	return list, nil
}

// revoking says what a device can see once it is removed, and what not.
func (v voice) revoking(name string, d *format.Device) {
	v.tell("device.revoke.will", "name", printable(name))
	v.detail("device.revoke.from_now")
	if reads(d.Role) {
		v.detail("device.revoke.until_now")
	} else {
		v.detail("device.revoke.never_read")
	}
	if d.Role != format.ReadOnly {
		v.detail("device.revoke.keeps")
	}
}

// tellCloudAccess says how to end a device's access to the place itself, which
// no list of devices does.
func (a *app) tellCloudAccess() {
	a.printf("\n")
	a.tell("device.revoke.access")
	a.detail("device.access." + accessTo(string(a.contact.target.Type)))
}

// accessTo is the way in which a kind of service ends somebody's access.
func accessTo(kind string) string {
	switch kind {
	case "tencent-cos", "aliyun-oss", "qiniu":
		return "s3"
	case "openlist":
		return "webdav"
	}
	return kind
}

func printables(list []string) []string {
	out := make([]string, len(list))
	for i, text := range list {
		out[i] = printable(text)
	}
	return out
}

package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/repo/format"
)

func (a *app) deviceCommand() *cobra.Command {
	c := &cobra.Command{Use: "device", Short: a.say("cmd.device"), Long: a.say("cmd.device") + "\n\n" + a.say("cmd.device.more"),
		Args: a.unknownCommand, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(a.deviceJoinCommand(), a.deviceApproveCommand(), a.deviceListCommand(), a.deviceRenameCommand(), a.deviceRoleCommand(),
		a.deviceRevokeCommand(), a.deviceWordsCommand(), a.deviceRotateCommand(), a.deviceMergeCommand())
	return c
}

// signFlags adds where the repository is, and the key that signs a change where
// no device does.
func (p *place) signFlags(a *app, c *cobra.Command) {
	c.Flags().StringVar(&p.remote, "remote", "", a.say("flag.remote"))
	c.Flags().StringVar(&p.identity, "identity", "", a.say("flag.identity_sign"))
	p.unlock.flags(a, c)
}

// roles are those of a device, as commands name them.
var roles = []format.Role{format.Full, format.BackupOnly, format.ReadOnly}

// roleNamed is the role of that name.
func (a *app) roleNamed(name string) (format.Role, error) {
	var known []string
	for _, r := range roles {
		if strings.EqualFold(name, r.String()) {
			return r, nil
		}
		known = append(known, r.String())
	}
	return 0, usageError(errors.New(a.say("usage.role", "name", printable(name), "known", known)))
}

// roleText is a role as a person reads it, with the word for commands.
func (a *app) roleText(r format.Role) string { return a.say("role." + r.String()) }

// checkDeviceName refuses what commands could not name afterwards.
func (a *app) checkDeviceName(name string) error {
	usable, ok := config.DeviceName(name)
	if ok {
		return nil
	}
	return usageError(errors.New(a.say("usage.device_name", "name", printable(name), "usable", usable)))
}

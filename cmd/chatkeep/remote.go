package main

import "github.com/spf13/cobra"

// remoteCommand is the group of commands about the place of the backups.
func (a *app) remoteCommand() *cobra.Command {
	c := &cobra.Command{Use: "remote", Short: a.say("cmd.remote"), Args: a.unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(a.remoteLoginCommand(), a.remoteTestCommand(), a.remoteUsageCommand())
	return c
}

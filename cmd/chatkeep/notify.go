package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/notify"
)

func (a *app) notifyCommand() *cobra.Command {
	c := &cobra.Command{Use: "notify", Short: a.say("cmd.notify"), Long: a.say("cmd.notify") + "\n\n" + a.say("cmd.notify.more"), Args: a.unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(a.notifyAddCommand(), a.notifyListCommand(), a.notifyTestCommand(), a.notifyRemoveCommand())
	return c
}

type channelJSON struct {
	Name    string `json:"name"`
	Service string `json:"service"`
	Used    bool   `json:"used"` // the configuration names it
}

func (a *app) notifyListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: a.say("cmd.notify.list"), Args: a.atMost(0),
		RunE: func(*cobra.Command, []string) error { return a.notifyList() },
	}
}

// notifyList shows the channels, and what the configuration names in vain. An
// address is never shown.
func (a *app) notifyList() error {
	list, err := a.channels()
	if err != nil {
		return err
	}
	used := a.usedChannels()
	doc, rows := []channelJSON{}, [][]string{}
	for _, c := range list {
		row := []string{c.Name, c.Service(), a.say("notify.used")}
		if !slices.Contains(used, c.Name) {
			row[2] = a.say("notify.unused")
		}
		rows = append(rows, row)
		doc = append(doc, channelJSON{c.Name, c.Service(), slices.Contains(used, c.Name)})
	}
	if len(list) == 0 {
		a.tell("notify.none")
	}
	a.table(rows)
	missing, err := a.missingChannels(used)
	if err != nil {
		return err
	}
	a.noteMissing(missing)
	return a.document(map[string]any{"channels": doc, "missing": missing})
}

func (a *app) notifyRemoveCommand() *cobra.Command {
	var inConfig bool
	name := a.say("arg.name")
	c := &cobra.Command{
		Use: "remove " + name, Short: a.say("cmd.notify.remove"), Args: a.exactly(name),
		RunE: func(c *cobra.Command, args []string) error { return a.notifyRemove(c.Context(), args[0], inConfig) },
	}
	c.Flags().BoolVar(&inConfig, "to-config", false, a.say("flag.notify_to_config"))
	return c
}

func (a *app) notifyRemove(ctx context.Context, name string, inConfig bool) error {
	dir, err := config.StateDir(a.getenv)
	if err != nil {
		return err
	}
	if err := notify.Remove(dir, name); err != nil {
		return err
	}
	a.tell("notify.removed", "name", name)
	used := slices.Contains(a.usedChannels(), name)
	if used && inConfig {
		if err := a.removeName("notify", name); err != nil {
			return err
		}
		used = false
		a.tell("notify.unnamed", "path", printable(config.Locate(a.config, a.getenv)))
	} else if used {
		a.raise(exitRemarks)
		a.note("notify.still_used", "name", name, "path", printable(config.Locate(a.config, a.getenv)))
	}
	a.reloadDaemon(ctx)
	return a.document(map[string]any{"name": name, "used": used})
}

// missingChannels are those that the configuration names in vain.
func (a *app) missingChannels(used []string) ([]string, error) {
	missing := []string{}
	if len(used) == 0 {
		return missing, nil
	}
	list, err := a.channels()
	if err != nil {
		return nil, err
	}
	for _, name := range used {
		if !slices.ContainsFunc(list, func(c notify.Channel) bool { return c.Name == name }) {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

// noteMissing says which channels have to be made.
func (a *app) noteMissing(missing []string) {
	for _, name := range missing {
		a.raise(exitRemarks)
		a.note("notify.missing", "name", printable(name))
	}
}

// channels are those of this device.
func (a *app) channels() ([]notify.Channel, error) {
	dir, err := config.StateDir(a.getenv)
	if err != nil {
		return nil, err
	}
	return notify.Channels(dir)
}

// usedChannels are the names in the configuration; none, if that can't be read.
func (a *app) usedChannels() []string {
	cfg, err := a.loadConfig()
	if err != nil {
		return nil
	}
	return cfg.Notify.To
}

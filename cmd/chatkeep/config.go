package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/sources"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: a.say("cmd.config"), Args: a.unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(
		&cobra.Command{Use: "check", Short: a.say("cmd.config.check"), Args: a.atMost(0),
			RunE: func(c *cobra.Command, _ []string) error { return a.configCheck(c.Context()) }},
		&cobra.Command{Use: "show", Short: a.say("cmd.config.show"), Args: a.atMost(0),
			RunE: func(*cobra.Command, []string) error { return a.configShow() }},
		&cobra.Command{Use: "schema", Short: a.say("cmd.config.schema"), Args: a.atMost(0),
			RunE: func(*cobra.Command, []string) error { return a.configSchema() }},
		&cobra.Command{Use: "example", Short: a.say("cmd.config.example"), Args: a.atMost(0),
			RunE: func(*cobra.Command, []string) error { return a.configExample() }},
	)
	return c
}

// configCheck reads the configuration, and looks whether its folders are there.
func (a *app) configCheck(ctx context.Context) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	if err := a.checkDaemon(cfg); err != nil {
		return err
	}
	entries, err := configured(ctx, cfg)
	if err != nil {
		return err
	}
	var list []sources.Account
	for _, e := range entries {
		list = append(list, e.accounts...)
	}
	if err := checkLocal(ctx, cfg, list); err != nil {
		return err
	}
	a.tell("config.ok", "path", cfg.File())
	missing, none := []string{}, []string{}
	for i := range entries {
		if !a.checkEntry(&entries[i]) {
			none = append(none, entries[i].name)
		}
	}
	for _, acc := range list {
		if _, err := os.Stat(acc.Root()); err != nil {
			a.raise(exitRemarks)
			missing = append(missing, escape(acc.Root()))
			a.note("config.no_folder", "source", acc.Name(), "path", printable(acc.Root()))
		}
	}
	channels, err := a.missingChannels(cfg.Notify.To)
	if err != nil {
		return err
	}
	a.noteMissing(channels)
	return a.document(map[string]any{"file": cfg.File(), "ok": true, "missing": missing, "no_accounts": none, "no_channels": channels})
}

// checkEntry says what an entry of sources came to, if not what it seems, and
// reports whether it came to anything.
func (a *app) checkEntry(e *entry) bool {
	if code, values := a.folderRemark(e); code != "" {
		a.note("accounts."+code, values...)
	}
	if len(e.accounts) == 0 {
		a.raise(exitRemarks)
		a.note("config.no_accounts", "source", e.name)
	}
	return len(e.accounts) > 0
}

// configShow prints the configuration in effect.
func (a *app) configShow() error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	text := cfg.YAML()
	a.printf("%s", text)
	return a.yamlDocument(text)
}

func (a *app) configSchema() error {
	if !a.json {
		_, err := a.out.Write(append(config.Schema(), '\n'))
		return err
	}
	return a.document(json.RawMessage(config.Schema()))
}

func (a *app) configExample() error {
	a.printf("%s", config.Example)
	return a.yamlDocument(config.Example)
}

// yamlDocument prints YAML as the JSON it means.
func (a *app) yamlDocument(text []byte) error {
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return err
	}
	return a.document(v)
}

// checkLocal looks at a remote that is a folder of this computer. What a cloud
// says is remote test's.
func checkLocal(ctx context.Context, cfg *config.Config, list []sources.Account) error {
	if cfg.Remote.Type != "local" {
		return nil
	}
	remote, err := targetOf(cfg).open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(checkPlaces(remote, list), remote.Close())
}

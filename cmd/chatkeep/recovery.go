package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo"
)

func (a *app) recoveryCommand() *cobra.Command {
	c := &cobra.Command{Use: "recovery", Short: a.say("cmd.recovery"), Args: a.unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(a.recoverySheetCommand(), a.recoveryTestCommand(), a.recoveryReplaceCommand())
	return c
}

// openBare opens the repository as a bare machine would: with the key and the
// remote, and nothing that this device knows or keeps.
func (a *app) openBare(ctx context.Context, where target, key *crypto.Identity) (*repo.Repo, error) {
	remote, err := where.open(ctx)
	if err != nil {
		return nil, err
	}
	r, err := repo.Open(ctx, remote, repo.Options{Recovery: key})
	if err != nil {
		return nil, errors.Join(err, remote.Close())
	}
	return r, nil
}

// besideConfig is a file in the folder of the configuration.
func (a *app) besideConfig(name string) string {
	return filepath.Join(filepath.Dir(config.Locate(a.config, a.getenv)), name)
}

// keyBesideConfig is where init puts the recovery key, if it is still there.
func (a *app) keyBesideConfig() (string, error) {
	path := a.besideConfig("recovery.key")
	if _, err := os.Stat(path); err != nil {
		return "", usageError(errors.New(a.say("usage.missing", "name", "--identity")))
	}
	return path, nil
}

// shellWord writes a value as one word of a command line, for people to type.
func shellWord(s string) string {
	special := func(r rune) bool { return r < 128 && strings.ContainsRune(" \t\n\"'`$&|;<>()*?[]{}#!\\~", r) }
	if s != "" && !strings.ContainsFunc(s, special) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

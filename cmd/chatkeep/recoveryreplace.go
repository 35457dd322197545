package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
)

type replaceFlags struct {
	place
	out string
	yes bool
}

func (a *app) recoveryReplaceCommand() *cobra.Command {
	var f replaceFlags
	c := &cobra.Command{
		Use: "replace", Short: a.say("cmd.recovery.replace"), Long: a.say("cmd.recovery.replace") + "\n\n" + a.say("cmd.recovery.replace.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.recoveryReplace(c.Context(), f) },
	}
	c.Flags().StringVar(&f.identity, "identity", "", a.say("flag.identity_old"))
	f.unlock.flags(a, c)
	c.Flags().StringVar(&f.out, "out", "", a.say("flag.recovery_out"))
	c.Flags().StringVar(&f.remote, "remote", "", a.say("flag.remote"))
	c.Flags().BoolVar(&f.yes, "yes", false, a.say("flag.yes"))
	return c
}

type replaceJSON struct {
	Recovery string  `json:"recovery"`    // file with the new key
	Words    string  `json:"words"`       // the repository's new ones
	Other    string  `json:"other_words"` // the same in the other language
	Alarms   []alarm `json:"alarms"`
}

// recoveryReplace makes a new recovery key count instead of the old one. The
// new one is on the disk before anything changes, and nothing is lost if it
// stops anywhere: one of the two opens the repository then.
func (a *app) recoveryReplace(ctx context.Context, f replaceFlags) error {
	switch {
	case f.identity == "":
		return usageError(errors.New(a.say("usage.missing", "name", "--identity")))
	case f.out == "":
		return usageError(errors.New(a.say("usage.missing", "name", "--out")))
	}
	out, err := filepath.Abs(f.out)
	if err != nil {
		return err
	}
	o, err := a.openWithKey(ctx, f.place)
	if err != nil {
		return err
	}
	defer o.Close()
	if local := o.Remote().Traits().LocalPath; local != "" && inside(out, local) {
		return hint.New("recovery_inside", fmt.Errorf("write recovery key %s: it would lie beside the backups", out), "path", out)
	}
	a.beforeAsking(!f.yes).tell("recovery.replace.will")
	if !f.yes {
		if err := a.agree(ctx, a.asker(), "device.ask_go_on"); err != nil {
			return err
		}
	}
	next, err := crypto.GenerateIdentity()
	if err != nil {
		return err
	}
	if err := a.writeRecovery(out, next, o.Remote()); err != nil {
		return err
	}
	if err := o.ReplaceRecovery(ctx, next); err != nil {
		a.note("recovery.replace.keep_both", "path", printable(out))
		return err
	}
	words, other := a.bothWordsOf(o.Words())
	a.tell("recovery.replace.done", "path", printable(out), "typed", shellWord(out), "words", words, "other", other)
	return a.document(replaceJSON{out, words, other, a.alarms(o.Alarms())})
}

package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/internal/i18n"
	wordlist "github.com/chatkeep/chatkeep/internal/words"
	"github.com/chatkeep/chatkeep/providers/cloud/signin"
)

// wordsOf are the eight words of a fingerprint in the user's language, in one
// line.
func (a *app) wordsOf(fp crypto.Fingerprint) string {
	return strings.Join(wordlist.Say(fp, a.say("words.language")), " ")
}

// bothWordsOf are the words in the user's language, and in the other one: two
// devices need not speak the same.
func (a *app) bothWordsOf(fp crypto.Fingerprint) (own, other string) {
	for _, lang := range i18n.Languages() {
		if lang != a.say("words.language") {
			other = strings.Join(wordlist.Say(fp, lang), " ")
		}
	}
	return a.wordsOf(fp), other
}

// fingerprintOf reads words that somebody typed, in either language.
func fingerprintOf(text string) (crypto.Fingerprint, error) {
	fp, err := wordlist.Parse(text)
	if e, ok := errors.AsType[*wordlist.UnknownError](err); ok && e.Nearest != "" {
		err = hint.New("words_typo", err, "position", e.Position, "word", e.Word, "nearest", e.Nearest)
	} else if ok {
		err = hint.New("words_unknown", err, "position", e.Position, "word", e.Word)
	} else if e, ok := errors.AsType[*wordlist.CountError](err); ok {
		err = hint.New("words_number", err, "count", e.Count, "want", wordlist.Count)
	}
	return crypto.Fingerprint(fp), err
}

// askWords asks for words until they can be words at all. Without a terminal
// the flag is named.
func (a *app) askWords(ctx context.Context, put askPerson, key string) (crypto.Fingerprint, error) {
	for {
		text, err := put(ctx, signin.Question{Key: key, Flag: "--words"})
		if err != nil {
			return crypto.Fingerprint{}, err
		}
		fp, err := fingerprintOf(text)
		if err == nil {
			return fp, nil
		}
		_, text, advice := a.explain(err)
		a.complain(text, advice)
	}
}

func (a *app) deviceWordsCommand() *cobra.Command {
	var p place
	var qr bool
	c := &cobra.Command{
		Use: "words", Short: a.say("cmd.device.words"), Long: a.say("cmd.device.words") + "\n\n" + a.say("cmd.device.words.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.deviceWords(c.Context(), p, qr) },
	}
	p.signFlags(a, c)
	c.Flags().BoolVar(&qr, "qr", false, a.say("flag.qr"))
	return c
}

type wordsJSON struct {
	Words string `json:"words"`
	Other string `json:"other_words"` // the same in the other language
}

// deviceWords shows by which words a new device knows this repository.
func (a *app) deviceWords(ctx context.Context, p place, qr bool) error {
	o, err := a.open(ctx, p)
	if err != nil {
		return err
	}
	defer o.Close()
	text, other := a.bothWordsOf(o.Words())
	a.tell("device.words")
	a.printf("\n  %s\n  %s\n\n", text, other)
	if qr {
		a.printf("%s\n", qrTerminal(text))
	}
	a.tell("device.words.use")
	a.alarms(o.Alarms())
	return a.document(wordsJSON{text, other})
}

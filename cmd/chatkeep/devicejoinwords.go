package main

import (
	"context"
	"errors"
	"os"

	"golang.org/x/term"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
)

// wordsFromPerson asks for the repository's words at a terminal. Without one
// there are none.
func (a *app) wordsFromPerson(ctx context.Context, own crypto.Fingerprint) (*crypto.Fingerprint, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, nil
	}
	a.speak("device.join.ask_why")
	put := a.asker()
	for {
		fp, err := a.askWords(ctx, put, "device.join.ask_words")
		if err != nil {
			a.note("device.join.stays")
			return nil, err
		}
		err = notOwn(fp, own)
		if err == nil {
			return &fp, nil
		}
		_, text, advice := a.explain(err)
		a.complain(text, advice)
	}
}

// notOwn refuses this device's own words where those of the repository belong:
// they are on the same screen, and easily taken for them.
func notOwn(typed, own crypto.Fingerprint) error {
	if typed != own {
		return nil
	}
	return hint.New("words_own", errors.New("join: the words of this device prove nothing about the repository"))
}

// pinWords keeps the words of the repository.
func pinWords(state *repo.State, typed, own crypto.Fingerprint) error {
	if err := notOwn(typed, own); err != nil {
		return err
	}
	return state.PinWords(typed)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers/cloud/signin"
)

// voice says what a question is about: as a result, or, where the one document
// comes only after the answer, to the person alone.
type voice struct {
	*app
	aside bool
}

// beforeAsking is the voice in which to say it, if it is asked at all.
func (a *app) beforeAsking(asked bool) voice {
	return voice{a, a.json && asked && term.IsTerminal(int(os.Stdin.Fd()))}
}

func (v voice) tell(key string, values ...any) {
	if v.aside {
		v.speak(key, values...)
	} else {
		v.app.tell(key, values...)
	}
}

func (v voice) detail(key string, values ...any) {
	if v.aside {
		v.speak(key, values...)
	} else {
		v.app.detail(key, values...)
	}
}

// line leaves a line empty.
func (v voice) line() {
	if v.aside {
		fmt.Fprintln(v.notes)
	} else {
		v.printf("\n")
	}
}

// agree asks whether to go on; only a clear yes is one.
func (a *app) agree(ctx context.Context, put askPerson, key string) error {
	return a.agreeTo(ctx, put, signin.Question{Key: key, Flag: "--yes"})
}

func (a *app) agreeTo(ctx context.Context, put askPerson, q signin.Question) error {
	answer, err := put(ctx, q)
	if err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes", "是", "是的", "对", "好":
		return nil
	}
	return hint.New("declined", errors.New("the answer was not yes"))
}

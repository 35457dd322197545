package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers/cloud/signin"
)

// speak tells the person something during a sign-in. It goes to stderr, with
// --json too: without it nobody could answer.
func (a *app) speak(key string, pairs ...any) {
	pairs = slices.Clone(pairs)
	for i, v := range pairs {
		if text, ok := v.(string); ok { // it may be a service's
			pairs[i] = printable(text)
		}
	}
	fmt.Fprintf(a.notes, "%s\n", a.say(key, pairs...))
}

// asker returns what asks the person at the terminal. Without a terminal only
// what is meant to come through a pipe is read; all else has a flag.
func (a *app) asker() func(context.Context, signin.Question) (string, error) {
	stdin := bufio.NewReader(os.Stdin)
	return func(ctx context.Context, q signin.Question) (string, error) {
		terminal := term.IsTerminal(int(os.Stdin.Fd()))
		if !terminal && !q.Pipe {
			return "", usageError(errors.New(a.say("usage.no_terminal", "question", a.say(q.Key), "flag", q.Flag)))
		}
		a.put(q)
		read := func() (string, error) { return stdin.ReadString('\n') }
		if terminal && q.Secret {
			read = readSecret
		}
		line, err := a.await(ctx, terminal, read)
		if err == nil || errors.Is(err, io.EOF) && line != "" {
			return chosen(q, strings.TrimRight(line, "\r\n")), nil
		}
		if errors.Is(err, io.EOF) && terminal {
			return "", a.unanswered(q)
		}
		if errors.Is(err, io.EOF) {
			return "", usageError(errors.New(a.say("usage.no_terminal", "question", a.say(q.Key), "flag", q.Flag)))
		}
		return "", err
	}
}

// unanswered is for a person who ends the question with Ctrl-D: that is no yes,
// and no answer to anything else.
func (a *app) unanswered(q signin.Question) error {
	fmt.Fprintln(a.notes)
	err := errors.New("a question was left without an answer")
	if strings.Contains(q.Flag, "--yes") {
		return hint.New("declined", err)
	}
	return hint.New("interrupted", err)
}

// put shows a question.
func (a *app) put(q signin.Question) {
	for i, c := range q.Choices {
		fmt.Fprintf(a.notes, "  %d  %s\n", i+1, printable(c.Text))
	}
	fmt.Fprintf(a.notes, "%s ", a.say("login.prompt", "question", a.say(q.Key)))
}

// chosen turns the number of a choice into what it stands for.
func chosen(q signin.Question, answer string) string {
	n, err := strconv.Atoi(strings.TrimSpace(answer))
	if err == nil && n >= 1 && n <= len(q.Choices) {
		return q.Choices[n-1].ID
	}
	return answer
}

func readSecret() (string, error) {
	secret, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	return string(secret), err
}

// await reads until ctx ends. A terminal that stopped showing what is typed
// shows it again then.
func (a *app) await(ctx context.Context, terminal bool, read func() (string, error)) (string, error) {
	type line struct {
		text string
		err  error
	}
	var before *term.State
	if terminal {
		before, _ = term.GetState(int(os.Stdin.Fd()))
	}
	done := make(chan line, 1)
	go func() {
		text, err := read()
		done <- line{text, err}
	}()
	select {
	case l := <-done:
		return l.text, l.err
	case <-ctx.Done():
		if before != nil {
			_ = term.Restore(int(os.Stdin.Fd()), before)
		}
		return "", ctx.Err()
	}
}

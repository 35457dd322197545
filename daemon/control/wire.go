package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
)

// Both sides say which language of requests they speak.
const (
	apiHeader = "Chatkeep-API"
	api       = "1"
)

// MetricsType is the content type of the metrics.
const MetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

const mostBody = 64 << 10 // bytes of a request

// What can go wrong between a command and the daemon.
const (
	CodeNoDaemon    hint.Code = "no_daemon"
	CodeNotYours    hint.Code = "daemon_not_yours" // of another user
	CodeOtherAPI    hint.Code = "daemon_version"   // another version of chatkeep
	CodeBadRequest  hint.Code = "daemon_request"   // one it doesn't understand
	CodeStops       hint.Code = "daemon_stops"     // it is about to end
	CodeLost        hint.Code = "daemon_lost"      // it ended without an answer
	CodeSilent      hint.Code = "daemon_silent"    // it doesn't answer
	codeInternal    hint.Code = "internal"
	codeInterrupted hint.Code = "interrupted"
)

// ErrNoDaemon says that nobody listens.
var ErrNoDaemon = errors.New("no daemon listens")

func noDaemon(err error) error { return hint.New(CodeNoDaemon, err) }

// wireError is an error on its way to the client, in no language.
type wireError struct {
	Code string                     `json:"code"`
	Args map[string]json.RawMessage `json:"args,omitempty"` // of the code's sentences
	Text string                     `json:"text"`
	// Sizes names the args that are numbers of bytes, and Damage says that what
	// is stored is not what it should be: both change what the command makes of
	// the error.
	Sizes  []string `json:"sizes,omitempty"`
	Damage bool     `json:"damage,omitempty"`
}

// toWire never fails: a value that can't be said is said as text.
func toWire(err error) *wireError {
	w := &wireError{Code: "failed", Text: strings.ToValidUTF8(err.Error(), "\uFFFD"), Damage: errors.Is(err, repo.ErrIntegrity)}
	h := hint.Find(err)
	switch {
	case h != nil:
		w.Code, w.Args = string(h.Code), map[string]json.RawMessage{}
		for _, name := range slices.Sorted(maps.Keys(h.Args)) {
			value := h.Args[name]
			switch value.(type) {
			case uint64:
				w.Sizes = append(w.Sizes, name)
			case string, []string, bool, int, int8, int16, int32, int64:
			default:
				value = fmt.Sprint(value)
			}
			text, _ := json.Marshal(value)
			w.Args[name] = text
		}
	case errors.Is(err, context.Canceled):
		w.Code = string(codeInterrupted)
	case errors.Is(err, providers.ErrNotExist):
		w.Code = string(providers.HintMissing)
	case w.Damage:
		w.Code = string(repo.CodeDamaged)
		w.Args = map[string]json.RawMessage{"object": json.RawMessage(`"?"`)}
	case errors.Is(err, fs.ErrPermission):
		w.Code = "no_permission"
	}
	return w
}

// err makes of it the error that it was, as far as its code goes.
func (w *wireError) err() error {
	inner := errors.New(w.Text)
	if w.Damage {
		inner = damage{w.Text}
	}
	e := &hint.Error{Code: hint.Code(w.Code), Args: map[string]any{}, Err: inner}
	for name, text := range w.Args {
		e.Args[name] = w.value(name, text)
	}
	return e
}

func (w *wireError) value(name string, text json.RawMessage) any {
	var list []string
	var number int64
	var size uint64
	var other any
	switch {
	case string(text) == "null":
		return nil
	case slices.Contains(w.Sizes, name) && json.Unmarshal(text, &size) == nil:
		return size
	case json.Unmarshal(text, &number) == nil:
		return number
	case json.Unmarshal(text, &list) == nil:
		return list
	case json.Unmarshal(text, &other) != nil:
		return string(text)
	}
	return other
}

// damage is repo.ErrIntegrity with the text it had.
type damage struct{ text string }

func (d damage) Error() string { return d.text }
func (d damage) Unwrap() error { return repo.ErrIntegrity }

// event is one line of the stream that tells of a job.
type event struct {
	Progress *Progress  `json:"progress,omitempty"`
	Result   *Result    `json:"result,omitempty"`
	Error    *wireError `json:"error,omitempty"`
}

type pauseRequest struct {
	Until time.Time `json:"until,omitzero"`
}

type historyAnswer struct {
	Runs []history.Run `json:"runs"`
}

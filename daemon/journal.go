package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
)

// Logger returns where the daemon's log goes: to the journal, with its levels
// and fields, if that is what stderr is, and otherwise to stderr as text.
func Logger(stderr io.Writer) *slog.Logger {
	if ok, err := journal.StderrIsJournalStream(); ok && err == nil {
		return slog.New(&journalHandler{send: journal.Send})
	}
	return slog.New(slog.NewTextHandler(stderr, nil))
}

// journalHandler writes records with each attribute as a field of its own, so
// that journalctl finds CHATKEEP_JOB=backup. The message holds them too, for
// those who read.
type journalHandler struct {
	send   func(message string, priority journal.Priority, fields map[string]string) error
	attrs  []slog.Attr
	prefix string // of groups
}

func (h *journalHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(c.attrs[:len(c.attrs):len(c.attrs)], h.named(attrs)...)
	return &c
}

func (h *journalHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.prefix += name + "_"
	return &c
}

func (h *journalHandler) named(attrs []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = slog.Attr{Key: h.prefix + a.Key, Value: a.Value.Resolve()}
	}
	return out
}

// Handle sends one record.
func (h *journalHandler) Handle(_ context.Context, r slog.Record) error {
	attrs := h.attrs
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs[:len(attrs):len(attrs)], h.named([]slog.Attr{a})...)
		return true
	})
	text := r.Message
	fields := map[string]string{"SYSLOG_IDENTIFIER": "chatkeep"}
	for _, a := range attrs {
		value := fmt.Sprint(a.Value)
		text += " " + a.Key + "=" + value
		fields["CHATKEEP_"+fieldName(a.Key)] = value
	}
	return h.send(text, priorityOf(r.Level), fields)
}

// fieldName makes a key fit for the journal: capitals, digits and underscores.
func fieldName(key string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
}

func priorityOf(level slog.Level) journal.Priority {
	switch {
	case level >= slog.LevelError:
		return journal.PriErr
	case level >= slog.LevelWarn:
		return journal.PriWarning
	}
	return journal.PriInfo
}

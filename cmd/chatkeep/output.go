package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dustin/go-humanize"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud/signin"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// printf writes a result for people.
func (a *app) printf(format string, args ...any) {
	if !a.json {
		fmt.Fprintf(a.out, format, args...)
	}
}

// tell writes a sentence of the catalogue to the results.
func (a *app) tell(key string, values ...any) { a.printf("%s\n", a.say(key, values...)) }

// detail is tell, indented below what was told before.
func (a *app) detail(key string, values ...any) { a.printf("  %s\n", a.say(key, values...)) }

// note writes a sentence of the catalogue to stderr. With --json the document
// says the same.
func (a *app) note(key string, values ...any) {
	if !a.json {
		fmt.Fprintf(a.notes, "chatkeep: %s\n", a.say(key, values...))
	}
}

// document writes the one JSON document.
func (a *app) document(v any) error {
	if !a.json || a.silent {
		return nil
	}
	a.silent = true
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// raise lifts the exit code; a worse one stays.
func (a *app) raise(code int) { a.code = max(a.code, code) }

// fail reports an error and returns its exit code.
func (a *app) fail(err error) int {
	code, text, advice := a.explain(err)
	if a.json && !a.silent {
		type detail struct {
			Code string `json:"code"`
			Text string `json:"text"`
			Hint string `json:"hint"`
		}
		if derr := a.document(map[string]detail{"error": {string(code), text, advice}}); derr != nil {
			fmt.Fprintln(a.notes, derr)
		}
	} else {
		a.complain(text, advice)
	}
	return exitCode(code, err)
}

// complain says what went wrong and what to do, as explain returns it.
func (a *app) complain(text, advice string) {
	fmt.Fprintf(a.notes, "chatkeep: %s\n", a.say("prefix.error", "text", text))
	if advice != "" {
		fmt.Fprintf(a.notes, "chatkeep: %s\n", a.say("prefix.hint", "text", advice))
	}
}

// explain says an error in the user's language: what happened, with the
// technical cause, and what to do.
func (a *app) explain(err error) (code hint.Code, text, advice string) {
	code, args := a.codeOf(err)
	text, advice = a.say("error."+string(code), args), a.say("hint."+string(code), args)
	var mistakes config.Errors
	switch {
	case errors.As(err, &mistakes):
		text += a.mistakes(mistakes)
	case code == repo.CodeLocked:
		text, advice = text+" ("+printable(err.Error())+")", a.lockedAdvice(err, advice)
	case code == "usage":
		text = hint.Find(err).Err.Error() // a whole sentence, in the user's language
		if a.command != "" {
			advice = a.say("usage.help", "command", a.command)
		}
	case code != "interrupted" && code != CodeLeft:
		text += " (" + printable(strings.ReplaceAll(err.Error(), "\n", "; ")) + ")" // several causes, one line
	}
	return code, text, advice
}

func (a *app) codeOf(err error) (hint.Code, map[string]any) {
	if h := hint.Find(err); h != nil {
		return h.Code, a.readable(h.Args)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted", nil
	case errors.Is(err, providers.ErrNotExist):
		return providers.HintMissing, nil
	case errors.Is(err, repo.ErrIntegrity):
		return repo.CodeDamaged, map[string]any{"object": "?"}
	case errors.Is(err, fs.ErrPermission):
		return "no_permission", nil
	}
	return "failed", nil
}

// readable turns byte counts into sizes.
func (a *app) readable(args map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range args {
		switch n := v.(type) {
		case uint64:
			if k == "need" || k == "free" {
				v = size(n)
			}
		case string:
			v = printable(n)
			if k == "what" {
				v = a.say("login.what." + n)
			}
		case []string:
			list := make([]string, len(n))
			for i, text := range n {
				list[i] = printable(text)
			}
			v = list
		}
		out[k] = v
	}
	return out
}

func (a *app) mistakes(list config.Errors) string {
	var b strings.Builder
	for _, e := range list {
		b.WriteString("\n  ")
		if where := e.Where(); where != "" {
			b.WriteString(where + ": ")
		}
		b.WriteString(a.say("config."+string(e.Code), e.Args))
		if e.Nearest != "" {
			b.WriteString(a.say("config.nearest", "nearest", e.Nearest))
		}
	}
	return b.String()
}

// wrongUse are the errors that say that the command or the configuration can't
// be meant like this.
var wrongUse = []hint.Code{"usage", "bad_category", config.CodeBad, config.CodeMissing, providers.HintBadRemote, "ambiguous_latest",
	repo.CodeNoSnapshot, "no_such_path", "no_such_source", "demo_dir", "target_inside_source", "target_inside_remote",
	"remote_inside_source", "recovery_inside", "sheet_place", "remote_not_empty", "exists", "set_up_already",
	"nothing_to_back_up", "nothing_to_pull", "pull_in_use", "words_typo", "words_unknown", "words_number", "words_own", "words_repository", "notify_address", "notify_name", "notify_unknown", "notify_taken", repo.CodeNoDevice, signin.HintSignInUnsupported, signin.HintSignInOption,
	"service_root", "service_not_root", "service_user", "service_program", "service_paths", "service_no_keys"}

func exitCode(code hint.Code, err error) int {
	switch {
	case errors.Is(err, repo.ErrIntegrity):
		return exitIntegrity
	case slices.Contains(wrongUse, code):
		return exitUsage
	}
	return exitFailed
}

// alarm is how an alarm looks in JSON.
type alarm struct {
	Code   string `json:"code"`
	Object string `json:"object,omitempty"`
	Device string `json:"device,omitempty"`
	From   uint64 `json:"from,omitempty"`
	To     uint64 `json:"to,omitempty"`
	Text   string `json:"text"`
	Hint   string `json:"hint"`
}

// alarms turns the repository's alarms into output, once on stderr for people,
// and lifts the exit code.
func (a *app) alarms(list []repo.Alarm) []alarm {
	out := []alarm{}
	for _, x := range list {
		_, text, advice := a.explain(x.Coded())
		out = append(out, alarm{string(x.Code), x.Object, x.Device, x.From, x.To, text, advice})
		a.raise(exitIntegrity)
		if !a.json {
			fmt.Fprintf(a.notes, "chatkeep: %s\nchatkeep: %s\n", a.say("prefix.alarm", "text", text), a.say("prefix.hint", "text", advice))
		}
	}
	return out
}

// remark is something skipped or flagged in JSON.
type remark struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// remarks names what was skipped or flagged, and lifts the exit code.
func (a *app) remarks(key string, list []format.Remark) []remark {
	out := []remark{}
	for _, m := range list {
		path := m.Source + "/" + m.Path
		if m.Path == "." {
			path = m.Source
		}
		out = append(out, remark{escape(path), m.Reason})
		a.raise(exitRemarks)
		a.note(key, "path", printable(path), "reason", a.say("reason."+m.Reason))
	}
	return out
}

// escape makes a path fit for JSON: bytes that are not UTF-8 are
// percent-escaped, and with them the percent sign.
func escape(path string) string {
	if utf8.ValidString(path) {
		return path
	}
	var b strings.Builder
	for len(path) > 0 {
		r, n := utf8.DecodeRuneInString(path)
		if r == utf8.RuneError && n == 1 || r == '%' {
			fmt.Fprintf(&b, "%%%02X", path[0])
		} else {
			b.WriteString(path[:n])
		}
		path = path[n:]
	}
	return b.String()
}

// printable makes a path fit for a terminal: control characters and broken
// UTF-8 are shown as escapes.
func printable(path string) string {
	var b strings.Builder
	for len(path) > 0 {
		r, n := utf8.DecodeRuneInString(path)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, path[0])
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(path[:n])
		}
		path = path[n:]
	}
	return b.String()
}

// filesText is a number of files in words.
func (a *app) filesText(n uint64) string {
	if n == 1 {
		return a.say("files.one")
	}
	return a.say("files.many", "files", count(n))
}

func size(n uint64) string { return humanize.Bytes(n) }

func count(n uint64) string { return humanize.Comma(int64(n)) }

func clock(ns int64) string { return time.Unix(0, ns).Local().Format("2006-01-02 15:04:05") }

func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

func seconds(s float64) string { return fmt.Sprintf("%.1f", s) }

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chatkeep/chatkeep/internal/i18n"
)

// session runs commands in this process, with a home of its own.
type session struct {
	t   *testing.T
	dir string
	env map[string]string
}

func newSession(t *testing.T) *session {
	s := &session{t: t, dir: t.TempDir(), env: map[string]string{}}
	s.env["HOME"] = s.dir
	s.env["CHATKEEP_CONFIG"] = s.path("chatkeep.yaml")
	s.env["CHATKEEP_STATE"] = s.path("state")
	s.env["CHATKEEP_CACHE"] = s.path("cache")
	s.write("chats/a.txt", "hello")
	s.write("chats/b.bin", "\x00\x01")
	return s
}

func (s *session) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

func (s *session) write(name, content string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) run(args ...string) (stdout, stderr string, code int) {
	var out, notes bytes.Buffer
	a := &app{args: args, out: &out, notes: &notes, getenv: func(k string) string { return s.env[k] }, say: i18n.For("en").Say, json: jsonFlag(args)}
	code = a.execute(context.Background())
	return out.String(), notes.String(), code
}

// object runs a command with --json and returns the one document.
func (s *session) object(want int, args ...string) any {
	s.t.Helper()
	out, notes, code := s.run(append(args, "--json")...)
	if code != want {
		s.t.Fatalf("%v: exit code %d, want %d\n%s%s", args, code, want, out, notes)
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(out)))
	var v any
	if err := dec.Decode(&v); err != nil {
		s.t.Fatalf("%v: %v in %q", args, err, out)
	}
	if dec.More() {
		s.t.Errorf("%v: more than one document: %s", args, out)
	}
	if notes != "" {
		s.t.Errorf("%v: stderr with --json: %s", args, notes)
	}
	return v
}

// keys names all fields of a document, those of nested objects and of a list's
// first element with a dot.
func keys(v any, prefix string) (list []string) {
	switch v := v.(type) {
	case map[string]any:
		for k, sub := range v {
			list = append(list, prefix+k)
			list = append(list, keys(sub, prefix+k+".")...)
		}
	case []any:
		if len(v) > 0 {
			list = keys(v[0], prefix)
		}
	}
	return list
}

// The fields that scripts rely on. Some may be added; none may be renamed.
func TestJSONShapes(t *testing.T) {
	s := newSession(t)
	if _, notes, code := s.run("init", "--folder", s.path("chats"), "--remote", "local:"+s.path("remote")); code != 0 {
		t.Fatal(notes)
	}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"backup"}, []string{"snapshot", "sequence", "partial", "files.total", "files.new", "files.changed", "files.removed",
			"bytes.source", "bytes.read", "bytes.new", "bytes.uploaded", "objects", "seconds", "flagged", "skipped", "waiting", "anew"}},
		{[]string{"backup", "--dry-run"}, []string{"files.new", "bytes.uploaded"}},
		{[]string{"snapshots"}, []string{"id", "device", "sequence", "time", "files", "bytes", "partial", "flagged"}},
		{[]string{"ls", "latest"}, []string{"path", "type", "size", "mtime", "category", "consistent"}},
		{[]string{"find", "*.txt"}, []string{"path", "device", "first", "last"}},
		{[]string{"restore", "latest", "--to", s.path("r")}, []string{"snapshot", "files", "bytes", "downloaded", "seconds", "failed", "unproven"}},
		{[]string{"status"}, []string{"device", "backed_up_through", "partial", "last.backup", "problems"}},
		{[]string{"confirm-shrink"}, []string{"sequence", "confirmed", "alarms"}},
		{[]string{"accounts"}, []string{"accounts", "looked"}},
		{[]string{"verify"}, []string{"objects", "bytes", "downloaded", "bad", "alarms"}},
		{[]string{"verify", "--data=50"}, []string{"objects"}},
		{[]string{"config", "show"}, []string{"device", "sources.name", "remote.type"}},
		{[]string{"config", "check"}, []string{"ok"}},
		{[]string{"config", "schema"}, []string{"$schema", "properties"}},
		{[]string{"config", "example"}, []string{"device"}},
		{[]string{"version"}, []string{"version", "format"}},
	} {
		got := keys(s.object(exitDone, c.args...), "")
		for _, want := range c.want {
			if !slices.Contains(got, want) {
				t.Errorf("%v --json has no %s: %v", c.args, want, got)
			}
		}
	}
	diff := s.object(exitDone, "diff", "latest", "latest")
	if list, ok := diff.([]any); !ok || len(list) != 0 {
		t.Errorf("diff of a snapshot with itself: %v", diff)
	}
	for _, args := range [][]string{{"nonsense"}, {"restore"}, {"ls", "nowhere/1"}} {
		got := keys(s.object(exitUsage, args...), "")
		slices.Sort(got)
		if !slices.Equal(got, []string{"error", "error.code", "error.hint", "error.text"}) {
			t.Errorf("%v: %v", args, got)
		}
	}
}

func TestJSONEscapesWhatIsNotUTF8(t *testing.T) {
	for path, want := range map[string]string{"a/b": "a/b", "100%": "100%", "a\xff": "a%FF", "50%\xfe": "50%25%FE", "消息": "消息"} {
		if got := escape(path); got != want {
			t.Errorf("%q became %q", path, got)
		}
	}
	if got := printable("a\x1b[31m\nb\xff\u202e"); got != `a\u001b[31m\u000ab\xff\u202e` {
		t.Errorf("a terminal would obey %q", got)
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/i18n"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud/signin"
)

// onDevice is the story's command on: from here on it is this device's turn,
// which has a folder of its own for all it keeps.
func onDevice(ts *testscript.TestScript, _ bool, args []string) {
	for name, file := range map[string]string{"CHATKEEP_STATE": "state", "CHATKEEP_CACHE": "cache", "CHATKEEP_CONFIG": "chatkeep.yaml"} {
		ts.Setenv(name, ts.MkAbs(filepath.Join(args[0], file)))
	}
}

// field is the story's command field: a text of the JSON document that the last
// command printed goes into an environment variable.
func field(ts *testscript.TestScript, _ bool, args []string) {
	doc := map[string]any{}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &doc))
	text, _ := doc[args[0]].(string)
	if text == "" {
		ts.Fatalf("no %s in %v", args[0], doc)
	}
	ts.Setenv(args[1], text)
}

// answers is the story's command answers: a file with what a person types, an
// answer a line; ^D is the key that ends the input.
func answers(ts *testscript.TestScript, _ bool, args []string) {
	typed := strings.ReplaceAll(strings.Join(args[1:], "\n")+"\n", "^D", "\x04")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(typed), 0o600))
}

// lacks is the story's command lacks: no file of a tree holds the key that a
// file holds.
func lacks(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[1])
	at := strings.Index(text, "AGE-SECRET-KEY-")
	if at < 0 {
		ts.Fatalf("%s holds no key", args[1])
	}
	key := strings.TrimSpace(text[at:])
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && strings.Contains(strings.ToUpper(string(b)), key) {
			ts.Fatalf("%s holds the key", path)
		}
		return err
	}))
}

// runPausing is run with something that happens in each pause.
func (s *session) runPausing(pause func(context.Context, time.Duration) error, args ...string) (stdout, stderr string, code int) {
	var out, notes bytes.Buffer
	a := &app{args: args, out: &out, notes: &notes, getenv: func(k string) string { return s.env[k] }, say: i18n.For("en").Say, json: jsonFlag(args), pause: pause}
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	code = a.execute(context.WithValue(ctx, cancelKey{}, cancel))
	return out.String(), notes.String(), code
}

type cancelKey struct{}

// pressCtrlC is a pause in which somebody ends the command.
func pressCtrlC(ctx context.Context, _ time.Duration) error {
	ctx.Value(cancelKey{}).(context.CancelFunc)()
	return ctx.Err()
}

// text returns a text of a document.
func text(t *testing.T, doc any, key string) string {
	t.Helper()
	s, _ := doc.(map[string]any)[key].(string)
	if s == "" {
		t.Fatalf("no %s in %v", key, doc)
	}
	return s
}

// twoComputers are one whose repository is made, with a backup, and one that
// has nothing yet. They share the remote alone.
func twoComputers(t *testing.T) (member, fresh *session, remote string) {
	member, fresh = newSession(t), newSession(t)
	remote = "local:" + member.path("remote")
	if _, notes, code := member.run("init", "--folder", member.path("chats"), "--remote", remote); code != exitDone {
		t.Fatal(notes)
	}
	member.object(exitDone, "backup")
	return member, fresh, remote
}

// A device that waits is a member as soon as somebody has approved it, and one
// that waits for a device sees it as soon as it asks.
func TestBothSidesWait(t *testing.T) {
	member, fresh, remote := twoComputers(t)
	words := text(t, member.object(exitDone, "device", "words"), "words")
	asked, approved := 0, 0
	var own string
	approve := func(context.Context, time.Duration) error { // while the new device waits
		if approved++; approved > 1 {
			t.Error("a device that is approved waits on")
			return errors.New("enough")
		}
		doc := member.object(exitDone, "device", "approve", "tablet", "--words", own)
		if got := text(t, doc, "role"); got != "read-only" {
			t.Errorf("admitted as %s", got)
		}
		return nil
	}
	ask := func(context.Context, time.Duration) error { // while the member waits
		if asked++; asked > 1 {
			t.Error("a request that is there is waited for")
			return errors.New("enough")
		}
		own = text(t, fresh.object(exitDone, "device", "join", "--remote", remote, "--name", "tablet", "--role", "read-only", "--words", words), "words")
		member.object(exitDone, "backup") // the wait is in nobody's way
		return nil
	}
	// The member sees the request; without an answer nobody is let in.
	out, notes, code := member.runPausing(ask, "device", "approve", "tablet", "--wait")
	if code != exitUsage || asked != 1 || !strings.Contains(notes, "--yes") || !strings.Contains(out, own) {
		t.Fatalf("exit code %d after %d pauses\n%s%s", code, asked, out, notes)
	}
	out, notes, code = fresh.runPausing(approve, "device", "join", "--wait")
	if code != exitDone || approved != 1 || !strings.Contains(out, "called tablet") {
		t.Fatalf("exit code %d after %d pauses\n%s%s", code, approved, out, notes)
	}
	fresh.object(exitDone, "restore", "latest", "--to", fresh.path("restored"))
	if got, err := os.ReadFile(fresh.path("restored", "chats", "a.txt")); err != nil || string(got) != "hello" {
		t.Errorf("restored %q, %v", got, err)
	}
}

// Ctrl-C ends the wait and nothing else: the same request is still there.
func TestCtrlCKeepsTheRequest(t *testing.T) {
	member, fresh, remote := twoComputers(t)
	words := text(t, member.object(exitDone, "device", "words"), "words")
	_, notes, code := fresh.runPausing(pressCtrlC, "device", "join", "--remote", remote, "--words", words, "--wait")
	if code != exitFailed || !strings.Contains(notes, "the request stays") {
		t.Fatalf("exit code %d\n%s", code, notes)
	}
	own := text(t, fresh.object(exitDone, "device", "join"), "words")
	list := member.object(exitDone, "device", "list").(map[string]any)["requests"].([]any)
	if len(list) != 1 || text(t, list[0], "words") != own {
		t.Errorf("the new device is %s, the requests are %v", own, list)
	}
}

// The time to wait is kept to, and its end is no success.
func TestWaitEnds(t *testing.T) {
	member, fresh, remote := twoComputers(t)
	words := text(t, member.object(exitDone, "device", "words"), "words")
	var slept time.Duration
	sleep := func(_ context.Context, d time.Duration) error { slept += d; return nil }
	_, notes, code := fresh.runPausing(sleep, "device", "join", "--remote", remote, "--words", words, "--wait=2m")
	if code != exitFailed || slept != 2*time.Minute || !strings.Contains(notes, "not approved yet") {
		t.Errorf("exit code %d after %s\n%s", code, slept, notes)
	}
	// With --json, too, the words can be compared before the wait is over.
	out, notes, code := fresh.runPausing(sleep, "device", "join", "--wait=1s", "--json")
	if code != exitFailed || !strings.Contains(notes, "chatkeep device approve") || !strings.Contains(out, `"code": "not_approved"`) {
		t.Errorf("exit code %d\n%s%s", code, out, notes)
	}
	slept = 0
	none := "abandon abandon abandon abandon abandon abandon abandon ability"
	_, notes, code = member.runPausing(sleep, "device", "approve", "tablet", "--words", none, "--wait=90s")
	if code != exitFailed || slept != 90*time.Second || !strings.Contains(notes, "no device with these words") {
		t.Errorf("exit code %d after %s\n%s", code, slept, notes)
	}
}

func TestAwaitOther(t *testing.T) {
	failed, away := errors.New("failed"), &downLine{}
	for name, c := range map[string]struct {
		answers []any // of each look: done, an error, or nil for not yet
		limit   time.Duration
		done    bool
		err     error
		pauses  []time.Duration
	}{
		"at once":              {[]any{true}, 0, true, nil, nil},
		"no waiting":           {[]any{nil}, 0, false, nil, nil},
		"at the second look":   {[]any{nil, true}, time.Hour, true, nil, []time.Duration{time.Second}},
		"until the limit":      {[]any{nil, nil, nil, nil, nil}, 5 * time.Second, false, nil, []time.Duration{time.Second, 1500 * time.Millisecond, 2250 * time.Millisecond, 250 * time.Millisecond}},
		"a failure ends it":    {[]any{nil, failed}, time.Hour, false, failed, []time.Duration{time.Second}},
		"a line that is down":  {[]any{away, away, true}, time.Hour, true, nil, []time.Duration{time.Second, 1500 * time.Millisecond}},
		"down until the limit": {[]any{away, away}, time.Second, false, away, []time.Duration{time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			var pauses []time.Duration
			a := &app{pause: func(_ context.Context, d time.Duration) error { pauses = append(pauses, d); return nil }}
			done, err := a.awaitOther(t.Context(), c.limit, func() (bool, error) {
				if len(c.answers) == 0 {
					t.Fatal("one look too many")
				}
				answer := c.answers[0]
				c.answers = c.answers[1:]
				err, _ := answer.(error)
				return answer == true, err
			})
			if done != c.done || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || len(c.answers) > 0 {
				t.Errorf("done %v, %v; %d looks less than there should be", done, err, len(c.answers))
			}
			if !slices.Equal(pauses, c.pauses) {
				t.Errorf("pauses %v, want %v", pauses, c.pauses)
			}
		})
	}
}

// The pauses grow up to half a minute and no further.
func TestPausesGrow(t *testing.T) {
	var last time.Duration
	a := &app{pause: func(_ context.Context, d time.Duration) error {
		if d < last || d > longestPause {
			t.Errorf("%s after %s", d, last)
		}
		last = d
		return nil
	}}
	if done, err := a.awaitOther(t.Context(), 10*time.Minute+time.Millisecond, func() (bool, error) { return last == longestPause, nil }); !done || err != nil {
		t.Errorf("the longest was %s (%v)", last, err)
	}
}

// downLine is a line that is down.
type downLine struct{}

func (*downLine) Error() string        { return "the line is down" }
func (*downLine) Is(target error) bool { return target == providers.ErrTemporary }

// Each kind of place has its way to end a device's access.
func TestEveryPlaceCanBeClosed(t *testing.T) {
	for _, kind := range config.RemoteTypes() {
		for _, lang := range i18n.Languages() {
			if key := "device.access." + accessTo(string(kind)); !i18n.For(lang).Has(key) {
				t.Errorf("%s: no %s in %s", kind, key, lang)
			}
		}
	}
}

func TestLostDevices(t *testing.T) {
	list := []memberJSON{{ID: "a1", Name: "laptop"}, {ID: "b2", Name: "gone", Revoked: true}, {ID: "c3", Name: "tablet"}, {ID: "d4", Name: "1"}}
	a := &app{say: i18n.For("en").Say, notes: io.Discard}
	for name, c := range map[string]struct {
		flags  recoverFlags
		answer string // a line for each time that it is asked
		want   string // ids
	}{
		"enter":             {recoverFlags{}, "", "a1 c3 d4"},
		"yes":               {recoverFlags{yes: true}, "?", "a1 c3 d4"},
		"none":              {recoverFlags{}, "none", ""},
		"numbers":           {recoverFlags{}, "2, 3", "c3 d4"},
		"a name is a name":  {recoverFlags{}, "1", "d4"},
		"names":             {recoverFlags{}, "tablet，laptop", "c3 a1"},
		"flags win":         {recoverFlags{lost: []string{"laptop"}, yes: true}, "?", "a1"},
		"none by flag":      {recoverFlags{lost: []string{"none"}}, "?", ""},
		"all by flag":       {recoverFlags{lost: []string{"ALL"}}, "?", "a1 c3 d4"},
		"a device's id":     {recoverFlags{lost: []string{"c3"}}, "?", "c3"},
		"nobody":            {recoverFlags{lost: []string{"phone"}}, "?", "no_such_device"},
		"removed before":    {recoverFlags{lost: []string{"gone"}}, "?", "no_such_device"},
		"a number too high": {recoverFlags{}, "9\n2", "c3"},
		"typos":             {recoverFlags{}, "lapptop\nlaptop, tablett\nlaptop, tablet", "a1 c3"},
	} {
		t.Run(name, func(t *testing.T) {
			answers := strings.Split(c.answer, "\n")
			asked := 0
			found, err := a.lostDevices(t.Context(), list, c.flags, func(context.Context, signin.Question) (string, error) {
				if asked++; asked > len(answers) {
					return "", errors.New("asked once too often")
				}
				return answers[asked-1], nil
			})
			if c.answer != "?" && asked != len(answers) {
				t.Errorf("asked %d times, want %d", asked, len(answers))
			}
			var ids []string
			for _, m := range found {
				ids = append(ids, m.ID)
			}
			got := strings.Join(ids, " ")
			if err != nil {
				code, _, _ := a.explain(err)
				got = string(code)
			}
			if got != c.want {
				t.Errorf("lost are %q, want %q", got, c.want)
			}
		})
	}
}

// Flags that say something else than the configuration never change it.
func TestConfigurationStays(t *testing.T) {
	s := newSession(t)
	s.write("chatkeep.yaml", "device: laptop\nsources: [wechat, {name: chats, folder: "+s.path("chats")+"}]\nremote: local:"+s.path("remote")+"\n")
	before, err := os.ReadFile(s.path("chatkeep.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		flags homeFlags
		want  string // code
	}{
		"nothing":       {homeFlags{}, ""},
		"the same":      {homeFlags{remote: "local:" + s.path("remote")}, ""},
		"other place":   {homeFlags{remote: "local:" + s.path("elsewhere")}, "usage"},
		"other sources": {homeFlags{folders: []string{s.path("chats")}}, "exists"},
		"no place":      {homeFlags{remote: "nowhere"}, "bad_remote"},
	} {
		a := &app{getenv: func(k string) string { return s.env[k] }, say: i18n.For("en").Say}
		cfg, fresh, err := a.memberConfig(s.path("chatkeep.yaml"), c.flags)
		code := ""
		if err != nil {
			found, _, _ := a.explain(err)
			code = string(found)
		}
		if code != c.want || fresh || err == nil && cfg.Device != "laptop" {
			t.Errorf("%s: code %q (%v), want %q", name, code, err, c.want)
		}
	}
	if after, err := os.ReadFile(s.path("chatkeep.yaml")); err != nil || !bytes.Equal(after, before) {
		t.Errorf("it is now %s (%v)", after, err)
	}
}

// What was written for the flags agrees with them when the command is run
// again.
func TestWrittenConfigurationAgrees(t *testing.T) {
	s := newSession(t)
	f := homeFlags{remote: "local:" + s.path("remote"), name: "tablet", folders: []string{s.path("chats"), s.path("my chats")}, apps: []string{"wechat"}}
	a := &app{getenv: func(k string) string { return s.env[k] }, say: i18n.For("en").Say}
	cfg, fresh, err := a.memberConfig(s.path("chatkeep.yaml"), f)
	if err != nil || !fresh || cfg.Device != "tablet" || len(cfg.Sources) != 3 {
		t.Fatalf("%+v, %v, %v", cfg, fresh, err)
	}
	if err := writeConfig(s.path("chatkeep.yaml"), cfg); err != nil {
		t.Fatal(err)
	}
	if _, fresh, err = a.memberConfig(s.path("chatkeep.yaml"), f); err != nil || fresh {
		t.Errorf("the second time: %v, %v", fresh, err)
	}
}

// apart lets two computers do something at the same moment: neither sees what
// the other does until both are done.
func (s *session) apart(one, other func()) {
	s.t.Helper()
	check := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	check(os.CopyFS(s.path("aside"), os.DirFS(s.path("remote"))))
	one()
	check(os.Rename(s.path("remote"), s.path("changed")))
	check(os.Rename(s.path("aside"), s.path("remote")))
	other()
	check(filepath.WalkDir(s.path("changed"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(s.path("changed"), path)
		if err != nil {
			return err
		}
		if _, err := os.Stat(s.path("remote", rel)); err == nil {
			return nil
		}
		return os.Rename(path, s.path("remote", rel))
	}))
}

// joined lets a computer join a member's repository as a full device.
func (s *session) joined(fresh *session, name string) {
	s.t.Helper()
	words := text(s.t, s.object(exitDone, "device", "words"), "words")
	own := text(s.t, fresh.object(exitDone, "device", "join", "--remote", "local:"+s.path("remote"), "--name", name, "--words", words), "words")
	s.object(exitDone, "device", "approve", name, "--words", own)
	fresh.object(exitDone, "device", "join")
}

// Two devices that change the list of devices at the same moment leave two
// lists. That is an alarm until somebody makes one of them.
func TestMergeOfTwoLists(t *testing.T) {
	first, second, _ := twoComputers(t)
	first.joined(second, "second")
	first.joined(newSession(t), "third")
	first.apart(func() { first.object(exitDone, "device", "rename", "third", "phone") },
		func() { second.object(exitDone, "device", "role", "third", "read-only", "--yes") })
	for _, s := range []*session{first, second} {
		_, notes, code := s.run("device", "list")
		if code != exitIntegrity || !strings.Contains(notes, "chatkeep device merge") {
			t.Errorf("exit code %d\n%s", code, notes)
		}
		if _, notes, code := s.run("device", "rename", "second", "other"); code != exitIntegrity {
			t.Errorf("a change without merging: exit code %d\n%s", code, notes)
		}
	}
	out, notes, code := first.run("device", "merge")
	if code != exitDone || !strings.Contains(out, "There is one list of devices") {
		t.Fatalf("exit code %d\n%s%s", code, out, notes)
	}
	for _, s := range []*session{first, second} {
		s.object(exitDone, "device", "list")
	}
	second.object(exitDone, "device", "rename", "second", "other")
	first.object(exitDone, "backup")
}

// Two devices that remove each other: neither may settle that, and the recovery
// key says which one stays.
func TestMergeKeepsWhoIsNamed(t *testing.T) {
	first, second, _ := twoComputers(t)
	first.joined(second, "second")
	first.object(exitDone, "device", "rename", text(t, first.object(exitDone, "status"), "device"), "first")
	second.object(exitDone, "device", "list")
	first.apart(func() { first.object(exitDone, "device", "revoke", "second", "--yes") },
		func() { second.object(exitDone, "device", "revoke", "first", "--yes") })
	first.object(exitUsage, "device", "merge", "--keep", "first")
	key := first.path("recovery.key")
	first.object(exitUsage, "device", "merge", "--identity", key, "--keep", "nobody")
	doc := first.object(exitDone, "device", "merge", "--identity", key, "--keep", "first").(map[string]any)
	if list := doc["devices"].([]any); len(list) != 1 || list[0] != "first" {
		t.Errorf("the members are %v", list)
	}
	first.object(exitDone, "backup")
	if out, notes, code := second.run("status"); code == exitDone { // it got no key for the list that counts
		t.Errorf("who was removed is told nothing:\n%s%s", out, notes)
	}
}

// The fields that scripts rely on. Some may be added; none may be renamed.
func TestDeviceJSONShapes(t *testing.T) {
	member, fresh, remote := twoComputers(t)
	words := text(t, member.object(exitDone, "device", "words"), "words")
	check := func(s *session, code int, args []string, want ...string) any {
		t.Helper()
		doc := s.object(code, args...)
		got := keys(doc, "")
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%v --json has no %s: %v", args, w, got)
			}
		}
		return doc
	}
	waiting := check(fresh, exitRemarks, []string{"device", "join", "--remote", remote, "--name", "tablet"},
		"state", "name", "role", "words", "other_words", "approve", "expires", "remote", "config", "alarms")
	check(member, exitDone, []string{"device", "list"}, "devices.id", "devices.name", "devices.role", "devices.this", "devices.revoked",
		"devices.joined", "devices.last_seen", "devices.sequence", "devices.client", "requests.words", "requests.other_words", "requests.device", "requests.role", "requests.time", "refused", "alarms")
	check(member, exitDone, []string{"device", "approve", "tablet", "--words", text(t, waiting, "words")}, "name", "device", "role", "asked", "words", "other_words", "alarms")
	check(fresh, exitDone, []string{"device", "join", "--words", words}, "state", "name", "role", "remote", "config", "alarms")
	check(member, exitDone, []string{"device", "rename", "tablet", "slate"}, "device", "old", "name", "alarms")
	check(member, exitDone, []string{"device", "role", "slate", "read-only", "--yes"}, "device", "name", "role", "before", "alarms")
	check(member, exitDone, []string{"device", "role", "slate", "read-only"}, "device", "name", "role", "before", "alarms")
	check(member, exitDone, []string{"device", "rotate"}, "devices", "alarms")
	check(member, exitDone, []string{"device", "merge"}, "devices", "alarms")
	check(member, exitDone, []string{"device", "revoke", "slate", "--yes"}, "revoked.device", "revoked.name", "revoked.role", "revoked.sequence", "alarms")
	key := member.path("recovery.key")
	check(member, exitDone, []string{"recovery", "replace", "--identity", key, "--out", member.path("new.key"), "--yes"}, "recovery", "words", "other_words", "alarms")
	check(newSession(t), exitDone, []string{"recover", "--identity", member.path("new.key"), "--remote", remote, "--name", "third", "--lost", "none"},
		"name", "role", "revoked", "devices.name", "remote", "config", "alarms")
	for _, args := range [][]string{{"device", "approve"}, {"device", "revoke"}, {"device", "role", "x"}, {"device", "rename", "x"}, {"recovery", "replace"},
		{"device", "join", "--role", "boss"}, {"device", "revoke", "third"}} {
		check(member, exitUsage, args, "error", "error.code", "error.hint", "error.text")
	}
}

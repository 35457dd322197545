package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/internal/i18n"
	"github.com/chatkeep/chatkeep/systemd"
)

// madeUp is a computer with systemd that answers as it is told, and notes what
// it was asked.
type madeUp struct {
	machine
	t       *testing.T
	session *session
	units   string // the folder of the user's units
	answers map[string]string
	fails   map[string]error
	asked   []string
}

// newMadeUp makes the computer of a user who has run init.
func newMadeUp(t *testing.T, uid int) *madeUp {
	s := newSession(t)
	if _, notes, code := s.run("init", "--folder", s.path("chats"), "--remote", "local:"+s.path("remote")); code != 0 {
		t.Fatal(notes)
	}
	m := &madeUp{t: t, session: s, units: s.path("config", "systemd", "user"), fails: map[string]error{}}
	m.answers = map[string]string{"--user show --property=UnitPath --value": "/run/user/1/systemd/user.control " + m.units + " /etc/systemd/user\n"}
	m.machine = machine{os: "linux", uid: uid, home: s.dir, system: s.path("system"), secrets: s.path("secrets"),
		booted:  func() bool { return true },
		lingers: func(string) bool { return false },
		lookup: func(name string) (*user.User, error) {
			if name != "alice" && name != "bob" {
				return nil, user.UnknownUserError(name)
			}
			return &user.User{Username: name, Uid: "1700", Gid: "1700", HomeDir: s.dir}, nil
		},
		program: func() (string, error) { return "/usr/bin/env", nil },
		run:     m.answer,
	}
	return m
}

// answer is what runs instead of programs. What is run as another user is run as
// nobody else here: the facts of the session.
func (m *madeUp) answer(_ context.Context, _ []string, stdin []byte, name string, args ...string) ([]byte, error) {
	line := strings.Join(args, " ")
	m.asked = append(m.asked, name+" "+line)
	if strings.HasSuffix(line, "service facts") {
		out, notes, code := m.session.run("service", "facts")
		if code != 0 {
			err := exec.Command("sh", "-c", fmt.Sprint("exit ", code)).Run()
			return []byte(out), &programError{err, name, notes}
		}
		return []byte(out), nil
	}
	if name == "systemd-creds" {
		return append([]byte("sealed "), stdin...), m.fails[name]
	}
	if name == "setpriv" && strings.Contains(line, " cat -- ") {
		return []byte("keys"), nil
	}
	for part, err := range m.fails {
		if strings.Contains(line, part) {
			return nil, err
		}
	}
	return []byte(m.answers[line]), nil
}

// app is the program of the session.
func (m *madeUp) app() (a *app, out, notes *strings.Builder) {
	out, notes = new(strings.Builder), new(strings.Builder)
	return &app{out: out, notes: notes, getenv: func(k string) string { return m.session.env[k] }, say: i18n.For("en").Say}, out, notes
}

func (m *madeUp) install(f installFlags) error {
	a, _, _ := m.app()
	return a.installService(context.Background(), m.machine, f)
}

var forAlice = installFlags{serviceForm: serviceForm{system: true, user: "alice"}}

func TestServiceInstallsWhatIsAsked(t *testing.T) {
	m := newMadeUp(t, 1700)
	a, out, _ := m.app()
	if err := a.installService(context.Background(), m.machine, installFlags{linger: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"systemctl --user daemon-reload", "systemctl --user enable chatkeep.service", "systemctl --user restart chatkeep.service"} {
		if !slices.Contains(m.asked, want) {
			t.Errorf("not asked: %s of %q", want, m.asked)
		}
	}
	if !slices.ContainsFunc(m.asked, func(s string) bool { return strings.HasPrefix(s, "loginctl enable-linger ") }) {
		t.Errorf("linger was not asked for: %q", m.asked)
	}
	if !strings.Contains(out.String(), "chatkeep.service.d/sandbox.conf") {
		t.Errorf("not said what was written: %s", out)
	}
	text, err := os.ReadFile(filepath.Join(m.units, "chatkeep.service.d", "paths.conf"))
	if err != nil || !strings.Contains(string(text), "CHATKEEP_STATE="+m.session.path("state")) {
		t.Errorf("%v: %s", err, text)
	}
	m.asked = nil
	if err := m.install(installFlags{noStart: true, noSandbox: true}); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(m.asked, func(s string) bool { return strings.Contains(s, "restart") || strings.Contains(s, "linger") }) {
		t.Errorf("started all the same: %q", m.asked)
	}
	if isThere(filepath.Join(m.units, "chatkeep.service.d", "sandbox.conf")) {
		t.Error("the sandbox is still there")
	}
}

func TestServiceRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		uid    int
		change func(*madeUp)
		flags  installFlags
		want   hint.Code
	}{
		{"another system", 1700, func(m *madeUp) { m.os = "darwin" }, installFlags{}, "service_unsupported"},
		{"no systemd", 1700, func(m *madeUp) { m.booted = func() bool { return false } }, installFlags{}, "service_no_systemd"},
		{"root's own", 0, nil, installFlags{}, "service_root"},
		{"a user in the system", 1700, nil, forAlice, "service_not_root"},
		{"an unknown user", 0, nil, installFlags{serviceForm: serviceForm{system: true, user: "eve"}}, "service_user"},
		{"linger of the system", 0, nil, installFlags{serviceForm: forAlice.serviceForm, linger: true}, "usage"},
		{"no sandbox in the system", 0, nil, installFlags{serviceForm: forAlice.serviceForm, noSandbox: true}, "usage"},
		{"no manager", 1700, func(m *madeUp) { m.fails["UnitPath"] = errors.New("no bus") }, installFlags{}, "service_no_manager"},
		{"an odd manager", 1700, func(m *madeUp) { m.answers = nil }, installFlags{}, "service_no_manager"},
		{"a program in /tmp", 1700, nil, installFlags{program: filepath.Join(os.TempDir(), "chatkeep")}, "service_program"},
		{"go run", 1700, func(m *madeUp) { m.program = func() (string, error) { return "/root/.cache/go-build/1/chatkeep", nil } }, installFlags{}, "service_program"},
		{"a folder", 1700, nil, installFlags{program: "/usr"}, "service_program"},
		{"no program", 1700, nil, installFlags{program: "/usr/bin/no-such-program"}, "service_program"},
		{"no keys", 1700, func(m *madeUp) { m.remove("state", "device.json") }, installFlags{}, "service_no_keys"},
		{"no keys to encrypt", 0, func(m *madeUp) { m.remove("state", "device.json") }, installFlags{serviceForm: forAlice.serviceForm, credential: true}, "service_no_keys"},
		{"an old systemd-creds", 0, func(m *madeUp) { m.fails["systemd-creds"] = errors.New("unknown option") }, installFlags{serviceForm: forAlice.serviceForm, credential: true}, "service_credential"},
		{"somebody's unit", 1700, func(m *madeUp) { m.write("config/systemd/user/chatkeep.service", "[Service]\n") }, installFlags{}, "service_foreign"},
		{"somebody's drop-in", 0, func(m *madeUp) { m.write("system/chatkeep@alice.service.d/paths.conf", "[Service]\n") }, forAlice, "service_foreign"},
		{"a unit that is refused", 1700, func(m *madeUp) { m.fails["enable chatkeep"] = errors.New("bad") }, installFlags{}, "service_not_enabled"},
		{"no namespaces", 1700, func(m *madeUp) {
			m.fails["restart"] = errors.New("failed")
			m.answers["--user show --property=Result,ExecMainStatus chatkeep.service"] = "Result=exit-code\nExecMainStatus=226\n"
		}, installFlags{}, "service_sandbox"},
		{"no start", 0, func(m *madeUp) { m.fails["restart"] = errors.New("failed") }, forAlice, "service_not_started"},
	} {
		m := newMadeUp(t, c.uid)
		if c.change != nil {
			c.change(m)
		}
		err := m.install(c.flags)
		if !hint.Is(err, c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
			continue
		}
		a, _, _ := m.app()
		if _, text, advice := a.explain(err); strings.Contains(text+advice, "⟨") || strings.Contains(text+advice, "{") && c.want != "usage" {
			t.Errorf("%s is said as %q, %q", c.name, text, advice)
		}
	}
}

func (m *madeUp) write(name, text string) { m.session.write(name, text) }

func (m *madeUp) remove(name ...string) {
	if err := os.Remove(m.session.path(name...)); err != nil {
		m.t.Fatal(err)
	}
}

// What the user's own configuration lacks is said in the user's own words, with
// the same exit code, and nothing is written.
func TestServicePassesOnWhatTheUserLacks(t *testing.T) {
	m := newMadeUp(t, 0)
	m.write("chatkeep.yaml", "nonsense: 1\n")
	a, _, notes := m.app()
	if err := a.installService(context.Background(), m.machine, forAlice); err != nil {
		t.Fatal(err)
	}
	if a.code != exitUsage || !strings.Contains(notes.String(), "nonsense") {
		t.Errorf("exit code %d: %s", a.code, notes)
	}
	if isThere(m.system) {
		t.Error("something was written")
	}
	m.fails["service facts"] = nil
	m.run = func(context.Context, []string, []byte, string, ...string) ([]byte, error) {
		return nil, &programError{exec.Command("sh", "-c", "exit 127").Run(), "setpriv", "no such program"}
	}
	if err := a.installService(context.Background(), m.machine, forAlice); err == nil || !strings.Contains(err.Error(), "no such program") {
		t.Errorf("a program that can't be run: %v", err)
	}
}

// Two users share the template: it stays until the last one is gone. Encrypted
// keys stay after that.
func TestServiceUninstallLeavesWhatOthersNeed(t *testing.T) {
	m := newMadeUp(t, 0)
	forBob := serviceForm{system: true, user: "bob"}
	if err := errors.Join(m.install(installFlags{serviceForm: forAlice.serviceForm, credential: true}), m.install(installFlags{serviceForm: forBob})); err != nil {
		t.Fatal(err)
	}
	sealed := filepath.Join(m.secrets, "alice.chatkeep-device.cred")
	if text, err := os.ReadFile(sealed); err != nil || string(text) != "sealed keys" {
		t.Errorf("%v: %s", err, text)
	}
	m.write("system/chatkeep@bob.service.d/mine.conf", "[Service]\n")
	a, _, _ := m.app()
	for _, f := range []serviceForm{forAlice.serviceForm, forBob} {
		if err := a.uninstallService(context.Background(), m.machine, f); err != nil {
			t.Fatal(err)
		}
		if there := isThere(filepath.Join(m.system, "chatkeep@.service")); there != (f.user == "alice") {
			t.Errorf("after %s the template is there: %v", f.user, there)
		}
	}
	left, err := filepath.Glob(filepath.Join(m.system, "*", "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "mine.conf" || !isThere(sealed) {
		t.Errorf("%v: left are %v", err, left)
	}
	if err := a.uninstallService(context.Background(), m.machine, forBob); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func TestServiceFacts(t *testing.T) {
	s := newSession(t)
	s.env["CHATKEEP_CONFIG"] = s.path("chatkeep", "chatkeep.yaml")
	s.env["LANG"] = "zh_CN.UTF-8"
	s.write("chatkeep/chatkeep.yaml", "device: laptop\nsources: ["+s.path("chats")+"]\npull: {to: "+s.path("newest")+"}\n"+
		"remote: {type: sftp, folder: /backup, options: {host: h, user: u, key_file: ~/.ssh/backup}}\n")
	a := &app{getenv: func(k string) string { return s.env[k] }, say: i18n.For("en").Say}
	f, err := a.serviceFacts(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		list []string
		want []string
	}{
		{f.Read, []string{s.path("chats"), s.path("chatkeep"), s.path(".ssh", "backup"), s.path(".ssh", "known_hosts")}},
		{f.Write, []string{s.path("newest")}},
		{f.Hide, []string{s.path("chatkeep", "recovery.key")}},
	} {
		for _, want := range c.want {
			if !slices.Contains(c.list, want) {
				t.Errorf("no %s in %v", want, c.list)
			}
		}
	}
	if f.Keys || len(f.Remark) != 0 || !slices.Contains(f.Env, systemd.Variable{Name: "CHATKEEP_LANG", Value: "zh-CN"}) {
		t.Errorf("%+v", f)
	}
	s.write("chatkeep/chatkeep.yaml", "device: laptop\nsources: ["+s.path("chatkeep")+"]\nremote: local:"+s.path("remote")+"\n")
	if f, err = a.serviceFacts(context.Background()); err != nil || len(f.Hide) != 0 || !slices.Contains(f.Write, s.path("remote")) {
		t.Errorf("%v: %+v", err, f)
	}
}

func TestServiceLogs(t *testing.T) {
	got := strings.Join(logsFlags{serviceForm: forAlice.serviceForm, since: "today", follow: true}.journalctl(), " ")
	if got != "--no-pager --quiet --unit=chatkeep@alice.service --since=today --follow" {
		t.Error(got)
	}
	if got := strings.Join(logsFlags{}.journalctl(), " "); got != "--no-pager --quiet --user-unit=chatkeep.service --lines=200" {
		t.Error(got)
	}
	list, err := logLines([]byte(`{"__REALTIME_TIMESTAMP":"1795651200000001","PRIORITY":"4","MESSAGE":"slow"}` + "\n" + `{"MESSAGE":[97,255]}` + "\n"))
	if err != nil || len(list) != 2 || list[0] != (logLine{"2026-11-26T00:00:00.000001Z", 4, "slow"}) || list[1] != (logLine{"", 6, "a%FF"}) {
		t.Errorf("%v: %+v", err, list)
	}
	if _, err := logLines([]byte("-- No entries --\n")); err == nil {
		t.Error("what is no document was read")
	}
}

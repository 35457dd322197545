package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/internal/i18n"
)

// sunday is a moment to look at the screens: 22 November 2026, 14:46, far from
// the time zone of whoever runs the tests.
var sunday = time.Date(2026, 11, 22, 14, 46, 0, 0, time.FixedZone("there", 8*3600))

func ago(d time.Duration) time.Time { return sunday.Add(-d) }

func jsonText(t *testing.T, v any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// calm is a laptop on which all is fine.
func calm(t *testing.T) seen {
	t.Helper()
	cfg := &config.Config{Device: "laptop", Sources: []config.Source{{App: "wechat"}}}
	cfg.Remote.Type, cfg.Remote.Folder = "onedrive", "chatkeep"
	cfg.Schedule.OnChange, cfg.Notify.Stale = config.Span(3*time.Minute), config.Span(24*time.Hour)
	backup := history.Run{Job: jobBackup, Why: history.Scheduled, Started: ago(14 * time.Minute), Ended: ago(14*time.Minute - 4*time.Second), Outcome: history.Done,
		Safe: ago(14 * time.Minute), Facts: jsonText(t, backupFacts{Seq: 1482, Files: 71_202, Uploaded: 3_100_000, Present: 800, ReadBack: 490, PhoneBackup: ago(5*24*time.Hour + time.Hour)})}
	verify := history.Run{Job: jobVerify, Why: history.Scheduled, Started: ago(12 * time.Hour), Ended: ago(12*time.Hour - time.Minute), Outcome: history.Done,
		Facts: jsonText(t, verifyFacts{Objects: 1290})}
	st := &control.Status{PID: 7, Since: ago(90 * time.Hour), Decision: policy.Decision{Allowed: policy.Everything},
		Changes: control.Changes{Watching: true, Looked: ago(time.Minute), Safe: ago(14 * time.Minute)},
		Jobs: []control.Job{{Name: jobBackup, Schedule: "*/30 * * * *", Next: sunday.Add(14 * time.Minute), Last: &backup, LastGood: &backup},
			{Name: jobVerify, Schedule: "@weekly", Next: sunday.Add(6 * 24 * time.Hour), Last: &verify, LastGood: &verify}}}
	used, free := int64(71_200_000_000), int64(28_800_000_000)
	return seen{now: sunday, cfg: cfg, daemon: st, runs: []history.Run{verify, backup}, tested: true,
		health: health{Last: &lastBackup{Device: "laptop", Through: ago(14 * time.Minute), Finished: ago(14 * time.Minute)}, Usage: &lastUsage{Account: "li***@outlook.com", Used: used, Free: free, Time: ago(6 * time.Hour)}},
		remote: remoteJSON{Place: "onedrive:chatkeep", Account: "li***@outlook.com", Used: &used, Free: &free, Login: "ok"}}
}

// fails lets backups fail since so long.
func (s *seen) fails(since time.Duration, code, cause string) {
	for i := range 4 {
		at := ago(since - time.Duration(i)*since/4)
		r := history.Run{Job: jobBackup, Why: history.Retry, Started: at.Add(-time.Second), Ended: at, Outcome: history.Failed,
			Trouble: &trouble{Code: code, Text: cause, Time: at, Args: map[string]string{"remote": "onedrive:chatkeep"}}}
		s.runs = append(s.runs, r)
		s.daemon.Jobs[0].Last = &r
		s.health.Error = r.Trouble
	}
	s.daemon.Jobs[0].Due, s.daemon.Jobs[0].Retry = true, sunday.Add(12*time.Minute)
}

// safe sets when a backup was made last; the zero time: never.
func (s *seen) safe(at time.Time) {
	s.daemon.Changes.Safe = at
	job := &s.daemon.Jobs[0]
	if at.IsZero() {
		s.health.Last, s.health.Usage, s.runs, job.Last, job.LastGood = nil, nil, nil, nil, nil
		s.daemon.Jobs[1].Last, s.daemon.Jobs[1].LastGood, s.daemon.Since = nil, nil, ago(time.Hour)
		return
	}
	run := *job.LastGood
	run.Started, run.Ended, run.Safe = at, at.Add(4*time.Second), at
	job.Last, job.LastGood = &run, &run
	s.health.Last.Through, s.health.Last.Finished = at, at
	s.runs[1] = run
}

// facts changes what the last backup noted.
func (s *seen) facts(t *testing.T, change func(*backupFacts)) {
	f := backupFactsOf(s.daemon.Jobs[0].LastGood)
	change(&f)
	s.daemon.Jobs[0].LastGood.Facts = jsonText(t, f)
	s.runs[1].Facts = s.daemon.Jobs[0].LastGood.Facts
}

// The screens as people see them, in testdata/status, one file a language.
func TestScreens(t *testing.T) {
	for _, lang := range i18n.Languages() {
		path := filepath.Join("testdata", "status", lang+".txt")
		golden, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		a := &app{say: i18n.For(lang).Say}
		var got strings.Builder
		for _, c := range screens() {
			s := calm(t)
			c.change(t, &s)
			p := a.viewOf(s)
			text := a.screen(p)
			if code := a.verdictOf(p, 0); code != c.code {
				t.Errorf("%s: exit code %d, want %d", c.name, code, c.code)
			}
			if strings.Contains(text, "⟨") || strings.Contains(text, "{") {
				t.Errorf("%s: a sentence lacks something:\n%s", c.name, text)
			}
			got.WriteString("## " + c.name + "\n\n" + text + "\n")
		}
		if got.String() != string(golden) {
			t.Errorf("%s is not what status shows:\n%s", path, got.String())
		}
	}
}

type screenCase struct {
	name   string
	code   int
	change func(t *testing.T, s *seen)
}

func screens() []screenCase {
	return []screenCase{
		{"all fine", exitDone, func(*testing.T, *seen) {}},
		{"new messages", exitDone, func(_ *testing.T, s *seen) {
			s.daemon.Changes.Oldest, s.daemon.Changes.Newest, s.daemon.Changes.Due = ago(6*time.Minute), ago(time.Minute), sunday.Add(2*time.Minute)
		}},
		{"two days nothing", exitFailed, func(_ *testing.T, s *seen) {
			s.safe(ago(2*24*time.Hour + time.Hour))
			s.fails(2*24*time.Hour, "remote_proxy", "dial tcp 127.0.0.1:7890: connection refused")
			s.daemon.Changes.Oldest, s.daemon.Changes.Newest = ago(47*time.Hour), ago(3*time.Minute)
		}},
		{"nothing for two days, and nobody knows why", exitFailed, func(_ *testing.T, s *seen) { s.safe(ago(50 * time.Hour)) }},
		{"sign-in ended", exitFailed, func(_ *testing.T, s *seen) {
			s.safe(ago(30 * time.Hour))
			s.fails(29*time.Hour, "remote_auth", "invalid_grant")
			s.remote.Login, s.expires = "expired", ago(30*time.Hour)
		}},
		{"a connection comes and goes", exitDone, func(_ *testing.T, s *seen) { s.fails(2*time.Minute, "remote_unreachable", "no such host") }},
		{"paused", exitDone, func(_ *testing.T, s *seen) {
			s.daemon.Paused = &control.Paused{Until: sunday.Add(2 * time.Hour)}
			s.daemon.Decision = policy.Decision{Reasons: []policy.Reason{{Code: policy.Paused, Args: map[string]any{"until": "2026-11-22T08:46:00Z"}}}}
		}},
		{"paused until resume", exitDone, func(_ *testing.T, s *seen) { s.daemon.Paused = &control.Paused{} }},
		{"held by a metered connection", exitDone, func(t *testing.T, s *seen) {
			s.facts(t, func(f *backupFacts) { f.Held, f.Waiting = 2_100_000_000, 1203 })
			s.daemon.Decision = policy.Decision{Allowed: policy.Allowed{Categories: []string{"messages"}}, Reasons: []policy.Reason{{Code: policy.Metered}}}
		}},
		{"waits for a trusted network", exitDone, func(_ *testing.T, s *seen) {
			s.daemon.Changes.Oldest, s.daemon.Changes.Newest = ago(6*time.Minute), ago(5*time.Minute)
			s.daemon.Waiting = []string{jobBackup}
			s.daemon.Decision = policy.Decision{Reasons: []policy.Reason{{Code: policy.Untrusted}, {Code: policy.NoVPN}}}
		}},
		{"first upload running", exitFailed, func(_ *testing.T, s *seen) {
			s.safe(time.Time{})
			s.daemon.Running = &control.Running{Job: jobBackup, Why: history.Scheduled, Started: ago(20 * time.Minute),
				Progress: control.Progress{Files: 1203, TotalFiles: 71_202, Bytes: 4_500_000_000, TotalBytes: 63_400_000_000, Sent: 4_100_000_000}}
		}},
		{"messages are safe, the rest is on its way", exitDone, func(t *testing.T, s *seen) {
			s.facts(t, func(f *backupFacts) { f.Partial, f.Left = true, 58_900_000_000 })
			s.daemon.Running = &control.Running{Job: jobBackup, Why: history.Scheduled, Started: ago(3 * time.Minute), Progress: control.Progress{Files: 20, Sent: 1_000_000}}
		}},
		{"nothing yet", exitFailed, func(_ *testing.T, s *seen) { s.safe(time.Time{}) }},
		{"nothing yet, and paused", exitFailed, func(_ *testing.T, s *seen) {
			s.safe(time.Time{})
			s.daemon.Paused = &control.Paused{Until: sunday.Add(2 * time.Hour)}
		}},
		{"things to look at", exitRemarks, func(t *testing.T, s *seen) {
			s.facts(t, func(f *backupFacts) { f.Flagged, f.Shrunk, f.Skipped = 3, 1, 1 })
			s.cfg.Notify.PhoneBackup = config.Span(3 * 24 * time.Hour)
			s.expires, s.remote.LoginExpires = sunday.Add(30*time.Hour), sunday.Add(30*time.Hour).UTC().Format(time.RFC3339)
			s.tested = false
			s.daemon.Conditions.Unasked = []string{"network_manager", "upower"}
		}},
		{"a configuration that is right again", exitRemarks, func(_ *testing.T, s *seen) { s.daemon.BadConfig = &trouble{Code: "config_bad"} }},
		{"a wrong configuration", exitRemarks, func(_ *testing.T, s *seen) {
			s.cfg, s.bad, s.remote, s.health = nil, config.Errors{{File: "/x/chatkeep.yaml", Line: 3, Column: 1, Code: "unknown_key", Args: map[string]any{"key": "sauces"}, Nearest: "sources"}}.Bad(), remoteJSON{}, health{}
		}},
		{"damage", exitIntegrity, func(t *testing.T, s *seen) {
			s.daemon.Jobs[1].LastGood.Facts = jsonText(t, verifyFacts{Objects: 1290, Bad: 2})
		}},
	}
}

// What stands at the top of a screen without a daemon, where nobody is to be
// alarmed who makes backups by hand.
func TestScreenWithoutADaemon(t *testing.T) {
	for _, c := range []struct {
		name   string
		relied bool
		code   int
		says   []string
		not    string
	}{
		{"by hand", false, exitDone, []string{"All good. Everything before 14:32 today is backed up.", "By itself      nothing; a backup is made when you"}, "1."},
		{"the daemon is gone", true, exitRemarks, []string{"One thing needs a look", "doesn't run in the background any more", "chatkeep service status"}, "By itself"},
	} {
		a := &app{say: i18n.For("en").Say, getenv: func(string) string { return "" }}
		s := calm(t)
		p := &view{now: sunday, cfg: s.cfg, relied: c.relied, remote: s.remote, usage: s.health.Usage}
		p.remember(s.runs)
		p.through, p.finished = ago(14*time.Minute), p.backup.Ended
		a.addPast(p, nil)
		text := a.screen(p)
		for _, want := range c.says {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, text)
			}
		}
		if strings.Contains(text, c.not) || a.verdictOf(p, 0) != c.code {
			t.Errorf("%s: exit code %d\n%s", c.name, a.verdictOf(p, 0), text)
		}
	}
}

func TestWhoReliesOnADaemon(t *testing.T) {
	run := func(why string) history.Run { return history.Run{Job: jobBackup, Why: why, Outcome: history.Done} }
	byHand := slices.Repeat([]history.Run{run(history.Asked)}, recentBackups)
	for name, c := range map[string]struct {
		runs []history.Run
		want bool
	}{
		"nobody":             {nil, false},
		"a timer of theirs":  {byHand, false},
		"the daemon":         {[]history.Run{run(history.Scheduled)}, true},
		"and once by hand":   {[]history.Run{run(history.Changed), run(history.Asked)}, true},
		"not for long":       {append([]history.Run{run(history.Scheduled)}, byHand...), false},
		"checks don't count": {[]history.Run{{Job: jobVerify, Why: history.Scheduled}}, false},
	} {
		if got := reliedOn(c.runs); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestMaxAge(t *testing.T) {
	for _, c := range []struct {
		through time.Time
		most    time.Duration
		todo    int
		want    int
	}{
		{ago(time.Hour), 0, exitDone, exitDone},
		{ago(time.Hour), 2 * time.Hour, exitDone, exitDone},
		{ago(3 * time.Hour), 2 * time.Hour, exitDone, exitFailed},
		{ago(3 * time.Hour), 2 * time.Hour, exitRemarks, exitFailed},
		{ago(3 * time.Hour), 2 * time.Hour, exitIntegrity, exitIntegrity},
		{ago(time.Hour), 2 * time.Hour, exitRemarks, exitRemarks},
		{time.Time{}, 2 * time.Hour, exitDone, exitFailed},
	} {
		p := &view{now: sunday, through: c.through, todo: []todo{{exit: c.todo}}}
		if got := new(app).verdictOf(p, c.most); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// The next backup, by schedule, after quiet, after a failure, and never while it
// is paused.
func TestNextBackup(t *testing.T) {
	at := func(minutes int) time.Time { return sunday.Add(time.Duration(minutes) * time.Minute) }
	for name, c := range map[string]struct {
		change func(*control.Status)
		want   time.Time
	}{
		"on schedule":         {func(*control.Status) {}, at(14)},
		"after new messages":  {func(s *control.Status) { s.Changes.Due = at(2) }, at(2)},
		"in a minute":         {func(s *control.Status) { s.Changes.Due = at(1) }, at(1)},
		"now":                 {func(s *control.Status) { s.Changes.Due = at(-45) }, at(0)},
		"due":                 {func(s *control.Status) { s.Jobs[0].Due = true }, at(0)},
		"after a failure":     {func(s *control.Status) { s.Jobs[0].Due, s.Jobs[0].Retry = true, at(5) }, at(5)},
		"paused":              {func(s *control.Status) { s.Paused = &control.Paused{} }, time.Time{}},
		"paused for a moment": {func(s *control.Status) { s.Paused = &control.Paused{Until: at(3)} }, at(14)},
		"no such job":         {func(s *control.Status) { s.Jobs = nil }, time.Time{}},
	} {
		s := calm(t)
		c.change(s.daemon)
		p := &view{now: sunday, cfg: s.cfg, daemon: s.daemon}
		if got := p.next(jobBackup); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestMoments(t *testing.T) {
	for _, c := range []struct {
		at          time.Time
		en, zh, all string
	}{
		{ago(time.Hour), "13:46", "13:46", "13:46 today"},
		{ago(20 * time.Hour), "Sat 21 Nov, 18:46", "11 月 21 日周六 18:46", "18:46 yesterday"},
		{ago(60 * time.Hour).UTC(), "Fri 20 Nov, 02:46", "11 月 20 日周五 02:46", "Fri 20 Nov, 02:46"},
		{ago(30 * 24 * time.Hour), "23 Oct, 14:46", "10 月 23 日 14:46", "23 Oct, 14:46"},
		{ago(400 * 24 * time.Hour), "18 Oct 2025, 14:46", "2025 年 10 月 18 日 14:46", "18 Oct 2025, 14:46"},
	} {
		en, zh := &app{say: i18n.For("en").Say}, &app{say: i18n.For("zh-CN").Say}
		if got := []string{en.moment(c.at, sunday), zh.moment(c.at, sunday), en.fullMoment(c.at, sunday)}; !slices.Equal(got, []string{c.en, c.zh, c.all}) {
			t.Errorf("%v: %q", c.at, got)
		}
	}
}

// The document has what scripts rely on, with a daemon.
func TestStatusDocument(t *testing.T) {
	s := calm(t)
	s.facts(t, func(f *backupFacts) { f.Held, f.Waiting = 2_100, 12 })
	s.daemon.Changes.Oldest, s.daemon.Changes.Newest = ago(6*time.Minute), ago(5*time.Minute)
	s.daemon.Waiting = []string{jobBackup}
	s.daemon.Decision = policy.Decision{Reasons: []policy.Reason{{Code: policy.Untrusted}}}
	s.daemon.Running = &control.Running{Job: jobVerify, Started: ago(time.Minute), Active: sunday, Progress: control.Progress{Bytes: 1, TotalBytes: 3}}
	a := &app{say: i18n.For("en").Say}
	var d map[string]any
	if err := json.Unmarshal(jsonText(t, a.statusDocument(a.viewOf(s))), &d); err != nil {
		t.Fatal(err)
	}
	found := keys(d, "")
	for _, want := range []string{"device", "backed_up_through", "partial", "last.backup", "last.verify", "next.backup", "next.verify", "queue.bytes", "queue.files",
		"remote.place", "remote.login", "remote.used", "remote.free", "remote.proof.present", "paused.why", "running.job", "running.percent", "decision.allowed", "decision.reasons",
		"changes.watching", "changes.oldest_unsaved", "changes.age_seconds", "daemon.running", "daemon.pid", "daemon.since", "unasked", "problems", "waiting", "phone_backup"} {
		if !slices.Contains(found, want) {
			t.Errorf("no %s in %v", want, found)
		}
	}
	if d["changes"].(map[string]any)["age_seconds"] != 360.0 || d["running"].(map[string]any)["percent"] != 33.0 || d["paused"].(map[string]any)["why"] != "untrusted" {
		t.Errorf("%v", d)
	}
}

// What changed is shown once; what is unchanged is not, and a running job always.
func TestWatch(t *testing.T) {
	s := newSession(t)
	if _, notes, code := s.run("init", "--folder", s.path("chats"), "--remote", "local:"+s.path("remote")); code != 0 {
		t.Fatal(notes)
	}
	for _, asJSON := range []bool{false, true} {
		var out, notes strings.Builder
		ctx, cancel := context.WithCancel(t.Context())
		looks := 0
		args := []string{"status", "--watch"}
		if asJSON {
			args = append(args, "--json")
		}
		a := &app{args: args, out: &out, notes: &notes, getenv: func(k string) string { return s.env[k] }, say: i18n.For("en").Say, json: asJSON}
		a.pause = func(ctx context.Context, _ time.Duration) error {
			if looks++; looks == 2 {
				if _, notes, code := s.run("backup"); code != exitDone {
					t.Fatal(notes)
				}
			}
			if looks == 4 {
				cancel()
			}
			return ctx.Err()
		}
		if code := a.execute(ctx); code != exitDone || looks != 4 {
			t.Errorf("after %d looks: exit code %d, %s", looks, code, notes.String())
		}
		cancel()
		if !asJSON {
			if n := strings.Count(out.String(), "By itself"); n != 2 || !strings.Contains(out.String(), "Nothing is backed up yet") || !strings.Contains(out.String(), "Last backup") {
				t.Errorf("%d screens: %s", n, out.String())
			}
			continue
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		var d statusJSON
		if len(lines) != 2 || json.Unmarshal([]byte(lines[1]), &d) != nil || d.Last.Backup == "" {
			t.Errorf("%q", lines)
		}
	}
}

// On a terminal each screen covers the one before.
func TestWatchOnATerminal(t *testing.T) {
	var out strings.Builder
	a := &app{out: &out, say: i18n.For("en").Say}
	p := a.viewOf(calm(t))
	if err := a.show(p, true); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	lines := strings.Count(a.screen(p), "\n")
	if !strings.HasPrefix(text, "\x1b[HAll good.") || strings.Count(text, "\x1b[K\n") != lines || !strings.HasSuffix(text, "\x1b[J14:46:00, end with Ctrl-C\n") {
		t.Errorf("%q", text)
	}
}

// A backup that failed here is said until one did not; one that could not reach
// the place is the place's to say.
func TestPastOfABackupByHand(t *testing.T) {
	failed := func(code string, at time.Time) history.Run {
		return history.Run{Job: jobBackup, Why: history.Asked, Started: at, Ended: at, Outcome: history.Failed, Trouble: history.TroubleOf(errors.New("x"), at)}
	}
	other := failed("", ago(time.Minute))
	place := failed("", ago(time.Minute))
	place.Trouble.Code = "remote_auth"
	for name, c := range map[string]struct {
		run      history.Run
		finished time.Time
		want     string
	}{
		"failed":    {other, ago(time.Hour), "failed"},
		"succeeded": {other, sunday, ""},
		"the place": {place, ago(time.Hour), ""},
	} {
		a := &app{say: i18n.For("en").Say}
		p := &view{now: sunday, finished: c.finished}
		a.addPast(p, []history.Run{c.run})
		got := ""
		if len(p.todo) > 0 {
			got = p.todo[0].Code
		}
		if got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

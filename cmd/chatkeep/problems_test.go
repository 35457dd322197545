package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/notify"
	"github.com/chatkeep/chatkeep/internal/i18n"
)

// lived is a history, for tests: what happened so long before sunday.
type lived struct {
	runs []history.Run
	o    outlook
}

func (l *lived) run(job string, before time.Duration, outcome, code string, facts any, t *testing.T) {
	r := history.Run{Job: job, Why: history.Scheduled, Started: ago(before), Ended: ago(before), Outcome: outcome}
	if code != "" {
		r.Trouble = &trouble{Code: code, Text: "x", Time: r.Ended}
	}
	if facts != nil {
		r.Facts = jsonText(t, facts)
	}
	l.runs = append(l.runs, r)
	k := l.o.jobs[job]
	k.last = &r
	if outcome == history.Done || outcome == history.Remarks {
		k.good = &r
		if job == jobBackup {
			l.o.safe = r.Started
		}
	}
	l.o.jobs[job] = k
}

func TestProblems(t *testing.T) {
	h, day := time.Hour, 24*time.Hour
	good := func(l *lived, before time.Duration) {
		l.run(jobBackup, before, history.Done, "", backupFacts{Seq: 9}, t)
	}
	fails := func(l *lived, job, code string, before ...time.Duration) {
		for _, b := range before {
			l.run(job, b, history.Failed, code, nil, t)
		}
	}
	for _, c := range []struct {
		name string
		tell func(l *lived, cfg *config.Config)
		want string // in order: a ~ is mild
	}{
		{"all fine", func(l *lived, _ *config.Config) { good(l, h) }, ""},
		{"not too early: a connection comes and goes", func(l *lived, _ *config.Config) {
			good(l, 3*h)
			fails(l, jobBackup, "remote_unreachable", 30*time.Minute, 29*time.Minute, 25*time.Minute)
		}, ""},
		{"nor after a night of sleep", func(l *lived, _ *config.Config) {
			good(l, 12*h)
			fails(l, jobBackup, "remote_unreachable", 10*h, time.Minute)
		}, ""},
		{"nor too late", func(l *lived, _ *config.Config) {
			good(l, 3*h)
			fails(l, jobBackup, "remote_unreachable", 2*h, 110*time.Minute, time.Minute)
		}, "failed:backup~"},
		{"a connection that is gone is said once", func(l *lived, _ *config.Config) {
			good(l, 3*h)
			for _, job := range []string{jobBackup, jobVerify, jobPull} {
				fails(l, job, "remote_proxy", 2*h, 90*time.Minute, h)
			}
		}, "failed:backup~"},
		{"what won't pass is said at once", func(l *lived, _ *config.Config) {
			good(l, h)
			fails(l, jobBackup, "source_vanished", time.Minute)
		}, "failed:backup"},
		{"each job that fails for a reason of its own", func(l *lived, _ *config.Config) {
			good(l, h)
			fails(l, jobPull, "target_inside_source", 5*time.Minute)
			fails(l, jobVerify, "failed", time.Minute)
		}, "failed:pull failed:verify"},
		{"the sign-in ended: once, and first", func(l *lived, _ *config.Config) {
			good(l, h)
			fails(l, jobPull, "target_inside_source", 50*time.Minute)
			for _, job := range []string{jobBackup, jobVerify} {
				fails(l, job, "remote_auth", 10*time.Minute)
			}
			l.o.health.Error = &trouble{Code: "remote_auth"}
		}, "remote_auth failed:pull"},
		{"being offline doesn't mend a sign-in", func(l *lived, _ *config.Config) {
			good(l, 3*h)
			fails(l, jobBackup, "remote_auth", 2*h)
			fails(l, jobBackup, "remote_unreachable", h)
			l.o.health.Error = &trouble{Code: "remote_unreachable"}
		}, "remote_auth"},
		{"the cloud is full, though the backup ended", func(l *lived, _ *config.Config) {
			l.run(jobBackup, h, history.Remarks, "", backupFacts{Seq: 9, Left: 5}, t)
			l.o.health.Error = &trouble{Code: "remote_full"}
		}, "remote_full"},
		{"the day's limit is the user's own", func(l *lived, _ *config.Config) {
			l.run(jobBackup, h, history.Remarks, "", backupFacts{Seq: 9, Left: 5}, t)
			l.o.health.Error = &trouble{Code: "remote_day_limit"}
		}, ""},
		{"over since", func(l *lived, _ *config.Config) {
			fails(l, jobBackup, "source_vanished", 2*h)
			good(l, h)
		}, ""},
		{"waiting and stopping prove nothing", func(l *lived, _ *config.Config) {
			good(l, 3*h)
			fails(l, jobBackup, "source_vanished", 2*h)
			l.run(jobBackup, h, history.Held, "job_held", nil, t)
			l.run(jobBackup, time.Minute, history.Stopped, "job_stopped", nil, t)
		}, "failed:backup"},
		{"somebody's wrong use is theirs to know", func(l *lived, _ *config.Config) {
			good(l, h)
			l.run(jobBackup, time.Minute, history.Failed, "no_such_source", nil, t)
			l.runs[len(l.runs)-1].Why = history.Asked
		}, ""},
		{"a job that the configuration lacks now", func(l *lived, _ *config.Config) {
			good(l, h)
			fails(l, jobPull, "failed", time.Minute)
			delete(l.o.jobs, jobPull)
		}, ""},
		{"nothing for a day, and nobody knows why", func(l *lived, _ *config.Config) { good(l, 25*h) }, "stale"},
		{"not said twice", func(l *lived, _ *config.Config) {
			good(l, 25*h)
			fails(l, jobBackup, "remote_unreachable", 24*h, 23*h, h)
		}, "failed:backup"},
		{"nor with the sign-in", func(l *lived, _ *config.Config) {
			good(l, 25*h)
			fails(l, jobBackup, "remote_auth", 20*h)
		}, "remote_auth"},
		{"what failed only after a day of silence is news", func(l *lived, _ *config.Config) {
			good(l, 30*h)
			fails(l, jobBackup, "remote_auth", 5*h)
		}, "remote_auth stale"},
		{"never anything, since the daemon began", func(l *lived, _ *config.Config) { l.o.since = ago(25 * h) }, "stale"},
		{"staleness is off", func(l *lived, cfg *config.Config) {
			good(l, 100*h)
			cfg.Notify.Stale = config.Off
		}, ""},
		{"a computer that backs nothing up", func(l *lived, cfg *config.Config) {
			l.o.since, cfg.Sources = ago(100*h), nil
		}, ""},
		{"chats shrank, until it is settled", func(l *lived, _ *config.Config) {
			l.run(jobBackup, h, history.Remarks, "", backupFacts{Seq: 9, Flagged: 1, Shrunk: 1}, t)
			fails(l, jobBackup, "source_vanished", time.Minute)
		}, "shrunk failed:backup"},
		{"settled", func(l *lived, _ *config.Config) {
			l.run(jobBackup, h, history.Remarks, "", backupFacts{Seq: 9, Flagged: 1, Shrunk: 1}, t)
			good(l, time.Minute)
		}, ""},
		{"damage, whatever backups say", func(l *lived, _ *config.Config) {
			l.run(jobVerify, 2*h, history.Remarks, "", verifyFacts{Objects: 3, Bad: 1}, t)
			good(l, h)
		}, "alarm"},
		{"a check that failed finds no end of it", func(l *lived, _ *config.Config) {
			good(l, 3*h)
			l.run(jobVerify, 2*h, history.Remarks, "", verifyFacts{Objects: 3, Bad: 1}, t)
			fails(l, jobVerify, "remote_unreachable", time.Minute)
		}, "alarm"},
		{"damage that a newer check doesn't find", func(l *lived, _ *config.Config) {
			l.run(jobVerify, 2*h, history.Remarks, "", verifyFacts{Objects: 3, Bad: 1}, t)
			l.run(jobVerify, h, history.Done, "", verifyFacts{Objects: 3}, t)
			good(l, 30*time.Minute)
		}, ""},
		{"an alarm that a newer run doesn't see", func(l *lived, _ *config.Config) {
			l.run(jobVerify, 2*h, history.Remarks, "", verifyFacts{Objects: 3, Alarms: 1, Code: "forged"}, t)
			good(l, h)
		}, ""},
		{"an alarm that a newer run sees", func(l *lived, _ *config.Config) {
			l.run(jobVerify, 2*h, history.Done, "", verifyFacts{Objects: 3}, t)
			l.run(jobBackup, h, history.Remarks, "", backupFacts{Seq: 9, Alarms: 1, Code: "forged"}, t)
		}, "alarm"},
		{"what comes closer", func(l *lived, cfg *config.Config) {
			l.run(jobBackup, 100*h, history.Done, "", backupFacts{Seq: 8, Uploaded: 1000}, t)
			l.run(jobBackup, h, history.Done, "", backupFacts{Seq: 9, Uploaded: 1000, PhoneBackup: ago(31 * day)}, t)
			cfg.Notify.PhoneBackup = config.Span(30 * day)
			l.o.expires = sunday.Add(2 * day)
			l.o.health.Usage = &lastUsage{Free: 2000}
			l.o.bad = &trouble{Code: "config_bad"}
		}, "config_bad~ login_expires~ quota~ phone_backup_old~"},
		{"nothing comes close", func(l *lived, cfg *config.Config) {
			l.run(jobBackup, h, history.Done, "", backupFacts{Seq: 9, Uploaded: 1000, PhoneBackup: ago(29 * day)}, t)
			cfg.Notify.PhoneBackup = config.Span(30 * day)
			l.o.expires = sunday.Add(4 * day)
			l.o.health.Usage = &lastUsage{Free: 1 << 40}
		}, ""},
		{"a sign-in that should have ended, and works", func(l *lived, _ *config.Config) {
			good(l, h)
			l.o.expires = ago(2 * h)
		}, ""},
		{"a sign-in that should have ended, and has", func(l *lived, _ *config.Config) {
			good(l, 3*h)
			l.o.expires = ago(2 * h)
			fails(l, jobBackup, "remote_auth", h)
		}, "remote_auth login_expires~"},
	} {
		cfg := &config.Config{Sources: []config.Source{{App: "wechat"}}}
		cfg.Notify.Stale = config.Span(day)
		l := &lived{o: outlook{now: sunday, jobs: map[string]lastRuns{jobBackup: {}, jobVerify: {}, jobPull: {}}}}
		c.tell(l, cfg)
		l.o.learn(l.runs)
		var got []string
		for _, p := range problems(cfg, l.o) {
			text := p.Code
			if p.Key != "" {
				text += ":" + p.Key
			}
			if p.Mild {
				text += "~"
			}
			got = append(got, text)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
	}
}

// The values of the sentences.
func TestProblemsHaveTheirValues(t *testing.T) {
	cfg := &config.Config{Sources: []config.Source{{App: "wechat"}}}
	cfg.Notify.Stale = config.Span(24 * time.Hour)
	o := outlook{now: sunday, jobs: map[string]lastRuns{jobBackup: {}}, safe: ago(50 * time.Hour), expires: sunday.Add(time.Hour)}
	r := history.Run{Job: jobVerify, Outcome: history.Failed, Ended: ago(time.Hour), Trouble: &trouble{Code: "state_damaged", Args: map[string]string{"path": "/x", "need": "12"}}}
	o.jobs[jobVerify] = lastRuns{last: &r}
	o.learn([]history.Run{r})
	got := map[string]map[string]any{}
	for _, p := range problems(cfg, o) {
		got[p.Code] = p.Args
	}
	for code, want := range map[string]map[string]any{
		"stale":         {"hours": 50},
		"login_expires": {"days": 0},
		"failed":        {"job": jobVerify, "code": "state_damaged", "path": "/x", "need": uint64(12)},
	} {
		for name, v := range want {
			if fmt.Sprint(got[code][name]) != fmt.Sprint(v) {
				t.Errorf("%s: %s is %v, want %v", code, name, got[code][name], v)
			}
		}
	}
}

// What is sent on a usual day: not what was there before chatkeep came.
func TestUsualDay(t *testing.T) {
	run := func(daysAgo float64, f backupFacts) history.Run {
		return history.Run{Job: jobBackup, Outcome: history.Done, Started: ago(time.Duration(daysAgo * 24 * float64(time.Hour))), Facts: jsonText(t, f)}
	}
	for name, c := range map[string]struct {
		runs []history.Run
		want int64
	}{
		"nothing":            {nil, 0},
		"too early to tell":  {[]history.Run{run(1, backupFacts{Seq: 2, Uploaded: 1000})}, 0},
		"the first and what": {[]history.Run{run(5, backupFacts{Seq: 1, Uploaded: 1 << 40}), run(1, backupFacts{Seq: 2, Uploaded: 50})}, 10},
		"follows its parts": {[]history.Run{run(5, backupFacts{Seq: 1, Uploaded: 1 << 40, Partial: true}), run(4, backupFacts{Seq: 2, Uploaded: 1 << 40, Partial: true}),
			run(3, backupFacts{Seq: 3, Uploaded: 1 << 40}), run(1, backupFacts{Seq: 4, Uploaded: 100})}, 20},
		"long ago":      {[]history.Run{run(30, backupFacts{Seq: 7, Uploaded: 1 << 40}), run(4, backupFacts{Seq: 8, Uploaded: 40})}, 10},
		"failed ones":   {[]history.Run{run(4, backupFacts{Seq: 8, Uploaded: 40}), {Job: jobBackup, Outcome: history.Failed, Started: ago(time.Hour)}}, 10},
		"not of a pull": {[]history.Run{run(4, backupFacts{Seq: 8, Uploaded: 40}), {Job: jobPull, Started: ago(time.Hour), Facts: jsonText(t, backupFacts{Seq: 9, Uploaded: 99})}}, 10},
	} {
		if got := usualDay(c.runs, sunday); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// Every problem has words of its own in both languages, for a message and for
// status.
func TestEveryProblemHasWords(t *testing.T) {
	for _, code := range []string{"alarm", "shrunk", "stale", "config_bad", "login_expires", "quota", "phone_backup_old", "remote_auth", "remote_full", "remote_no_signin", "not_repository"} {
		p := notify.Problem{Code: code, Args: map[string]any{"hours": 50, "days": 2, "free": uint64(5), "code": "damaged", "remote": "drive:chatkeep"}}
		for _, lang := range []string{"en", "zh-CN"} {
			a := speaking(lang)
			o := outlook{health: health{Error: &trouble{Code: code, Text: "x", Args: map[string]string{"remote": "drive:chatkeep"}}}}
			x := a.todoOf(p, o, nil)
			for _, text := range []string{x.Text, x.Hint, a.overWords(p)} {
				if text == "" || strings.ContainsAny(text, "⟨{\x00") {
					t.Errorf("%s in %s: %q", code, lang, text)
				}
			}
			if !slices.Contains([]int{exitRemarks, exitFailed, exitIntegrity}, x.exit) {
				t.Errorf("%s: exit code %d", code, x.exit)
			}
		}
	}
}

func speaking(lang string) *app {
	return &app{say: i18n.For(lang).Say, getenv: func(string) string { return "" }}
}

package main

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon"
	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/notify"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
)

// From when on a user is told of what comes closer.
const (
	loginSoon = 3 * 24 * time.Hour
	fullSoon  = 14 // days
	usualWeek = 7 * 24 * time.Hour
	leastWeek = 2 * 24 * time.Hour // of history, before anything is usual
)

// What may well be over soon is no problem until it lasted so long, and was
// tried so often: a connection comes and goes.
const (
	lasting    = time.Hour
	leastTries = 3
)

// outlook is what is known of how things are, from which problems follow.
type outlook struct {
	now     time.Time
	jobs    map[string]lastRuns
	failing map[string]failure
	safe    time.Time // messages written before it are backed up
	since   time.Time // since when backups are looked after, for where nothing ever was
	bad     *trouble  // of the configuration
	health  health
	expires time.Time // the sign-in; zero if it doesn't
	perDay  int64     // bytes sent on a usual day
}

// lastRuns are a job's last run, and the last one that did its work.
type lastRuns struct{ last, good *history.Run }

// failure is that a job fails, since when, and why.
type failure struct {
	since time.Time
	times int
	last  history.Run
}

// learn takes in what the history says, the newest run last.
func (o *outlook) learn(runs []history.Run) {
	o.failing, o.perDay = failuresIn(runs), usualDay(runs, o.now)
	if !o.since.IsZero() {
		o.since = daemon.CaredSince(runs, o.since)
	}
}

// runsOf are those of a daemon's status.
func runsOf(s *control.Status) map[string]lastRuns {
	jobs := map[string]lastRuns{}
	for _, j := range s.Jobs {
		jobs[j.Name] = lastRuns{j.Last, j.LastGood}
	}
	return jobs
}

// failuresIn are the jobs that failed and did not do their work since. One that
// had to wait or was stopped proves nothing.
func failuresIn(runs []history.Run) map[string]failure {
	list := map[string]failure{}
	for _, r := range runs {
		switch {
		case r.Outcome == history.Done, r.Outcome == history.Remarks:
			delete(list, r.Job)
		case r.Outcome == history.Failed && r.Trouble != nil && !isMisuse(&r):
			f := list[r.Job]
			if f.times == 0 {
				f.since = r.Ended
			}
			if f.times == 0 || !isPassing(r.Trouble.Code) || isPassing(f.last.Trouble.Code) {
				f.last = r // offline hides nothing
			}
			f.times++
			list[r.Job] = f
		}
	}
	return list
}

// isMisuse reports whether a run failed because of how somebody asked for it,
// who has been told.
func isMisuse(r *history.Run) bool {
	return r.Why == history.Asked && slices.Contains(wrongUse, hint.Code(r.Trouble.Code))
}

// problems are what is wrong now, the weightiest first: what a user is told of,
// once, and what status names. As long as it lasts a problem stays in the list
// under the same name: what leaves it is told to be over.
func problems(cfg *config.Config, o outlook) (list []notify.Problem) {
	add := func(code, key string, mild bool, args map[string]any) {
		list = append(list, notify.Problem{Code: code, Key: key, Mild: mild, Args: args})
	}
	if code := alarmsIn(o.jobs); code != "" {
		add("alarm", "", false, map[string]any{"code": code})
	}
	b := backupFactsOf(o.jobs[jobBackup].good)
	if b.Shrunk > 0 {
		add("shrunk", "", false, nil)
	}
	hours, stale := staleness(cfg, o)
	list = append(list, failures(o, stale)...)
	if stale && !isExplained(cfg, o, list) {
		add("stale", "", false, map[string]any{"hours": hours})
	}
	if o.bad != nil {
		add("config_bad", "", true, nil)
	}
	if left := o.expires.Sub(o.now); !o.expires.IsZero() && left < loginSoon && (left > 0 || lists(list, string(providers.HintAuth))) {
		add("login_expires", "", true, map[string]any{"days": max(0, int(left/(24*time.Hour)))})
	}
	if u := o.health.Usage; u != nil && u.Free >= 0 && o.perDay > 0 {
		if days := u.Free / o.perDay; days < fullSoon {
			add("quota", "", true, map[string]any{"days": int(days), "free": uint64(u.Free)})
		}
	}
	if most := cfg.Notify.PhoneBackup; most > 0 && !b.PhoneBackup.IsZero() {
		if age := o.now.Sub(b.PhoneBackup); age > time.Duration(most) {
			add("phone_backup_old", "", true, map[string]any{"days": int(age / (24 * time.Hour))})
		}
	}
	return list
}

func lists(list []notify.Problem, code string) bool {
	return slices.ContainsFunc(list, func(p notify.Problem) bool { return p.Code == code })
}

// failures are the jobs that fail. What is wrong with the place of the backups
// is said once, by its own name, however many jobs it stops; and so is a
// connection that doesn't work.
func failures(o outlook, stale bool) (list []notify.Problem) {
	if e := o.health.Error; e != nil && isPlaces(e.Code) {
		list = append(list, notify.Problem{Code: e.Code, Args: argsOf(e)})
	}
	offline := false
	for _, name := range []string{jobBackup, jobPull, jobVerify} {
		f, ok := o.failing[name]
		if _, known := o.jobs[name]; !ok || !known {
			continue
		}
		t := f.last.Trouble
		passing := isPassing(t.Code)
		switch {
		case isPlaces(t.Code):
			if !lists(list, t.Code) {
				list = append(list, notify.Problem{Code: t.Code, Args: argsOf(t)})
			}
			continue
		case passing && (offline || o.now.Sub(f.since) < lasting || f.times < leastTries):
			continue
		}
		offline = offline || passing
		args := argsOf(t)
		args["job"], args["code"] = name, t.Code
		list = append(list, notify.Problem{Code: "failed", Key: name, Mild: passing && !stale, Args: args})
	}
	slices.SortStableFunc(list, func(a, b notify.Problem) int { return weight(a.Code) - weight(b.Code) })
	return list
}

// weight sorts what fails: without a sign-in nothing else can be mended.
func weight(code string) int {
	if code == string(providers.HintAuth) || code == string(providers.HintNoSignIn) {
		return 0
	}
	return 1
}

// isPassing reports whether a failure may well be over soon by itself.
func isPassing(code string) bool {
	switch hint.Code(code) {
	case providers.HintUnreachable, providers.HintRate, providers.HintProxy, providers.HintPortal, providers.HintDayLimit,
		repo.CodeLocked, daemon.CodeStalled:
		return true
	}
	return false
}

// isPlaces reports whether a code is about the place of the backups and stays
// until somebody does something.
func isPlaces(code string) bool {
	return !isPassing(code) && (strings.HasPrefix(code, "remote_") || strings.HasPrefix(code, "signin_") || code == string(repo.CodeNotRepository))
}

// staleness is how long nothing was backed up, in hours, if that is too long.
func staleness(cfg *config.Config, o outlook) (hours int, stale bool) {
	at := staleFrom(cfg, o)
	most := time.Duration(cfg.Notify.Stale)
	return int((o.now.Sub(at) + most) / time.Hour), !at.IsZero() && o.now.After(at)
}

// staleFrom is when nothing was backed up for too long, zero if never.
func staleFrom(cfg *config.Config, o outlook) time.Time {
	from := o.safe
	if from.IsZero() {
		from = o.since
	}
	if len(cfg.Sources) == 0 || cfg.Notify.Stale <= 0 || from.IsZero() {
		return time.Time{}
	}
	return from.Add(time.Duration(cfg.Notify.Stale))
}

// isExplained reports whether that nothing is backed up has been told already,
// as a backup that fails. If it began to fail only later, that is news.
func isExplained(cfg *config.Config, o outlook, list []notify.Problem) bool {
	f, ok := o.failing[jobBackup]
	if !ok || !f.since.Before(staleFrom(cfg, o)) {
		return false
	}
	return slices.ContainsFunc(list, func(p notify.Problem) bool {
		return p.Code == f.last.Trouble.Code || p.Code == "failed" && p.Key == jobBackup
	})
}

// alarmsIn is the code of what is wrong with what is stored, or empty. Damage is
// gone when a check finds none; each job sees the other alarms, so that the
// newest counts.
func alarmsIn(jobs map[string]lastRuns) string {
	type findings struct {
		Bad    int    `json:"bad"`
		Alarms int    `json:"alarms"`
		Code   string `json:"code"`
	}
	var newest findings
	var at time.Time
	for _, name := range []string{jobVerify, jobBackup, jobPull} {
		r := jobs[name].good
		if r == nil {
			continue
		}
		var f findings
		_ = json.Unmarshal(r.Facts, &f) // what can't be read is not known
		if f.Bad > 0 {
			return orElse(f.Code, string(repo.CodeDamaged))
		}
		if r.Ended.After(at) {
			newest, at = f, r.Ended
		}
	}
	if newest.Alarms == 0 {
		return ""
	}
	return orElse(newest.Code, string(repo.CodeDamaged))
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

func backupFactsOf(r *history.Run) (f backupFacts) {
	if r != nil {
		_ = json.Unmarshal(r.Facts, &f) // what can't be read is not known
	}
	return f
}

func verifyFactsOf(r *history.Run) (f verifyFacts) {
	if r != nil {
		_ = json.Unmarshal(r.Facts, &f)
	}
	return f
}

// usualDay is how many bytes were sent on an average day of the last week, 0 if
// it is too early to tell. What was there before chatkeep came is sent only
// once: the first snapshot and its parts don't count.
func usualDay(runs []history.Run, now time.Time) int64 {
	var sum uint64
	first := now
	parts := false
	for _, r := range runs {
		f := backupFactsOf(&r)
		if r.Job != jobBackup || f.Seq == 0 {
			continue
		}
		unusual := f.Seq == 1 || f.Partial || parts
		parts = f.Partial
		if now.Sub(r.Started) > usualWeek {
			continue
		}
		if r.Started.Before(first) {
			first = r.Started
		}
		if !unusual {
			sum += f.Uploaded
		}
	}
	span := now.Sub(first)
	if span < leastWeek {
		return 0
	}
	return int64(float64(sum) / span.Hours() * 24)
}

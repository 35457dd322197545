package main

import (
	"context"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/notify"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// seen is what a daemon's status, the history and what is remembered of the
// remote say. All of it is at hand: nothing is asked of the remote, and no lock
// is waited for.
type seen struct {
	now     time.Time
	cfg     *config.Config // nil: it can't be read
	bad     error          // why not
	daemon  *control.Status
	runs    []history.Run
	health  health
	remote  remoteJSON
	expires time.Time // the sign-in
	tested  bool      // somebody tested the recovery key here
	testing string    // the way out of Google's 7 days, if they ended the sign-in
}

// askDaemon returns the status of the daemon of this device, nil if none runs.
func (a *app) askDaemon(ctx context.Context) (*control.Status, error) {
	c, err := a.daemonOf(ctx)
	if c == nil || err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Status(ctx)
}

// lookAtDaemon gathers what is at hand.
func (a *app) lookAtDaemon(cfg *config.Config, bad error, st *control.Status, now time.Time) seen {
	s := seen{now: now, cfg: cfg, bad: bad, daemon: st, runs: a.pastRuns(), tested: len(a.allTested()) > 0}
	if cfg != nil {
		s.health, s.expires = a.healthOf(cfg.Remote), a.expiry(cfg)
		s.remote, s.testing = a.remoteDocument(cfg.Remote, s.health, refused(s.health)), a.testing(cfg.Remote, refused(s.health))
		if good := lastGood(s.runs, jobBackup); s.remote.Login == "expired" && refused(s.health) == nil && good != nil && good.Ended.After(s.expires) {
			s.remote.Login, s.remote.LoginExpires = "ok", "" // it lasts longer than was said
		}
	}
	return s
}

// refused is that the service no longer takes the sign-in, as far as it is
// remembered.
func refused(h health) error {
	if h.Error == nil || h.Error.Code != string(providers.HintAuth) {
		return nil
	}
	return providers.ErrAuth
}

// pastRuns are those of the history. What can't be read is not known.
func (a *app) pastRuns() []history.Run {
	dir, err := config.StateDir(a.getenv)
	if err != nil {
		return nil
	}
	runs, _ := history.Open(dir).Last(mostRuns)
	return runs
}

// lastGood is the last run of a job that did its work, or nil.
func lastGood(runs []history.Run, job string) *history.Run {
	for i := len(runs) - 1; i >= 0; i-- {
		if r := &runs[i]; r.Job == job && (r.Outcome == history.Done || r.Outcome == history.Remarks) {
			return r
		}
	}
	return nil
}

// viewOf makes a view of what is at hand.
func (a *app) viewOf(s seen) *view {
	p := &view{now: s.now, cfg: s.cfg, daemon: s.daemon, remote: s.remote, usage: s.health.Usage}
	p.remember(s.runs)
	for _, j := range s.daemon.Jobs { // they outlive the history's bounds
		switch j.Name {
		case jobBackup:
			p.backup = j.LastGood
		case jobVerify:
			p.verify = j.LastGood
		case jobPull:
			p.pull = j.LastGood
		}
	}
	p.facts, p.through = backupFactsOf(p.backup), s.daemon.Changes.Safe
	if p.backup != nil {
		p.finished = p.backup.Ended
	}
	p.partial, p.lacks = p.facts.Partial || p.left() > 0 || p.backup == nil, p.facts.Skipped > 0
	if l := s.health.Last; l != nil {
		p.device = l.Device
		if l.Through.After(p.through) {
			p.through, p.finished, p.partial, p.lacks = l.Through, l.Finished, l.Partial, l.Skipped
		}
	}
	o := outlook{now: s.now, jobs: runsOf(s.daemon), safe: p.through, since: s.daemon.Since, bad: s.daemon.BadConfig, health: s.health, expires: s.expires}
	o.learn(s.runs)
	if s.bad != nil && o.bad == nil {
		o.bad = history.TroubleOf(s.bad, s.now)
	}
	cfg := s.cfg
	if cfg == nil {
		cfg = new(config.Config)
	} else {
		p.onlyReads = len(cfg.Sources) == 0
		p.device = orElse(p.device, cfg.Device)
		if hours, stale := staleness(cfg, o); stale && !p.through.IsZero() {
			p.stale = hours
		}
	}
	for _, x := range problems(cfg, o) {
		if x.Code == "stale" && p.through.IsZero() && s.daemon.Running != nil {
			continue // the first backup takes its time
		}
		t := a.todoOf(x, o, s.bad)
		if x.Code == string(providers.HintAuth) {
			t.Hint = orElse(s.testing, t.Hint)
		}
		p.add(t)
	}
	p.add(a.unnamed(p))
	if !s.tested && !p.onlyReads && !p.through.IsZero() {
		p.add(a.untested())
	}
	return p
}

// remember takes in what the history says.
func (p *view) remember(runs []history.Run) {
	p.backup, p.verify, p.pull = lastGood(runs, jobBackup), lastGood(runs, jobVerify), lastGood(runs, jobPull)
	p.facts = backupFactsOf(p.backup)
	for i := len(runs) - 1; i >= 0 && p.proof == nil; i-- {
		if f := backupFactsOf(&runs[i]); runs[i].Job == jobBackup && f.Present+f.ReadBack > 0 {
			p.proof = &repo.Proof{Present: f.Present, ReadBack: f.ReadBack}
		}
	}
}

// add takes in what is to be done, unless it is nothing, or there already.
func (p *view) add(t todo) {
	if t.Code == "" || t.Code == "login_expires" && p.signedOut() {
		return
	}
	p.todo = append(p.todo, t)
}

// todoOf says a problem. Other than a message, status may name what is on this
// computer.
func (a *app) todoOf(x notify.Problem, o outlook, bad error) todo {
	title, text := a.troubleWords(x)
	t := todo{problemJSON{Code: x.Code, Text: title, Hint: text}, title, exitRemarks}
	switch {
	case x.Code == "failed":
		t.exit = exitFailed
		cause := o.failing[x.Key].last.Trouble
		t.Code, t.Job = cause.Code, x.Key
		what, todo := a.explained(cause)
		t.Text, t.Hint = a.say("status.failed", "title", title, "text", what), todo
	case isPlaces(x.Code):
		cause := o.health.Error
		for _, f := range o.failing {
			if f.last.Trouble.Code == x.Code {
				cause, t.exit = f.last.Trouble, exitFailed
			}
		}
		if x.Code == string(providers.HintAuth) {
			t.exit = exitFailed
		}
		t.Text, t.Hint = a.explained(cause)
		t.Text, t.title = capital(t.Text), a.say("error."+cause.Code, a.readable(argsOf(cause)))
	case x.Code == "alarm":
		t.Code, t.exit = codeArg(x), exitIntegrity
		t.Hint = a.say("status.alarm_hint")
	case x.Code == "stale":
		t.exit = exitFailed
	case x.Code == "config_bad" && bad == nil:
		t.Text, t.Hint = a.say("status.config_mended"), a.say("status.config_mended_hint")
	case x.Code == "config_bad":
		_, what, _ := a.explain(bad)
		t.Text = capital(what)
	}
	return t
}

// unnamed says that something of the last backup needs a look. Its names are in
// the repository, which is opened only if somebody wants to see them.
func (a *app) unnamed(p *view) todo {
	n := p.facts.Flagged + p.facts.Skipped - p.facts.Shrunk
	if n <= 0 {
		return todo{}
	}
	return todo{problemJSON{Code: "flagged", Text: a.say("status.flagged", "count", n), Hint: a.say("status.flagged_hint")}, "", exitRemarks}
}

// untested reminds of what only its owner can find out.
func (a *app) untested() todo {
	return todo{problemJSON{Code: "recovery_untested", Text: a.say("status.recovery_untested"), Hint: a.say("status.recovery_untested_hint")}, "", exitDone}
}

// remarkOf says one remark of the newest snapshot.
func (a *app) remarkOf(m format.Remark) todo {
	path := m.Source + "/" + m.Path
	if m.Path == "." {
		path = m.Source
	}
	t := todo{problemJSON{Code: m.Reason, Path: escape(path), Text: a.say("reason." + m.Reason)}, "", exitRemarks}
	if isShrunk(m) {
		t.Hint = a.say("status.shrunk")
	}
	if isWaiting(m) {
		t.exit = exitDone // that mends itself
	}
	t.title = a.say("status.problem", "path", printable(path), "text", t.Text)
	return t
}

// nameRemarks replaces the count of what needs a look by its names.
func (p *view) nameRemarks(list []todo) {
	var rest []todo
	for _, t := range p.todo {
		if t.Code != "flagged" && t.Code != "shrunk" {
			rest = append(rest, t)
		}
	}
	p.todo = append(rest, list...)
}

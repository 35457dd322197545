package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
	"github.com/chatkeep/chatkeep/providers/cloud/signin"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/snapshot"
	"github.com/chatkeep/chatkeep/sources"
)

// Without a daemon status asks the repository itself, and answers from what it
// remembers where that can't be reached.

// lookAtRepository opens the repository and looks. It hurries: somebody waits.
// other says that a daemon runs all the same, for another configuration, or one
// that doesn't answer.
func (a *app) lookAtRepository(ctx context.Context, now time.Time, other bool) (*view, error) {
	o, s, err := a.openOwn(ctx, hurried)
	if where := a.contact.target; where != nil && ctx.Err() == nil && (isRemoteTrouble(err) || a.isAway(where, err)) {
		return a.lookWithout(where, err, now, other), nil
	}
	if err != nil {
		return nil, err
	}
	defer o.Close()
	p := a.withoutDaemon(now, other)
	p.device, p.onlyReads = o.Device().Name, s == nil && a.onlyReads(o)
	if o.Device().Revoked {
		p.add(a.shutOut())
	}
	a.addAlarms(p, o)
	if s != nil {
		p.finished, p.partial, p.lacks = time.Unix(0, s.Finished), s.Partial, s.Counts.Skipped > 0
		whole := p.throughOf(s, a.pastRuns())
		if whole {
			a.contact.last = lastOf(p.device, s)
		}
		if err := a.addRemarks(ctx, p, o, s); err != nil {
			return nil, err
		}
	}
	a.addPlace(p, o)
	a.addPast(p, a.pastRuns())
	if !a.keyTested(o.Repo) {
		p.add(a.untested())
	}
	return p, nil
}

// throughOf notes up to when everything is backed up by a device's newest
// snapshot, and reports whether that is the snapshot's own time. One that was
// made of a part only, as the history says, leaves it where it was.
func (p *view) throughOf(s *repo.Snapshot, runs []history.Run) (whole bool) {
	p.through = time.Unix(0, s.Time)
	known := false
	for _, r := range slices.Backward(runs) {
		if r.Job != jobBackup {
			continue
		}
		if !known {
			known = r.Outcome == history.Done || r.Outcome == history.Remarks
			if known && (backupFactsOf(&r).Seq != s.Seq || !r.Safe.IsZero()) {
				return true
			}
		}
		if known && !r.Safe.IsZero() {
			p.through = r.Safe
			return false
		}
	}
	p.lacks = p.lacks || known // nothing but parts was ever backed up
	return !known
}

// withoutDaemon begins a view with what the history says.
func (a *app) withoutDaemon(now time.Time, other bool) *view {
	runs := a.pastRuns()
	p := &view{now: now, other: other, relied: reliedOn(runs)}
	p.cfg, _ = a.loadConfig() // it has been read before
	p.remember(runs)
	return p
}

// recentBackups are so many that they show how backups come about here.
const recentBackups = 10

// reliedOn reports whether backups came about by themselves lately. Who makes
// them by hand, or has another timer make them, misses no daemon.
func reliedOn(runs []history.Run) bool {
	n := 0
	for i := len(runs) - 1; i >= 0 && n < recentBackups; i-- {
		if runs[i].Job != jobBackup {
			continue
		}
		n++
		if runs[i].Why != history.Asked {
			return true
		}
	}
	return false
}

// addPast adds what the history says to be wrong: a backup that failed here, and
// a daemon that is gone.
func (a *app) addPast(p *view, runs []history.Run) {
	f, ok := failuresIn(runs)[jobBackup]
	if ok && !isPlaces(f.last.Trouble.Code) && !isPassing(f.last.Trouble.Code) && f.last.Ended.After(p.finished) {
		o := outlook{failing: map[string]failure{jobBackup: f}}
		args := argsOf(f.last.Trouble)
		args["job"], args["code"] = jobBackup, f.last.Trouble.Code
		p.add(a.todoOf(problemOf("failed", jobBackup, args), o, nil))
	}
	if p.relied && !p.other {
		p.add(todo{problemJSON{Code: "daemon_stopped", Text: a.say("status.daemon_stopped"), Hint: a.say("status.daemon_stopped_hint")}, "", exitRemarks})
	}
}

// shutOut says that nothing this device does is taken any more.
func (a *app) shutOut() todo {
	code, text, advice := a.explain(hint.New(repo.CodeRevoked, errors.New("look: this device was shut out of the repository")))
	return todo{problemJSON{Code: string(code), Text: capital(text), Hint: advice}, a.sayCode(code), exitFailed}
}

// sayCode is the sentence of a code without its cause.
func (a *app) sayCode(code hint.Code) string { return capital(a.say("error." + string(code))) }

// addAlarms adds what is wrong with what is stored.
func (a *app) addAlarms(p *view, o *opened) {
	for _, x := range o.Alarms() {
		if x.Code == repo.CodeRevoked && o.Device().Revoked { // that was said
			continue
		}
		_, text, advice := a.explain(x.Coded())
		p.add(todo{problemJSON{Code: string(x.Code), Path: x.Object, Text: capital(text), Hint: advice}, a.say("notify.alarm.title"), exitIntegrity})
	}
}

// addRemarks adds what the newest snapshot flags or lacks.
func (a *app) addRemarks(ctx context.Context, p *view, o *opened, s *repo.Snapshot) error {
	root, err := o.RootOf(ctx, s)
	if err != nil {
		return err
	}
	if root == nil {
		if n := s.Counts.Flagged + s.Counts.Skipped; n > 0 {
			p.add(todo{problemJSON{Code: "flagged", Text: a.say("status.unnamed", "count", n)}, "", exitRemarks})
		}
		return nil
	}
	p.lacks = p.lacks || len(root.Skipped) > 0
	for _, m := range append(slices.Clone(root.Flagged), root.Skipped...) {
		p.add(a.remarkOf(m))
	}
	return nil
}

// addPlace adds what is known of the place of the backups, without a request:
// it answered just now.
func (a *app) addPlace(p *view, o *opened) {
	where := a.contact.target
	h := a.healthOf(where.Remote)
	a.noteTrouble(&h, nil)
	p.remote, p.usage = a.remoteDocument(where.Remote, h, nil), h.Usage
	known, traits := o.Proof(), o.Remote().Traits()
	p.remote.Proof = &knownJSON{known.Present, known.ReadBack}
	p.proof = nil
	if traits.LocalPath == "" && known.Present+known.ReadBack > 0 {
		p.proof = &known
	}
	if e := p.remote.LastError; e != nil {
		p.add(todo{problemJSON{Code: e.Code, Text: a.say("status.last_error", "time", a.moment(h.Error.Time, p.now), "text", e.Text), Hint: e.Hint}, "", exitRemarks})
	}
}

// lookWithout answers from what this device remembers, as the remote can't be
// asked.
func (a *app) lookWithout(where *target, failed error, now time.Time, other bool) *view {
	a.contact.trouble = failed
	p := a.withoutDaemon(now, other)
	p.away = true
	h := a.healthOf(where.Remote)
	h.Error = troubleOf(failed)
	p.remote, p.usage = a.remoteDocument(where.Remote, h, failed), h.Usage
	e := p.remote.LastError
	if testing := a.testing(where.Remote, failed); testing != "" {
		e.Hint = testing
	}
	p.add(todo{problemJSON{Code: e.Code, Text: capital(e.Text), Hint: e.Hint}, "", exitFailed})
	if h.Last != nil {
		p.device, p.through, p.finished, p.partial, p.lacks = h.Last.Device, h.Last.Through, h.Last.Finished, h.Last.Partial, h.Last.Skipped
	}
	a.addPast(p, a.pastRuns())
	return p
}

// onlyReads reports whether this device is not meant to back anything up.
func (a *app) onlyReads(o *opened) bool {
	cfg, err := a.loadConfig()
	return o.Device().Role == format.ReadOnly || err == nil && len(cfg.Sources) == 0
}

// openOwn opens the repository as this device, with its newest snapshot, nil if
// it has none.
func (a *app) openOwn(ctx context.Context, patience providers.RetryOptions) (*opened, *repo.Snapshot, error) {
	o, err := a.open(ctx, place{patience: patience})
	if err != nil {
		return nil, nil, err
	}
	device := o.Device()
	if device == nil {
		err := hint.New("not_member", errors.New("look: this device is not in the repository"))
		return nil, nil, errors.Join(err, o.Close())
	}
	s, err := o.Head(ctx, device.ID)
	if err != nil {
		return nil, nil, errors.Join(err, o.Close())
	}
	return o, s, nil
}

// shrunkIn lists what a snapshot flags as shrunk, as far as this device can
// read it.
func (a *app) shrunkIn(ctx context.Context, o *opened, s *repo.Snapshot) (list []format.Remark, err error) {
	root, err := o.RootOf(ctx, s)
	if root == nil || err != nil {
		return nil, err
	}
	for _, m := range root.Flagged {
		if isShrunk(m) {
			list = append(list, m)
		}
	}
	return list, nil
}

func isShrunk(m format.Remark) bool {
	return m.Reason == snapshot.ReasonShrunk || m.Reason == snapshot.ReasonShrunkCategory
}

func isWaiting(m format.Remark) bool { return m.Reason == string(sources.Waiting) }

type knownJSON struct {
	Present  int `json:"present"`
	ReadBack int `json:"read_back"`
}

type lastErrorJSON struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Hint string `json:"hint"`
	Time string `json:"time"`
}

// remoteJSON is the place of the backups. What is not known is null, or left
// out where it is a word.
type remoteJSON struct {
	Place        string         `json:"place"`
	Login        string         `json:"login,omitempty"` // ok, expired, none; left out where there is none to make
	LoginExpires string         `json:"login_expires,omitempty"`
	Account      string         `json:"account,omitempty"`
	Used         *int64         `json:"used"` // when the service was last asked
	Free         *int64         `json:"free"`
	Proof        *knownJSON     `json:"proof,omitempty"`
	LastError    *lastErrorJSON `json:"last_error,omitempty"`
}

// lastOf is what is remembered of a snapshot.
func lastOf(device string, s *repo.Snapshot) *lastBackup {
	return &lastBackup{Device: device, Through: time.Unix(0, s.Time).UTC(), Finished: time.Unix(0, s.Finished).UTC(),
		Partial: s.Partial, Skipped: s.Counts.Skipped > 0}
}

// remoteDocument joins the sign-in and what is remembered. failed is why the
// remote can't be used now.
func (a *app) remoteDocument(where config.Remote, h health, failed error) remoteJSON {
	d := remoteJSON{Place: where.String()}
	if h.Usage != nil {
		d.Account, d.Used, d.Free = h.Usage.Account, known(h.Usage.Used), known(h.Usage.Free)
	}
	if h.Error != nil {
		e := lastErrorJSON{Code: h.Error.Code, Time: h.Error.Time.Format(time.RFC3339)}
		e.Text, e.Hint = a.explained(h.Error)
		d.LastError = &e
	}
	d.Login, d.LoginExpires = a.loginState(where, failed)
	return d
}

// loginState is what is known of the sign-in: the file says whether there is one
// and when it ends, and the last error whether it is still taken.
func (a *app) loginState(where config.Remote, failed error) (state, expires string) {
	if !signin.SignsIn(string(where.Type)) {
		return "", ""
	}
	home, err := remoteHomeIn(a.getenv, where)
	if err != nil {
		return "none", ""
	}
	signIn, err := cloud.OpenSignIn(home)
	if err == nil && signIn.Empty() && !errors.Is(failed, providers.ErrAuth) {
		return "", "" // the place takes everybody, or can't be asked
	}
	if err != nil || signIn.Empty() {
		return "none", ""
	}
	until := signIn.Expires()
	if !until.IsZero() {
		expires = until.UTC().Format(time.RFC3339)
	}
	if errors.Is(failed, providers.ErrAuth) || !until.IsZero() && a.now().After(until) {
		return "expired", expires
	}
	return "ok", expires
}

// isAway reports whether a place that this device has backed up to is not what
// it was: as a rule a disk that is not connected.
func (a *app) isAway(where *target, err error) bool {
	return hint.Is(err, repo.CodeNotRepository) && a.healthOf(where.Remote).Last != nil
}

// testing is the way out of Google's 7 days, if they are why the sign-in ended.
func (a *app) testing(where config.Remote, failed error) string {
	if where.Type != "drive" || !errors.Is(failed, providers.ErrAuth) {
		return ""
	}
	if _, expires := a.loginState(where, failed); expires == "" {
		return ""
	}
	return a.say("status.testing")
}

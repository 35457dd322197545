package main

import (
	"context"
	"maps"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon"
	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/metrics"
	"github.com/chatkeep/chatkeep/daemon/notify"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
)

// usageEvery is how often a service is asked how full the account is.
const usageEvery = 24 * time.Hour

// notifierOf opens the notifications of a configuration; nil if nobody is to be
// told anything.
func (s *keeper) notifierOf(cfg *config.Config) (*notify.Notifier, error) {
	if len(cfg.Notify.To) == 0 {
		return nil, nil
	}
	q := cfg.Notify.Quiet
	n, err := notify.New(notify.Options{Dir: s.dir, Use: cfg.Notify.To, Quiet: notify.Quiet{From: q.From, To: q.To}, Say: s.notice, Now: s.now})
	if n == nil {
		return nil, err
	}
	if err != nil {
		s.log.Warn("what notifications remember is lost", "error", err)
	}
	err = n.Check()
	if err != nil && s.current() == nil {
		// Backups begin all the same: without them a missing channel would matter
		// little. A reload refuses it, and config check names it.
		s.log.Error("a channel of notify can't be used", "code", codeNamed(err))
		err = nil
	}
	return n, err
}

// told is called when something changed: it tells whom it concerns.
func (s *keeper) told(ctx context.Context, p *served, st *control.Status) (again time.Time) {
	now := s.now()
	if st.Decision.Allowed.All && isFresh(st, now) {
		s.askUsage(ctx, p.cfg)
	}
	o := s.outlook(p.cfg, st, now)
	list := problems(p.cfg, o)
	if s.metricsFile != "" {
		s.writeMetrics(st, p.cfg, list)
	}
	again = s.nextLook(p.cfg, o)
	if p.notifier == nil {
		return again
	}
	if err := p.notifier.Report(ctx, list); err != nil {
		s.log.Warn("tell what changed", "error", err)
	}
	s.ping(ctx, p, st)
	if at := p.notifier.Next(); !at.IsZero() && (again.IsZero() || at.Before(again)) {
		again = at
	}
	return again
}

// outlook gathers what is known.
func (s *keeper) outlook(cfg *config.Config, st *control.Status, now time.Time) outlook {
	o := outlook{now: now, jobs: runsOf(st), safe: st.Changes.Safe, since: st.Since, bad: st.BadConfig, health: s.healthOf(cfg.Remote), expires: s.expiry(cfg)}
	if runs, err := s.runs.Last(mostRuns); err == nil {
		o.learn(runs)
	}
	return o
}

// mostRuns is how many runs are looked through.
const mostRuns = 1000

// expiry is when the sign-in ends, the zero time if it doesn't.
func (a *app) expiry(cfg *config.Config) time.Time {
	home, err := remoteHomeIn(a.getenv, cfg.Remote)
	if err != nil {
		return time.Time{}
	}
	signIn, err := cloud.OpenSignIn(home)
	if err != nil || signIn.Empty() {
		return time.Time{}
	}
	return signIn.Expires()
}

// nextLook is when something may become a problem by the mere passing of time.
func (s *keeper) nextLook(cfg *config.Config, o outlook) (at time.Time) {
	sooner := func(t time.Time) {
		if t.After(o.now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if stale := time.Duration(cfg.Notify.Stale); stale > 0 {
		from := o.safe
		if from.IsZero() {
			from = o.since
		}
		sooner(from.Add(stale + time.Second))
	}
	if !o.expires.IsZero() {
		sooner(o.expires.Add(-loginSoon + time.Second))
	}
	sooner(o.now.Add(usageEvery))
	return at
}

// ping gives the sign of life that some services wait for, after each backup.
func (s *keeper) ping(ctx context.Context, p *served, st *control.Status) {
	last := runsOf(st)[jobBackup].last
	ok, fresh := s.signOf(last)
	if !fresh {
		return
	}
	if err := p.notifier.Ping(ctx, ok); err != nil {
		s.log.Warn("give a sign of life", "error", err)
	}
}

// signOf is what a run is a sign of, if it is a new one: that all is well, or
// that it failed. One that goes on later, or that nobody saw the end of, is none:
// silence is what it is. Times are not compared: a clock may be set back.
func (s *keeper) signOf(last *history.Run) (ok, fresh bool) {
	if last == nil || last.Ended.IsZero() || last.Ended.Equal(s.pinged) {
		return false, false
	}
	s.pinged = last.Ended
	switch last.Outcome {
	case history.Done, history.Remarks:
		return true, true
	case history.Failed:
		return false, true
	}
	return false, false
}

// isFresh reports whether a backup has just been made. The service is asked for
// more only then: it answers, and nobody minds.
func isFresh(st *control.Status, now time.Time) bool {
	last := runsOf(st)[jobBackup].last
	return last != nil && (last.Outcome == history.Done || last.Outcome == history.Remarks) && now.Sub(last.Ended).Abs() < time.Minute
}

// askUsage notes how full the account is, once a day.
func (s *keeper) askUsage(ctx context.Context, cfg *config.Config) {
	h := s.healthOf(cfg.Remote)
	if cfg.Remote.Type == "local" || h.Last == nil || h.Error != nil || h.Usage != nil && s.now().Sub(h.Usage.Time).Abs() < usageEvery || s.now().Sub(s.askedUsage).Abs() < usageEvery {
		return
	}
	s.askedUsage = s.now()
	a := s.quiet()
	remote, err := a.reach(targetOf(cfg)).openBare(ctx)
	if err != nil {
		return // backups say what is wrong
	}
	defer remote.Close()
	asked, ok := remote.(providers.Accountant)
	if !ok {
		return
	}
	if u, err := asked.Usage(ctx); err == nil {
		a.contact.usage = usageToKeep(u, a.now())
		a.remember(nil)
	}
}

// metrics says what is measured, for the socket.
func (s *keeper) metrics(st *control.Status) ([]byte, error) {
	cfg := s.current().cfg
	return metrics.Text(st, s.measured(st, cfg, problems(cfg, s.outlook(cfg, st, s.now()))))
}

func (s *keeper) writeMetrics(st *control.Status, cfg *config.Config, list []notify.Problem) {
	text, err := metrics.Plain(st, s.measured(st, cfg, list))
	if err == nil {
		err = metrics.WriteFile(s.metricsFile, text)
	}
	if err != nil {
		s.log.Warn("write the metrics", "error", err)
	}
}

func (s *keeper) measured(st *control.Status, cfg *config.Config, list []notify.Problem) metrics.Facts {
	f := metrics.Facts{Now: s.now(), RemoteUsed: providers.Unknown, RemoteFree: providers.Unknown, Problems: map[string]int{}}
	if u := s.healthOf(cfg.Remote).Usage; u != nil {
		f.RemoteUsed, f.RemoteFree = u.Used, u.Free
	}
	if at := s.expiry(cfg); !at.IsZero() {
		f.LoginExpires = at.Unix()
	}
	for _, p := range list {
		f.Problems[p.Code]++
	}
	f.Runs, _ = s.runs.Counts() // what can't be read is not known
	if runs, err := s.runs.Last(mostRuns); err == nil {
		for _, r := range runs {
			if !r.Started.Before(st.Since) {
				f.Uploaded += int64(backupFactsOf(&r).Uploaded)
			}
		}
	}
	return f
}

// digestJob sends the summary.
func (s *keeper) digestJob(ctx context.Context, t *daemon.Task) daemon.Outcome {
	p := s.current()
	if p.notifier == nil {
		return daemon.Outcome{}
	}
	if err := p.notifier.Digest(ctx, s.digest(s.now())); err != nil {
		return daemon.Outcome{Trouble: troubleOf(err)}
	}
	return daemon.Outcome{}
}

// digest is what a week was like.
func (s *keeper) digest(now time.Time) map[string]any {
	args := map[string]any{}
	runs, err := s.runs.Last(mostRuns)
	if err != nil {
		return args
	}
	var uploaded uint64
	snapshots, flagged := 0, 0
	for _, r := range runs {
		good := r.Outcome == history.Done || r.Outcome == history.Remarks
		f := backupFactsOf(&r)
		switch {
		case r.Job == jobVerify && good:
			args["verified"] = r.Ended
		case r.Job != jobBackup || !good:
		default:
			if !r.Safe.IsZero() {
				args["through"] = r.Safe
			}
			flagged = f.Flagged + f.Skipped
			if now.Sub(r.Started) <= usualWeek {
				uploaded += f.Uploaded
				snapshots++
			}
		}
	}
	maps.Copy(args, map[string]any{"uploaded": uploaded, "snapshots": snapshots, "flagged": flagged})
	return args
}

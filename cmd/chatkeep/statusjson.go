package main

import (
	"time"

	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
)

// lastJSON is when each job last did its work.
type lastJSON struct {
	Backup string `json:"backup,omitempty"`
	Verify string `json:"verify,omitempty"`
	Pull   string `json:"pull,omitempty"`
}

type problemJSON struct {
	Code string `json:"code"`
	Path string `json:"path,omitempty"`
	Job  string `json:"job,omitempty"`
	Text string `json:"text"`
	Hint string `json:"hint"`
}

// queueJSON is what is known to be only on this computer.
type queueJSON struct {
	Bytes uint64  `json:"bytes"`
	Files *uint64 `json:"files"` // null if nobody counted them
}

// pausedJSON is that nothing may be sent now: by the user, or by a rule, of
// which why is the code.
type pausedJSON struct {
	Why   string `json:"why"`
	Until string `json:"until,omitempty"`
}

type statusJobJSON struct {
	Job        string `json:"job"`
	Why        string `json:"why"`
	Since      string `json:"since"`
	Active     string `json:"active"` // when it last got on
	Percent    *int   `json:"percent"`
	Files      uint64 `json:"files"`
	TotalFiles uint64 `json:"total_files"` // 0 while it is unknown
	Bytes      uint64 `json:"bytes"`
	TotalBytes uint64 `json:"total_bytes"`
	Sent       uint64 `json:"sent"`
}

type reasonJSON struct {
	Code string         `json:"code"`
	Args map[string]any `json:"args,omitempty"`
	Text string         `json:"text"`
}

// decisionJSON is what may be sent now, and why not everything.
type decisionJSON struct {
	Allowed policy.Allowed `json:"allowed"`
	Overdue bool           `json:"overdue,omitempty"`
	Reasons []reasonJSON   `json:"reasons"`
}

// changesJSON is the newest safe change, as it is measured.
type changesJSON struct {
	Watching      bool   `json:"watching"`
	Looked        string `json:"looked,omitempty"`
	OldestUnsaved string `json:"oldest_unsaved,omitempty"`
	AgeSeconds    int64  `json:"age_seconds"` // of that one; 0 if all is backed up
}

type daemonJSON struct {
	Running bool   `json:"running"`
	Since   string `json:"since,omitempty"`
	PID     int    `json:"pid,omitempty"`
	Version string `json:"version,omitempty"`
}

type statusJSON struct {
	Time            string         `json:"time"`
	Device          string         `json:"device"`
	BackedUpThrough string         `json:"backed_up_through"`
	Partial         bool           `json:"partial"`
	Last            lastJSON       `json:"last"`
	Next            lastJSON       `json:"next"`
	Queue           queueJSON      `json:"queue"`
	Remote          remoteJSON     `json:"remote"`
	PhoneBackup     string         `json:"phone_backup,omitempty"` // the newest one's
	Paused          *pausedJSON    `json:"paused"`
	Running         *statusJobJSON `json:"running"`
	Decision        *decisionJSON  `json:"decision,omitempty"`
	Changes         *changesJSON   `json:"changes,omitempty"`
	Waiting         []string       `json:"waiting"` // jobs that are due and may not run yet
	Daemon          daemonJSON     `json:"daemon"`
	Unasked         []string       `json:"unasked"` // what could not be asked of the computer
	Problems        []problemJSON  `json:"problems"`
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func endOf(r *history.Run) string {
	if r == nil {
		return ""
	}
	return instant(r.Ended)
}

// statusDocument is the view for scripts.
func (a *app) statusDocument(p *view) statusJSON {
	d := statusJSON{Time: instant(p.now), Device: p.device, BackedUpThrough: instant(p.through), Partial: p.partial, Remote: p.remote,
		Last: lastJSON{instant(p.finished), endOf(p.verify), endOf(p.pull)}, PhoneBackup: instant(p.facts.PhoneBackup),
		Next:    lastJSON{instant(p.next(jobBackup)), instant(p.next(jobVerify)), instant(p.next(jobPull))},
		Waiting: []string{}, Unasked: []string{}, Problems: []problemJSON{}}
	if d.Remote.Proof == nil && p.proof != nil {
		d.Remote.Proof = &knownJSON{p.proof.Present, p.proof.ReadBack}
	}
	d.Queue.Bytes = p.left()
	if n, ok := p.leftFiles(); ok {
		d.Queue.Files = &n
	}
	for _, t := range p.todo {
		d.Problems = append(d.Problems, t.problemJSON)
	}
	if p.daemon != nil {
		a.documentDaemon(p, &d)
	}
	return d
}

func (a *app) documentDaemon(p *view, d *statusJSON) {
	s := p.daemon
	d.Daemon = daemonJSON{true, instant(s.Since), s.PID, s.Version}
	d.Waiting = append(d.Waiting, s.Waiting...)
	d.Unasked = append(d.Unasked, s.Conditions.Unasked...)
	d.Decision = &decisionJSON{Allowed: s.Decision.Allowed, Overdue: s.Decision.Overdue, Reasons: []reasonJSON{}}
	for _, r := range s.Decision.Reasons {
		d.Decision.Reasons = append(d.Decision.Reasons, reasonJSON{r.Code, r.Args, a.reason(r)})
	}
	if p.paused() {
		d.Paused = &pausedJSON{policy.Paused, instant(s.Paused.Until)}
	} else if p.held() && s.Decision.Allowed.None() {
		d.Paused = &pausedJSON{Why: s.Decision.Reasons[0].Code}
	}
	d.Changes = &changesJSON{Watching: s.Changes.Watching, Looked: instant(s.Changes.Looked), OldestUnsaved: instant(s.Changes.Oldest)}
	if !s.Changes.Oldest.IsZero() {
		d.Changes.AgeSeconds = max(0, int64(p.now.Sub(s.Changes.Oldest)/time.Second))
	}
	if r := s.Running; r != nil {
		d.Running = &statusJobJSON{r.Job, r.Why, instant(r.Started), instant(r.Active), nil,
			r.Progress.Files, r.Progress.TotalFiles, r.Progress.Bytes, r.Progress.TotalBytes, r.Progress.Sent}
		if done, ok := share(r.Progress.Bytes, r.Progress.TotalBytes); ok {
			d.Running.Percent = &done
		}
	}
}

// share is how much of a job is done; false while nobody knows how much there
// is.
func share(done, total uint64) (int, bool) {
	if total == 0 {
		return 0, false
	}
	return int(100 * float64(min(done, total)) / float64(total)), true
}

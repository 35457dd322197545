package main

import (
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
)

// view is what status knows. The screen and the JSON document are two views
// of it.
type view struct {
	now       time.Time
	cfg       *config.Config // nil if it can't be read
	device    string
	onlyReads bool // it is not meant to back anything up

	through  time.Time // everything before it is backed up; zero: nothing is
	finished time.Time // when that was done
	partial  bool      // some files are on their way
	lacks    bool      // some were left out
	stale    int       // hours without a backup, if that is too long

	backup *history.Run // the last that did its work; nil if none is known
	verify *history.Run
	pull   *history.Run
	facts  backupFacts // of that backup

	daemon *control.Status // nil: none runs for this configuration
	other  bool            // one runs for another, or doesn't answer
	relied bool            // backups were made by one lately

	remote remoteJSON
	usage  *lastUsage
	away   bool // the place can't be used now
	proof  *repo.Proof
	todo   []todo // what is to be done, the weightiest first
}

// todo is something that a person should know, and what to do about it.
type todo struct {
	problemJSON
	title string // in short; may be empty
	exit  int    // what it makes of the exit code
}

// worst is the exit code that the view is worth.
func (p *view) worst() int {
	code := exitDone
	for _, t := range p.todo {
		code = max(code, worth(t.exit))
	}
	if p.through.IsZero() && !p.onlyReads || p.away || p.stale > 0 {
		code = max(code, worth(exitFailed))
	}
	return []int{exitDone, exitRemarks, exitFailed, exitIntegrity}[code]
}

// worth sorts the exit codes: that something failed is worse than a remark.
func worth(exit int) int {
	return slices.Index([]int{exitDone, exitRemarks, exitFailed, exitIntegrity}, exit)
}

// has reports whether something of that code is to be done.
func (p *view) has(code string) bool {
	return slices.ContainsFunc(p.todo, func(t todo) bool { return t.Code == code })
}

// but reports whether not all of what is there is backed up.
func (p *view) but() bool { return p.partial || p.lacks }

// signedOut reports whether the sign-in has ended.
func (p *view) signedOut() bool { return p.has(string(providers.HintAuth)) }

// running is the job at work, or nil.
func (p *view) running() *control.Running {
	if p.daemon == nil {
		return nil
	}
	return p.daemon.Running
}

// paused reports whether the user wants nothing to be done by itself.
func (p *view) paused() bool { return p.daemon != nil && p.daemon.Paused != nil }

// held reports whether the rules hold something back.
func (p *view) held() bool {
	return p.daemon != nil && p.daemon.Paused == nil && !p.daemon.Decision.Allowed.All && len(p.daemon.Decision.Reasons) > 0
}

// waits reports whether there is something to do that may not be done at all
// now.
func (p *view) waits() bool {
	return p.held() && p.daemon.Decision.Allowed.None() &&
		(len(p.daemon.Waiting) > 0 || !p.daemon.Changes.Oldest.IsZero() || p.left() > 0 || p.through.IsZero())
}

// left is how many bytes are known to be only on this computer.
func (p *view) left() uint64 { return p.facts.Left + p.facts.Held }

// leftFiles is how many files those are; false if nobody counted them.
func (p *view) leftFiles() (uint64, bool) {
	return p.facts.Waiting, p.facts.Left == 0
}

// job is what the daemon says of a job; false if it has none of that name.
func (p *view) job(name string) (control.Job, bool) {
	if p.daemon == nil {
		return control.Job{}, false
	}
	i := slices.IndexFunc(p.daemon.Jobs, func(j control.Job) bool { return j.Name == name })
	if i < 0 {
		return control.Job{}, false
	}
	return p.daemon.Jobs[i], true
}

// next is when a job runs next by itself, as far as that is known; zero if it
// doesn't, or is not allowed to.
func (p *view) next(name string) time.Time {
	j, ok := p.job(name)
	if !ok || p.paused() && (p.daemon.Paused.Until.IsZero() || p.daemon.Paused.Until.After(j.Next)) {
		return time.Time{}
	}
	at := j.Next
	quiet := p.daemon.Changes.Due
	if j.Due || name == jobBackup && !quiet.IsZero() && (at.IsZero() || quiet.Before(at)) {
		at = quiet
		if j.Due || at.Before(p.now) {
			at = p.now
		}
	}
	if j.Retry.After(at) {
		at = j.Retry
	}
	return at
}

// comes is when the next backup comes, as far as one can be promised.
func (p *view) comes() time.Time {
	if r := p.running(); p.waits() || p.signedOut() || r != nil && r.Job == jobBackup {
		return time.Time{}
	}
	return p.next(jobBackup)
}

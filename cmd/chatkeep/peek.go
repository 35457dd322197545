package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
)

// A job may hold the state folder for days. A command that changes nothing looks
// past it meanwhile, and says so.

// openToLook opens the repository as this device, for a command that only reads.
// One that takes long leaves the lock to the daemon, if there is one.
func (a *app) openToLook(ctx context.Context, remote providers.Remote, long bool) (*opened, error) {
	return a.openMember(ctx, remote, func(dir string) (*repo.State, error) {
		if long && a.daemonLives(ctx) {
			return a.peekQuietly(dir)
		}
		state, err := a.openState(dir)
		if !hint.Is(err, repo.CodeLocked) {
			return state, err
		}
		return a.peekState(ctx, dir, err)
	})
}

// peekState opens the state folder without its lock, which locked says that
// another process has.
func (a *app) peekState(ctx context.Context, dir string, locked error) (*repo.State, error) {
	state, err := a.peekQuietly(dir)
	if err != nil {
		return nil, errors.Join(locked, err)
	}
	if !state.HasKeys() { // it is being made a member just now
		return nil, locked
	}
	a.notePeeking(ctx, locked)
	return state, nil
}

func (a *app) peekQuietly(dir string) (*repo.State, error) {
	state, err := repo.PeekState(dir)
	if err == nil {
		state, err = a.lendKeys(state)
	}
	return state, err
}

// daemonLives reports whether a daemon runs for this device.
func (a *app) daemonLives(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, askAtMost)
	defer cancel()
	c, err := a.daemonOf(ctx)
	if c == nil || err != nil {
		return false
	}
	c.Close()
	return true
}

// notePeeking says once that what is shown lacks what is being done.
func (a *app) notePeeking(ctx context.Context, locked error) {
	if a.json || a.peeking {
		return
	}
	a.peeking = true
	if job := a.jobOf(ctx, locked); job == jobBackup {
		a.note("note.peeking")
	} else if job != "" {
		a.note("note.peeking_job", "job", a.jobName(job))
	} else {
		a.note("note.peeking_other")
	}
}

// askAtMost is how long the daemon is waited for where its answer only makes a
// sentence better.
const askAtMost = 2 * time.Second

// jobOf returns the job with which the daemon holds the state folder, empty if
// it is somebody else, or can't be told.
func (a *app) jobOf(ctx context.Context, locked error) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askAtMost)
	defer cancel()
	c, err := a.daemonOf(ctx)
	if c == nil || err != nil {
		return ""
	}
	defer c.Close()
	s, err := c.Status(ctx)
	if err != nil {
		return ""
	}
	return jobHolding(s, locked)
}

// jobHolding is the job the daemon is at if it is the process that locked names.
func jobHolding(s *control.Status, locked error) string {
	h := hint.Find(locked)
	if h == nil || s.Running == nil || fmt.Sprint(h.Args["holder"]) != strconv.Itoa(s.PID) {
		return ""
	}
	return s.Running.Job
}

// lockedAdvice is what to do about a locked state folder.
func (a *app) lockedAdvice(locked error, usual string) string {
	if job := a.jobOf(context.Background(), locked); job != "" {
		return a.say("locked.job", "job", a.jobName(job))
	}
	return usual
}

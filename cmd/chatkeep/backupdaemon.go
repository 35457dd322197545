package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
)

// daemonOf returns a client of the daemon that runs for this device, nil if none
// does.
func (a *app) daemonOf(ctx context.Context) (*control.Client, error) {
	dir, err := config.StateDir(a.getenv)
	if err != nil {
		return nil, err
	}
	c, err := control.Find(ctx, dir, a.getenv)
	if errors.Is(err, control.ErrNoDaemon) {
		return nil, nil
	}
	return c, err
}

// daemonFor is daemonOf for a daemon that uses this very configuration.
func (a *app) daemonFor(ctx context.Context, cfg *config.Config) (*control.Client, error) {
	c, err := a.daemonOf(ctx)
	if c == nil || err != nil {
		return nil, err
	}
	s, err := c.Status(ctx)
	if err != nil {
		c.Close()
		return nil, err
	}
	if !sameFile(s.Config, cfg.File()) {
		c.Close()
		return nil, nil
	}
	return c, nil
}

func sameFile(a, b string) bool {
	full, err := filepath.Abs(b)
	return a == b || err == nil && realPath(a) == realPath(full)
}

// backupByDaemon has the daemon make a backup, and shows how it goes.
func (a *app) backupByDaemon(ctx context.Context, c *control.Client, f backupFlags) (*backupOutcome, error) {
	args, err := json.Marshal(backupArgs{Sources: f.sources, AllowEmpty: f.allowEmpty})
	if err != nil {
		return nil, err
	}
	bar := a.progress("progress.backup")
	defer bar.end()
	var tell func(control.Progress)
	if bar.line != nil {
		tell = func(p control.Progress) { bar.set(int64(p.Bytes), int64(p.TotalBytes)) }
	}
	got, err := c.Run(ctx, jobBackup, args, tell)
	if err != nil && ctx.Err() != nil {
		return nil, hint.New(CodeLeft, ctx.Err())
	}
	if err != nil {
		return nil, err
	}
	if got.Outcome == history.Held {
		return nil, a.heldError(got.Reasons)
	}
	if got.Trouble != nil {
		return nil, a.troubleError(got.Trouble, got.Integrity)
	}
	var out backupOutcome
	if err := json.Unmarshal(got.Document, &out); err != nil {
		return nil, fmt.Errorf("read what the daemon did: %w", err)
	}
	return &out, nil
}

// troubleError turns what the daemon says went wrong into the error that it was
// there.
func (a *app) troubleError(t *trouble, integrity bool) error {
	args := []any{}
	for key, value := range argsOf(t) {
		args = append(args, key, value)
	}
	err := errors.New(t.Text)
	if integrity {
		err = fmt.Errorf("%w: %s", repo.ErrIntegrity, t.Text)
	}
	return hint.New(hint.Code(t.Code), err, args...)
}

// heldError says why nothing may be sent now.
func (a *app) heldError(reasons []policy.Reason) error {
	return hint.New(CodeHeldNow, errors.New("back up: the rules of the configuration don't allow it now"), "why", a.reasons(reasons))
}

// CodeHeldNow is the code of a backup that may not be made now, though somebody
// asked for it.
const CodeHeldNow hint.Code = "held_now"

// CodeLeft is the code of a command whose user doesn't wait for the daemon.
const CodeLeft hint.Code = "job_left"

// reasons says why something may not be sent.
func (a *app) reasons(list []policy.Reason) string {
	text := ""
	for i, r := range list {
		if i == 0 {
			text = a.reason(r)
			continue
		}
		text = a.say("policy.and", "first", text, "second", a.reason(r))
	}
	return text
}

// reason says one of them.
func (a *app) reason(r policy.Reason) string {
	args := map[string]any{}
	for k, v := range r.Args {
		args[k] = v
		if at, err := time.Parse(time.RFC3339, fmt.Sprint(v)); err == nil {
			args[k] = at.Local().Format("2006-01-02 15:04")
		}
	}
	return a.say(r.Key(), args)
}

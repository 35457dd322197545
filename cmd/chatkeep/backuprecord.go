package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
)

// recorded makes a backup that stands in the history, as the daemon's do. That
// it can't be noted there changes nothing for the backup.
func (a *app) recorded(cfg *config.Config, f backupFlags, do func(safe func(time.Time)) (*backupOutcome, error)) (*backupOutcome, error) {
	dir, err := config.StateDir(a.getenv)
	if err != nil {
		return nil, err
	}
	run := history.Run{Job: jobBackup, Why: history.Asked, Started: time.Now().Round(0)}
	said := newClaims(cfg, f.sources, policy.Everything, func(at time.Time) { run.Safe = at })
	got, err := do(said.heard())
	said.ends(got, err)
	run.Ended, run.Outcome = time.Now().Round(0), history.Done
	switch {
	case errors.Is(err, context.Canceled):
		run.Outcome, run.Trouble = history.Stopped, troubleOf(err)
	case err != nil:
		run.Outcome, run.Trouble = history.Failed, troubleOf(err)
	default:
		out, _ := backupResult(got)
		run.Facts = out.Facts
		if out.Remarks || out.Held {
			run.Outcome = history.Remarks
		}
	}
	if _, err := os.Stat(dir); err == nil { // a device that keeps nothing gets no folder by it
		_ = history.Open(dir).Add(run)
	}
	return got, err
}

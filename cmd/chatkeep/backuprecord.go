package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/history"
)

// recorded makes a backup that stands in the history, as the daemon's do. That
// it can't be noted there changes nothing for the backup.
func (a *app) recorded(f backupFlags, do func() (*backupOutcome, error)) (*backupOutcome, error) {
	dir, err := config.StateDir(a.getenv)
	if err != nil {
		return nil, err
	}
	run := history.Run{Job: jobBackup, Why: history.Asked, Started: time.Now().Round(0)}
	got, err := do()
	run.Ended, run.Outcome = time.Now().Round(0), history.Done
	switch {
	case errors.Is(err, context.Canceled):
		run.Outcome, run.Trouble = history.Stopped, troubleOf(err)
	case err != nil:
		run.Outcome, run.Trouble = history.Failed, troubleOf(err)
	default:
		out, _ := backupResult(got)
		run.Facts = out.Facts
		if got.Stopped == nil && len(f.sources) == 0 { // else some messages may be missing
			run.Safe = time.Unix(0, got.Time)
		}
		if out.Remarks || out.Held {
			run.Outcome = history.Remarks
		}
	}
	if _, err := os.Stat(dir); err == nil { // a device that keeps nothing gets no folder by it
		_ = history.Open(dir).Add(run)
	}
	return got, err
}

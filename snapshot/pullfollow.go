package snapshot

import (
	"context"
	"time"
)

// Following keeps a folder at the latest state until it is told to end.
type Following struct {
	Every time.Duration
	// Changed reports whether something may have changed since it was last
	// called; nil if nobody can tell, and each look is a pull then.
	Changed func(context.Context) (bool, error)
	Pull    func(context.Context) error
	Ends    func(error) bool // errors that waiting does not mend
	Trouble func(error)      // told once of failures in a row
	Over    func()           // told when there is no trouble any more
}

// LeastEvery is how often a follower looks at most.
const LeastEvery = 5 * time.Second

// longestTrust is how long a watcher is believed that nothing changed: its word
// is a hint.
const longestTrust = time.Hour

// longestPause is how long it waits at most after failures in a row.
const longestPause = 15 * time.Minute

// Run pulls at once, and then whenever something changed. It returns nil once
// ctx ends. A remote that is out of reach is waited for, longer each time.
func (f *Following) Run(ctx context.Context) error {
	due, failures, last := true, 0, time.Now()
	for {
		due = due || time.Since(last) >= longestTrust
		pulled, err := f.step(ctx, &due)
		if pulled {
			last = time.Now()
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && f.Ends(err):
			return err
		case err != nil:
			if failures++; failures == 1 {
				f.Trouble(err)
			}
		case failures > 0:
			failures = 0
			f.Over()
		}
		if !f.wait(ctx, failures) {
			return nil
		}
	}
}

// step looks, pulls if need be, and reports whether it did. What is due stays so until a pull worked: a
// watcher tells of a change once.
func (f *Following) step(ctx context.Context, due *bool) (pulled bool, err error) {
	if !*due && f.Changed != nil {
		changed, err := f.Changed(ctx)
		if err != nil || !changed {
			return false, err
		}
	}
	*due = true
	err = f.Pull(ctx)
	*due = err != nil
	return err == nil, err
}

// wait reports whether to go on.
func (f *Following) wait(ctx context.Context, failures int) bool {
	pause := f.Every
	for n := 1; n < failures && pause < longestPause; n++ {
		pause *= 2
	}
	if failures > 0 {
		pause = max(f.Every, min(pause, longestPause))
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

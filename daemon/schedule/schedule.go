// Package schedule knows when something is due: cron expressions, read with
// robfig/cron, and the rule for what was missed.
//
// It holds no clock and no goroutine: everything is a function of the last
// slot and of now, so that a year passes in a test within milliseconds. A slot
// is a moment at which a job is to run.
//
// robfig/cron only finds the next time that fits an expression, and only on a
// clock that never changes its zone. What that time means where clocks are put
// forward and back is decided here; see [Parse].
package schedule

import "time"

// Schedule is when a job runs.
type Schedule interface {
	// Next returns the first slot after t, on the wall clock; the zero time if
	// there is none.
	Next(t time.Time) time.Time
	// String returns the schedule as it was written.
	String() string
}

// Job is something that runs on a schedule.
type Job struct {
	Name   string
	When   Schedule
	Jitter time.Duration // slots are put off by up to so long, always by the same
	Seed   string        // of the jitter: what is this computer's own
}

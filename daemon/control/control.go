// Package control is how a command talks to the running daemon: HTTP and JSON
// over a unix socket that only its owner can open.
package control

import (
	"context"
	"encoding/json"
	"time"

	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
)

// Service is what the daemon offers. Each method is called for one request;
// its ctx ends when the client goes away.
type Service interface {
	Status(ctx context.Context) (*Status, error)
	// Run does a job now, with arguments of the job's own, and tells how it
	// goes. If the same job runs already, it waits for another run after it.
	// That the client goes away does not stop the job.
	Run(ctx context.Context, job string, args json.RawMessage, tell func(Progress)) (*Result, error)
	Pause(ctx context.Context, until time.Time) error // the zero time: until Resume
	Resume(ctx context.Context) error
	Reload(ctx context.Context) error // its error says what is wrong with the new configuration
	History(ctx context.Context, n int) ([]history.Run, error)
	Metrics(ctx context.Context) ([]byte, error) // in the OpenMetrics text format
}

// Progress is how far a job is. Totals are 0 while they are unknown.
type Progress struct {
	Files      uint64 `json:"files"`
	TotalFiles uint64 `json:"total_files"`
	Bytes      uint64 `json:"bytes"`
	TotalBytes uint64 `json:"total_bytes"`
	Sent       uint64 `json:"sent"` // bytes that went up, or came down
}

// Result is how a run ended.
type Result struct {
	Outcome string           `json:"outcome"` // of package history
	Trouble *history.Trouble `json:"trouble,omitempty"`
	// Integrity says that something that is stored is damaged, or not what it
	// should be.
	Integrity bool            `json:"integrity,omitempty"`
	Reasons   []policy.Reason `json:"reasons,omitempty"`  // if it was held
	Document  json.RawMessage `json:"document,omitempty"` // the job's own, from which the command says what was done
}

// Status is the daemon's view.
type Status struct {
	Version    string            `json:"version"`
	PID        int               `json:"pid"`
	Since      time.Time         `json:"since"`
	Config     string            `json:"config"`               // the file
	BadConfig  *history.Trouble  `json:"bad_config,omitempty"` // why the newest file is not in use
	Running    *Running          `json:"running,omitempty"`
	Waiting    []string          `json:"waiting"` // jobs that are due and may not run yet
	Jobs       []Job             `json:"jobs"`
	Paused     *Paused           `json:"paused,omitempty"`
	Decision   policy.Decision   `json:"decision"`
	Conditions policy.Conditions `json:"conditions"`
	Changes    Changes           `json:"changes"`
	Sleeping   bool              `json:"sleeping,omitempty"`
}

// Running is a job at work.
type Running struct {
	Job      string    `json:"job"`
	Why      string    `json:"why"`
	Started  time.Time `json:"started"`
	Active   time.Time `json:"active"` // when it last got on
	Progress Progress  `json:"progress"`
}

// Job is a job and its schedule.
type Job struct {
	Name     string       `json:"name"`
	Schedule string       `json:"schedule,omitempty"`
	Next     time.Time    `json:"next,omitzero"`
	Due      bool         `json:"due"`
	Retry    time.Time    `json:"retry,omitzero"` // not before, after a failure
	Last     *history.Run `json:"last,omitempty"`
	LastGood *history.Run `json:"last_good,omitempty"`
}

// Paused is the user's pause.
type Paused struct {
	Until time.Time `json:"until,omitzero"` // zero: until resume
}

// Changes is what is known of new messages.
type Changes struct {
	Watching bool      `json:"watching"`        // databases are looked at every minute
	Looked   time.Time `json:"looked,omitzero"` // last
	Oldest   time.Time `json:"oldest,omitzero"` // change that is not backed up; zero: none is known
	Newest   time.Time `json:"newest,omitzero"`
	Due      time.Time `json:"due,omitzero"`  // when they are backed up if nothing hinders it; zero: with the next run on schedule
	Safe     time.Time `json:"safe,omitzero"` // everything written before it is backed up; zero: nothing is
}

// Package history keeps what the daemon and the commands did, in the state
// folder: the last runs of each job, the newest last. It is bounded, it
// survives a crash at any moment, and it holds no secret, no name of a contact
// and no id of an account.
package history

import (
	"encoding/json"
	"time"
)

// Outcomes of a run.
const (
	Done     = "done"
	Remarks  = "remarks" // done, but something was skipped, flagged or put off
	Failed   = "failed"
	Stopped  = "stopped"  // by a shutdown, a sleep or the user; it goes on later
	Held     = "held"     // the rules did not allow it, or stopped it; it goes on later
	Vanished = "vanished" // it was running when the program ended without a word
)

// Why a run began.
const (
	Scheduled = "schedule"
	CatchUp   = "catch_up" // for slots that passed while the computer slept or was off
	Changed   = "change"   // new messages
	Asked     = "user"
	Retry     = "retry"
)

// Run is one run of a job, or a slot of which nothing came.
type Run struct {
	Job     string          `json:"job"`
	Why     string          `json:"why"`
	Slot    time.Time       `json:"slot,omitzero"`    // of the schedule
	Missed  int             `json:"missed,omitempty"` // slots that this run stands for besides its own
	Started time.Time       `json:"started"`
	Ended   time.Time       `json:"ended,omitzero"` // zero while it runs
	Outcome string          `json:"outcome,omitempty"`
	Safe    time.Time       `json:"safe,omitzero"`     // messages written before it were backed up then
	Reasons []string        `json:"reasons,omitempty"` // codes of policy, where it was held or limited
	Trouble *Trouble        `json:"trouble,omitempty"`
	Facts   json.RawMessage `json:"facts,omitempty"` // figures of the job's own, a few hundred bytes
}

// Trouble is what went wrong, in no language.
type Trouble struct {
	Code string            `json:"code"`
	Args map[string]string `json:"args,omitempty"` // of the code's sentences
	Text string            `json:"text"`           // the technical cause
	Time time.Time         `json:"time,omitzero"`
}

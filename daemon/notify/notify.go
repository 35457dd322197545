// Package notify tells the user what changed: that something is wrong, and
// that it is right again, once each. It is the one door to shoutrrr, which
// knows the services.
//
// It emits codes and values; the caller hands it a function that says them.
package notify

import (
	"context"
	"time"
)

// Problem is something that is wrong now. What is wrong with the same code and
// key is the same problem.
type Problem struct {
	Code string         // as in hint codes, or stale, quota, login_expires, shrunk, phone_backup_old
	Key  string         // tells two problems of one code apart; may be empty
	Args map[string]any // of the sentences
	Mild bool           // it can wait for the end of the quiet hours; others can't
}

// Message is what is sent.
type Message struct{ Title, Text string }

// Kind is why a message is sent.
type Kind string

// Kinds.
const (
	Trouble  Kind = "trouble"
	Recovery Kind = "recovery"
	Digest   Kind = "digest"
	Test     Kind = "test"
)

// Say turns a problem into words, in the user's language.
type Say func(kind Kind, problems []Problem) Message

// Options tune a Notifier.
type Options struct {
	Dir   string   // the state folder
	Use   []string // names of channels, as the configuration has them
	Quiet Quiet    // hours
	Say   Say
	Now   func() time.Time // nil: time.Now
}

// Quiet are the hours in which nothing mild is sent, on this computer's clock.
// From may be later than To: over midnight. Equal: none.
type Quiet struct{ From, To time.Duration }

// Notifier sends what changed.
type Notifier struct{}

// New opens a notifier with what it has told before.
func New(o Options) (*Notifier, error) { return &Notifier{}, nil }

// Report takes in all problems there are now, and sends what changed since it
// was last called, over restarts too.
func (n *Notifier) Report(ctx context.Context, problems []Problem) error { return nil }

// Ping tells services that expect a sign of life how a run went.
func (n *Notifier) Ping(ctx context.Context, ok bool) error { return nil }

// Digest sends the weekly summary.
func (n *Notifier) Digest(ctx context.Context, args map[string]any) error { return nil }

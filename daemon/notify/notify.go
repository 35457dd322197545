// Package notify tells the user what changed: that something is wrong, and
// that it is right again, once each. It is the one door to shoutrrr, which
// knows the services.
//
// It emits codes and values; the caller hands it a function that says them.
// Whatever goes wrong with a service is told without a word of its address:
// that holds the password.
package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
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

// Kinds. A digest comes as one Problem with the code "digest", a test with none.
const (
	Trouble  Kind = "trouble"
	Recovery Kind = "recovery"
	Digest   Kind = "digest"
	Test     Kind = "test"
)

// Say turns a problem into words, in the user's language. It may be called by
// several goroutines at once.
type Say func(kind Kind, problems []Problem) Message

// Calm is how long a problem must be gone before it counts as over. What comes
// and goes within it is one problem, and one message.
const Calm = time.Hour

// Options tune a Notifier.
type Options struct {
	Dir   string   // the state folder
	Use   []string // names of channels, as the configuration has them
	Quiet Quiet    // hours
	Say   Say
	Now   func() time.Time // nil: time.Now
	Calm  time.Duration    // 0: Calm; less: none, a problem is over as soon as it is gone
}

// Notifier sends what changed. All methods may be called at any time by any
// goroutine.
type Notifier struct {
	o       Options
	send    func(ctx context.Context, c Channel, m Message, ok bool) error // to a service; replaced by tests
	write   func(path string, data []byte) error
	serial  sync.Mutex // held by whoever sends changes
	closing context.Context
	end     context.CancelFunc

	mu    sync.Mutex // guards what follows
	state state
	saved string         // what lies on the disk
	stuck map[string]int // sends of a channel that were given up, and still run
}

// New opens a notifier with what it has told before. What was remembered but
// can't be understood any more is forgotten: at worst a message comes twice.
func New(o Options) (*Notifier, error) {
	if o.Dir == "" || o.Say == nil {
		return nil, errors.New("open notifications: no folder or no words")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Calm == 0 {
		o.Calm = Calm
	}
	o.Calm = max(o.Calm, 0)
	n := &Notifier{o: o, write: durable.ReplaceSecret, stuck: map[string]int{}}
	n.send = n.deliver
	n.closing, n.end = context.WithCancel(context.Background())
	var err error
	n.state, n.saved, err = readState(n.path())
	n.refresh()
	return n, err
}

// Close ends what is being sent. A service that doesn't answer may hold on to a
// goroutine a while longer, at most [mostStuck] for each channel.
func (n *Notifier) Close() error {
	n.end()
	n.serial.Lock() // until whoever was sending has noted what became of it
	defer n.serial.Unlock()
	return nil
}

// Check reports which of the channels in use don't exist or can't be used.
func (n *Notifier) Check() error {
	var errs []error
	for _, name := range n.names() {
		if _, err := n.channel(name); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// names are those of the channels in use, each once.
func (n *Notifier) names() []string {
	set := map[string]bool{}
	for _, name := range n.o.Use {
		set[name] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// channel reads a channel. It is read anew for each message: whoever mends an
// address needn't restart anything.
func (n *Notifier) channel(name string) (Channel, error) {
	list, err := Channels(n.o.Dir)
	if err != nil {
		return Channel{}, err
	}
	for _, c := range list {
		if c.Name == name {
			return c, nil
		}
	}
	return Channel{}, Unknown(name)
}

// Unknown is the error of a channel that is not there.
func Unknown(name string) error {
	return hint.New(CodeUnknown, fmt.Errorf("notify %q: there is no such channel", name), "channel", name)
}

// Test sends a test message to a channel, in use or not. For a service that
// expects a sign of life it is one.
func (n *Notifier) Test(ctx context.Context, name string) error {
	c, err := n.channel(name)
	if err != nil {
		return err
	}
	return n.attempt(ctx, c, n.words(Test, nil), true)
}

// attempt sends one message, or gives up when ctx or the notifier ends.
func (n *Notifier) attempt(ctx context.Context, c Channel, m Message, ok bool) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	defer context.AfterFunc(n.closing, cancel)()
	return n.send(ctx, c, m, ok)
}

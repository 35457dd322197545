package notify

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"
)

func (n *Notifier) path() string { return filepath.Join(n.o.Dir, stateFile) }

// Waits after a failed send: they double from the first to the longest.
const (
	firstWait   = time.Minute
	longestWait = 6 * time.Hour
)

// staleDigest is how old a summary may get on its way.
const staleDigest = 24 * time.Hour

// Report takes in all problems there are now, and sends what changed since it
// was last called, over restarts too. What a channel's reader was told is kept
// for each channel: one that fails is tried again later, with growing waits,
// and the others don't hear anything twice. The error says which channels
// failed; nothing is lost by it.
func (n *Notifier) Report(ctx context.Context, problems []Problem) error {
	return n.locked(func(now time.Time) error {
		n.take(problems, now)
		return n.flush(ctx, now)
	})
}

// Digest sends the summary to all channels, after the quiet hours.
func (n *Notifier) Digest(ctx context.Context, args map[string]any) error {
	return n.locked(func(now time.Time) error {
		for _, name := range n.readers() {
			n.box(name).Digest = &digest{keepable(args), now.UTC()}
		}
		return n.flush(ctx, now)
	})
}

// Ping tells services that expect a sign of life how a run went. They hear it
// at once: a machine listens.
func (n *Notifier) Ping(ctx context.Context, ok bool) error {
	return n.locked(func(now time.Time) error {
		for _, name := range n.names() {
			if b := n.box(name); b.Machine {
				b.Ping, b.Retry = &outcome{ok}, time.Time{} // it waits for the newest, and runs are rare enough
			}
		}
		return n.flush(ctx, now)
	})
}

// locked runs fn alone among those that send, with n.mu held.
func (n *Notifier) locked(fn func(now time.Time) error) error {
	n.serial.Lock()
	defer n.serial.Unlock()
	if err := n.closing.Err(); err != nil {
		return errors.New("notify: closed")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refresh()
	return fn(n.now())
}

// now is the time on the wall. Go's own monotonic clock stands still while a
// computer sleeps.
func (n *Notifier) now() time.Time { return n.o.Now().Round(0) }

// refresh looks which channels expect signs of life. The caller holds n.mu.
func (n *Notifier) refresh() {
	list, err := Channels(n.o.Dir)
	if err != nil { // said when something is to be sent
		return
	}
	for _, c := range list {
		if slices.Contains(n.o.Use, c.Name) {
			n.box(c.Name).Machine = c.isPing()
		}
	}
}

// readers are the channels in use at whose other end is a person.
func (n *Notifier) readers() []string {
	return slices.DeleteFunc(n.names(), func(name string) bool { return n.box(name).Machine })
}

// box is what a channel's reader knows. The caller holds n.mu.
func (n *Notifier) box(name string) *box {
	if n.state.Channels == nil {
		n.state.Channels = map[string]*box{}
	}
	b := n.state.Channels[name]
	if b == nil {
		b = &box{}
		n.state.Channels[name] = b
	}
	return b
}

// take compares what is wrong now with what was.
func (n *Notifier) take(problems []Problem, now time.Time) {
	wrong := map[string]bool{}
	for _, p := range problems {
		if p.Code == "" || len(wrong) >= mostProblems {
			continue
		}
		i := slices.IndexFunc(n.state.Problems, func(k *known) bool { return k.Code == p.Code && k.Key == p.Key })
		if i < 0 && len(n.state.Problems) >= mostKnown {
			continue
		}
		if i < 0 {
			i = len(n.state.Problems)
			n.state.Problems = append(n.state.Problems, &known{Code: p.Code, Key: p.Key})
		}
		k := n.state.Problems[i]
		if k.Args == nil || !n.toldAll(k.id()) { // numbers that go on changing are no news
			k.Args = keepable(p.Args)
		}
		k.Mild, k.Gone = p.Mild, time.Time{}
		wrong[k.id()] = true
	}
	for _, k := range n.state.Problems {
		if !wrong[k.id()] && (k.Gone.IsZero() || k.Gone.After(now)) { // after: the clock was set back
			k.Gone = now.UTC()
		}
	}
}

// toldAll reports whether everybody knows of a problem.
func (n *Notifier) toldAll(id string) bool {
	return !slices.ContainsFunc(n.readers(), func(name string) bool { return !n.box(name).told(id) })
}

// forget drops what nobody needs any more: channels that are not in use,
// problems that are over for everybody, and summaries of yesterday.
func (n *Notifier) forget(now time.Time) {
	names := n.names()
	for name, b := range n.state.Channels {
		if !slices.Contains(names, name) {
			delete(n.state.Channels, name)
			continue
		}
		if b.Digest != nil && (now.Sub(b.Digest.Made) > staleDigest || b.Digest.Made.After(now)) {
			b.Digest = nil
		}
	}
	n.state.Problems = slices.DeleteFunc(n.state.Problems, func(k *known) bool {
		return !k.Gone.IsZero() && !slices.ContainsFunc(names, func(name string) bool { return n.box(name).told(k.id()) })
	})
}

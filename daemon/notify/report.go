package notify

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
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

// errand is what one channel is sent in one go.
type errand struct {
	channel Channel
	box     *box
	fresh   []*known // what is wrong, and new to the reader
	over    []*known // what is right again
	digest  *digest
	ping    *outcome
}

func (e *errand) empty() bool {
	return len(e.fresh) == 0 && len(e.over) == 0 && e.digest == nil && e.ping == nil
}

// flush sends what is due to all channels at once. The caller holds n.mu, which
// is given up meanwhile.
func (n *Notifier) flush(ctx context.Context, now time.Time) error {
	n.forget(now)
	var errs []error
	var due []*errand
	for _, name := range n.names() {
		e, err := n.due(name, now)
		errs = append(errs, err)
		if err == nil && !e.empty() {
			due = append(due, e)
		}
	}
	errs = append(errs, n.save()) // since when something is over must outlive us
	n.mu.Unlock()
	var wg sync.WaitGroup
	results := make([]error, len(due))
	for i, e := range due {
		wg.Go(func() { results[i] = n.run(ctx, e) })
	}
	wg.Wait()
	n.mu.Lock()
	n.forget(now)
	return errors.Join(append(append(errs, results...), n.save())...)
}

// due is what a channel is to be sent now.
func (n *Notifier) due(name string, now time.Time) (*errand, error) {
	b := n.box(name)
	e := &errand{box: b}
	if n.waits(b, now) {
		return e, nil
	}
	if b.Machine { // it is told of runs, and of nothing else
		e.ping, b.Told, b.Digest = b.Ping, nil, nil
	} else {
		e.fresh, e.over = n.news(b, now)
		e.digest, b.Ping = b.Digest, nil
		if n.o.Quiet.holds(now) {
			e.over, e.digest = nil, nil
			e.fresh = slices.DeleteFunc(e.fresh, func(k *known) bool { return k.Mild })
		}
	}
	if e.empty() {
		return e, nil
	}
	c, err := n.channel(name)
	if err != nil {
		n.failed(b, now)
		return nil, err
	}
	e.channel = c
	return e, nil
}

// news are the problems that a reader has not heard of, and those that are over
// but not for them.
func (n *Notifier) news(b *box, now time.Time) (fresh, over []*known) {
	for _, k := range n.state.Problems {
		switch told := b.told(k.id()); {
		case !told && k.Gone.IsZero():
			fresh = append(fresh, k)
		case told && !k.Gone.IsZero() && now.Sub(k.Gone) >= n.o.Calm:
			over = append(over, k)
		}
	}
	return fresh, over
}

// waits reports whether a channel that failed is left alone still. A wait that
// can't be ours comes of a clock that was wrong.
func (n *Notifier) waits(b *box, now time.Time) bool {
	return b.Retry.After(now) && b.Retry.Sub(now) <= longestWait
}

// run sends to one channel, one message after the other. Each is noted, and on
// the disk, before the next is sent: whatever happens then, none comes more
// than twice.
func (n *Notifier) run(ctx context.Context, e *errand) error {
	if e.ping != nil {
		if err := n.one(ctx, e, Message{}, e.ping.OK, func() { e.box.Ping = nil }); err != nil {
			return err
		}
	}
	if len(e.fresh) > 0 {
		tell := func() {
			for _, k := range e.fresh {
				e.box.Told = append(e.box.Told, k.id())
			}
			slices.Sort(e.box.Told)
		}
		if err := n.one(ctx, e, n.say(Trouble, e.fresh), true, tell); err != nil {
			return err
		}
	}
	if len(e.over) > 0 {
		tell := func() {
			e.box.Told = slices.DeleteFunc(e.box.Told, func(id string) bool {
				return slices.ContainsFunc(e.over, func(k *known) bool { return k.id() == id })
			})
		}
		if err := n.one(ctx, e, n.say(Recovery, e.over), true, tell); err != nil {
			return err
		}
	}
	if e.digest != nil {
		m := n.words(Digest, []Problem{{Code: "digest", Args: e.digest.Args}})
		return n.one(ctx, e, m, true, func() { e.box.Digest = nil })
	}
	return nil
}

// say puts problems into words. They don't change meanwhile: whoever changes
// them waits for the sends to end.
func (n *Notifier) say(kind Kind, list []*known) Message {
	problems := make([]Problem, len(list))
	for i, k := range list {
		problems[i] = k.problem()
	}
	return n.words(kind, problems)
}

func (n *Notifier) words(kind Kind, problems []Problem) Message {
	say := n.o.Say
	return say(kind, problems)
}

// one sends one message and notes what became of it.
func (n *Notifier) one(ctx context.Context, e *errand, m Message, ok bool, sent func()) error {
	err := n.attempt(ctx, e.channel, m, ok)
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case err == nil:
		sent()
		e.box.Failures, e.box.Retry = 0, time.Time{}
	case ctx.Err() != nil || n.closing.Err() != nil: // not the channel's fault
	default:
		n.failed(e.box, n.now())
	}
	return errors.Join(err, n.save())
}

// failed lets a channel wait before it is tried again.
func (n *Notifier) failed(b *box, now time.Time) {
	wait := firstWait << min(b.Failures, 10)
	b.Failures = min(b.Failures+1, 1000)
	b.Retry = now.Add(min(wait, longestWait)).UTC()
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

// Next returns when Report should be called again even if nothing happens: a
// wait or the quiet hours end, or something has been gone for long enough. It
// may lie in the past. Zero: there is nothing to wait for.
func (n *Notifier) Next() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	var next time.Time
	for _, name := range n.names() {
		if t := n.nextFor(n.box(name), now); !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next
}

func (n *Notifier) nextFor(b *box, now time.Time) (next time.Time) {
	at := func(from time.Time, loud bool) {
		if n.waits(b, now) && b.Retry.After(from) {
			from = b.Retry
		}
		if !loud {
			from = n.o.Quiet.end(from)
		}
		if next.IsZero() || from.Before(next) {
			next = from
		}
	}
	if b.Machine {
		if b.Ping != nil {
			at(now, true)
		}
		return next
	}
	for _, k := range n.state.Problems {
		switch told := b.told(k.id()); {
		case !told && k.Gone.IsZero():
			at(now, !k.Mild)
		case told && !k.Gone.IsZero():
			from := k.Gone.Add(n.o.Calm)
			if from.Before(now) {
				from = now
			}
			at(from, false)
		}
	}
	if b.Digest != nil {
		at(now, false)
	}
	return next
}

// Failing are the channels in use that did not take the last message, for
// whoever shows how things are.
func (n *Notifier) Failing() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []string
	for _, name := range n.names() {
		if b := n.state.Channels[name]; b != nil && b.Failures > 0 {
			list = append(list, name)
		}
	}
	return list
}

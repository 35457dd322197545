package notify

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

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

package notify

import "time"

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

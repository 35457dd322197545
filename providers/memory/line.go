package memory

import (
	"time"

	"github.com/chatkeep/chatkeep/providers"
)

// line is a connection that pretends to take time: its clock goes on by what
// is carried, and nobody waits.
type line struct {
	rate    int64 // bytes a second, 0 for any number
	latency time.Duration
	start   time.Time
	asked   time.Duration // for calls
	carried int64         // bytes, counted together so that nothing is rounded away
}

func (l *line) now() time.Time {
	t := l.start.Add(l.asked)
	if l.rate <= 0 {
		return t
	}
	whole := time.Duration(l.carried/l.rate) * time.Second
	rest := float64(l.carried%l.rate) / float64(l.rate) * float64(time.Second)
	return t.Add(whole + time.Duration(rest))
}

// SetLine puts the remote behind a line of its own clock, which begins at the
// time of the remote's clock and then goes on by latency with every call, and
// by a second with every rate bytes that a Put or Get moves; a rate of 0 takes
// no time for bytes. Nothing sleeps. All calls share the line and take turns,
// so that the same calls always take the same time together. The line's clock
// stamps new objects, whatever SetClock said.
func (r *Remote) SetLine(rate int64, latency time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := &line{rate: rate, latency: latency, start: r.clock()}
	r.line, r.clock = l, l.now
}

// Now returns the time on the remote: that of its line, or of its clock.
func (r *Remote) Now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock()
}

// Arrived returns when a Put first stored an object, by the remote's clock,
// also if the object is gone by now. It is zero for one that never arrived.
func (r *Remote) Arrived(name providers.Name) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.arrived[name]
}

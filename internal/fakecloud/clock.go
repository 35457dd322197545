package fakecloud

import (
	"sync"
	"time"
)

// clock is the cloud's time: somebody else's, or one that stands still until
// it is moved.
type clock struct {
	other func() time.Time
	mu    sync.Mutex
	at    time.Time
}

func newClock(o Options) *clock {
	switch {
	case o.Now != nil:
		return &clock{other: o.Now}
	case o.Virtual:
		return &clock{at: time.Now().Truncate(time.Millisecond)}
	}
	return &clock{other: time.Now}
}

func (c *clock) now() time.Time {
	if c.other != nil {
		return c.other()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	if c.other != nil {
		panic("fakecloud: Advance needs Options.Virtual")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// set takes over the time at which a cloud was closed, if it is later.
func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.other == nil && at.After(c.at) {
		c.at = at
	}
}

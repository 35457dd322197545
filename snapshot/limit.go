package snapshot

import (
	"math"
	"sync"
	"time"

	"github.com/chatkeep/chatkeep/sources"
)

// stageTime is how long files are taken into a stage before it is published,
// if more than a pack of them is left then.
const stageTime = 10 * time.Minute

const (
	firstLevel = 0
	allLevels  = math.MaxInt
)

// limit says what one pass takes in. What it doesn't, stays as it was in the
// last snapshot.
type limit struct {
	level int               // the least urgent priority that is taken in
	time  *allowance        // no file is begun after it; nil: no end
	room  *room             // on the remote; nil: no end is known
	admit func(string) bool // which categories may be sent; nil: all
}

func (l limit) admits(category string) bool { return l.admit == nil || l.admit(category) }

// allowance is the time in which files are begun. It starts with the first of
// them, however long the databases and the walk to it took: so every pass takes
// something in.
type allowance struct {
	first sync.Once
	until time.Time
}

// isUp reports whether the time is over.
func (a *allowance) isUp(now func() time.Time) bool {
	begins := false
	a.first.Do(func() { a.until, begins = now().Add(stageTime), true })
	return !begins && !now().Before(a.until)
}

// leftover is what a pass did not take in.
type leftover struct {
	bytes uint64
	here  bool // some of it is of the pass's own level: time was up
	next  int  // the most urgent level of the rest
	lacks bool // the snapshot lacks something of what matters most: some of it is left, or could not be copied
	held  Held // may not be sent now: no further pass takes it in
}

func (l *leftover) any() bool { return l.here || l.next > 0 }

// none reports whether everything there is was taken in.
func (l *leftover) none() bool { return !l.any() && l.held.Files == 0 }

func (l *leftover) add(lim limit, e *sources.Entry) {
	if !lim.admits(e.Category) {
		l.held.Files++
		l.held.Bytes += uint64(e.Size)
		return
	}
	l.bytes += uint64(e.Size)
	l.lacks = l.lacks || e.Priority <= firstLevel
	switch {
	case e.Priority <= lim.level:
		l.here = true
	case l.next == 0 || e.Priority < l.next:
		l.next = e.Priority
	}
}

func (l *leftover) join(m leftover) {
	l.bytes += m.bytes
	l.held.Files += m.held.Files
	l.held.Bytes += m.held.Bytes
	l.here, l.lacks = l.here || m.here, l.lacks || m.lacks
	if m.next > 0 && (l.next == 0 || m.next < l.next) {
		l.next = m.next
	}
}

// timeIsUp reports whether no file is begun any more.
func (t *taker) timeIsUp() bool { return t.limit.time != nil && t.limit.time.isUp(t.opt.Now) }

// restless reports a large file that an earlier stage of this backup has taken
// in and that changed since. It waits for the next backup, or some that never
// rest would keep all others out.
func (p *pipeline) restless(it *item) bool {
	t := p.t
	return t.limit.time != nil && it.parent != nil && it.parent.Captured >= t.stage.first && it.seen.Size > t.stage.packSize() && !it.seen.Database
}

// settled reports whether nobody has written a file for as long as its source
// asks for. A time far in the future is a clock's mistake and no reason to wait
// forever.
func (p *pipeline) settled(e *sources.Entry) bool {
	return e.Settle == 0 || p.t.opt.Now().Sub(e.ModTime).Abs() >= e.Settle
}

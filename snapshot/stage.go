package snapshot

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// A backup that has much to send is made in stages, each ending with a
// snapshot: first what matters most, then the rest, level by level of
// priority. Databases are captured anew in each, so that messages stay safe
// while years of videos take days.

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
	level int        // the least urgent priority that is taken in
	time  *allowance // no file is begun after it; nil: no end
}

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
}

func (l *leftover) any() bool { return l.here || l.next > 0 }

func (l *leftover) add(lim limit, e *sources.Entry) {
	l.bytes += uint64(e.Size)
	switch {
	case e.Priority <= lim.level:
		l.here = true
	case l.next == 0 || e.Priority < l.next:
		l.next = e.Priority
	}
}

func (l *leftover) join(m leftover) {
	l.bytes += m.bytes
	l.here = l.here || m.here
	if m.next > 0 && (l.next == 0 || m.next < l.next) {
		l.next = m.next
	}
}

// stage makes one snapshot, with one Writer and as many passes as it takes to
// have something worth publishing.
type stage struct {
	repo      *repo.Repo
	writer    *repo.Writer
	accounts  []sources.Account
	opt       TakeOptions
	level     int
	first     uint64   // number of this backup's first snapshot
	left      leftover // of the published pass
	databases *captures
}

func newStage(ctx context.Context, r *repo.Repo, accounts []sources.Account, o TakeOptions, level int) (*stage, error) {
	w, err := r.NewWriter(ctx, o.Writer)
	if err != nil {
		return nil, err
	}
	s := &stage{repo: r, writer: w, accounts: accounts, opt: o, level: level}
	if h := w.Head(); h != nil && !h.Partial && level == firstLevel || o.DryRun {
		s.level = allLevels // the big upload is over
	}
	if s.databases, err = newCaptures(s); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return s, nil
}

func (s *stage) close() error { return errors.Join(s.databases.close(), s.writer.Close()) }

// next is the level the stage after this one begins with.
func (s *stage) next() int {
	if s.left.here {
		return s.level
	}
	return s.left.next
}

// isQuick reports whether all that is left will be on the remote within the time
// of one stage, at the pace of this one: then there is no need to put it in
// order.
func (s *stage) isQuick(uploaded uint64, took time.Duration) bool {
	return float64(s.left.bytes)*took.Seconds() <= float64(uploaded)*stageTime.Seconds()
}

// take makes passes until one is worth a snapshot: it is the last, or leaves
// more than a pack to come and has something new to show, or its time was up:
// nobody should have to look again at what it has looked at.
func (s *stage) take(ctx context.Context) (*Taken, error) {
	for unbounded := s.opt.DryRun; ; {
		l := limit{level: s.level}
		if !unbounded {
			l.time = &allowance{}
		}
		t, err := s.newTaker(l)
		if err != nil {
			return nil, err
		}
		if err := t.total(ctx, s.accounts); err != nil {
			return nil, err
		}
		if err := t.all(ctx, s.accounts); err != nil {
			return nil, err
		}
		s.left = t.left
		much := t.left.bytes > uint64(s.packSize())
		switch {
		case !t.left.any() || much && !t.blind && (t.left.here || t.news()):
			taken, err := t.publish(ctx)
			if err == nil && !s.opt.DryRun {
				err = s.databases.published(t.sawAll())
			}
			return taken, err
		case !much || t.blind:
			s.level, unbounded = allLevels, true
		default:
			s.level = s.next()
		}
	}
}

func (s *stage) packSize() int64 {
	if n := s.opt.Writer.PackSize; n > 0 {
		return n
	}
	return repo.DefaultPackSize
}

// news reports whether a pass found anything that the last snapshot lacks.
func (t *taker) news() bool {
	c := &t.counts
	return c.New+c.Changed+c.Removed > 0 || t.writer.Head() == nil
}

// sawAll reports whether a pass knows of all databases that there are.
func (t *taker) sawAll() bool {
	unread := func(m format.Remark) bool { return m.Reason == string(sources.Unreadable) }
	return !t.left.any() && !t.kept && len(t.waiting) == 0 && !slices.ContainsFunc(t.skipped, unread)
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

// leave keeps an item as the last snapshot has it, or out if that has none. It
// still counts as changed next time.
func (it *item) leave() {
	it.left = true
	it.stay()
}

// wait is leave for a file that is being written: it is not a part of this
// backup.
func (it *item) wait() {
	it.waiting = true
	it.stay()
}

// stay takes the parent's entry as it is.
func (it *item) stay() {
	if it.parent == nil || it.parent.Type != format.TypeFile {
		it.gone = true
		return
	}
	it.old, it.entry, it.stays = it.parent, it.parent.Entry, true
}

// settled reports whether nobody has written a file for as long as its source
// asks for. A time far in the future is a clock's mistake and no reason to wait
// forever.
func (p *pipeline) settled(e *sources.Entry) bool {
	return e.Settle == 0 || p.t.opt.Now().Sub(e.ModTime).Abs() >= e.Settle
}

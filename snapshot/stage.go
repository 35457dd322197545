package snapshot

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// A backup that has much to send is made in stages, each ending with a
// snapshot: first what matters most, then the rest, level by level of
// priority. Databases are captured anew in each, so that messages stay safe
// while years of videos take days.

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
	room      *room
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
	s.room = s.newRoom(ctx)
	for unbounded := s.opt.DryRun; ; {
		l := limit{level: s.level, room: s.room, admit: s.opt.Admit}
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
		case !t.left.any() || s.room.reason() != nil || much && !t.blind && (t.left.here || t.news()):
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
	return t.left.none() && !t.kept && len(t.waiting) == 0 && !slices.ContainsFunc(t.skipped, unread)
}

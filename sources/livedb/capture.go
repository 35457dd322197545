package livedb

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"time"
)

// capture is one call of Capture.
type capture struct {
	files
	o Options
	t Target

	blocks   *blocks
	network  bool
	tierless bool // tier 1 can't help here
}

// attempt is one copy of the database.
type attempt struct {
	tier int
	a, b *state // before and after; tier 1 has a alone
	db   *os.File
	id   fileID
	// clone is a copy of the file that the file system made at one instant, to
	// be read when nobody is waiting; nil if it can't.
	clone  *tempFile
	copied int64 // bytes of the file
	wal    walRead
	hot    *tempFile // copy of the journal
	why    Reason    // "": proven
}

func (at *attempt) close() {
	at.db.Close()
	at.wal.close()
	if at.clone != nil {
		at.clone.Close()
	}
}

// dropJournal forgets the journal of a copy that is not proven.
func (at *attempt) dropJournal() {
	if at.hot != nil {
		at.hot.Close()
		at.hot = nil
	}
}

// source is where the file's bytes are read from.
func (at *attempt) source() *os.File {
	if at.clone != nil {
		return at.clone.File
	}
	return at.db
}

func (c *capture) run(ctx context.Context) (*Result, error) {
	db, st, err := c.reach("", os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	c.network = onNetwork(db)
	db.Close()
	leave, err := enter(ctx, st.id)
	if err != nil {
		return nil, err
	}
	defer leave()
	r, err := c.since(ctx)
	if r != nil || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	c.blocks = newBlocks(c.t)
	for n := 1; ; n++ {
		r, err := c.try(ctx, n)
		if r != nil || err != nil {
			return r, err
		}
		if err := sleep(ctx, time.Millisecond<<min(n, 6)); err != nil {
			return nil, err
		}
	}
}

// locksFrom is the first attempt that may take locks.
var locksFrom = 3

// try makes a copy, and a result if that is proven or the last one allowed.
func (c *capture) try(ctx context.Context, n int) (*Result, error) {
	var at *attempt
	var err error
	if n >= locksFrom && c.o.Locks == Brief && !c.network && !c.tierless {
		at, err = c.locked(ctx)
	}
	if at == nil && err == nil {
		at, err = c.optimistic(ctx, n == c.o.Attempts)
	}
	if at != nil {
		defer at.close()
		if err != nil || at.why != "" {
			at.dropJournal()
		}
	}
	if errors.Is(err, fs.ErrNotExist) && n < c.o.Attempts {
		return nil, nil // it was there: maybe another is taking its place
	}
	if err != nil || at == nil || at.why != "" && n < c.o.Attempts {
		return nil, err
	}
	r, err := c.finish(ctx, at)
	if err != nil {
		return nil, err
	}
	r.Attempts = n
	return r, nil
}

// optimistic is tier 0: a copy without locks. Without a quiet moment to begin
// in there is no attempt, unless it is the last.
func (c *capture) optimistic(ctx context.Context, last bool) (*attempt, error) {
	a, settled, err := c.settle(ctx)
	if err != nil || !settled && !last {
		return nil, err
	}
	at, err := c.begin(a)
	if err != nil {
		return nil, err
	}
	if err := c.copyIn(ctx, at); err != nil {
		return at, err
	}
	call(during.read)
	if at.b, err = c.look(c.network); err != nil {
		return at, err
	}
	if at.why = c.proof(at); at.why == "" && !settled {
		at.why = Writing
	}
	if at.why == "" {
		err = c.confirm(ctx, at)
	}
	return at, err
}

// settle waits for a moment in which a copy may begin.
func (c *capture) settle(ctx context.Context) (*state, bool, error) {
	for {
		s, err := c.look(c.network)
		if err != nil {
			return nil, false, err
		}
		wait := s.unsettled()
		if wait == 0 {
			return s, true, nil
		}
		if c.o.Patience -= wait; c.o.Patience < 0 {
			return s, false, nil
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, false, err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// begin opens the database for one attempt.
func (c *capture) begin(a *state) (*attempt, error) {
	db, st, err := c.reach("", os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return &attempt{a: a, db: db, id: st.id}, nil
}

// copyIn does the reading that has to be done inside the window: the file,
// then the WAL. This order is what proof W rests on.
func (c *capture) copyIn(ctx context.Context, at *attempt) error {
	if err := c.copyDatabase(ctx, at); err != nil {
		return err
	}
	return c.readWAL(ctx, at, math.MaxUint32)
}

// copyDatabase clones the database's file, or copies it.
func (c *capture) copyDatabase(ctx context.Context, at *attempt) error {
	clone, err := newTemp(c.o.Dir)
	if err != nil {
		return err
	}
	if cloneFile(clone.File, at.db) {
		at.clone = clone
	} else {
		clone.Close()
		if err := c.copyFile(ctx, at); err != nil {
			return err
		}
	}
	call(during.copied)
	return nil
}

// copyFile copies the database's file, or its clone.
func (c *capture) copyFile(ctx context.Context, at *attempt) error {
	st, err := statOf(at.source())
	if err != nil {
		return err
	}
	n, _, err := c.blocks.pass(ctx, at.source(), st.size, true)
	at.copied = n
	c.read += n
	return err
}

// finish lays the WAL over the copy, and describes it. Nothing of the app's is
// looked at any more.
func (c *capture) finish(ctx context.Context, at *attempt) (*Result, error) {
	if at.clone != nil {
		if err := c.copyFile(ctx, at); err != nil {
			return nil, err
		}
	}
	r := &Result{Proven: at.why == "", Reason: at.why, Tier: at.tier, Network: c.network, Read: c.read, Size: at.copied}
	r.Class = at.a.class()
	if err := c.lay(ctx, at, r); err != nil {
		return nil, err
	}
	c.describe(r, at)
	if at.hot != nil {
		r.Class = RollbackHot
		r.Journal = at.hot.content()
	}
	return r, nil
}

// lay merges what the WAL holds, and cuts the target to its size.
func (c *capture) lay(ctx context.Context, at *attempt, r *Result) error {
	s := at.wal.scan
	if s == nil || !s.commits() || leaveOut.overlay {
		return c.t.Truncate(r.Size)
	}
	o := &overlay{t: c.t, prefix: c.prefix, scan: s, copied: at.copied}
	if at.clone != nil {
		if _, err := c.hold(at, &partners{o: o, held: map[int64]bool{}}); err != nil {
			return err
		}
	}
	r.Size = o.size()
	return o.lay(ctx)
}

// hold gives the blocks that pages share to the target. It says whether there
// were any.
func (c *capture) hold(at *attempt, p *partners) (bool, error) {
	list := p.missing()
	for _, b := range list {
		if err := c.blocks.hold(at.source(), b); err != nil {
			return true, err
		}
		c.read += BlockSize
	}
	return len(list) > 0, nil
}

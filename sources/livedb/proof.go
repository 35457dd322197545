package livedb

import (
	"context"
	"io"
	"os"
)

// proof says why a copy made without locks can't be proven, "" if it is. See
// the package comment for the three rules.
func (c *capture) proof(at *attempt) Reason {
	a, b, w := at.a, at.b, &at.wal
	if a.db.id != at.id || b.db.id != at.id {
		return Replaced
	}
	if leaveOut.generation || leaveOut.wal {
		return ""
	}
	if w.exists != b.wal.exists || w.exists && b.wal.stat.id != w.id || w.changed {
		return Writing
	}
	if w.scan != nil && c.sameGeneration(a, b, w) {
		if w.index != nil && w.index.salt == w.scan.salt && w.scan.frames < w.index.frames {
			return Damaged
		}
		return ""
	}
	if still(a, b, w.scan != nil) {
		return ""
	}
	return Writing
}

// sameGeneration is proof W or W0. A journal next to a WAL is of a change of
// mode that was cut off: neither holds then.
func (c *capture) sameGeneration(a, b *state, w *walRead) bool {
	switch {
	case a.hot || b.hot:
		return false
	case a.walOK:
		return a.wal.stat.id == w.id && a.walHead == w.head
	}
	return a.wal.exists && a.wal.stat.size == 0 && a.locks.live && a.index != nil && a.index.salt == w.scan.salt
}

// still is proof S: the file did not change at all. Without a WAL, nobody may
// be about to write it either.
func still(a, b *state, wal bool) bool {
	if a.db != b.db || a.page1 != b.page1 {
		return false
	}
	age := a.db.age(a.at)
	if wal {
		return age >= racy && !a.hot && !b.hot
	}
	return age >= max(a.quiet(), b.quiet()) && !(b.locks.writer() && b.hot)
}

// confirm does what some databases need besides the proof.
func (c *capture) confirm(ctx context.Context, at *attempt) error {
	if at.b.orphan() && at.wal.scan == nil {
		if err := c.journal(at); err != nil || at.why != "" {
			return err
		}
	}
	if c.network {
		return c.again(ctx, at)
	}
	return nil
}

// journal copies the journal of an app that died. Alone, neither it nor the
// database is whole.
func (c *capture) journal(at *attempt) error {
	j, st, err := c.beside(journalSuffix)
	if err != nil {
		return err
	}
	if j == nil {
		at.why = Writing
		return nil
	}
	defer j.Close()
	if namesSuper(j, st.size) {
		at.why = Attached
		return nil
	}
	if at.hot, err = newTemp(c.o.Dir); err != nil {
		return err
	}
	n, err := io.Copy(io.NewOffsetWriter(at.hot, 0), io.NewSectionReader(j, 0, st.size))
	c.read += n
	if err != nil {
		return err
	}
	now, err := c.look(c.network)
	if err != nil {
		return err
	}
	if now.orphan() && now.journal == at.b.journal && still(at.a, now, false) {
		return nil
	}
	at.why = Writing // somebody came back to life
	return nil
}

// again reads the file a second time, where times and locks prove little.
func (c *capture) again(ctx context.Context, at *attempt) error {
	if at.clone != nil {
		return nil
	}
	db, st, err := c.reach("", os.O_RDONLY) // not the same descriptor: it may have a cache of its own
	if err != nil {
		return err
	}
	defer db.Close()
	n, changed, err := c.blocks.pass(ctx, db, st.size, false)
	c.read += n
	if changed || n != at.copied || st.id != at.id {
		at.why = Writing
	}
	return err
}

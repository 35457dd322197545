package madeup

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
)

// Mode is a kind of checkpoint.
type Mode int

const (
	// Passive moves what no reader stands in the way of.
	Passive Mode = iota
	// Restart moves everything and waits for no reader: one that still looks
	// at the log makes it fail. The next transaction then begins the log anew.
	Restart
	// Truncate is Restart, and makes the log empty.
	Truncate
)

// Checkpoint moves pages from the log to the database. It returns an error
// wrapping [ErrBusy] if a lock of somebody else is in the way.
func (w *Writer) Checkpoint(mode Mode) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := locked(w.shm, exclusive, lockCheckpoint, 1, func() error {
		if mode == Passive {
			if err := w.moveAll(); !errors.Is(err, ErrBusy) {
				return err
			}
			return nil // later
		}
		return locked(w.shm, exclusive, lockWrite, 1, func() error { return w.startOver(mode) })
	})
	return w.named(err)
}

// startOver moves everything and makes sure that nobody looks at the log.
func (w *Writer) startOver(mode Mode) error {
	if err := w.moveAll(); err != nil {
		return err
	}
	if w.backfilled < uint32(len(w.log.pages)) {
		return ErrBusy
	}
	return locked(w.shm, exclusive, lockRead+1, readers-1, func() error {
		if mode != Truncate {
			return nil
		}
		if err := w.newLog(); err != nil {
			return err
		}
		return w.wal.Truncate(0)
	})
}

// restart begins the log anew before a transaction, if all of it is in the
// database and nobody else looks at it.
func (w *Writer) restart() error {
	if w.backfilled == 0 || w.backfilled < uint32(len(w.log.pages)) {
		return nil
	}
	err := locked(w.shm, exclusive, lockRead+1, readers-1, w.newLog)
	if errors.Is(err, ErrBusy) {
		return nil
	}
	return err
}

// newLog forgets the log. Its frames stay in the file until they are written
// over; the salts tell that they are old.
func (w *Writer) newLog() error {
	w.log.seq++
	w.log.restart(rand.Uint32())
	w.log.pages = w.log.pages[:0]
	if err := w.index.commit(&w.log.chain, 0, w.log.size); err != nil {
		return err
	}
	w.backfilled = 0
	return errors.Join(w.index.backfill(0), w.index.marks(0))
}

// moveAll copies what no reader needs the old page of.
func (w *Writer) moveAll() error {
	safe, err := w.safe()
	if err != nil || safe <= w.backfilled {
		return err
	}
	return locked(w.shm, exclusive, lockRead, 1, func() error { return w.move(safe) })
}

// safe returns up to which frame all readers look, and frees the slots that
// nobody uses.
func (w *Writer) safe() (uint32, error) {
	safe := uint32(len(w.log.pages))
	for slot := int64(1); slot < readers; slot++ {
		mark, err := w.index.marked(w.shm, slot)
		if err != nil {
			return 0, err
		}
		if mark >= safe {
			continue
		}
		unused := uint32(noMark)
		if slot == 1 {
			unused = safe
		}
		err = locked(w.shm, exclusive, lockRead+slot, 1, func() error { return w.index.mark(slot, unused) })
		if errors.Is(err, ErrBusy) {
			safe, err = mark, nil
		}
		if err != nil {
			return 0, err
		}
	}
	return safe, nil
}

// move copies the newest page of each among the frames up to safe, in the
// order of pages.
func (w *Writer) move(safe uint32) error {
	part := *w.log
	part.pages = part.pages[:safe]
	frames := part.newest()
	var p [pageSize]byte
	for _, n := range slices.Sorted(maps.Keys(frames)) {
		if frames[n] <= w.backfilled || n > w.log.size {
			continue
		}
		if _, err := w.wal.ReadAt(p[:], frameAt(frames[n])); err != nil {
			return err
		}
		if _, err := w.db.WriteAt(p[:], int64(n-1)*pageSize); err != nil {
			return err
		}
	}
	if safe == uint32(len(w.log.pages)) {
		if err := w.db.Truncate(int64(w.log.size) * pageSize); err != nil {
			return err
		}
	}
	w.backfilled = safe
	return w.index.backfill(safe)
}

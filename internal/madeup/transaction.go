package madeup

import "errors"

// transaction runs do with the locks of one that writes: first those of a
// reader, and if that one reads from the database alone, it is time to begin
// the log anew and to look at that.
func (w *Writer) transaction(do func() error) (err error) {
	var slot int64
	if w.backfilled == uint32(len(w.log.pages)) {
		err = lock(w.shm, shared, lockRead, 1)
	} else {
		slot, err = w.look()
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock(w.shm, unlocked, lockRead+slot, 1)) }()
	return locked(w.shm, exclusive, lockWrite, 1, func() error {
		if slot > 0 {
			return do()
		}
		if err := errors.Join(w.restart(), lock(w.shm, unlocked, lockRead, 1)); err != nil {
			return err
		}
		if slot, err = w.look(); err != nil {
			return err
		}
		return do()
	})
}

// look takes a slot of those who look at all of the log.
func (w *Writer) look() (slot int64, err error) {
	last := uint32(len(w.log.pages))
	for slot = 1; slot < readers; slot++ {
		mark, err := w.index.marked(w.shm, slot)
		if err == nil && mark != last {
			err = locked(w.shm, exclusive, lockRead+slot, 1, func() error { return w.index.mark(slot, last) })
		}
		if err == nil {
			err = lock(w.shm, shared, lockRead+slot, 1)
		}
		if !errors.Is(err, ErrBusy) {
			return slot, err
		}
	}
	return 0, ErrBusy
}

// commit appends a transaction to the log, then to the index.
func (w *Writer) commit(pages []page, size uint32) error {
	if len(w.log.pages) == 0 {
		if _, err := w.wal.WriteAt(w.log.header(w.log.seq), 0); err != nil {
			return err
		}
	}
	first := uint32(len(w.log.pages)) + 1
	for i, p := range pages {
		var end uint32
		if i == len(pages)-1 {
			end = size
		}
		frame := w.log.frame(p.n, end, p.data)
		if _, err := w.wal.WriteAt(frame, frameAt(first+uint32(i))-frameHeader); err != nil {
			return err
		}
		w.log.pages = append(w.log.pages, p.n)
	}
	state := w.states[len(w.states)-1]
	for i, p := range pages {
		if err := w.index.add(first+uint32(i), p.n); err != nil {
			return err
		}
		state = w.sums.set(state, p.n, p.data)
	}
	w.log.size = size
	w.states = append(w.states, w.sums.cut(state, size))
	return w.index.commit(&w.log.chain, uint32(len(w.log.pages)), size)
}

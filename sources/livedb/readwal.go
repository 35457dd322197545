package livedb

import (
	"context"
	"os"
)

// walRead is what was read of a WAL, after the database's file.
type walRead struct {
	exists  bool
	file    *os.File
	id      fileID
	head    rawHeader
	index   *walIndex // as it was before the frames were read
	scan    *scan     // nil if there is no valid header
	changed bool      // the header was another one after the frames were read
}

func (w *walRead) close() {
	if w.file != nil {
		w.file.Close()
	}
	if w.scan != nil && w.scan.spill != nil {
		w.scan.spill.Close()
	}
}

// readWAL reads the WAL, which may have come into being since the look before.
func (c *capture) readWAL(ctx context.Context, at *attempt, limit uint32) error {
	w := &at.wal
	if leaveOut.wal {
		return nil
	}
	if at.a.locks.live {
		if err := c.indexNow(w); err != nil {
			return err
		}
	}
	f, st, err := c.beside(walSuffix)
	if f == nil {
		return err
	}
	w.exists, w.file, w.id = true, f, st.id
	if err := c.beginScan(w); err != nil || w.scan == nil {
		return err
	}
	if err := c.readFrames(ctx, at, limit); err != nil {
		return err
	}
	// A restart writes the header first and then frames over the old ones. So
	// the end of the chain is the end of the WAL only if the header is still
	// the same.
	var now rawHeader
	p, err := c.start(f, 0, now[:])
	w.changed = len(p) < walHeaderSize || now != w.head
	return err
}

func (c *capture) indexNow(w *walRead) error {
	shm, _, err := c.beside(shmSuffix)
	if shm == nil {
		return err
	}
	defer shm.Close()
	w.index, err = c.readIndex(shm)
	return err
}

func (c *capture) beginScan(w *walRead) error {
	p, err := c.start(w.file, 0, w.head[:])
	if err != nil || len(p) < walHeaderSize {
		return err
	}
	h, ok := w.head.parse()
	if !ok {
		return nil
	}
	spill, err := newTemp(c.o.Dir)
	if err != nil {
		return err
	}
	w.scan = &scan{walHeader: h, wal: w.file, spill: spill, files: &c.files, sum: h.sum}
	return nil
}

// readFrames reads all frames up to the last commit. Where pages share blocks
// with others, those blocks are needed as they are in the database's file, and
// a checkpoint may write there until they were read. Its frames are in the WAL
// before, so the WAL is read on after every look into the file, until it asks
// for no more of that.
func (c *capture) readFrames(ctx context.Context, at *attempt, limit uint32) error {
	s := at.wal.scan
	p := &partners{o: &overlay{prefix: c.prefix, scan: s, copied: at.copied}, held: map[int64]bool{}}
	for {
		if err := s.more(ctx, limit); err != nil {
			return err
		}
		if at.clone != nil || !s.commits() {
			return nil // the clone stays as it is
		}
		again, err := c.hold(at, p)
		if err != nil || !again {
			return err
		}
	}
}

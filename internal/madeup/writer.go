package madeup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Writer plays the app that writes a database while it is copied: transaction
// after transaction, the way SQLite does in WAL mode, with its files, its
// locks and its order of writes. It is the only one who writes. A Writer is
// safe for concurrent use.
type Writer struct {
	mu           sync.Mutex
	path         string
	o            WriterOptions
	db, wal, shm *os.File
	script       script
	log          *walContent
	index        walIndex
	backfilled   uint32 // frames that are in the database
	sums         pageSums
	states       []State // after each transaction, from before the first
	busy         int
}

// WriterOptions tune a Writer.
type WriterOptions struct {
	// Seed is where pages come from that no recording has.
	Seed uint64
	// Checkpoint is after how many frames of the log Run tries a checkpoint;
	// 0 is never.
	Checkpoint int
	// BigEndian makes the checksums of a new log as a big-endian machine does.
	BigEndian bool
}

// NewWriter opens the made-up database at path, and goes on where its
// write-ahead log ends. If there is no database, it begins the one of the
// recording. What it writes depends on what the database is: the recording's
// goes on with the transactions that a real engine made, any other gets new
// pages of its own kind, see [Database].
//
// A database has to be read once for its state, at about 1 GB/s.
func NewWriter(path string, o WriterOptions) (_ *Writer, err error) {
	w := &Writer{path: path, o: o}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write database %s: %w", path, errors.Join(err, w.Close()))
		}
	}()
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := writeRecorded(path, 0); err != nil {
			return nil, err
		}
	}
	if err := w.open(); err != nil {
		return nil, err
	}
	if err := w.recover(); err != nil {
		return nil, err
	}
	// Not opened again: to close it would drop the locks where they belong to
	// this program.
	m := &merged{db: w.db, wal: w.wal, log: w.log}
	if err := m.measure(); err != nil {
		return nil, err
	}
	if w.sums, err = m.sums(); err != nil {
		return nil, err
	}
	w.states = []State{w.sums.state()}
	w.script, err = scriptOf(m, o.Seed, w.states[0])
	return w, err
}

// open opens the three files, and locks what every connection locks as long
// as it is open. The first to come makes the index new.
func (w *Writer) open() (err error) {
	for suffix, f := range map[string]**os.File{"": &w.db, "-wal": &w.wal, "-shm": &w.shm} {
		if *f, err = os.OpenFile(w.path+suffix, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
			return err
		}
	}
	if err := lock(w.db, shared, lockShared, lockSharedSize); err != nil {
		return err
	}
	err = lock(w.shm, exclusive, lockAlive, 1)
	if err == nil {
		err = w.shm.Truncate(3)
	}
	if err != nil && !errors.Is(err, ErrBusy) {
		return err
	}
	return lock(w.shm, shared, lockAlive, 1)
}

// recover reads the log and makes the index for it.
func (w *Writer) recover() (err error) {
	return locked(w.shm, exclusive, lockWrite, lockRead-lockWrite, func() error {
		if w.log, err = readWAL(w.wal); err != nil {
			return err
		}
		if len(w.log.pages) == 0 {
			w.log.salt = [2]uint32{uint32(w.o.Seed)*2 + 1, uint32(w.o.Seed >> 31)}
			w.log.big = w.o.BigEndian
		}
		w.index.f = w.shm
		if err := w.shm.Truncate(max(indexBlock, sizeOf(w.shm))); err != nil {
			return err
		}
		return w.index.fill(w.log, 0)
	})
}

func sizeOf(f *os.File) int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// Close lets go of the database and leaves log and index as they are, as
// WeChat's engine does, and as any app that is killed.
func (w *Writer) Close() (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range []*os.File{w.shm, w.wal, w.db} { // the last lock to go is the database's
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}

// Step plays the next transaction. It returns an error wrapping [ErrBusy] if
// a lock of somebody else is in the way; then nothing was done.
func (w *Writer) Step() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.transaction(func() error {
		pages, size, err := w.script.next()
		if err != nil {
			return err
		}
		return w.commit(pages, size)
	})
	return w.counted(err)
}

// counted notes that a lock was in the way of a transaction.
func (w *Writer) counted(err error) error {
	if errors.Is(err, ErrBusy) {
		w.busy++
	}
	return w.named(err)
}

func (w *Writer) named(err error) error {
	if err != nil {
		return fmt.Errorf("write database %s: %w", w.path, err)
	}
	return nil
}

// Run plays transactions with pauses between, and checkpoints as the options
// say, until ctx ends; a pause of 0 is as fast as it goes. Locks that are in
// the way are counted and the call is made again, as apps do.
func (w *Writer) Run(ctx context.Context, between time.Duration) error {
	for ; ctx.Err() == nil; pause(ctx, between) {
		err := w.Step()
		if err == nil && w.due() {
			err = w.Checkpoint(Passive)
		}
		if err != nil && !errors.Is(err, ErrBusy) {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// due reports whether the log is long enough for a checkpoint.
func (w *Writer) due() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.o.Checkpoint > 0 && len(w.log.pages) >= w.o.Checkpoint
}

// Committed returns how many transactions were played.
func (w *Writer) Committed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.states) - 1
}

// Busy returns how often somebody else's lock was in the way of a transaction.
// Checkpoints that somebody else's put off don't count: an app tries again.
func (w *Writer) Busy() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.busy
}

// State returns what the database holds after n transactions; 0 is what
// NewWriter found.
func (w *Writer) State(n int) State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.states[n]
}

// Find returns after how many transactions the database held what the copy at
// path does, as of the newest such moment, or an error if it never did.
func (w *Writer) Find(path string) (int, error) {
	state, err := StateOf(path)
	if err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := len(w.states) - 1; n >= 0; n-- {
		if w.states[n] == state {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s is the database as of none of %d transactions", path, len(w.states)-1)
}

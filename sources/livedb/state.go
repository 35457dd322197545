package livedb

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// lockState is which locks others hold.
type lockState struct {
	known     bool // could be asked
	pending   bool // somebody waits for EXCLUSIVE, or has it
	reserved  bool // somebody is in a write transaction of rollback mode
	exclusive bool // somebody is writing the database file, or has it for itself
	live      bool // somebody has the database open in WAL mode
}

// writer says whether the database file may be written at this moment in
// rollback mode.
func (l lockState) writer() bool { return l.pending || l.exclusive }

// side is a file beside the database.
type side struct {
	exists bool
	stat   stat
}

// state is what can be seen of a database without reading it. The order in
// which it is looked at matters to the proofs: locks, journal, wal-index, WAL,
// page 1, times.
type state struct {
	at      time.Time // when the look began
	locks   lockState
	journal side
	hot     bool      // the journal's header is valid: it is hot unless its writer lives
	index   *walIndex // nil if not valid
	wal     side
	walHead rawHeader
	walOK   bool // walHead is a valid header
	page1   [BlockSize]byte
	db      stat
}

// look takes a state.
func (s *files) look(network bool) (*state, error) {
	st := &state{at: time.Now()}
	db, _, err := s.reach("", os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for _, step := range []func() error{
		func() error { return s.lookIndex(st, db, network) },
		func() error { return s.lookJournal(st) },
		func() error { return s.lookWAL(st) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if _, err := s.start(db, s.prefix, st.page1[:]); err != nil {
		return nil, err
	}
	st.db, err = statOf(db)
	return st, err
}

// lookIndex asks for locks and reads the wal-index. A -shm that can't be read
// is as good as none: it only makes proofs stronger.
func (s *files) lookIndex(st *state, db *os.File, network bool) error {
	shm, _, err := s.beside(shmSuffix)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if shm != nil {
		defer shm.Close()
	}
	if !network {
		if st.locks, err = probe(db, shm); err != nil {
			return err
		}
	}
	if shm != nil {
		st.index, err = s.readIndex(shm)
	}
	return err
}

// readIndex reads the wal-index header, again for a while if somebody is
// changing it. It is read, not mapped: the app may cut the file at any time.
func (s *files) readIndex(shm *os.File) (*walIndex, error) {
	for range 50 {
		var buf [indexSize]byte
		p, err := s.start(shm, 0, buf[:])
		if err != nil {
			return nil, err
		}
		if x, ok := parseIndex(p); ok {
			return &x, nil
		}
		if len(p) < indexSize {
			return nil, nil
		}
		time.Sleep(50 * time.Microsecond)
	}
	return nil, nil
}

func (s *files) lookJournal(st *state) error {
	f, info, err := s.beside(journalSuffix)
	if f == nil {
		return err
	}
	defer f.Close()
	var buf [journalHeaderSize]byte
	p, err := s.start(f, 0, buf[:])
	st.journal, st.hot = side{true, info}, validJournal(p)
	return err
}

func (s *files) lookWAL(st *state) error {
	f, info, err := s.beside(walSuffix)
	if f == nil {
		return err
	}
	defer f.Close()
	p, err := s.start(f, 0, st.walHead[:])
	if err != nil {
		return err
	}
	st.wal = side{true, info}
	if len(p) == walHeaderSize {
		_, st.walOK = st.walHead.parse()
	}
	return nil
}

// class names the state.
func (s *state) class() Class {
	switch {
	case s.locks.live:
		return WAL
	case s.walOK && s.locks.exclusive:
		return WALExclusive
	case s.walOK:
		return WALClosed
	case s.orphan():
		return RollbackHot
	case s.locks.exclusive:
		return RollbackExclusive
	}
	return Rollback
}

// orphan says whether there is a journal whose writer is dead, or can't be
// asked for: then it belongs to the copy.
func (s *state) orphan() bool { return s.hot && !s.locks.reserved && !s.locks.writer() }

// quiet is for how long nothing must have been written before the times can
// prove anything. Where a connection has the database for itself, or locks
// can't be asked for, a pause within a transaction can't be told from its end.
func (s *state) quiet() time.Duration {
	if s.locks.writer() || !s.locks.known {
		return time.Second
	}
	return racy
}

// unsettled is how long to wait before a copy that only the times can prove, 0
// if it may begin.
func (s *state) unsettled() time.Duration {
	const poll = 3 * time.Millisecond
	age := s.db.age(s.at)
	switch {
	case s.walOK:
		return 0
	case s.locks.writer() && s.hot:
		return poll // it is about to be written, or is being written
	case age >= s.quiet():
		return 0
	case s.locks.writer():
		return poll // most give the lock back at once
	}
	return s.quiet() - age
}

package madeup

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
)

// State tells what a database holds: its pages, with those that stand in its
// write-ahead log. Two databases have the same state if a reader, and a
// checkpoint, would see the same bytes in them.
type State [sha256.Size]byte

// StateOf returns the state of the database at path, together with the log
// next to it if there is one. Nobody may be writing it.
func StateOf(path string) (State, error) {
	m, err := openMerged(path)
	if err != nil {
		return State{}, fmt.Errorf("look at database %s: %w", path, err)
	}
	defer m.Close()
	sums, err := m.sums()
	if err != nil {
		return State{}, fmt.Errorf("look at database %s: %w", path, err)
	}
	return sums.state(), nil
}

// pageSums has the sum of every page, the first one at 0.
type pageSums []State

func sumOf(n uint32, page []byte) State {
	h := sha256.New()
	h.Write(words(n))
	h.Write(page)
	return State(h.Sum(nil))
}

// state puts the sums together so that one page's can be taken out again.
func (s pageSums) state() (all State) {
	for _, sum := range s {
		all.toggle(sum)
	}
	return all
}

func (s *State) toggle(sum State) {
	for i := range s {
		s[i] ^= sum[i]
	}
}

// set puts the sum of page n in, and returns what becomes of the state.
func (s *pageSums) set(all State, n uint32, page []byte) State {
	for uint32(len(*s)) < n { // pages between are set by the same transaction
		*s = append(*s, State{})
	}
	all.toggle((*s)[n-1])
	(*s)[n-1] = sumOf(n, page)
	all.toggle((*s)[n-1])
	return all
}

// cut makes the database so many pages long.
func (s *pageSums) cut(all State, size uint32) State {
	for uint32(len(*s)) > size {
		last := len(*s) - 1
		all.toggle((*s)[last])
		*s = (*s)[:last]
	}
	return all
}

// merged is a database as its readers see it.
type merged struct {
	db, wal *os.File // wal is nil if there is none
	log     *walContent
	newest  map[uint32]uint32
	size    uint32 // pages
}

func openMerged(path string) (m *merged, err error) {
	m = &merged{log: &walContent{}}
	if m.db, err = os.Open(path); err != nil {
		return nil, err
	}
	m.wal, err = os.Open(path + "-wal")
	switch {
	case err == nil:
		m.log, err = readWAL(m.wal)
	case errors.Is(err, os.ErrNotExist):
		m.wal, err = nil, nil
	}
	if err == nil {
		err = m.measure()
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *merged) measure() error {
	m.newest, m.size = m.log.newest(), m.log.size
	if m.size > 0 {
		return nil
	}
	info, err := m.db.Stat()
	if err != nil {
		return err
	}
	if info.Size()%pageSize != 0 {
		return fmt.Errorf("%d bytes are no whole pages", info.Size())
	}
	m.size = uint32(info.Size() / pageSize)
	return nil
}

// page reads page n, from 1.
func (m *merged) page(p []byte, n uint32) error {
	if frame := m.newest[n]; frame > 0 {
		_, err := m.wal.ReadAt(p, frameAt(frame))
		return err
	}
	_, err := m.db.ReadAt(p, int64(n-1)*pageSize)
	if errors.Is(err, io.EOF) && n == lockPage { // the log goes on behind it, and never has it
		clear(p)
		return nil
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("page %d of %d is missing", n, m.size)
	}
	return err
}

// bytes returns the whole database.
func (m *merged) bytes() ([]byte, error) {
	b := make([]byte, int64(m.size)*pageSize)
	for n := range m.size {
		if err := m.page(b[int64(n)*pageSize:][:pageSize], n+1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (m *merged) sums() (pageSums, error) {
	sums := make(pageSums, m.size)
	return sums, each(int(m.size), func(i int) error {
		var p [pageSize]byte
		if err := m.page(p[:], uint32(i)+1); err != nil {
			return err
		}
		sums[i] = sumOf(uint32(i)+1, p[:])
		return nil
	})
}

func (m *merged) Close() error {
	err := m.db.Close()
	if m.wal != nil {
		err = errors.Join(err, m.wal.Close())
	}
	return err
}

package livedb

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// memory is a Target that holds its callers to their part of the promises.
type memory struct {
	data    []byte
	held    map[int64]bool
	writes  int    // blocks written
	onWrite func() // called for each write
	fail    error
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	if m.onWrite != nil {
		m.onWrite()
	}
	if err := m.set(p, off); err != nil {
		return 0, err
	}
	for b := off / BlockSize; b*BlockSize < off+int64(len(p)); b++ {
		delete(m.held, b)
	}
	return len(p), nil
}

func (m *memory) set(p []byte, off int64) error {
	end := off + int64(len(p))
	switch {
	case m.fail != nil:
		return m.fail
	case len(p) == 0:
		return fmt.Errorf("empty write at %d", off)
	case off%BlockSize != 0:
		return fmt.Errorf("write at %d, which is no block", off)
	case len(p)%BlockSize != 0:
		return fmt.Errorf("%d bytes at %d are no blocks", len(p), off)
	}
	if n := end - int64(len(m.data)); n > 0 {
		m.data = append(m.data, make([]byte, n)...)
	}
	copy(m.data[off:], p)
	m.writes += (len(p) + BlockSize - 1) / BlockSize
	return nil
}

func (m *memory) Hold(p []byte, off int64) error {
	if err := m.set(p, off); err != nil {
		return err
	}
	if m.held == nil {
		m.held = map[int64]bool{}
	}
	for b := off / BlockSize; b*BlockSize < off+int64(len(p)); b++ {
		m.held[b] = true
	}
	return nil
}

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if off%BlockSize != 0 || len(p) != BlockSize || !m.held[off/BlockSize] {
		return 0, fmt.Errorf("read of %d bytes at %d, which are not held", len(p), off)
	}
	return copy(p, m.data[off:]), nil
}

func (m *memory) Truncate(size int64) error {
	if n := size - int64(len(m.data)); n > 0 {
		m.data = append(m.data, make([]byte, n)...)
	}
	m.data = m.data[:size]
	return nil
}

// save writes the copy to a new file.
func (m *memory) save(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, m.data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

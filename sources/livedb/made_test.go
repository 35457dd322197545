package livedb

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// madeWAL writes a WAL by hand.
type madeWAL struct {
	header walHeader
	sum    sum
	bytes.Buffer
}

func newWAL(pageSize int, big bool, salt uint64) *madeWAL {
	w := &madeWAL{}
	head := make([]byte, walHeaderSize)
	magic := uint32(0x377f0682)
	if big {
		magic++
	}
	binary.BigEndian.PutUint32(head, magic)
	binary.BigEndian.PutUint32(head[4:], walVersion)
	binary.BigEndian.PutUint32(head[8:], uint32(pageSize))
	binary.BigEndian.PutUint64(head[16:], salt)
	w.sum = sum{}.add(head[:24], big)
	putSum(head[24:], w.sum)
	w.Write(head)
	w.header, _ = (*rawHeader)(head).parse()
	return w
}

func putSum(p []byte, s sum) {
	binary.BigEndian.PutUint32(p, s[0])
	binary.BigEndian.PutUint32(p[4:], s[1])
}

// frame adds a page filled with one byte. pages is not 0 for a commit.
func (w *madeWAL) frame(pgno, pages uint32, fill byte) *madeWAL {
	f := make([]byte, w.header.frameSize())
	binary.BigEndian.PutUint32(f, pgno)
	binary.BigEndian.PutUint32(f[4:], pages)
	copy(f[8:], w.header.salt[:])
	for i := frameHeaderSize; i < len(f); i++ {
		f[i] = fill
	}
	w.sum = w.sum.add(f[:8], w.header.big).add(f[frameHeaderSize:], w.header.big)
	putSum(f[16:], w.sum)
	w.Write(f)
	return w
}

// folder is a folder with a database that nobody has open.
type folder struct {
	t    testing.TB
	path string
}

func newFolder(t testing.TB) *folder { return &folder{t, filepath.Join(t.TempDir(), "a.db")} }

// put writes a file beside the database, or itself, old enough to be trusted.
func (f *folder) put(suffix string, content []byte) {
	f.t.Helper()
	if err := os.WriteFile(f.path+suffix, content, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// capture copies the database.
func (f *folder) capture(m *memory, o Options) *Result {
	f.t.Helper()
	if o.Dir == "" {
		o.Dir = f.t.TempDir()
	}
	r, err := Capture(context.Background(), f.path, m, o)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// pages makes the bytes of a file of pages, each filled with one byte.
func pages(size int, fill ...byte) []byte {
	var out []byte
	for _, b := range fill {
		out = append(out, bytes.Repeat([]byte{b}, size)...)
	}
	return out
}

package snapshot

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/repo/format"
)

// pullList is the list of what pull has put into the folder of a source, in tree
// order. It is written as a whole and only read after that; its last 32 bytes
// are the SHA-256 of all before.
type pullList struct {
	path  string
	size  int64  // without the sum; 0 if there is none
	sum   string // of all of it; empty if there is none
	count int
	logs  map[string]pullRecord // those of names like a database's logs
}

const pullListHead = "chatkeep pull list 1\n"

// maxRecord bounds the memory of whoever reads a list.
const maxRecord = 4 << 20

// openPullList opens a list and proves it. One that is missing or damaged is
// empty: then files are proven by what they hold.
func openPullList(path string) (*pullList, error) {
	l := &pullList{path: path, logs: map[string]pullRecord{}}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was pulled: %w", err)
	}
	defer f.Close()
	whole, err := l.prove(f)
	if err != nil {
		return nil, fmt.Errorf("read what was pulled: %w", err)
	}
	if !whole {
		return &pullList{path: path, logs: map[string]pullRecord{}}, nil
	}
	return l, nil
}

// prove reads everything once.
func (l *pullList) prove(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	size := info.Size() - sha256.Size
	if size < int64(len(pullListHead)) {
		return false, nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, size)); err != nil {
		return false, err
	}
	end := make([]byte, sha256.Size)
	if _, err := f.ReadAt(end, size); err != nil {
		return false, err
	}
	if !bytes.Equal(end, sum.Sum(nil)) {
		return false, nil
	}
	l.size, l.sum = size, hex.EncodeToString(end)
	r, err := l.open()
	if err != nil {
		return false, err
	}
	defer r.close()
	for rec := r.next(); rec != nil; rec = r.next() {
		l.count++
		if isLog(rec.entry.Path) {
			l.logs[rec.entry.Path] = *rec
		}
	}
	return r.err == nil, nil
}

// open starts reading the records.
func (l *pullList) open() (*pullListReader, error) {
	if l.size == 0 {
		return &pullListReader{}, nil
	}
	f, err := os.Open(l.path)
	if err != nil {
		return nil, fmt.Errorf("read what was pulled: %w", err)
	}
	r := &pullListReader{file: f, in: bufio.NewReaderSize(io.NewSectionReader(f, 0, l.size), 64<<10)}
	head := make([]byte, len(pullListHead))
	if _, err := io.ReadFull(r.in, head); err != nil || string(head) != pullListHead {
		r.err = format.ErrMalformed
	}
	return r, nil
}

// pullListReader reads records in order.
type pullListReader struct {
	file *os.File
	in   *bufio.Reader
	err  error
	now  *pullRecord // the next one, once peek was called
}

// peek returns the next record without going on, nil at the end.
func (r *pullListReader) peek() *pullRecord {
	if r.now == nil {
		r.now = r.read()
	}
	return r.now
}

func (r *pullListReader) next() *pullRecord {
	rec := r.peek()
	r.now = nil
	return rec
}

func (r *pullListReader) read() *pullRecord {
	if r.in == nil || r.err != nil {
		return nil
	}
	n, err := binary.ReadUvarint(r.in)
	if err == io.EOF {
		return nil
	}
	if err == nil && n > maxRecord {
		err = format.ErrMalformed
	}
	if err != nil {
		r.err = err
		return nil
	}
	b := make([]byte, n)
	if _, r.err = io.ReadFull(r.in, b); r.err != nil {
		return nil
	}
	rec, err := decodeRecord(b)
	if err != nil {
		r.err = err
		return nil
	}
	return &rec
}

// close ends reading, and says whether all of it could be read.
func (r *pullListReader) close() error {
	err := r.err
	if r.file != nil {
		err = errors.Join(err, r.file.Close())
	}
	if err != nil {
		return fmt.Errorf("read what was pulled: %w", err)
	}
	return nil
}

// pullListWriter writes a new list. Records come in tree order.
type pullListWriter struct {
	file *durable.File
	out  *bufio.Writer
	sum  hash.Hash
}

func newPullListWriter(path string) (*pullListWriter, error) {
	f, err := durable.Create(path, 0o600)
	if err != nil {
		return nil, err
	}
	w := &pullListWriter{file: f, sum: sha256.New()}
	w.out = bufio.NewWriterSize(io.MultiWriter(f, w.sum), 64<<10)
	_, err = w.out.WriteString(pullListHead)
	return w, err
}

func (w *pullListWriter) add(r *pullRecord) error {
	b := r.encode()
	if _, err := w.out.Write(binary.AppendUvarint(nil, uint64(len(b)))); err != nil {
		return err
	}
	_, err := w.out.Write(b)
	return err
}

// commit ends the list and gives it its name.
func (w *pullListWriter) commit() error {
	if err := w.out.Flush(); err != nil {
		return err
	}
	if _, err := w.file.Write(w.sum.Sum(nil)); err != nil {
		return err
	}
	return w.file.Commit()
}

func (w *pullListWriter) abort() { w.file.Abort() }

package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sort"
	"sync"
)

// Run is an open run. Its methods may be called by any number of goroutines
// at once, but not during or after Close.
type Run struct {
	path    string
	file    *os.File
	bits    int
	buckets []bucket
	packs   [][32]byte
}

// OpenRun opens the run at path and reads its tables: up to half a byte
// per entry and 32 bytes per pack stay in memory. It returns [ErrDamaged] if the
// length or a checksum of header, tables or footer is wrong, or if another
// version of chatkeep wrote it. Records are checked when they are read, all of
// them by [Run.Check].
func OpenRun(path string) (*Run, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := &Run{path: path, file: file}
	if err := r.load(); err != nil {
		file.Close()
		return nil, err
	}
	return r, nil
}

// Close closes the file. The Run must not be used after it.
func (r *Run) Close() error { return r.file.Close() }

// Path returns the name the run was opened by.
func (r *Run) Path() string { return r.path }

// Len returns the number of entries.
func (r *Run) Len() int { return int(r.buckets[len(r.buckets)-1].end) }

// Packs returns the pack table: Entry.Pack is a place in it. The caller must
// not change it.
func (r *Run) Packs() [][32]byte { return r.packs }

func (r *Run) load() error {
	f, err := r.readFooter()
	if err != nil {
		return err
	}
	tables := make([]byte, f.tableSize())
	if err := r.readAt(tables, headerSize+int64(f.entries)*recordSize); err != nil {
		return err
	}
	if checksum(tables) != f.tables {
		return damaged(r.path, "checksum of the tables")
	}
	r.bits = int(f.bits)
	return r.parseTables(tables, &f)
}

// readFooter reads header and footer and checks the length of the file.
func (r *Run) readFooter() (f footer, err error) {
	info, err := r.file.Stat()
	if err != nil {
		return f, err
	}
	if info.Size() < headerSize+footerSize {
		return f, damaged(r.path, "too short")
	}
	var p [headerSize + footerSize]byte
	if err := r.readAt(p[:headerSize], 0); err != nil {
		return f, err
	}
	if err := r.readAt(p[headerSize:], info.Size()-footerSize); err != nil {
		return f, err
	}
	f, ok := parseFooter(p[headerSize:])
	if !ok || !bytes.Equal(p[:headerSize], appendHeader(nil)) {
		return f, damaged(r.path, "header or footer")
	}
	if f.size() != info.Size() {
		return f, damaged(r.path, "length of the file")
	}
	return f, nil
}

func (r *Run) parseTables(tables []byte, f *footer) error {
	r.buckets = make([]bucket, 1<<f.bits)
	last := uint32(0)
	for i := range r.buckets {
		b := bucket{end: binary.LittleEndian.Uint32(tables), sum: binary.LittleEndian.Uint32(tables[4:])}
		if b.end < last || b.end > f.entries {
			return damaged(r.path, "order of the buckets")
		}
		r.buckets[i], last = b, b.end
		tables = tables[bucketSize:]
	}
	if last != f.entries {
		return damaged(r.path, "number of entries")
	}
	r.packs = make([][32]byte, f.packs)
	for i := range r.packs {
		r.packs[i] = [32]byte(tables[i*packSize:])
	}
	return nil
}

// Lookup returns the entry of a chunk and the name of its pack; ok is false
// if the run has none. It costs one read of about 1 KiB and returns
// [ErrDamaged] if what it read is not what was written.
func (r *Run) Lookup(id [32]byte) (e Entry, pack [32]byte, ok bool, err error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	records, err := r.bucket(bucketOf(&id, r.bits), buf)
	if err != nil {
		return Entry{}, pack, false, err
	}
	n := len(records) / recordSize
	i := sort.Search(n, func(i int) bool {
		return bytes.Compare(records[i*recordSize:][:32], id[:]) >= 0
	})
	if i == n || [32]byte(records[i*recordSize:]) != id {
		return Entry{}, pack, false, nil
	}
	e = parseRecord(records[i*recordSize:])
	if int(e.Pack) >= len(r.packs) {
		return Entry{}, pack, false, damaged(r.path, "pack number")
	}
	return e, r.packs[e.Pack], true, nil
}

// buffers are for one bucket each.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// bucket reads the records of bucket b into buf, which grows as needed, and
// checks them.
func (r *Run) bucket(b int, buf *[]byte) ([]byte, error) {
	start := uint32(0)
	if b > 0 {
		start = r.buckets[b-1].end
	}
	size := int(r.buckets[b].end-start) * recordSize
	if cap(*buf) < size {
		*buf = make([]byte, size+size/2)
	}
	records := (*buf)[:size]
	if size == 0 {
		return records, nil
	}
	if err := r.readAt(records, headerSize+int64(start)*recordSize); err != nil {
		return nil, err
	}
	if checksum(records) != r.buckets[b].sum {
		return nil, damaged(r.path, "checksum of the records")
	}
	return records, nil
}

// readAt fills p from offset. A file that ends before is damaged.
func (r *Run) readAt(p []byte, offset int64) error {
	_, err := r.file.ReadAt(p, offset)
	if errors.Is(err, io.EOF) {
		return damaged(r.path, "cut short")
	}
	return err
}

// All calls fn with every entry by ascending id, reading every record once. An
// error of fn ends it and is returned as it is.
func (r *Run) All(fn func(Entry) error) error {
	c := cursor{run: r}
	for {
		ok, err := c.next()
		if err != nil || !ok {
			return err
		}
		if err := fn(c.entry); err != nil {
			return err
		}
	}
}

// Check reads the whole run and returns [ErrDamaged] if a checksum, the order
// or a pack number is wrong.
func (r *Run) Check() error {
	return r.All(func(Entry) error { return nil })
}

// cursor walks over a run in the order of ids.
type cursor struct {
	run    *Run
	entry  Entry // the current one, after next
	bucket int   // to be read next
	buf    []byte
	rest   []byte // records of the current bucket that are still to come
	begun  bool
}

// next moves to the next entry. It returns false at the end.
func (c *cursor) next() (bool, error) {
	for len(c.rest) == 0 {
		if c.bucket == len(c.run.buckets) {
			return false, nil
		}
		var err error
		if c.rest, err = c.run.bucket(c.bucket, &c.buf); err != nil {
			return false, err
		}
		c.bucket++
	}
	e := parseRecord(c.rest)
	c.rest = c.rest[recordSize:]
	if why := c.wrong(&e); why != "" {
		return false, damaged(c.run.path, why)
	}
	c.entry, c.begun = e, true
	return true, nil
}

// wrong says what is wrong with e as the next entry, or "".
func (c *cursor) wrong(e *Entry) string {
	switch {
	case bucketOf(&e.ID, c.run.bits) != c.bucket-1:
		return "record in the wrong bucket"
	case c.begun && bytes.Compare(c.entry.ID[:], e.ID[:]) >= 0:
		return "order of the records"
	case int(e.Pack) >= len(c.run.packs):
		return "pack number"
	}
	return ""
}

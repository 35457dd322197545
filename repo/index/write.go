package index

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/chatkeep/chatkeep/internal/durable"
)

// WriteRun writes a run to path, replacing what was there. When it returns nil
// the run is on the disk; before that, nothing is visible under path. It sorts
// entries in place. Of several entries with one id, the one with the highest
// pack number and then offset is kept.
//
// packs are the names that Entry.Pack counts in; a number beyond them is an
// error. path must not be a run that is open (Windows refuses to replace it).
func WriteRun(path string, packs [][32]byte, entries []Entry) error {
	slices.SortFunc(entries, compare)
	w, err := createRun(path, uint64(len(entries)))
	if err != nil {
		return err
	}
	defer w.abort()
	for i := range entries {
		if i+1 < len(entries) && entries[i].ID == entries[i+1].ID {
			continue
		}
		if err := w.add(&entries[i]); err != nil {
			return err
		}
	}
	return w.commit(packs)
}

// runWriter writes a run from start to end.
type runWriter struct {
	path    string
	file    *durable.File
	out     *bufio.Writer
	bits    int
	buckets []bucket
	current int    // bucket that is being filled
	entries uint32 // written so far
	packs   uint32 // highest pack number seen, plus one
	record  [recordSize]byte
}

// createRun starts a run of at most n entries.
func createRun(path string, n uint64) (*runWriter, error) {
	if n > maxEntries {
		return nil, fmt.Errorf("write %s: %d entries are too many for one run", path, n)
	}
	file, err := durable.Create(path, 0o600)
	if err != nil {
		return nil, err
	}
	w := &runWriter{path: path, file: file, out: bufio.NewWriterSize(file, 256<<10), bits: bucketBits(n)}
	w.buckets = make([]bucket, 1<<w.bits)
	w.out.Write(appendHeader(nil)) // an error stays in out until commit
	return w, nil
}

// add writes an entry. Its id must be above that of the entry before.
func (w *runWriter) add(e *Entry) error {
	if e.Pack >= maxPacks {
		return fmt.Errorf("write %s: pack number %d is too high", w.path, e.Pack)
	}
	w.advance(bucketOf(&e.ID, w.bits))
	record := appendRecord(w.record[:0], e)
	b := &w.buckets[w.current]
	b.sum = crc32.Update(b.sum, castagnoli, record)
	w.entries++
	w.packs = max(w.packs, e.Pack+1)
	_, err := w.out.Write(record)
	return err
}

// advance ends buckets until to is the one being filled.
func (w *runWriter) advance(to int) {
	for w.current < to {
		w.buckets[w.current].end = w.entries
		w.current++
	}
}

// commit writes the tables and the footer and gives the run its name.
func (w *runWriter) commit(packs [][32]byte) error {
	if len(packs) > maxPacks || w.packs > uint32(len(packs)) {
		return fmt.Errorf("write %s: pack number %d with a table of %d packs", w.path, int64(w.packs)-1, len(packs))
	}
	w.advance(len(w.buckets) - 1)
	w.buckets[w.current].end = w.entries
	f := footer{bits: uint32(w.bits), entries: w.entries, packs: uint32(len(packs))}
	tables := make([]byte, 0, f.tableSize()+footerSize)
	for _, b := range w.buckets {
		tables = binary.LittleEndian.AppendUint32(tables, b.end)
		tables = binary.LittleEndian.AppendUint32(tables, b.sum)
	}
	for i := range packs {
		tables = append(tables, packs[i][:]...)
	}
	f.tables = checksum(tables)
	w.out.Write(appendFooter(tables, &f))
	if err := w.out.Flush(); err != nil {
		return err
	}
	return w.file.Commit()
}

// abort drops the run, unless it is committed.
func (w *runWriter) abort() { w.file.Abort() }

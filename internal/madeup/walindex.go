package madeup

import (
	"encoding/binary"
	"io"
)

// This file is SQLite's wal-index, the -shm file, https://www.sqlite.org/walformat.html:
// two equal headers, how far checkpoints got, what readers look at, lock
// bytes, and a hash table from pages to frames. Its numbers are in the
// machine's byte order.

const (
	indexHeader = 48 // twice
	atBackfill  = 2 * indexHeader
	atMarks     = atBackfill + 4
	indexFixed  = 136          // the hash tables begin here
	indexBlock  = 32 << 10     // 4096 page numbers, then 8192 slots
	noMark      = 1<<32 - 1    // of a reader's slot that is not used
	readers     = 5            // slots for what readers look at
	slots       = 8192         // of a block
	slotsAt     = 4096 * 4     // in a block
	firstBlock  = 4096 - 136/4 // page numbers in block 0, which has the headers too
)

// walIndex writes the index.
type walIndex struct {
	f      io.WriterAt
	change uint32
	block  [indexBlock]byte // the one that grows
}

// commit makes the log's frames up to last known: both headers, the second
// one first, as a reader reads them the other way round.
func (x *walIndex) commit(c *chain, last, size uint32) error {
	x.change++
	ne := binary.NativeEndian
	b := make([]byte, indexHeader)
	ne.PutUint32(b, walVersion)
	ne.PutUint32(b[8:], x.change)
	b[12] = 1 // initialized
	if c.big {
		b[13] = 1
	}
	ne.PutUint16(b[14:], pageSize)
	for i, n := range []uint32{last, size, c.sum[0], c.sum[1]} {
		ne.PutUint32(b[16+4*i:], n)
	}
	copy(b[32:], words(c.salt[0], c.salt[1])) // as they are in the log
	sum := checksum(ne, [2]uint32{}, b[:40])
	ne.PutUint32(b[40:], sum[0])
	ne.PutUint32(b[44:], sum[1])
	if _, err := x.f.WriteAt(b, indexHeader); err != nil {
		return err
	}
	_, err := x.f.WriteAt(b, 0)
	return err
}

// add enters a frame, counted from 1, in the hash table. Frames come in order.
func (x *walIndex) add(frame, page uint32) error {
	block, first := int64(0), uint32(indexFixed/4) // the first page number's place, in words
	entry := frame                                 // in its block, from 1
	if frame > firstBlock {
		block, first = 1+int64(frame-firstBlock-1)/4096, 0
		entry = (frame-firstBlock-1)%4096 + 1
	}
	if entry == 1 {
		clear(x.block[:])
		if _, err := x.f.WriteAt(x.block[first*4:], block*indexBlock+int64(first*4)); err != nil {
			return err
		}
	}
	slot := page * 383 % slots
	for x.slot(slot) != 0 {
		slot = (slot + 1) % slots
	}
	ne := binary.NativeEndian
	number, taken := (first+entry-1)*4, slotsAt+slot*2
	ne.PutUint32(x.block[number:], page)
	ne.PutUint16(x.block[taken:], uint16(entry))
	if _, err := x.f.WriteAt(x.block[number:number+4], block*indexBlock+int64(number)); err != nil {
		return err
	}
	_, err := x.f.WriteAt(x.block[taken:taken+2], block*indexBlock+int64(taken))
	return err
}

func (x *walIndex) slot(n uint32) uint16 { return binary.NativeEndian.Uint16(x.block[slotsAt+n*2:]) }

// backfill says how many frames are in the database. What was tried and not
// finished, four bytes from 128 on, is never written: only engines with
// snapshots read it, and its first byte is locked.
func (x *walIndex) backfill(frames uint32) error { return x.put(atBackfill, frames) }

// mark sets the frame that the readers of a slot look up to.
func (x *walIndex) mark(slot int64, frame uint32) error { return x.put(atMarks+4*slot, frame) }

// marked reads it, as other connections set it too.
func (x *walIndex) marked(f io.ReaderAt, slot int64) (uint32, error) {
	var b [4]byte
	_, err := f.ReadAt(b[:], atMarks+4*slot)
	return binary.NativeEndian.Uint32(b[:]), err
}

// marks frees all slots but two: the one of readers of the database alone, and
// the first, which looks up to last.
func (x *walIndex) marks(last uint32) error {
	for slot, frame := range [readers]uint32{0, last, noMark, noMark, noMark} {
		if err := x.mark(int64(slot), frame); err != nil {
			return err
		}
	}
	return nil
}

func (x *walIndex) put(off int64, n uint32) error {
	_, err := x.f.WriteAt(binary.NativeEndian.AppendUint32(nil, n), off)
	return err
}

// fill writes the index of a log that was just recovered, whose first frames
// are in the database already.
func (x *walIndex) fill(w *walContent, backfilled uint32) error {
	for i, page := range w.pages {
		if err := x.add(uint32(i)+1, page); err != nil {
			return err
		}
	}
	last := uint32(len(w.pages))
	mark := last
	if last == 0 {
		mark = noMark
	}
	if err := x.marks(mark); err != nil {
		return err
	}
	if err := x.backfill(backfilled); err != nil {
		return err
	}
	return x.commit(&w.chain, last, w.size)
}

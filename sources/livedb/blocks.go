package livedb

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"os"
)

// copyBuffer is how much of a database is read at once: whole blocks.
const copyBuffer = 1 << 20

// blocks writes the database's file into the target. It remembers a hash of
// each block, so that a further pass, which may be one under locks, writes
// only what changed since the last.
type blocks struct {
	t    Target
	seed maphash.Seed
	sums []uint64
	buf  []byte
}

func newBlocks(t Target) *blocks {
	return &blocks{t: t, seed: maphash.MakeSeed(), buf: make([]byte, copyBuffer)}
}

// pass copies size bytes of f, or what there is, and returns how many.
func (b *blocks) pass(ctx context.Context, f *os.File, size int64, write bool) (n int64, changed bool, err error) {
	if b.sums == nil {
		b.sums = make([]uint64, 0, min(size/BlockSize+1, 1<<20)) // a sparse file can say any size
	}
	for n < size {
		if err := ctx.Err(); err != nil {
			return n, changed, err
		}
		p := b.buf[:min(size-n, copyBuffer)]
		got, err := readAt(f, p, n)
		if err != nil && !errors.Is(err, io.EOF) {
			return n, changed, err
		}
		c, werr := b.put(b.whole(got), n, write)
		changed = changed || c
		n += int64(got)
		if werr != nil || got < len(p) {
			b.cut(n)
			return n, changed || got < len(p), werr
		}
	}
	b.cut(n)
	return n, changed, nil
}

// whole returns the blocks of the buffer that n bytes were read into. Zeros
// fill the last: where the file ends, the target is told at the end.
func (b *blocks) whole(n int) []byte {
	end := (n + BlockSize - 1) / BlockSize * BlockSize
	clear(b.buf[n:end])
	return b.buf[:end]
}

// cut forgets blocks behind the file's end.
func (b *blocks) cut(size int64) {
	if n := int((size + BlockSize - 1) / BlockSize); n < len(b.sums) {
		b.sums = b.sums[:n]
	}
}

// put writes those blocks of p that are not in the target yet, neighbours
// together.
func (b *blocks) put(p []byte, off int64, write bool) (changed bool, err error) {
	from := 0 // where blocks that have to be written begin
	flush := func(to int) error {
		start := from
		from = to + BlockSize
		if start >= to || !write {
			return nil
		}
		_, err := b.t.WriteAt(p[start:to], off+int64(start))
		return err
	}
	for at := 0; at < len(p); at += BlockSize {
		if b.note(int((off+int64(at))/BlockSize), p[at:at+BlockSize]) {
			changed = true
			continue
		}
		if err := flush(at); err != nil {
			return changed, err
		}
	}
	return changed, flush(len(p))
}

// note remembers what block i is, and says whether that is new.
func (b *blocks) note(i int, p []byte) bool {
	h := maphash.Bytes(b.seed, p)
	if i < len(b.sums) {
		old := b.sums[i]
		b.sums[i] = h
		return old != h
	}
	b.sums = append(b.sums, h)
	return true
}

// hold gives a block of f, as it is now, to the target as one that is going to
// be set in part.
func (b *blocks) hold(f *os.File, block int64) error {
	n, err := readAt(f, b.buf[:BlockSize], block*BlockSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	p := b.buf[:BlockSize]
	clear(p[n:])
	if block < int64(len(b.sums)) {
		b.note(int(block), p)
	}
	return b.t.Hold(p, block*BlockSize)
}

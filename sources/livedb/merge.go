package livedb

import (
	"context"
	"math"
)

// overlay lays the pages of a WAL over the copy of the database's file.
type overlay struct {
	t      Target
	prefix int64
	scan   *scan
	copied int64 // bytes that are in the target already
	page   []byte
}

// aligned says whether pages are whole blocks, so that none needs the bytes
// beside it.
func aligned(prefix int64, pageSize int) bool {
	return prefix%BlockSize == 0 && pageSize%BlockSize == 0
}

// size is how long the database is after the last commit.
func (o *overlay) size() int64 {
	return o.prefix + int64(o.scan.pages)*int64(o.scan.pageSize)
}

// lay writes the newest image of each page, in ascending order. Pages between
// the end of the file and that of the database which no frame holds were freed
// before they were ever written: they become zeros, as a checkpoint leaves
// them.
func (o *overlay) lay(ctx context.Context) error {
	o.page = make([]byte, o.scan.pageSize)
	next := o.firstBehind()
	for _, at := range o.scan.latest() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := o.zeros(ctx, &next, at.pgno); err != nil {
			return err
		}
		if err := o.scan.body(o.page, at.frame); err != nil {
			return err
		}
		if err := o.put(at.pgno); err != nil {
			return err
		}
		next = max(next, at.pgno+1)
	}
	if err := o.zeros(ctx, &next, o.scan.pages+1); err != nil {
		return err
	}
	return o.t.Truncate(o.size())
}

// firstBehind returns the first page that is not wholly there.
func (o *overlay) firstBehind() uint32 {
	whole := max(o.copied-o.prefix, 0) / int64(o.scan.pageSize)
	return uint32(min(whole+1, math.MaxUint32))
}

func (o *overlay) zeros(ctx context.Context, next *uint32, end uint32) error {
	for ; *next < end; *next++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		clear(o.page)
		if err := o.put(*next); err != nil {
			return err
		}
	}
	return nil
}

// put sets page pgno to o.page.
func (o *overlay) put(pgno uint32) error {
	off := o.offset(pgno)
	if aligned(o.prefix, len(o.page)) {
		_, err := o.t.WriteAt(o.page, off)
		return err
	}
	var block [BlockSize]byte
	for p := o.page; len(p) > 0; {
		start := off / BlockSize * BlockSize
		if _, err := o.t.ReadAt(block[:], start); err != nil {
			return err
		}
		n := copy(block[off-start:], p)
		if err := o.t.Hold(block[:], start); err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

func (o *overlay) offset(pgno uint32) int64 {
	return o.prefix + int64(pgno-1)*int64(o.scan.pageSize)
}

// partners keeps the blocks that pages share with their neighbours, as the
// database's file has them, until the pages are laid over them.
type partners struct {
	o    *overlay
	seen int // entries of the scan's index that were looked at
	held map[int64]bool
}

// missing returns the blocks that the pages read since the last call touch,
// and that are not held yet.
func (p *partners) missing() (list []int64) {
	s := p.o.scan
	if aligned(p.o.prefix, s.pageSize) {
		return nil
	}
	for pgno := p.o.firstBehind(); pgno <= s.pages; pgno++ { // frames or zeros
		p.touch(pgno, &list)
	}
	for _, at := range s.index[p.seen:] {
		p.touch(at.pgno, &list)
	}
	p.seen = len(s.index)
	return list
}

func (p *partners) touch(pgno uint32, list *[]int64) {
	off := p.o.offset(pgno)
	for b := off / BlockSize; b*BlockSize < off+int64(p.o.scan.pageSize); b++ {
		if !p.held[b] {
			p.held[b] = true
			*list = append(*list, b)
		}
	}
}

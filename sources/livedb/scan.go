package livedb

import (
	"cmp"
	"context"
	"io"
	"os"
	"slices"
)

// scanBuffer is how much of a WAL is read at once.
const scanBuffer = 512 << 10

// scan reads the frames of one generation of a WAL and verifies them, in as
// many steps as wanted. Of the frames it keeps the page numbers only: their
// bodies go to spill, so that they are there when the WAL has moved on.
type scan struct {
	walHeader
	wal   *os.File
	spill *tempFile // nil: the bodies stay in the WAL
	files *files

	// Up to the last commit:
	frames uint32
	sum    sum
	pages  uint32 // of the database
	index  []place

	buf []byte
}

// place says that a page is the body of a frame.
type place struct{ pgno, frame uint32 }

// commits says whether any transaction was read.
func (s *scan) commits() bool { return len(s.index) > 0 }

// more reads on from the last commit up to the end of the chain, but no more
// than limit frames in all, and stops at the last commit there. Frames behind
// it are of a transaction that is not committed, or was rolled back.
func (s *scan) more(ctx context.Context, limit uint32) error {
	at, chain, index := s.frames, s.sum, s.index
	size := int(s.frameSize())
	for at < limit {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := s.fill(at+1, limit-at)
		if err != nil {
			return err
		}
		good := 0
		for ; good < n; good++ {
			f, ok := s.check(s.buf[good*size:], chain)
			if !ok {
				break
			}
			at, chain = at+1, f.sum
			index = append(index, place{f.pgno, at})
			if leaveOut.commitCut && f.pages == 0 {
				f.pages = max(s.pages, f.pgno)
			}
			if f.pages != 0 {
				s.frames, s.sum, s.pages, s.index = at, chain, f.pages, index
			}
		}
		if err := s.keep(at-uint32(good), good); err != nil {
			return err
		}
		if good < n || n == 0 {
			return nil
		}
	}
	return nil
}

// fill reads up to max whole frames, beginning with frame first. It looks at
// one header before it reads a lot: mostly there is nothing more.
func (s *scan) fill(first, max uint32) (int, error) {
	size := int(s.frameSize())
	var small [frameHeaderSize]byte
	head, err := s.files.start(s.wal, s.frameAt(first), small[:])
	if err != nil || len(head) < frameHeaderSize || !s.owns(head) {
		return 0, err
	}
	if s.buf == nil {
		s.buf = make([]byte, scanBuffer/size*size)
	}
	want := min(uint64(max), uint64(len(s.buf)/size))
	p, err := s.files.start(s.wal, s.frameAt(first), s.buf[:int(want)*size])
	return len(p) / size, err
}

// keep spills the bodies of the n frames in the buffer, the first of which is
// the one after frame before.
func (s *scan) keep(before uint32, n int) error {
	if s.spill == nil || n == 0 {
		return nil
	}
	size := int(s.frameSize())
	for i := range n {
		copy(s.buf[i*s.pageSize:], s.buf[i*size+frameHeaderSize:(i+1)*size])
	}
	_, err := s.spill.WriteAt(s.buf[:n*s.pageSize], int64(before)*int64(s.pageSize))
	return err
}

// body reads the page in a frame.
func (s *scan) body(p []byte, frame uint32) error {
	if s.spill != nil {
		_, err := s.spill.ReadAt(p, int64(frame-1)*int64(s.pageSize))
		return err
	}
	got, err := s.files.start(s.wal, s.frameAt(frame)+frameHeaderSize, p)
	if err == nil && len(got) < len(p) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// latest returns where the newest image of each page is, by page number,
// without those behind the database's end. It ends the scan.
func (s *scan) latest() []place {
	list := s.index
	slices.SortFunc(list, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.pgno, b.pgno), cmp.Compare(b.frame, a.frame))
	})
	list = slices.CompactFunc(list, func(a, b place) bool { return a.pgno == b.pgno })
	end, _ := slices.BinarySearchFunc(list, s.pages, func(p place, pages uint32) int {
		if p.pgno <= pages {
			return -1
		}
		return 1
	})
	return list[:end]
}

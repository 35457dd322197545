package livedb

import (
	"encoding/binary"
	"math/bits"
)

const (
	walHeaderSize   = 32
	frameHeaderSize = 24
	walVersion      = 3007000
	minPage         = 512
	maxPage         = 65536
)

// sum is a WAL's running checksum.
type sum [2]uint32

// add runs p, whose length is a multiple of 8, through the checksum. The words
// are of the byte order of the computer that made the WAL.
func (s sum) add(p []byte, big bool) sum {
	a, b := s[0], s[1]
	if big {
		for ; len(p) >= 8; p = p[8:] {
			a += binary.BigEndian.Uint32(p) + b
			b += binary.BigEndian.Uint32(p[4:]) + a
		}
	} else {
		for ; len(p) >= 8; p = p[8:] {
			a += binary.LittleEndian.Uint32(p) + b
			b += binary.LittleEndian.Uint32(p[4:]) + a
		}
	}
	return sum{a, b}
}

func readSum(p []byte) sum {
	return sum{binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:])}
}

// rawHeader is the first bytes of a WAL as they are. They name a generation:
// every restart changes both salts.
type rawHeader [walHeaderSize]byte

// walHeader is a valid WAL header.
type walHeader struct {
	big      bool // byte order of the checksum's words
	pageSize int
	salt     [8]byte
	sum      sum // where the chain of the frames begins
}

// parse reads a WAL header, and says whether it is one.
func (h *rawHeader) parse() (walHeader, bool) {
	magic := binary.BigEndian.Uint32(h[0:])
	size := binary.BigEndian.Uint32(h[8:])
	w := walHeader{big: magic&1 != 0, pageSize: int(size), salt: [8]byte(h[16:24]), sum: readSum(h[24:])}
	ok := magic&^1 == 0x377f0682 && binary.BigEndian.Uint32(h[4:]) == walVersion && validPage(size) &&
		sum{}.add(h[:24], w.big) == w.sum
	return w, ok
}

func validPage(size uint32) bool {
	return minPage <= size && size <= maxPage && bits.OnesCount32(size) == 1
}

// frameSize is how long a frame is, its header included.
func (w *walHeader) frameSize() int64 { return int64(frameHeaderSize + w.pageSize) }

// frameAt is where frame n begins; the first is 1.
func (w *walHeader) frameAt(n uint32) int64 {
	return walHeaderSize + int64(n-1)*w.frameSize()
}

// frame is the header of a frame.
type frame struct {
	pgno  uint32 // the page that the body is
	pages uint32 // of the database, if this frame ends a transaction; else 0
	sum   sum    // the chain up to here
}

// check reads a frame at the start of p, and says whether it is the one that
// continues the chain at s. What is not belongs to an older generation, or is
// not written yet.
func (w *walHeader) check(p []byte, s sum) (frame, bool) {
	if !w.owns(p) {
		return frame{}, false
	}
	f := frame{binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:]), readSum(p[16:])}
	got := s.add(p[:8], w.big).add(p[frameHeaderSize:w.frameSize()], w.big)
	return f, f.pgno != 0 && got == f.sum
}

// owns says whether a frame's header is of this generation.
func (w *walHeader) owns(p []byte) bool { return [8]byte(p[8:16]) == w.salt }

package madeup

import (
	"encoding/binary"
	"errors"
	"io"
)

// This file is SQLite's write-ahead log, https://www.sqlite.org/fileformat2.html#walformat:
// a header of 32 bytes, then frames of 24 bytes and a page each. A frame
// belongs to the log if it has the header's salts and its checksum goes on
// from the frame before. A commit is a frame that says how many pages the
// database has.

const (
	walHeader   = 32
	frameHeader = 24
	frameSize   = frameHeader + pageSize
	walMagic    = 0x377f0682 // one more: the checksum's words are big-endian
	walVersion  = 3007000
)

// chain is where the checksums of a log stand.
type chain struct {
	big  bool // the checksum's words are big-endian
	salt [2]uint32
	sum  [2]uint32
}

func (c *chain) order() binary.ByteOrder {
	if c.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// header begins a log.
func (c *chain) header(seq uint32) []byte {
	magic := uint32(walMagic)
	if c.big {
		magic++
	}
	b := words(magic, walVersion, pageSize, seq, c.salt[0], c.salt[1])
	c.sum = checksum(c.order(), [2]uint32{}, b)
	return append(b, words(c.sum[0], c.sum[1])...)
}

// frame goes on with a page. size is zero, or that of the database in pages
// if this ends a transaction.
func (c *chain) frame(n, size uint32, page []byte) []byte {
	b := words(n, size)
	c.sum = checksum(c.order(), checksum(c.order(), c.sum, b), page)
	b = append(b, words(c.salt[0], c.salt[1], c.sum[0], c.sum[1])...)
	return append(b, page...)
}

// restart is what a log that is written over from its start begins with.
func (c *chain) restart(salt uint32) { c.salt = [2]uint32{c.salt[0] + 1, salt} }

// words writes numbers as the log does: big-endian.
func words(list ...uint32) (b []byte) {
	for _, n := range list {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// checksum goes on with b, which has a multiple of 8 bytes.
func checksum(order binary.ByteOrder, sum [2]uint32, b []byte) [2]uint32 {
	for ; len(b) > 0; b = b[8:] {
		sum[0] += order.Uint32(b) + sum[1]
		sum[1] += order.Uint32(b[4:]) + sum[0]
	}
	return sum
}

// walContent is what a log holds, up to its last commit.
type walContent struct {
	chain
	seq   uint32
	pages []uint32 // the page number of each frame
	size  uint32   // of the database, in pages, after the last commit
}

// newest returns the last frame of each page, counted from 1.
func (w *walContent) newest() map[uint32]uint32 {
	frames := map[uint32]uint32{}
	for i, n := range w.pages {
		frames[n] = uint32(i) + 1
	}
	return frames
}

// frameAt is where the page of a frame begins.
func frameAt(frame uint32) int64 { return walHeader + int64(frame-1)*frameSize + frameHeader }

// readWAL reads a log as SQLite recovers it: as far as salts and checksums
// hold, and no farther than the last commit. What has no sound header holds
// nothing.
func readWAL(r io.ReaderAt) (*walContent, error) {
	var head [walHeader]byte
	if ok, err := readFull(r, head[:], 0); !ok || err != nil {
		return &walContent{}, err
	}
	field := func(i int) uint32 { return binary.BigEndian.Uint32(head[4*i:]) }
	w := &walContent{chain: chain{big: field(0) == walMagic+1, salt: [2]uint32{field(4), field(5)}}, seq: field(3)}
	if again := w.header(w.seq); string(again) != string(head[:]) {
		return &walContent{}, nil
	}
	var pages []uint32
	var b [frameSize]byte
	for c, at := w.chain, int64(walHeader); ; at += frameSize {
		if ok, err := readFull(r, b[:], at); !ok || err != nil {
			return w, err
		}
		n, size := binary.BigEndian.Uint32(b[:]), binary.BigEndian.Uint32(b[4:])
		if again := c.frame(n, size, b[frameHeader:]); n == 0 || string(again[:frameHeader]) != string(b[:frameHeader]) {
			return w, nil
		}
		if pages = append(pages, n); size > 0 {
			w.chain, w.size, w.pages = c, size, pages
		}
	}
}

// readFull reports whether there were so many bytes.
func readFull(r io.ReaderAt, p []byte, off int64) (bool, error) {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return true, nil
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return false, err
}

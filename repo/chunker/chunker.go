// Package chunker cuts file content into chunks at places chosen by the
// content itself, so that an insertion changes the chunks around it and no
// others.
//
// A chunk is a piece of a file. A candidate is a place where a chunk may end:
// the public gear hash of the 64 bytes before it starts with ten zero bits. A
// cut is a candidate that the key confirms: SipHash-2-4 of the same 64 bytes
// is at most a threshold. The gear hash makes it fast; SipHash makes every
// decision a pseudo-random bit, so that whoever sees the lengths of chunks of
// a known file learns neither the key nor where another file would be cut.
//
// Cuts are part of the stored format: a change here costs every device a
// second first backup. testdata/cuts.txt holds them, and a slow copy of the
// rule in the tests is written to be read beside repo/FORMAT.md.
//
// This package knows nothing of files, ids or packs. To offer other sizes,
// make another [Params].
package chunker

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/dchest/siphash"
)

// Window is the number of bytes a cut depends on.
const Window = 64

// candidateGap is the mean distance between candidates in random data: one
// place in 2^10.
const candidateGap = 1 << 10

// Params are the sizes of chunks, in bytes. Only the last chunk of a file may
// be shorter than Min; none is longer than Max. In random data the mean is
// Min + (Avg-Min)·(1-e^-((Max-Min)/(Avg-Min))): Avg, less the few chunks that
// Max cuts short.
type Params struct {
	Min, Avg, Max int
}

// The sizes in use. Media suits files that are written once; Text suits
// content that changes in small places, such as JSON and logs.
var (
	Media = Params{Min: 256 << 10, Avg: 1 << 20, Max: 4 << 20}
	Text  = Params{Min: 16 << 10, Avg: 64 << 10, Max: 256 << 10}
)

// valid reports whether a window fits before the first cut and there are more
// candidates than cuts.
func (p Params) valid() bool {
	return p.Min >= Window && p.Avg-p.Min > candidateGap && p.Max >= p.Avg
}

// A Cutter finds cuts for one key and one set of sizes. It never changes, so
// any number of goroutines may use it at once.
type Cutter struct {
	params    Params
	k0, k1    uint64
	threshold uint64
}

// New returns a Cutter. The SipHash key is the first 16 bytes of key: k0 is
// bytes 0–7 and k1 bytes 8–15, both little-endian. The other 16 bytes are not
// used. New panics if Min < 64, Avg-Min ≤ 1024 or Max < Avg.
func New(key [32]byte, p Params) *Cutter {
	if !p.valid() {
		panic(fmt.Sprintf("chunker: impossible sizes %+v", p))
	}
	// A candidate becomes a cut with probability candidateGap/(Avg-Min).
	threshold, _ := bits.Div64(candidateGap, 0, uint64(p.Avg-p.Min))
	return &Cutter{
		params:    p,
		k0:        binary.LittleEndian.Uint64(key[0:8]),
		k1:        binary.LittleEndian.Uint64(key[8:16]),
		threshold: threshold,
	}
}

// Params returns the sizes the Cutter was made for.
func (c *Cutter) Params() Params { return c.params }

// Cut returns the length of the chunk at the start of data. It is the first
// cut at or after Min, else Max, else, with eof, the rest of data. The result
// depends on nothing but the key, the sizes and data[:Max].
//
// Without eof, data should hold at least Max bytes; if it holds fewer and no
// cut is among them, Cut returns 0: call it again with more. It also returns 0
// for empty data.
func (c *Cutter) Cut(data []byte, eof bool) int {
	data = data[:min(len(data), c.params.Max)]
	if n := c.scan(data); n > 0 {
		return n
	}
	if eof || len(data) == c.params.Max {
		return len(data)
	}
	return 0
}

// scan returns the length of data up to its first cut, or 0 if it has none.
func (c *Cutter) scan(data []byte) int {
	if len(data) < c.params.Min {
		return 0
	}
	n := c.params.Min - 1 // the first candidate may end at Min
	var h uint64
	for _, b := range data[n-(Window-1) : n] {
		h = h<<1 + gear[b]
	}
	for {
		n, h = candidate(data, n, h)
		if n == 0 {
			return 0
		}
		if siphash.Hash(c.k0, c.k1, data[n-Window:n]) <= c.threshold {
			return n
		}
	}
}

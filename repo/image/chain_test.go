package image

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// random returns n bytes of noise.
func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// change edits an image as databases, and worse, do.
func change(r *rand.Rand, b []byte) []byte {
	switch r.IntN(12) {
	case 0: // nothing
	case 1: // cut
		b = b[:len(b)-r.IntN(len(b)/3+1)]
	case 2: // cut at a block
		b = b[:(len(b)-r.IntN(len(b)/3+1))/BlockSize*BlockSize]
	case 3: // grow by zeros
		b = append(b, make([]byte, r.IntN(60_000))...)
	case 4: // grow by bytes
		b = append(b, random(r, r.IntN(60_000))...)
	case 5: // all pages move
		r.Shuffle(len(b)/BlockSize, func(i, j int) {
			var x [BlockSize]byte
			copy(x[:], b[i*BlockSize:])
			copy(b[i*BlockSize:(i+1)*BlockSize], b[j*BlockSize:])
			copy(b[j*BlockSize:], x[:])
		})
	case 6: // pages move by one
		if len(b) > 3*BlockSize {
			copy(b, b[BlockSize:])
		}
	case 7: // rewritten
		if r.IntN(4) == 0 {
			b = random(r, len(b))
		}
	case 8: // zeroed in part
		if len(b) > 0 {
			at := r.IntN(len(b))
			clear(b[at:min(len(b), at+r.IntN(30_000))])
		}
	default: // a few pages behind a prefix of 1,024 bytes
		for range r.IntN(6) {
			if at := 1024 + r.IntN(50)*BlockSize; at < len(b) {
				copy(b[at:], random(r, min(len(b)-at, BlockSize)))
			}
		}
	}
	return b
}

// Whatever happens to a database, every backup restores to what it was, also
// the old ones.
func TestChain(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			x := newDB(t, random(r, 1+r.IntN(900_000)))
			x.plain = seed%3 != 0
			for step := range 120 {
				p := x.backup(r.IntN(3) > 0)
				if x.table.Steps() > maxGroups {
					t.Fatalf("%d groups of layers", x.table.Steps())
				}
				if max := uint64(len(x.image))*17/10 + 2000; p.Kind != Unchanged && x.reads() > max {
					t.Fatalf("step %d, %v: a restore reads %d bytes of %d", step, p.Kind, x.reads(), len(x.image))
				}
				x.reload()
				x.image = change(r, append([]byte(nil), x.image...))
			}
			t.Log(x.kinds, "captured twice:", x.twice)
		})
	}
}

package image

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// vacuumed returns the image with all blocks in another order and some new.
func vacuumed(r *rand.Rand, b []byte) []byte {
	out := make([]byte, 0, len(b))
	for _, i := range r.Perm(len(b) / BlockSize) {
		out = append(out, b[i*BlockSize:(i+1)*BlockSize]...)
	}
	touch(r, out, len(out)/BlockSize/4)
	return out
}

// After a VACUUM, a plain database uploads what is new and where the rest
// stands now; an encrypted one has no page in common, and is a new base.
func TestMovedPages(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	x := newDB(t, random(r, 8<<20))
	x.plain = true
	x.backup(true)
	before := x.s.stored
	x.image = vacuumed(r, x.image)
	p := x.backup(true)
	if p.Kind != Layer || p.Changed < 2000 || p.Moved < p.Changed*7/10 {
		t.Fatalf("%+v", p)
	}
	if got := float64(x.s.stored-before) / (8 << 20); got > 0.27 {
		t.Errorf("uploaded %.2f of the image", got)
	}
	x.s.read = 0
	if err := x.restores(); err != nil || float64(x.s.read) > 1.6*(8<<20) {
		t.Errorf("read %d bytes, %v", x.s.read, err)
	}
	if len(x.c.Kept) > 0 {
		t.Error("chunks are kept that the base lists")
	}

	// What moved stays known: another VACUUM, and merges, store none of it.
	for range 40 {
		touch(r, x.image, 4)
		x.reload()
		x.backup(true)
	}
	if x.kinds[Merge] == 0 || x.kinds[Base] > 1 {
		t.Error(x.kinds)
	}
	x.image = vacuumed(r, x.image)
	if p = x.backup(true); p.Moved < p.Changed/2 || p.Reason == ReasonRewritten {
		t.Errorf("%+v", p)
	}

	x.plain = false
	x.image = vacuumed(r, x.image)
	if p = x.backup(true); p.Kind != Base || p.Reason != ReasonRewritten || !p.Ready {
		t.Errorf("%+v", p)
	}
}

// Blocks that follow each other in a segment are copied in one extent, and
// never across its end.
func TestMovedRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x := newDB(t, random(r, 3<<20+1000))
	x.plain = true
	x.backup(true)
	x.image = append(random(r, 10*BlockSize), x.image...)
	if p := x.backup(true); p.Kind != Layer || p.Moved < 3*256 {
		t.Fatalf("%+v", p)
	}
	if l := x.layer(0); len(l.Extents) != 5 || len(l.Sources) != 4 {
		t.Errorf("%d extents, %d sources", len(l.Extents), len(l.Sources))
	}
}

// A thousand equal pages take no time.
func TestMovedEqual(t *testing.T) {
	x := newDB(t, random(rand.New(rand.NewPCG(5, 7)), 4<<20))
	x.plain = true
	clear(x.image[2<<20:])
	x.backup(true)
	copy(x.image, bytes.Repeat(zeros[:], 300))
	if p := x.backup(true); p.Moved != 300 {
		t.Errorf("%+v", p)
	}
}

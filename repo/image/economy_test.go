package image

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// touch changes n different blocks in a few bytes.
func touch(r *rand.Rand, b []byte, n int) {
	for _, i := range r.Perm(len(b) / BlockSize)[:n] {
		binary.LittleEndian.PutUint64(b[i*BlockSize+100:], r.Uint64())
	}
}

// costs backs an image of so many blocks up n times and returns the bytes uploaded, how many
// pages changed in all, and the most that a restore read, as parts of the image.
func costs(t *testing.T, blocks, n, pages, grow int) (x *db, upload, changed, reads float64) {
	r := rand.New(rand.NewPCG(1, 2))
	x = newDB(t, random(r, blocks*BlockSize))
	x.seldom = 20
	total := 0
	for range n {
		if x.s.read = 0; x.steps == n-1 {
			x.seldom = 1
		}
		x.backup(true)
		reads = max(reads, float64(x.reads())/float64(len(x.image)))
		if x.s.read > 0 && x.s.read != x.reads() {
			t.Fatalf("a restore read %d bytes, not %d", x.s.read, x.reads())
		}
		x.image = append(x.image, random(r, grow*BlockSize)...)
		touch(r, x.image, pages)
		total += pages + grow
	}
	return x, float64(x.s.stored) / float64(blocks*BlockSize), float64(total) / float64(blocks), reads
}

// A day's messages in 1 GiB change 2,393 pages all over it. After 60 days, not
// twice the necessary was uploaded, and a restore never read more than 1.6
// times the image.
func TestEconomyOfDays(t *testing.T) {
	x, upload, changed, reads := costs(t, 4096, 60, 2393*4096/262144, 0)
	t.Logf("uploaded %.2f images for 1 + %.2f; a restore reads at most %.2f; %v, twice %d", upload, changed, reads, x.kinds, x.twice)
	if upload > 2*(1+changed) || reads > 1.6 {
		t.Error("too much")
	}
	if x.kinds[Merge] == 0 {
		t.Error("nothing was merged")
	}
}

// An hour's messages change few pages. Merging all layers again and again
// would cost many times that.
func TestEconomyOfHours(t *testing.T) {
	x, upload, changed, reads := costs(t, 1024, 350, 1, 0)
	t.Logf("uploaded %.2f images for 1 + %.2f; a restore reads at most %.2f; %v, twice %d", upload, changed, reads, x.kinds, x.twice)
	if upload > 1+4*changed || reads > 1.6 {
		t.Error("too much")
	}
}

// A database that only grows costs each byte a few times, not once per merge.
func TestEconomyOfGrowth(t *testing.T) {
	x, upload, changed, reads := costs(t, 512, 300, 1, 2)
	t.Logf("uploaded %.2f images for 1 + %.2f; a restore reads at most %.2f; %v, twice %d", upload, changed, reads, x.kinds, x.twice)
	if upload > 1+4*changed || reads > 1.6 {
		t.Error("too much")
	}
}

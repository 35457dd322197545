package image

import (
	"math/rand/v2"
	"testing"
)

// The whole of an image is written in pieces of 1 MiB, as a capture does.
func BenchmarkDelta(b *testing.B) {
	image := random(rand.New(rand.NewPCG(1, 2)), 64<<20)
	x := newDB(b, image)
	x.seldom = 2
	x.backup(false)
	for name, parent := range map[string]*Table{"first": nil, "unchanged": x.table} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(image)))
			dir := b.TempDir()
			for b.Loop() {
				d, err := NewDelta(DeltaOptions{Parent: parent, Keep: Wants(parent), Dir: dir})
				if err != nil {
					b.Fatal(err)
				}
				if err := x.full(d); err != nil {
					b.Fatal(err)
				}
				d.Close()
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	x := newDB(b, random(rand.New(rand.NewPCG(1, 2)), 64<<20))
	x.seldom = 2
	x.backup(false)
	b.SetBytes(int64(len(x.image)))
	for b.Loop() {
		if err := x.restores(); err != nil {
			b.Fatal(err)
		}
	}
}

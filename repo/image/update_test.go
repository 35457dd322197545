package image

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/chatkeep/chatkeep/repo/format"
)

// state is a database as it was once published.
type state struct {
	c     *format.Content
	image []byte
}

func (x *db) state() state { return state{x.c, bytes.Clone(x.image)} }

// updated makes the present image from an older state, if both have the same
// base.
func (x *db) updated(t *testing.T, old state) ([]byte, error) {
	t.Helper()
	have := 0
	for have < len(old.c.Layers) && have < len(x.c.Layers) && old.c.Layers[have].ID == x.c.Layers[have].ID {
		have++
	}
	f := &memFile{b: bytes.Clone(old.image)}
	err := Update(t.Context(), x.c, x.s.base(x.c), have, uint64(len(f.b)), f, x.s.fetch, t.TempDir())
	return f.b, err
}

// From whatever earlier state with the same base, through merges and moved pages,
// only the newer layers are laid, and nothing of the base is read but what they
// copy.
func TestUpdate(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	x := newDB(t, random(r, 3<<20))
	x.plain = true
	x.backup(false)
	var old []state
	updates := 0
	for step := range 60 {
		if len(old) > 0 && !sameRefs(old[0].c.Refs, x.c.Refs) {
			old = old[:0]
		}
		old = append(old, x.state())
		touch(r, x.image, 1+r.IntN(12))
		switch step % 7 {
		case 3:
			x.image = append(x.image, random(r, 5*BlockSize)...)
		case 5:
			copy(x.image[1<<20:], x.image[:30*BlockSize])
		}
		layers := x.kinds[Layer]
		x.backup(false)
		layered := x.kinds[Layer] > layers
		if !sameRefs(old[0].c.Refs, x.c.Refs) {
			continue
		}
		for _, from := range []state{old[0], old[len(old)/2], old[len(old)-1]} {
			before := x.s.read
			got, err := x.updated(t, from)
			if err != nil || !bytes.Equal(got, x.image) {
				t.Fatalf("step %d, %v: %v", step, x.kinds, err)
			}
			if read := x.s.read - before; from.c == old[len(old)-1].c && layered && step%7 != 5 && read > 300_000 {
				t.Errorf("step %d: %d bytes were read for one layer", step, read)
			}
			updates++
		}
	}
	if x.kinds[Merge] == 0 || updates < 60 {
		t.Errorf("%d updates over %v", updates, x.kinds)
	}
}

func sameRefs(a, b []format.Ref) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].ID != b[i].ID {
			return false
		}
	}
	return true
}

// What can't be made from the older state is found by the proof.
func TestUpdateProves(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	x := newDB(t, random(r, 2<<20))
	x.backup(false)
	old := x.state()
	touch(r, x.image, 3)
	x.backup(false)
	for name, spoil := range map[string]func(b []byte) []byte{
		"a bit":    func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"too long": func(b []byte) []byte { return append(b, 1) },
		"empty":    func([]byte) []byte { return nil },
	} {
		spoiled := state{old.c, spoil(bytes.Clone(old.image))}
		got, err := x.updated(t, spoiled)
		if name == "too long" && err == nil && bytes.Equal(got, x.image) {
			continue // a layer sets the length
		}
		if !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/repo/format"
)

// laid is a content of two segments and two layers, the second of which copies
// from the base.
func laid(t *testing.T) *db {
	r := rand.New(rand.NewPCG(7, 7))
	x := newDB(t, random(r, 2<<20))
	x.plain = true
	x.backup(false)
	touch(r, x.image, 3)
	x.backup(false)
	copy(x.image, x.image[1<<20:1<<20+40*BlockSize])
	x.backup(false)
	if len(x.c.Layers) != 2 || len(x.layer(1).Sources) != 1 {
		t.Fatalf("%+v", x.c)
	}
	return x
}

// A chunk that can't be had is named, and ends it.
func TestApplyNamesTheChunk(t *testing.T) {
	for name, pick := range map[string]func(c *format.Content) *format.Ref{
		"segment 2 of 2": func(c *format.Content) *format.Ref { return &c.Refs[1] },
		"layer 1 of 2":   func(c *format.Content) *format.Ref { return &c.Layers[0] },
	} {
		x := laid(t)
		ref := pick(x.c)
		delete(x.s.data, ref.ID)
		if _, err := x.s.apply(x.c); !errors.Is(err, errLost) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		x.s.data[ref.ID] = make([]byte, 10)
		if _, err := x.s.apply(x.c); !errors.Is(err, format.ErrMalformed) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s, of another length: %v", name, err)
		}
	}
}

func TestApplyProves(t *testing.T) {
	x := laid(t)
	for name, spoil := range map[string]func(c *format.Content){
		"proof":     func(c *format.Content) { c.Proof[0]++ },
		"segment":   func(c *format.Content) { c.Refs = []format.Ref{c.Refs[1], c.Refs[0]} },
		"layer":     func(c *format.Content) { c.Layers = c.Layers[1:] },
		"no layers": func(c *format.Content) { c.Layers, c.Length = nil, c.Length+1 },
		"short":     func(c *format.Content) { c.Layers, c.Refs = nil, c.Refs[:1] },
	} {
		c := *x.c
		spoil(&c)
		_, err := x.s.apply(&c)
		if !errors.Is(err, ErrProof) && !errors.Is(err, format.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Layers that no writer makes are refused before anything is laid, and ask for
// no memory.
func TestApplyRefusesHostileLayers(t *testing.T) {
	x := laid(t)
	base := x.c.Refs[0]
	n := x.c.Length
	bytes := func(at uint64) format.Extent { return format.Extent{At: at, N: 2, Bytes: []byte("ab")} }
	layers := map[string]format.Layer{
		"unknown source":   {Length: n, Sources: [][32]byte{{1}}},
		"a layer's source": {Length: n, Sources: [][32]byte{x.c.Layers[0].ID}, Extents: []format.Extent{{N: 1, Source: 1}}},
		"beyond the chunk": {Length: n, Sources: [][32]byte{base.ID}, Extents: []format.Extent{{N: 2, Source: 1, From: base.Length - 1}}},
		"from overflows":   {Length: n, Sources: [][32]byte{base.ID}, Extents: []format.Extent{{N: 1 << 20, Source: 1, From: 1<<64 - 1}}},
		"no such source":   {Length: n, Extents: []format.Extent{{N: 2, Source: 1}}},
		"overlap":          {Length: n, Extents: []format.Extent{bytes(10), bytes(11)}},
		"beyond the end":   {Length: n, Extents: []format.Extent{bytes(n - 1)}},
		"another length":   {Length: n + 1},
		"huge":             {Length: 1<<62 + 1},
		"empty extent":     {Length: n, Extents: []format.Extent{{At: 1}}},
	}
	for name, l := range layers {
		ref, err := x.s.add(format.ChunkLayer, l.Encode())
		must(t, err)
		c := *x.c
		c.Layers = append(c.Layers[:1:1], ref)
		f := &memFile{b: []byte("kept")}
		err = Apply(t.Context(), &c, c.Refs, f, x.s.fetch, t.TempDir())
		if !errors.Is(err, format.ErrMalformed) || !strings.Contains(err.Error(), "layer 2 of 2") || string(f.b) != "kept" {
			t.Errorf("%s: %v", name, err)
		}
	}

	// An image as large as numbers go is refused for want of room.
	ref, err := x.s.add(format.ChunkLayer, (&format.Layer{Length: 1 << 62}).Encode())
	must(t, err)
	c := format.Content{Image: true, Length: 1 << 62, Layers: []format.Ref{ref}}
	if _, err := x.s.apply(&c); !errors.Is(err, ErrRoom) {
		t.Error(err)
	}
	// So is one that was as large for a while, and layers that write a chunk
	// over and over are refused altogether.
	c = *x.c
	c.Layers = append(c.Layers[:1:1], ref, x.c.Layers[0])
	if _, err := x.s.apply(&c); !errors.Is(err, ErrRoom) {
		t.Error(err)
	}
	over, err := x.s.add(format.ChunkLayer, (&format.Layer{Length: n, Sources: [][32]byte{base.ID}, Extents: []format.Extent{{N: base.Length, Source: 1}}}).Encode())
	must(t, err)
	c.Layers = slices.Repeat([]format.Ref{over}, int(maxRewrites*(n/base.Length+2)))
	if _, err := x.s.apply(&c); !errors.Is(err, format.ErrMalformed) {
		t.Error(err)
	}
}

// Chunks that only layers copy from are fetched, once.
func TestApplyKept(t *testing.T) {
	s := newChunks(t)
	kept, err := s.add(format.ChunkData, []byte("--kept--"))
	must(t, err)
	layer, err := s.add(format.ChunkLayer, (&format.Layer{Length: 10, Sources: [][32]byte{kept.ID}, Extents: []format.Extent{
		{At: 1, N: 4, Source: 1, From: 2}, {At: 6, N: 2, Source: 1, From: 4},
	}}).Encode())
	must(t, err)
	want := []byte("\x00kept\x00pt\x00\x00")
	c := &format.Content{Image: true, Length: 10, Layers: []format.Ref{layer}, Kept: []format.Ref{kept, kept}, Proof: proofOf(want)}
	if got, err := s.apply(c); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestApplyFails(t *testing.T) {
	x := laid(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the user went home")
	cancel(gone)
	if err := Apply(ctx, x.c, x.c.Refs, &memFile{}, x.s.fetch, t.TempDir()); err == nil {
		t.Error("cancelled")
	}
	silent := func(context.Context, []format.Ref, func(int, []byte, error)) {}
	if err := Apply(ctx, x.c, x.c.Refs, &memFile{}, silent, t.TempDir()); !errors.Is(err, gone) {
		t.Error(err)
	}
	if err := Apply(t.Context(), x.c, x.c.Refs, &memFile{}, silent, t.TempDir()); err == nil {
		t.Error("chunks that did not come")
	}
	if err := Apply(t.Context(), x.c, x.c.Refs, &memFile{}, x.s.fetch, t.TempDir()+"/no"); err == nil {
		t.Error("no folder")
	}
	full := &limited{limit: 1 << 20}
	if err := Apply(t.Context(), x.c, x.c.Refs, full, x.s.fetch, t.TempDir()); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

var errFull = errors.New("disk full")

// limited is a File that takes so much and no more.
type limited struct {
	memFile
	limit int64
}

func (f *limited) WriteAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.limit {
		return 0, errFull
	}
	return f.memFile.WriteAt(p, off)
}

// A real file does as well, and nothing stays beside it.
func TestApplyToFile(t *testing.T) {
	x := laid(t)
	dir := t.TempDir()
	f, err := os.Create(dir + "/db")
	must(t, err)
	defer f.Close()
	must(t, Apply(t.Context(), x.c, x.c.Refs, f, x.s.fetch, dir))
	got, err := os.ReadFile(f.Name())
	if err != nil || !bytes.Equal(got, x.image) {
		t.Errorf("another file, %v", err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Error(list)
	}
}

func TestProve(t *testing.T) {
	for _, n := range []int{0, 1, 4096, 4097, 1 << 20, 1<<20 + 5000} {
		b := random(rand.New(rand.NewPCG(1, 1)), n)
		if err := Prove(t.Context(), bytes.NewReader(b), uint64(n), proofOf(b)); err != nil {
			t.Error(err)
		}
		if err := Prove(t.Context(), bytes.NewReader(b), uint64(n)+1, proofOf(b)); !errors.Is(err, ErrProof) {
			t.Error(err)
		}
		if err := Prove(t.Context(), bytes.NewReader(b), uint64(n), [32]byte{}); !errors.Is(err, ErrProof) {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Prove(ctx, bytes.NewReader(make([]byte, 2<<20)), 2<<20, [32]byte{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The vector of FORMAT.md.
func TestProofVector(t *testing.T) {
	image := append(make([]byte, 4096), "tail"...)
	want := "309281bee415adc0737124e0ca3df803c5379843ccba14edfa5db1482ea6c6a0"
	if got := fmt.Sprintf("%x", parentOf(t, image).Proof()); got != want {
		t.Error(got)
	}
}

// Many layers, none too large: they agree on the length, so that none cuts
// what another set.
func TestLayersAreSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	x := newDB(t, random(r, 40<<20))
	x.backup(false)
	touch(r, x.image, 4500)
	x.image = x.image[:len(x.image)-100]
	x.backup(false)
	if len(x.c.Layers) != 5 {
		t.Errorf("%d layers", len(x.c.Layers))
	}
	for i := range x.c.Layers {
		if l := x.layer(i); l.Length != x.c.Length {
			t.Errorf("layer %d makes %d bytes", i, l.Length)
		}
	}
}

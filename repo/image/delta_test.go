package image

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/sources"
)

var _ sources.Target = (*Delta)(nil)

func newDelta(t testing.TB, o DeltaOptions) *Delta {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	d, err := NewDelta(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// parentOf backs an image up and returns its table.
func parentOf(t testing.TB, image []byte) *Table {
	x := newDB(t, image)
	x.backup(false)
	return x.table
}

// A delta is the file that the same calls would make, or says that it can't
// tell.
func TestDeltaIsAFile(t *testing.T) {
	incomplete := 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		parent := random(r, r.IntN(12*BlockSize))
		table := parentOf(t, parent)
		o := DeltaOptions{Parent: table, Patch: seed%2 == 0, Keep: []Keep{KeepAll, 1, KeepChanged}[r.IntN(3)]}
		model := &memFile{}
		if o.Patch {
			model.b = bytes.Clone(parent)
		}
		if seed%5 == 0 {
			o.Parent, o.Patch, model.b = nil, false, nil
		}
		d := newDelta(t, o)
		for range r.IntN(20) {
			step(t, r, d, model, parent)
		}
		proof, err := d.Proof()
		switch {
		case errors.Is(err, ErrIncomplete) && o.Patch:
			incomplete++
		case err != nil:
			t.Fatalf("%d: %v", seed, err)
		case d.Length() != uint64(len(model.b)) || proof != proofOf(model.b):
			t.Fatalf("%d: another file", seed)
		}
		if used := len(d.hashes) - len(d.free); used > len(d.slots) {
			t.Fatalf("%d: %d places for %d blocks", seed, used, len(d.slots))
		}
	}
	if incomplete == 0 || incomplete > 80 {
		t.Errorf("incomplete %d times", incomplete)
	}
}

// step does the same to a delta and a file.
func step(t *testing.T, r *rand.Rand, d *Delta, model *memFile, parent []byte) {
	t.Helper()
	if r.IntN(4) == 0 {
		size := int64(r.IntN(14 * BlockSize))
		if r.IntN(2) == 0 {
			size -= size % BlockSize
		}
		must(t, d.Truncate(size))
		must(t, model.Truncate(size))
		return
	}
	at := int64(r.IntN(12)) * BlockSize
	p := random(r, (1+r.IntN(4))*BlockSize)
	if r.IntN(3) == 0 && int(at)+len(p) <= len(parent) {
		p = bytes.Clone(parent[at : int(at)+len(p)])
	}
	if int(at)+len(p) >= len(model.b) && r.IntN(2) == 0 {
		p = p[:len(p)-r.IntN(BlockSize)] // a last block
		if int(at)+len(p) < len(model.b) {
			must(t, d.Truncate(at+int64(len(p))))
			must(t, model.Truncate(at+int64(len(p))))
		}
	}
	model.WriteAt(p, at)
	if r.IntN(2) == 0 {
		_, err := d.WriteAt(p, at)
		must(t, err)
		return
	}
	must(t, d.Hold(p, at))
	from := r.IntN(len(p))
	got := make([]byte, 1+r.IntN(len(p)-from))
	if _, err := d.ReadAt(got, at+int64(from)); err != nil || !bytes.Equal(got, p[from:from+len(got)]) {
		t.Fatalf("held blocks read back otherwise: %v", err)
	}
}

// Only what differs takes space, and what returns gives it back.
func TestDeltaKeepsWhatDiffers(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	image := random(r, 1<<20+777)
	table := parentOf(t, image)
	d := newDelta(t, DeltaOptions{Parent: table, Patch: true, Keep: KeepChanged})
	places := func(want int) {
		t.Helper()
		if got := len(d.hashes) - len(d.free); got != want {
			t.Errorf("%d blocks are kept, want %d", got, want)
		}
	}
	write := func(p []byte, off int64) {
		t.Helper()
		_, err := d.WriteAt(p, off)
		must(t, err)
	}
	write(image, 0)
	places(0)
	write(random(r, 3*BlockSize), 5*BlockSize)
	places(3)
	write(random(r, 2*BlockSize), 6*BlockSize)
	places(3)
	write(image[5*BlockSize:7*BlockSize], 5*BlockSize)
	places(1)
	must(t, d.Hold(image[:BlockSize], 0))
	places(2)
	if p, err := d.Plan(false); err != nil || p.Kind != Layer || p.Changed != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	write(image[7*BlockSize:8*BlockSize], 7*BlockSize)
	must(t, d.Truncate(2<<20))
	places(1)
	must(t, d.Truncate(0))
	places(0)
	if len(d.hashes) != 3 {
		t.Errorf("the file has %d places", len(d.hashes))
	}
}

func TestDeltaRefuses(t *testing.T) {
	image := random(rand.New(rand.NewPCG(9, 9)), 5*BlockSize+100)
	table := parentOf(t, image)
	start := func() *Delta { return newDelta(t, DeltaOptions{Parent: table, Patch: true, Keep: KeepChanged}) }
	d := start()
	for _, off := range []int64{-BlockSize, 1, 100, maxLength} {
		if _, err := d.WriteAt(image[:BlockSize], off); err == nil {
			t.Errorf("wrote at %d", off)
		}
	}
	for _, size := range []int64{-1, maxLength + 1} {
		if err := d.Truncate(size); err == nil {
			t.Errorf("length %d", size)
		}
	}
	if _, err := d.ReadAt(make([]byte, 10), 0); err == nil || err == io.EOF {
		t.Errorf("read what is not kept: %v", err)
	}
	if _, err := d.ReadAt(make([]byte, 10), -1); err == nil {
		t.Error("read before the start")
	}
	if n, err := d.ReadAt(make([]byte, 10), int64(len(image))); n > 0 || err != io.EOF {
		t.Errorf("behind the end: %d, %v", n, err)
	}
	for name, broken := range map[string]func(d *Delta) error{
		"cut within a block":     func(d *Delta) error { return d.Truncate(3*BlockSize + 1) },
		"last block grows":       func(d *Delta) error { return d.Truncate(8 * BlockSize) },
		"cut and grown again":    func(d *Delta) error { return errors.Join(d.Truncate(BlockSize+1), d.Truncate(int64(len(image)))) },
		"set in part":            func(d *Delta) error { _, err := d.WriteAt(image[:10], BlockSize); return err },
		"set in part, then more": func(d *Delta) error { return errors.Join(d.Hold(image[:10], BlockSize), d.Hold(image[:BlockSize], 0)) },
	} {
		d := start()
		must(t, broken(d))
		if _, err := d.Proof(); !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.Plan(false); !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d = start()
	must(t, d.Hold(image[:10], BlockSize))
	if err := d.Hold(image[:10], 3*BlockSize); err == nil {
		t.Error("two last blocks")
	}
}

// A shorter last block may be written before the file is cut.
func TestDeltaCutAfterwards(t *testing.T) {
	image := random(rand.New(rand.NewPCG(9, 9)), 5*BlockSize+100)
	d := newDelta(t, DeltaOptions{Parent: parentOf(t, image), Patch: true, Keep: KeepChanged})
	image = image[:3*BlockSize+7]
	for at := 0; at < len(image); at += BlockSize {
		_, err := d.WriteAt(image[at:min(len(image), at+BlockSize)], int64(at))
		must(t, err)
	}
	must(t, d.Truncate(int64(len(image))))
	if proof, err := d.Proof(); err != nil || proof != proofOf(image) {
		t.Errorf("another file, %v", err)
	}
}

// The temporary file has no name, and what can't be written is told.
func TestDeltaFile(t *testing.T) {
	dir := t.TempDir()
	d := newDelta(t, DeltaOptions{Dir: dir})
	if list, err := os.ReadDir(dir); err != nil || len(list) > 0 && !d.file.named {
		t.Errorf("%v, %v", list, err)
	}
	must(t, d.Close())
	if list, _ := os.ReadDir(dir); len(list) > 0 {
		t.Errorf("%v left behind", list)
	}
	if _, err := d.WriteAt(zeros[:], 0); err == nil || !strings.HasPrefix(err.Error(), "keep changed blocks: ") {
		t.Error(err)
	}
	if _, err := NewDelta(DeltaOptions{Dir: dir + "/no"}); err == nil {
		t.Error("no folder")
	}
}

func TestBuildRefuses(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	x := newDB(t, random(r, 40*BlockSize))
	x.backup(false)
	touch(r, x.image, 3)
	d := newDelta(t, DeltaOptions{Parent: x.table, Patch: true, Keep: KeepChanged})
	must(t, x.patch(d))
	p, err := d.Plan(false)
	must(t, err)
	other := *x.c
	other.Refs = slices.Clone(other.Refs)
	other.Refs[0].ID[5]++
	for name, parent := range map[string]Parent{"another base": {&other, other.Refs}, "no parent": {}} {
		if _, err := Build(d, p, parent, x.s.store()); err == nil {
			t.Error(name)
		}
	}
	q := *p
	q.Ready = false
	if _, err := Build(d, &q, Parent{x.c, x.c.Refs}, x.s.store()); err == nil {
		t.Error("built what was not ready")
	}
	for _, table := range []*Table{nil, x.table} {
		d := newDelta(t, DeltaOptions{Parent: table})
		must(t, x.full(d))
		p, err := d.Plan(false)
		must(t, err)
		failing := x.s.store()
		failing.Add = x.s.lost
		if _, err := Build(d, p, Parent{x.c, x.c.Refs}, failing); !errors.Is(err, errLost) {
			t.Errorf("%v: %v", p.Kind, err)
		}
	}
}

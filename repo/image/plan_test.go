package image

import (
	"math/rand/v2"
	"testing"
)

// sized returns a table whose groups have these bytes of layers.
func sized(length, base uint64, groups ...uint64) *Table {
	t := (&Table{base: base}).grown(length)
	for _, n := range groups {
		t.groups = append(t.groups, group{length: length, bytes: n, layers: 1})
	}
	return t
}

func many(n int, first ...uint64) (list []uint64) {
	for list = first; len(list) < n; {
		list = append(list, 100)
	}
	return list
}

// What is due, by the sizes of image, base and layers.
func TestDue(t *testing.T) {
	for _, c := range []struct {
		name  string
		table *Table
		due   bool
		from  int
	}{
		{"a base", sized(1e6, 1e6), false, 0},
		{"few small layers", sized(1e6, 1e6, 1000, 1000), false, 0},
		{"more than half the image", sized(1e6, 1e6, 400_000, 100_001), true, 1},
		{"half the image", sized(1e6, 1e6, 400_000, 100_000), false, 0},
		{"an image that shrank", sized(1e6, 12e5, 300_001), true, 1},
		{"one that shrank a lot", sized(1e6, 15e5), true, 1},
		{"one that grew", sized(4e6, 1e6, 19e5), false, 0},
		{"an empty one", sized(0, 0), true, 1},
		{"one less than too many", sized(1e6, 1e6, many(31)...), false, 0},
		{"too many", sized(1e6, 1e6, many(32)...), true, 1},
		{"too many, the oldest large", sized(1e6, 1e6, many(32, 9000)...), true, 2},
		{"too many, a large one among them", sized(1e6, 1e6, many(32, 100, 9000)...), true, 3},
		{"too many, large ones below", sized(1e6, 1e6, many(32, 9000, 3100)...), true, 3},
		{"too many, and all add up", sized(1e6, 1e6, many(32, 6000, 3000)...), true, 1},
	} {
		due, from := c.table.due(c.table.length, c.table.LayerBytes())
		if due != c.due || from != c.from {
			t.Errorf("%s: %v, from %d; want %v, from %d", c.name, due, from, c.due, c.from)
		}
		if want := Wants(c.table); c.due && !want.Full() || !c.due && want != KeepChanged {
			t.Errorf("%s: wants %d", c.name, want)
		}
	}
	if Wants(nil) != KeepAll {
		t.Error("without a table, everything is needed")
	}
}

// The plan says which bytes a delta lacks, and a second capture has them.
func TestPlanNeeds(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	start := func() *db {
		x := newDB(t, random(r, 400*BlockSize))
		x.backup(true)
		return x
	}
	plan := func(x *db, keep Keep) *Plan {
		d := newDelta(t, DeltaOptions{Parent: x.table, Keep: keep})
		must(t, x.full(d))
		p, err := d.Plan(x.plain)
		must(t, err)
		return p
	}

	x := start()
	touch(r, x.image, 240)
	if p := plan(x, KeepChanged); p.Kind != Base || p.Reason != ReasonRewritten || p.Ready || p.Needs != KeepAll || p.Changed != 240 {
		t.Errorf("%+v", p)
	}
	if p := x.backup(true); p.Kind != Base || x.twice != 1 {
		t.Errorf("%+v, twice %d", p, x.twice)
	}

	x = start()
	x.image = random(r, len(x.image))
	if p := plan(x, KeepChanged); p.Kind != Base || !p.Ready {
		t.Errorf("all is there, but %+v", p)
	}

	x = start()
	x.image = x.image[:250*BlockSize] // of a base of 400
	if p := plan(x, KeepChanged); p.Kind != Base || p.Reason != ReasonWorn || p.Ready {
		t.Errorf("%+v", p)
	}

	x = start()
	for range maxGroups {
		touch(r, x.image, 1)
		x.backup(true)
	}
	if Wants(x.table) != 1 {
		t.Fatalf("wants %d", Wants(x.table))
	}
	touch(r, x.image, 1)
	if p := plan(x, KeepChanged); p.Kind != Merge || p.Ready || p.Needs != 1 {
		t.Errorf("%+v", p)
	}
	if p := plan(x, 1); p.Kind != Merge || !p.Ready {
		t.Errorf("%+v", p)
	}
	if p := x.backup(true); p.Kind != Merge || len(x.c.Layers) != 1 || x.twice != 0 {
		t.Errorf("%+v, %d layers", p, len(x.c.Layers))
	}
	x.backup(true)
	if x.kinds[Unchanged] != 1 {
		t.Error("what is the same is not unchanged")
	}
}

// Layers that grew while nobody looked are merged at once where a restore
// would read too much.
func TestPlanSurprise(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	x := newDB(t, random(r, 400*BlockSize))
	x.backup(true)
	for range 2 {
		touch(r, x.image[:190*BlockSize], 180)
		x.backup(true)
		if got := float64(x.reads()) / float64(len(x.image)); got > 1.6 {
			t.Errorf("a restore reads %.2f of the image", got)
		}
	}
	if x.twice != 1 {
		t.Errorf("captured %d times more", x.twice)
	}
}

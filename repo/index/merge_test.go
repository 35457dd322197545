package index

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// overlapping returns runs, newest first, many of whose ids are in several,
// and what a look-up from newest to oldest finds of the packs that keep keeps.
func overlapping(t *testing.T, keep func([32]byte) bool) (runs []*Run, want model) {
	t.Helper()
	r := newRand(3)
	ids := randomEntries(4, 3000, 1)
	want = model{}
	for i := range 5 {
		names := packNames(40)[i*5 : i*5+20] // tables overlap, numbers differ
		entries := randomEntries(uint64(10+i), 2000, 20)
		for j := range entries[:1500] {
			entries[j].ID = ids[r.IntN(len(ids))].ID
		}
		run := makeRun(t, inTemp(t, "run"), names, entries)
		for id, p := range allOf(t, run) {
			if keep(p.pack) {
				want[id] = p
			}
		}
		runs = append(runs, run)
	}
	slices.Reverse(runs)
	return runs, want
}

func TestMergeKeepsTheNewest(t *testing.T) {
	runs, want := overlapping(t, func([32]byte) bool { return true })
	path := inTemp(t, "merged")
	if err := Merge(path, nil, runs...); err != nil {
		t.Fatal(err)
	}
	merged := openRun(t, path)
	equal(t, allOf(t, merged), want)
	compareWithModel(t, merged.Lookup, want)
	if len(merged.Packs()) != 40 {
		t.Errorf("%d packs in the table, want 40", len(merged.Packs()))
	}
}

// A chunk whose newest place is refused is found at its older place.
func TestMergeForgetsPacks(t *testing.T) {
	keep := func(pack [32]byte) bool { return pack[31]%3 != 0 }
	runs, want := overlapping(t, keep)
	path := inTemp(t, "merged")
	if err := Merge(path, keep, runs...); err != nil {
		t.Fatal(err)
	}
	merged := openRun(t, path)
	equal(t, allOf(t, merged), want)
	if slices.ContainsFunc(merged.Packs(), func(p [32]byte) bool { return !keep(p) }) {
		t.Error("a refused pack is still named")
	}
}

func TestMergeOfNothing(t *testing.T) {
	empty := makeRun(t, inTemp(t, "empty"), nil, nil)
	for _, runs := range [][]*Run{{}, {empty}, {empty, empty}} {
		path := inTemp(t, "merged")
		if err := Merge(path, nil, runs...); err != nil {
			t.Fatal(err)
		}
		equal(t, allOf(t, openRun(t, path)), model{})
	}
}

func TestMergeOfADamagedRunLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "run")
	makeRun(t, path, packNames(1), randomEntries(1, 100, 1))
	bytes, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bytes[headerSize+50*recordSize] ^= 1
	overwrite(t, path, bytes)
	err = Merge(filepath.Join(dir, "merged"), nil, openRun(t, path))
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
	if names := listing(t, dir); !slices.Equal(names, []string{"run"}) {
		t.Errorf("left behind: %v", names)
	}
}

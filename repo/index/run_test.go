package index

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"testing"
)

func TestRunAnswersLikeAMap(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32, 100, 30_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			entries := randomEntries(uint64(n), n, 50)
			want := model{}
			for _, e := range entries {
				want.put(e, packName(e.Pack))
			}
			r := makeRun(t, inTemp(t, "run"), packNames(50), entries)
			compareWithModel(t, r.Lookup, want)
			equal(t, allOf(t, r), want)
			if !slices.Equal(r.Packs(), packNames(50)) {
				t.Error("the pack table changed")
			}
		})
	}
}

func TestExtremeValuesSurvive(t *testing.T) {
	top := Entry{Pack: 1, Offset: 1<<32 - 1, Stored: 1<<32 - 1, Length: 1<<32 - 1, Kind: 255}
	for i := range top.ID {
		top.ID[i] = 255
	}
	r := makeRun(t, inTemp(t, "run"), packNames(2), []Entry{top, {}})
	for _, want := range []Entry{top, {}} {
		got, _, ok, err := r.Lookup(want.ID)
		if !ok || err != nil || got != want {
			t.Errorf("got %+v, %v, %v; want %+v", got, ok, err, want)
		}
	}
}

// Ids are random, but nothing breaks if they aren't.
func TestIdsOfOneBucket(t *testing.T) {
	entries := randomEntries(1, 5000, 3)
	want := model{}
	for i := range entries {
		copy(entries[i].ID[:], "alike")
		want.put(entries[i], packName(entries[i].Pack))
	}
	r := makeRun(t, inTemp(t, "run"), packNames(3), entries)
	compareWithModel(t, r.Lookup, want)
	equal(t, allOf(t, r), want)
}

func TestOfOneIdTheNewestPackIsKept(t *testing.T) {
	id := [32]byte{7}
	r := makeRun(t, inTemp(t, "run"), packNames(4), []Entry{
		{ID: id, Pack: 2, Offset: 9}, {ID: id, Pack: 3, Offset: 5}, {ID: id, Pack: 3, Offset: 1}, {ID: id},
	})
	e, pack, _, err := r.Lookup(id)
	if err != nil || r.Len() != 1 || pack != packName(3) || e.Offset != 5 {
		t.Errorf("kept %+v of %d, %v", e, r.Len(), err)
	}
}

func TestUnknownPackIsRefused(t *testing.T) {
	for _, e := range []Entry{{Pack: 2}, {Pack: 1 << 24}, {Pack: 1<<32 - 1}} {
		path := inTemp(t, "run")
		if err := WriteRun(path, packNames(2), []Entry{e}); err == nil {
			t.Errorf("pack %d of 2 was written", e.Pack)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Error("a refused run is visible")
		}
	}
}

func TestOpenOfNothing(t *testing.T) {
	if _, err := OpenRun(inTemp(t, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestAllStopsAtTheCallersError(t *testing.T) {
	r := makeRun(t, inTemp(t, "run"), packNames(1), randomEntries(1, 100, 1))
	want, calls := errors.New("enough"), 0
	err := r.All(func(Entry) error { calls++; return want })
	if err != want || calls != 1 {
		t.Errorf("%d calls, then %v", calls, err)
	}
}

// A crash before the end of writing leaves the old run, and no other file.
func TestNothingIsVisibleBeforeCommit(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/run"
	old := randomEntries(1, 100, 1)
	makeRun(t, path, packNames(1), old)

	w, err := createRun(path, 50_000)
	if err != nil {
		t.Fatal(err)
	}
	next := randomEntries(2, 50_000, 1)
	slices.SortFunc(next, compare)
	for i := range next {
		if err := w.add(&next[i]); err != nil {
			t.Fatal(err)
		}
	}
	if r := openRun(t, path); r.Len() != len(old) || r.Check() != nil {
		t.Error("a run being written replaced the old one")
	}
	w.abort()
	if names := listing(t, dir); !slices.Equal(names, []string{"run"}) {
		t.Errorf("left behind: %v", names)
	}
}

func TestLookupsAtOnce(t *testing.T) {
	entries := randomEntries(1, 5000, 20)
	want := model{}
	for _, e := range entries {
		want.put(e, packName(e.Pack))
	}
	r := makeRun(t, inTemp(t, "run"), packNames(20), entries)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { compareWithModel(t, r.Lookup, want) })
	}
	wg.Go(func() { equal(t, allOf(t, r), want) })
	wg.Wait()
}

package madeup

import (
	"os"
	"path"
	"testing"
)

// A thousand messages change as many pages as were measured, all of them in
// the logs.
func TestTalk(t *testing.T) {
	o, dir := Options{Shape: Account, Seed: 1}, t.TempDir()
	before := map[string]State{}
	for i, name := range o.Databases() {
		if err := os.MkdirAll(at(dir, path.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := Database(at(dir, name), 16<<10+int64(databases[i].mb)*20_000, 1, true); err != nil {
			t.Fatal(err)
		}
		before[name], _ = StateOf(at(dir, name))
	}
	s, err := Talk(dir, o, 1000, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	if pages := s.Rewritten / pageSize; pages < 974 || pages > 3131 {
		t.Errorf("1000 messages changed %d pages", pages)
	}
	changed := 0
	for _, name := range o.Databases() {
		after, err := StateOf(at(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if after != before[name] {
			changed++
		}
		os.Remove(at(dir, name) + "-wal")
		if alone, err := StateOf(at(dir, name)); err != nil || alone != before[name] {
			t.Errorf("%s changed beside its log: %v", name, err)
		}
	}
	if changed < 5 || changed > 15 {
		t.Errorf("%d databases changed", changed)
	}
}

func TestMutationIn(t *testing.T) {
	if got := Messages1000.In(1 << 30); got != Messages1000 {
		t.Errorf("1 GiB: %+v", got)
	}
	if got := Messages1000.In(128 << 20).Pages; got < 2300 || got > 2350 {
		t.Errorf("128 MiB: %d pages", got)
	}
	if got := Messages1000.In(1 << 20); got.Pages >= 256 || got.Pages < 200 {
		t.Errorf("1 MiB: %+v", got)
	}
}

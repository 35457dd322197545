package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A folder is known by what it is, not by what it is called. A hard link is the
// nearest to a second name that every file system has.
func TestPullPlaceByWhatItIs(t *testing.T) {
	dir := t.TempDir()
	chats := filepath.Join(dir, "chats")
	if err := os.MkdirAll(filepath.Join(chats, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	full, other := filepath.Join(dir, "file"), filepath.Join(dir, "other")
	if err := os.WriteFile(full, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(full, other); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		path, dir string
		want      bool
	}{
		{chats, chats, true},
		{filepath.Join(chats, "in", "deeper", "missing"), chats, true},
		{dir, chats, false},
		{filepath.Join(dir, "chats2"), chats, false},
		{chats, filepath.Join(dir, "missing"), false},
		{full, other, true},
		{filepath.Join(full, "below"), other, true},
	} {
		if got := below(x.path, x.dir); got != x.want {
			t.Errorf("%s below %s: %v", x.path, x.dir, got)
		}
	}
}

package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// A copy that can't be proven is refused: exit code 3, and nothing is written.
func TestHotcopyRefuses(t *testing.T) {
	s := newSession(t)
	const magic = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
	s.write("chat.db", strings.Repeat("page", 1024))
	// A journal, left by a crash, of a change to several databases.
	header := magic + strings.Repeat("\x00", 12) + "\x00\x00\x02\x00" + "\x00\x00\x10\x00"
	s.write("chat.db-journal", header+strings.Repeat("\x00", 484)+"super"+"\x00\x00\x00\x05\x00\x00\x00\x00"+magic)
	s.write("out/keep", "")
	got := s.object(exitRemarks, "hotcopy", s.path("chat.db"), s.path("out", "copy.db"))
	if doc := got.(map[string]any); doc["proven"] != false || doc["reason"] != "db_attached" {
		t.Errorf("%v", doc)
	}
	_, notes, code := s.run("hotcopy", s.path("chat.db"), s.path("out", "copy.db"))
	if code != exitRemarks || !strings.Contains(notes, "was not copied: its app died") {
		t.Errorf("exit code %d: %s", code, notes)
	}
	if list, err := os.ReadDir(s.path("out")); err != nil || len(list) != 1 {
		t.Errorf("written: %v, %v", list, err)
	}
	// The journal of a change to this one alone goes with the copy.
	s.write("chat.db-journal", header)
	got = s.object(exitDone, "hotcopy", s.path("chat.db"), s.path("out", "copy.db"))
	if doc := got.(map[string]any); doc["proven"] != true || doc["journal"] != true || doc["class"] != "rollback-hot" {
		t.Errorf("%v", doc)
	}
	for _, want := range []string{"bytes", "read", "page_size", "plain", "locked", "attempts", "network"} {
		if !slices.Contains(keys(got, ""), want) {
			t.Errorf("no %s in %v", want, got)
		}
	}
	if b, err := os.ReadFile(s.path("out", "copy.db-journal")); err != nil || string(b) != header {
		t.Errorf("%q, %v", b, err)
	}
}

//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"
)

// What root changes for a user stays the user's.
func TestChangeConfigKeepsTheOwner(t *testing.T) {
	s := newSession(t)
	s.write("chatkeep.yaml", "remote: drive:x\n")
	path := s.path("chatkeep.yaml")
	owner, group := os.Geteuid(), os.Getegid()
	if owner == 0 {
		owner, group = 4242, 4343
		if err := os.Chown(path, owner, group); err != nil {
			t.Fatal(err)
		}
	}
	a := &app{getenv: func(k string) string { return s.env[k] }}
	if err := a.addName("notify", "phone"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if now := info.Sys().(*syscall.Stat_t); int(now.Uid) != owner || int(now.Gid) != group {
		t.Errorf("the file belongs to %d:%d, not %d:%d any more", now.Uid, now.Gid, owner, group)
	}
}

package main

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Ctrl-C in the middle of a backup ends it soon and leaves a state that the
// next run takes up, without sending again what has arrived.
func TestInterruptLeavesAResumableState(t *testing.T) {
	s := newSession(t)
	big := make([]byte, 8<<20)
	for i := range 12 {
		rand.Read(big)
		s.write(filepath.Join("chats", "big"+string(rune('a'+i))), string(big))
	}
	if _, notes, code := s.run("init", "--folder", s.path("chats"), "--remote", "local:"+s.path("remote")); code != 0 {
		t.Fatal(notes)
	}
	s.write("chatkeep.yaml", "device: laptop\nsources: [{name: chats, folder: "+s.path("chats")+"}]\nremote: {type: local, folder: "+s.path("remote")+", pack_size: 1MiB}\n")

	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), "CHATKEEP_CHILD=backup", "HOME="+s.dir, "CHATKEEP_CONFIG="+s.path("chatkeep.yaml"), "CHATKEEP_STATE="+s.path("state"), "CHATKEEP_CACHE="+s.path("cache"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	packs := func() []string {
		found, err := filepath.Glob(s.path("remote", "packs", "*", "*.age"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for len(packs()) < 5 {
		select {
		case err := <-done:
			t.Fatal("the backup was over before it could be interrupted:", err)
		case <-deadline:
			t.Fatal("no pack arrived")
		case <-tick.C:
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err == nil {
			t.Fatal("an interrupted backup said that it was done")
		}
	case <-time.After(10 * time.Second): // promised: 2 s
		t.Fatal("still running long after Ctrl-C")
	}
	before := map[string]time.Time{}
	for _, p := range packs() {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		before[p] = info.ModTime()
	}
	if out := s.object(exitDone, "backup").(map[string]any); out["sequence"] != 1.0 {
		t.Errorf("the resumed backup is %v", out)
	}
	for p, when := range before {
		if info, err := os.Stat(p); err != nil || !info.ModTime().Equal(when) {
			t.Errorf("%s was sent again (%v)", p, err)
		}
	}
	s.object(exitDone, "verify", "--data")
}

// TestChild is the program itself, when another test starts it.
func TestChild(t *testing.T) {
	if command := os.Getenv("CHATKEEP_CHILD"); command != "" {
		os.Exit(run([]string{command}))
	}
}

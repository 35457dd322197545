package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"
)

// A pull that follows says each change in a document of its own, lets this
// device's backups go on, and ends with Ctrl-C.
func TestPullFollows(t *testing.T) {
	s := newSession(t)
	s.write("chats/a.txt", "a")
	if _, notes, code := s.run("init", "--folder", s.path("chats"), "--remote", "local:"+s.path("remote")); code != 0 {
		t.Fatal(notes)
	}
	s.object(exitDone, "backup")

	cmd := exec.Command(os.Args[0], "-test.run=^TestPullChild$")
	cmd.Env = append(os.Environ(), "CHATKEEP_PULL_TO="+s.path("pulled"), "HOME="+s.dir, "CHATKEEP_CONFIG="+s.path("chatkeep.yaml"),
		"CHATKEEP_STATE="+s.path("state"), "CHATKEEP_CACHE="+s.path("cache"))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }) // nothing came
	defer guard.Stop()
	lines := bufio.NewScanner(out)
	next := func() (d pullJSON) {
		t.Helper()
		if !lines.Scan() {
			t.Fatal("it said no more:", lines.Err())
		}
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := next()
	if d.Files == 0 || d.Devices[0].Sources[0].Sequence != 1 {
		t.Errorf("first: %+v", d)
	}
	s.write("chats/b.txt", "b")
	s.object(exitDone, "backup")
	if d := next(); d.Files != 1 || d.Devices[0].Sources[0].Files.New != 1 {
		t.Errorf("second: %+v", d)
	}
	if b, err := os.ReadFile(s.path("pulled", d.Devices[0].Folder, "chats", "b.txt")); err != nil || string(b) != "b" {
		t.Errorf("%q, %v", b, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if lines.Scan() {
		t.Errorf("after its end it said %s", lines.Bytes())
	}
	if err := cmd.Wait(); err != nil {
		t.Error("Ctrl-C:", err)
	}
}

// TestPullChild is the program itself, when TestPullFollows starts it.
func TestPullChild(t *testing.T) {
	if to := os.Getenv("CHATKEEP_PULL_TO"); to != "" {
		leastEvery = time.Millisecond
		os.Exit(run([]string{"pull", "--to", to, "--follow", "--every", "20ms", "--json"}))
	}
}

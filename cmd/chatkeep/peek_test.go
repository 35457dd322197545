package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
)

// atWork is a daemon that only says what it does.
type atWork struct {
	control.Service
	status control.Status
}

func (d *atWork) Status(context.Context) (*control.Status, error) { return &d.status, nil }

// serve lets a daemon answer for this home.
func (s *session) serve(d *atWork) {
	s.t.Helper()
	dir, err := os.MkdirTemp("", "ck") // a socket's name must be short
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s.env[control.Variable] = filepath.Join(dir, "s")
	l, err := control.Listen(s.env[control.Variable])
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- control.Serve(ctx, l, d, slog.New(slog.NewTextHandler(io.Discard, nil))) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	})
}

// What is said of whoever has the state folder: a job of the daemon by its name,
// anybody else as what they are.
func TestWhoIsAtWork(t *testing.T) {
	s := newSession(t)
	if _, notes, code := s.run("init", "--folder", s.path("chats"), "--remote", "local:"+s.path("remote")); code != 0 {
		t.Fatal(notes)
	}
	state, err := repo.OpenState(s.path("state"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	for _, c := range []struct {
		daemon *atWork
		note   string
		advice string
	}{
		{nil, "another chatkeep is at work here", "wait until it is done, or stop it"},
		{&atWork{status: control.Status{PID: os.Getpid() + 1, Running: &control.Running{Job: jobBackup}}}, "another chatkeep is at work here", "wait until it is done, or stop it"},
		{&atWork{status: control.Status{PID: os.Getpid()}}, "another chatkeep is at work here", "wait until it is done, or stop it"},
		{&atWork{status: control.Status{PID: os.Getpid(), Running: &control.Running{Job: jobBackup}}}, "a backup is running here", "at its job: backup"},
		{&atWork{status: control.Status{PID: os.Getpid(), Running: &control.Running{Job: jobVerify}}}, "at its job here: check", "at its job: check"},
	} {
		if c.daemon != nil {
			s.serve(c.daemon)
		}
		out, notes, code := s.run("snapshots")
		if code != exitDone || strings.Count(notes, "\n") != 1 || !strings.Contains(notes, c.note) {
			t.Errorf("exit code %d, %q, %q", code, out, notes)
		}
		_, notes, code = s.run("confirm-shrink")
		if code != exitFailed || !strings.Contains(notes, strconv.Itoa(os.Getpid())) || !strings.Contains(notes, c.advice) {
			t.Errorf("exit code %d, %q", code, notes)
		}
		s.object(exitDone, "snapshots")
	}
}

// A daemon that does something else is not who has the state folder.
func TestJobHolding(t *testing.T) {
	locked := hint.New(repo.CodeLocked, errors.New("lock"), "holder", "7")
	for _, c := range []struct {
		status control.Status
		want   string
	}{
		{control.Status{PID: 7, Running: &control.Running{Job: jobPull}}, jobPull},
		{control.Status{PID: 8, Running: &control.Running{Job: jobPull}}, ""},
		{control.Status{PID: 7}, ""},
	} {
		if got := jobHolding(&c.status, locked); got != c.want {
			t.Errorf("%+v: %q", c.status, got)
		}
	}
	if got := jobHolding(&control.Status{PID: 7, Running: &control.Running{}}, errors.New("another")); got != "" {
		t.Error(got)
	}
}

// A device that is just being made one has nothing to show yet: whoever looks
// hears who is at work.
func TestPeekAtBeginning(t *testing.T) {
	s := newSession(t)
	s.write("chatkeep.yaml", "sources: [./chats]\nremote: {type: local, folder: ./remote}\n")
	state, err := repo.OpenState(s.path("state"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	if err := os.MkdirAll(s.path("remote"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, notes, code := s.run("snapshots"); code != exitFailed || !strings.Contains(notes, "another chatkeep is at work (process") {
		t.Errorf("exit code %d, %q", code, notes)
	}
}

// What a check finds while somebody else is at work is told with what to do
// about it.
func TestVerifyWhilePeeking(t *testing.T) {
	s := newSession(t)
	for _, args := range [][]string{{"init", "--folder", s.path("chats"), "--remote", "local:" + s.path("remote")}, {"backup"}} {
		if _, notes, code := s.run(args...); code != 0 {
			t.Fatal(notes)
		}
	}
	packs, err := filepath.Glob(s.path("remote", "packs", "*", "*.age"))
	if err != nil || len(packs) != 1 {
		t.Fatal(packs, err)
	}
	if err := os.Remove(packs[0]); err != nil {
		t.Fatal(err)
	}
	state, err := repo.OpenState(s.path("state"), nil)
	if err != nil {
		t.Fatal(err)
	}
	out, _, code := s.run("verify")
	if code != exitIntegrity || !strings.Contains(out, "run chatkeep verify once more") {
		t.Errorf("exit code %d, %q", code, out)
	}
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"verify"}, exitIntegrity, "Run chatkeep backup now"},
		{[]string{"backup"}, exitDone, "Snapshot 2"},
		{[]string{"restore", "latest", "--to", s.path("restored")}, exitDone, ""},
	} {
		if out, notes, code := s.run(c.args...); code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%v: exit code %d, %q, %q", c.args, code, out, notes)
		}
	}
}

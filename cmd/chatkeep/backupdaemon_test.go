package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/internal/i18n"
)

// Who no longer watches a backup of the daemon is not told that it stopped, and
// it doesn't.
func TestLeavingABackup(t *testing.T) {
	x := newLaptop(t, services[0], "")
	x.day("first", 1<<20, 1<<20)
	x.boots()
	x.backedUp(0, history.Done)
	x.day("second", 1<<20, 3<<20)
	x.holds(0)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var text bytes.Buffer
	left := make(chan int, 1)
	go func() {
		a := &app{args: []string{"backup"}, out: &text, notes: &text, getenv: os.Getenv, say: i18n.For("en").Say, clock: x.now}
		left <- a.execute(ctx)
	}()
	x.await("it runs because it was asked for", func(s *control.Status) bool { return s.Running != nil && s.Running.Why == history.Asked })
	leave()
	if code := <-left; code != exitFailed || !strings.Contains(text.String(), "goes on in the background") {
		t.Errorf("who leaves is told, with exit code %d:\n%s", code, text.String())
	}
	runs := len(x.runs())
	x.letGo()
	x.backedUp(runs, history.Done)
}

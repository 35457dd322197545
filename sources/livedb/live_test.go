//go:build linux

package livedb

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// running is an app in a process of its own.
type running struct {
	t      *testing.T
	plan   plan
	report *os.File
	cmd    *exec.Cmd
	stdin  interface{ Close() error }
	said   *bytes.Buffer
	gone   chan struct{}
	moved  chan struct{} // holds one if there were transactions since it was emptied
	ending atomic.Bool
}

// start runs an app in a folder of its own and waits until it writes.
func start(t *testing.T, p plan) *running {
	t.Helper()
	dir := t.TempDir()
	if p.Path == "" {
		p.Path = filepath.Join(dir, "app.db")
	}
	p.Report = filepath.Join(dir, "report")
	if p.Engine == "" {
		p.Engine = "sqlite"
	}
	f, err := os.Create(p.Report)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(counters * 8); err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, plan: p, report: f}
	t.Cleanup(func() {
		r.stop()
		f.Close()
	})
	r.launch()
	r.await(3)
	return r
}

func (r *running) launch() {
	r.t.Helper()
	text, err := json.Marshal(r.plan)
	if err != nil {
		r.t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	r.said, r.gone = &bytes.Buffer{}, make(chan struct{})
	r.ending.Store(false)
	r.cmd = exec.Command(exe)
	r.cmd.Env = append(os.Environ(), appEnv+"="+string(text))
	r.cmd.Stderr = r.said
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		r.t.Fatal(err)
	}
	steps, err := r.cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.moved = make(chan struct{}, 1)
	read := make(chan struct{})
	go func(moved chan struct{}) {
		defer close(read)
		b := make([]byte, 512)
		for {
			if _, err := steps.Read(b); err != nil {
				return
			}
			select {
			case moved <- struct{}{}:
			default:
			}
		}
	}(r.moved)
	go func(cmd *exec.Cmd, gone chan struct{}) {
		<-read // all of it: Wait closes the pipe
		cmd.Wait()
		close(gone)
	}(r.cmd, r.gone)
}

func (r *running) count(i int) int64 {
	var b [8]byte
	if _, err := r.report.ReadAt(b[:], int64(i)*8); err != nil {
		r.t.Error(err)
	}
	return int64(binary.LittleEndian.Uint64(b[:]))
}

// await waits until n more transactions are committed.
func (r *running) await(n int64) {
	r.t.Helper()
	want := r.count(committed) + n
	for deadline := time.After(20 * time.Second); r.count(committed) < want; {
		select {
		case <-r.moved:
		case <-r.gone:
			r.t.Fatalf("the app ended: %s", r.said)
		case <-deadline:
			r.t.Fatalf("the app made no %d transactions", n)
		}
	}
}

// lingering returns what makes the first n writes to a target slow: each lets
// the app make a few transactions, or what it makes in a while.
func (r *running) lingering(n int) func() {
	return func() {
		if n--; n < 0 {
			return
		}
		want := r.count(committed) + 3
		for end := time.After(60 * time.Millisecond); r.count(committed) < want; {
			select {
			case <-r.moved:
			case <-r.gone:
				return
			case <-end:
				return
			}
		}
	}
}

// kill ends the app as a crash does.
func (r *running) kill() {
	r.cmd.Process.Kill()
	<-r.gone
}

// stop ends the app as its user does.
func (r *running) stop() {
	r.stdin.Close()
	select {
	case <-r.gone:
	case <-time.After(20 * time.Second):
		r.t.Error("the app does not end")
		r.kill()
	}
}

// unharmed says that the app noticed nothing.
func (r *running) unharmed() {
	r.t.Helper()
	if n := r.count(trouble); n != 0 {
		r.t.Errorf("the app had %d errors: %s", n, lastLine(r.said.Bytes()))
	}
	if d := time.Duration(r.count(slowest)); d > 4*time.Second {
		r.t.Errorf("opening took %v", d)
	}
}

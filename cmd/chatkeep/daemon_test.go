package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/sense/fakebus"
	"github.com/chatkeep/chatkeep/internal/i18n"
)

// laptop is a computer whose daemon runs in this process: on a system bus of its
// own, with a clock that can be set, and against a cloud. An app called talk
// keeps messages and images on it.
type laptop struct {
	*computer
	bus    *fakebus.Bus // nil: it has none
	ahead  atomic.Int64 // of the real time
	client *control.Client
	end    func() time.Duration // ends the daemon, and says how long that took

	caught, letGo func() // see holds
}

// newLaptop is one at home, which has its keys and was never backed up.
func newLaptop(t *testing.T, s service, rules string) *laptop {
	t.Helper()
	x := &laptop{computer: newComputer(t, newCloud(t), s), bus: fakebus.Start(t)}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", x.bus.Address())
	for _, v := range x.env {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	for _, name := range []string{control.Variable, "RUNTIME_DIRECTORY", "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY"} {
		t.Setenv(name, "")
	}
	short, err := os.MkdirTemp("", "ck") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(short) })
	t.Setenv("XDG_RUNTIME_DIR", short)
	x.write("talk/me/mark", nil)
	x.rules(rules)
	if out, code := x.do("init"); code != exitDone {
		t.Fatalf("init: %s", out)
	}
	return x
}

// rules writes the configuration.
func (x *laptop) rules(text string) {
	x.write("chatkeep.yaml", fmt.Appendf(nil, `device: laptop
sources: [{app: talk, root: %q}]
remote: {type: %s, folder: chatkeep, pack_size: 1MiB, chunk_size: %s, requests_per_minute: 6000, proxy: %q, ca_cert: %q}
schedule: {backup: "@every 24h", verify: off, on_change: off}
profiles:
  - name: talk
    app: talk
    layout: Desktop
    places: [{os: linux, folder: ~/talk}]
    account: {folders: ["*"], marker: [mark]}
    rules:
      - {category: messages, include: ["messages/**"]}
      - {category: images, include: ["images/**"]}
%s
`, x.path("talk"), x.kind, x.chunk, x.cloud.Proxy(), x.cloud.CAFile(), text))
}

// day writes what comes in on a day: messages and images, of so many bytes each,
// which nothing can compress. They have lain there for an hour.
func (x *laptop) day(day string, messages, images int) {
	before := x.now().Add(-time.Hour)
	random := rand.NewChaCha8([32]byte(fmt.Appendf(nil, "%-32s", day)))
	for _, f := range []struct {
		name string
		size int
	}{{"messages", messages}, {"images", images}} {
		for i := 0; i < f.size; i += 1 << 20 {
			b := make([]byte, min(f.size-i, 1<<20))
			random.Read(b)
			name := fmt.Sprintf("talk/me/%s/%s-%d", f.name, day, i>>20)
			x.write(name, b)
			x.check(os.Chtimes(x.path(name), before, before))
			x.chats += int64(len(b))
		}
	}
}

// do runs a command in this process.
func (x *laptop) do(args ...string) (out string, code int) {
	var text bytes.Buffer
	args = append(args, "--json")
	a := &app{args: args, out: &text, notes: &text, getenv: os.Getenv, say: i18n.For("en").Say, json: true, clock: x.now}
	code = a.execute(x.t.Context())
	return text.String(), code
}

func (x *laptop) now() time.Time { return time.Now().Add(time.Duration(x.ahead.Load())) }

// boots starts the daemon.
func (x *laptop) boots() {
	x.t.Helper()
	ctx, cancel := context.WithCancel(x.t.Context())
	log := &strings.Builder{}
	a := &app{args: []string{"daemon"}, out: log, notes: log, getenv: os.Getenv, say: i18n.For("en").Say, clock: x.now}
	ended := make(chan error, 1)
	go func() { ended <- a.daemon(ctx, "") }()
	down := false
	x.end = func() time.Duration {
		if down {
			return 0
		}
		down = true
		start := time.Now()
		cancel()
		x.client.Close()
		select {
		case err := <-ended:
			if err != nil {
				x.t.Error(err)
			}
		case <-time.After(30 * time.Second):
			x.t.Fatal("the daemon does not end")
		}
		if x.t.Failed() {
			x.t.Log(log)
		}
		return time.Since(start)
	}
	x.t.Cleanup(func() { x.end() })
	x.client = &control.Client{}
	x.until("the daemon listens", func() bool {
		select {
		case err := <-ended:
			x.t.Fatalf("the daemon ended: %v\n%s", err, log)
		default:
		}
		c, err := control.Find(ctx, x.path("state"), os.Getenv)
		if err == nil {
			x.client = c
		}
		return err == nil
	})
}

// until looks again and again whether something has come about.
func (x *laptop) until(what string, is func() bool) time.Duration {
	x.t.Helper()
	start := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		if time.Since(start) > 30*time.Second {
			x.t.Fatalf("it does not come about that %s", what)
		}
		<-tick.C
	}
	return time.Since(start)
}

// status is what the daemon says of itself.
func (x *laptop) status() *control.Status {
	x.t.Helper()
	s, err := x.client.Status(x.t.Context())
	if err != nil {
		x.t.Fatal(err)
	}
	return s
}

// await waits until the status is so, and returns how long that took.
func (x *laptop) await(what string, is func(*control.Status) bool) time.Duration {
	x.t.Helper()
	var s *control.Status
	defer func() {
		if x.t.Failed() && s != nil {
			text, _ := json.MarshalIndent(s, "", " ")
			x.t.Logf("%s", text)
			s = nil
		}
	}()
	return x.until(what, func() bool {
		s = x.status()
		return is(s)
	})
}

// passes sets the clock ahead, and makes the daemon look at it.
func (x *laptop) passes(d time.Duration) {
	x.t.Helper()
	x.ahead.Add(int64(d))
	if err := x.client.Reload(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
}

// allowed waits until everything may be sent for long enough.
func (x *laptop) allowed() {
	x.t.Helper()
	x.await("everything is allowed", func(s *control.Status) bool { return s.Decision.Allowed.All })
	x.passes(11 * time.Second)
}

// runs are the backups that ended.
func (x *laptop) runs() []history.Run {
	x.t.Helper()
	runs, err := history.Open(x.path("state")).Last(1000)
	if err != nil {
		x.t.Fatal(err)
	}
	return slices.DeleteFunc(runs, func(r history.Run) bool { return r.Job != jobBackup || r.Ended.IsZero() })
}

// backedUp waits until one more backup has ended than had, with this outcome.
func (x *laptop) backedUp(before int, outcome string) {
	x.t.Helper()
	x.await("another backup has ended", func(s *control.Status) bool { return s.Running == nil && len(x.runs()) > before })
	if r := x.runs(); len(r) != before+1 || r[before].Outcome != outcome {
		x.t.Errorf("after %d runs there are: %+v", before, r[before:])
	}
}

// kept are the files in the newest snapshot, by the last two parts of their
// names.
func (x *laptop) kept() (list []string) {
	x.t.Helper()
	out, code := x.do("ls", "latest")
	var files []struct{ Path, Type string }
	if err := json.Unmarshal([]byte(out), &files); err != nil || code != exitDone {
		x.t.Fatalf("%v: %s", err, out)
	}
	for _, f := range files {
		if f.Type == "file" && filepath.Base(f.Path) != "mark" {
			list = append(list, filepath.Base(filepath.Dir(f.Path))+"/"+filepath.Base(f.Path))
		}
	}
	return list
}

// proven checks everything that is stored.
func (x *laptop) proven() {
	x.t.Helper()
	if out, code := x.do("verify", "--data"); code != exitDone {
		x.t.Errorf("exit code %d: %s", code, out)
	}
}

// waitsFor reports whether the backup waits for these reasons.
func waitsFor(s *control.Status, reasons ...string) bool {
	return s.Running == nil && slices.Contains(s.Waiting, jobBackup) && slices.Equal(reasonsOf(s), reasons)
}

func reasonsOf(s *control.Status) (codes []string) {
	for _, r := range s.Decision.Reasons {
		codes = append(codes, r.Code)
	}
	return codes
}

// A daemon that has ended leaves nothing of its own behind: no goroutine, no open
// file, no lock. Connections to the cloud close a little later, by themselves.
func TestDaemonLeavesNothingOpen(t *testing.T) {
	x := newLaptop(t, services[0], "")
	for i := range 3 {
		x.day(fmt.Sprint("day", i), 1000, 1000)
		x.boots()
		x.locks(2)
		x.backedUp(i, history.Done)
		x.end()
		x.locks(0)
		x.until("no goroutine is left", func() bool {
			stacks := make([]byte, 1<<20)
			text := string(stacks[:runtime.Stack(stacks, true)])
			return !strings.Contains(text, "chatkeep/daemon.") && !strings.Contains(text, "chatkeep/daemon/control.") && !strings.Contains(text, "chatkeep/daemon/sense.")
		})
		if left := x.openFiles(); len(left) > 0 {
			t.Errorf("still open: %v", left)
		}
		x.ahead.Add(int64(25 * time.Hour))
	}
}

// openFiles are the files of the computer that this process has open, where the
// system tells.
func (x *laptop) openFiles() (list []string) {
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, l := range links {
		if path, err := os.Readlink(l); err == nil && strings.HasPrefix(path, x.dir) {
			list = append(list, path)
		}
	}
	return list
}

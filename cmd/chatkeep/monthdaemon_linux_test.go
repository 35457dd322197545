package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/providers/cloud"
)

// lodger is the daemon's process.
type lodger struct {
	*exec.Cmd
	tie   io.Closer // when it is closed, also by the end of this process, the daemon ends
	ended chan int
	*control.Client
}

// TestMonthsDaemon is the daemon itself, when a month starts it: the program,
// but that its clock is the time of a file, and that between two tries of a
// request no time passes.
func TestMonthsDaemon(t *testing.T) {
	wall := os.Getenv("CHATKEEP_MONTH")
	if wall == "" {
		return
	}
	cloud.IgnoreSignals()
	frugal()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	go answerVitals(wall + ".vitals")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := newApp([]string{"daemon"})
	a.clock = func() time.Time {
		info, err := os.Stat(wall)
		if err != nil {
			panic(err)
		}
		return info.ModTime()
	}
	a.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	os.Exit(a.execute(ctx))
}

// answerVitals writes, whenever it is asked to by a signal, how many goroutines
// there are, once all memory that is free was given back.
func answerVitals(path string) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	for range asked {
		runtime.GC() // what is freed by finalizers is free with the next one
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if os.WriteFile(path+".new", fmt.Appendf(nil, "%d %d", runtime.NumGoroutine(), m.HeapAlloc>>10), 0o600) != nil || os.Rename(path+".new", path) != nil {
			os.Exit(1)
		}
	}
}

// environment is that of the daemon and of those who talk to it.
func (m *month) environment(key string) string {
	for _, e := range m.env {
		if value, ok := strings.CutPrefix(e, key+"="); ok {
			return value
		}
	}
	return ""
}

// start starts the daemon and waits until it can be talked to.
func (m *month) start() {
	m.t.Helper()
	log, err := os.OpenFile(m.path("daemon.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	defer log.Close()
	d := &lodger{Cmd: exec.Command(os.Args[0], "-test.run=^TestMonthsDaemon$"), ended: make(chan int, 1)}
	d.Env = append(m.env[:len(m.env):len(m.env)], "PATH="+os.Getenv("PATH"), "GORACE=atexit_sleep_ms=50", "CHATKEEP_MONTH="+m.path("clock"), "DBUS_SYSTEM_BUS_ADDRESS="+m.bus.Address())
	d.Dir, d.Stdout, d.Stderr = m.dir, log, log
	if d.tie, err = d.StdinPipe(); err == nil {
		err = d.Start()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = d.Process.Kill() })
	go func() {
		_ = d.Wait()
		d.ended <- d.ProcessState.ExitCode()
	}()
	m.daemon = d
	m.await("the daemon to listen", func() bool {
		d.Client, err = control.Find(m.t.Context(), m.path("state"), m.environment)
		if err != nil && !errors.Is(err, control.ErrNoDaemon) {
			m.t.Fatal(err)
		}
		return err == nil && d.Client != nil
	})
	m.await("the daemon to look around", func() bool { return len(m.status().Conditions.Unasked) == 0 })
}

// stops ends the daemon as systemd does, which it is in seconds.
func (m *month) stops() {
	m.t.Helper()
	m.figures.stops++
	began := time.Now()
	if err := m.daemon.Process.Signal(syscall.SIGTERM); err != nil {
		m.t.Fatal(err)
	}
	if code := <-m.daemon.ended; code != exitDone {
		m.fatal("the daemon ended with %d", code)
	}
	if took := time.Since(began); took > 2*lastWords {
		m.t.Errorf("the daemon took %v to end", took)
	}
	m.leaves()
}

// dies ends the daemon as a power cut does.
func (m *month) dies() {
	m.t.Helper()
	m.figures.kills++
	if err := m.daemon.Process.Kill(); err != nil {
		m.t.Fatal(err)
	}
	<-m.daemon.ended
	m.leaves()
}

func (m *month) leaves() {
	m.daemon.Client.Close()
	_ = m.daemon.tie.Close()
	m.daemon = nil
	m.story.read()
}

// await looks again and again until something is so.
func (m *month) await(what string, is func() bool) {
	m.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !is() {
		select {
		case code := <-m.daemon.ended:
			m.fatal("waiting for %s: the daemon ended with %d", what, code)
		case <-deadline:
			m.fatal("waited too long for %s: %+v", what, m.status())
		case <-tick.C:
		}
	}
}

// fatal ends the test with what the daemon said last.
func (m *month) fatal(format string, args ...any) {
	m.t.Helper()
	text, _ := os.ReadFile(m.path("daemon.log"))
	m.t.Fatalf("at %v: %s\n%s\n%s", m.now.In(m.zone), fmt.Sprintf(format, args...), strings.Join(m.story.troubles, "\n"), text[max(0, len(text)-8000):])
}

func (m *month) status() *control.Status {
	m.t.Helper()
	s, err := m.daemon.Status(m.t.Context())
	if err != nil {
		m.fatal("status: %v", err)
	}
	return s
}

// nudge makes the daemon look at the clock, as its own timers would.
func (m *month) nudge() {
	m.t.Helper()
	var err error
	if until := m.luck.paused; until.After(m.now) {
		err = m.daemon.Pause(m.t.Context(), until)
	} else {
		err = m.daemon.Resume(m.t.Context())
	}
	if err != nil {
		m.fatal("nudge: %v", err)
	}
}

// settle waits until the daemon has done all it wants to do now, and holds what
// it did against what it should have done.
func (m *month) settle() {
	m.t.Helper()
	if m.daemon == nil {
		return
	}
	m.nudge()
	var s *control.Status
	m.await("the daemon to come to rest", func() bool {
		m.story.read()
		s = m.status()
		return m.isAtRest(s)
	})
	m.story.read()
	m.explained(s)
	m.isFresh(s)
}

// isAtRest reports whether the daemon has looked at the time that is, and
// nothing is left that it could do now.
func (m *month) isAtRest(s *control.Status) bool {
	if s.Running != nil || !s.Changes.Looked.Equal(m.now) {
		return false
	}
	for _, j := range s.Jobs {
		wants := j.Due || j.Name == jobBackup && m.isQuiet(s)
		if wants && !waits(s, j) {
			return false
		}
	}
	return true
}

// isQuiet reports whether new messages wait for no more. If they are safe, only
// what belongs to them waits until more is allowed.
func (m *month) isQuiet(s *control.Status) bool {
	c := s.Changes
	if m.duties[0].held && !c.Safe.Before(c.Newest) {
		return false
	}
	return !c.Oldest.IsZero() && (!m.now.Before(c.Newest.Add(m.luck.quiet())) || !m.now.Before(c.Oldest.Add(5*m.luck.quiet())))
}

// waits reports whether the status says that a job waits for something.
func waits(s *control.Status, j control.Job) bool {
	for _, name := range s.Waiting {
		if name == j.Name {
			return true
		}
	}
	return !j.Retry.IsZero()
}

// vitals are what must not grow.
type vitals struct {
	anonymous  int // KiB
	heap       int // KiB of it in use
	files      int
	goroutines int
}

func (v *vitals) String() string {
	return fmt.Sprintf("%d KiB of anonymous memory, %d of them in use, %d files, %d goroutines", v.anonymous, v.heap, v.files, v.goroutines)
}

var anonymous = regexp.MustCompile(`RssAnon:\s*(\d+) kB`)

// vitals takes them when no connection to the service is left. Those of a run
// are kept for a minute in case there is another one, and this minute has seen
// a hundred runs.
func (m *month) vitals() (v vitals) {
	m.t.Helper()
	m.cloud.SetOffline(true)
	m.cloud.SetOffline(false)
	same := 0
	m.await("connections to end", func() bool {
		last := v
		v = m.vitalsNow()
		if same++; last.files != v.files || last.goroutines != v.goroutines {
			same = 0
		}
		return same == 5
	})
	return v
}

// vitalsNow asks the daemon and the kernel.
func (m *month) vitalsNow() vitals {
	m.t.Helper()
	path := m.path("clock.vitals")
	_ = os.Remove(path)
	if err := m.daemon.Process.Signal(syscall.SIGUSR1); err != nil {
		m.t.Fatal(err)
	}
	var text []byte
	m.await("the daemon's vitals", func() bool {
		var err error
		text, err = os.ReadFile(path)
		return err == nil
	})
	var v vitals
	var err error
	if _, err = fmt.Sscan(string(text), &v.goroutines, &v.heap); err != nil {
		m.t.Fatal(err)
	}
	proc := filepath.Join("/proc", strconv.Itoa(m.daemon.Process.Pid))
	if text, err = os.ReadFile(filepath.Join(proc, "status")); err != nil {
		m.t.Fatal(err)
	}
	if found := anonymous.FindSubmatch(text); found != nil {
		v.anonymous, _ = strconv.Atoi(string(found[1]))
	}
	list, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil || v.anonymous == 0 {
		m.t.Fatalf("%v, %s", err, text)
	}
	v.files = len(list)
	return v
}

// Of one daemon, days apart. What it keeps open for a while are connections: to
// the service, to the bus and to who talks to it. Of memory, what is in use must
// not grow; all of it together, with the gaps that a hundred runs in a minute
// leave, stays below what an idle daemon may have.
const (
	mostGrowth     = 3 << 10  // KiB
	mostAnonymous  = 40 << 10 // KiB
	mostFiles      = 6
	mostGoroutines = 12
)

func (v *vitals) grewTo(t *testing.T, later *vitals) {
	t.Helper()
	if n := later.heap - v.heap; n > mostGrowth*memoryFactor {
		t.Errorf("%d KiB of memory more in use", n)
	}
	if later.anonymous > mostAnonymous*memoryFactor {
		t.Errorf("%d KiB of anonymous memory", later.anonymous)
	}
	if n := later.files - v.files; n > mostFiles {
		t.Errorf("%d open files more", n)
	}
	if n := later.goroutines - v.goroutines; n > mostGoroutines {
		t.Errorf("%d goroutines more", n)
	}
}

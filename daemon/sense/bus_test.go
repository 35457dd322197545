package sense_test

import (
	"bufio"
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/daemon/sense"
	"github.com/chatkeep/chatkeep/daemon/sense/fakebus"
)

func TestNoBus(t *testing.T) {
	start := time.Now()
	s := open(t, sense.Options{Bus: "unix:path=" + filepath.Join(t.TempDir(), "gone"), Retry: time.Nanosecond})
	if took := time.Since(start); took > time.Second {
		t.Errorf("Open took %v", took)
	}
	for range 100 { // each tries again
		c := s.Now()
		if c.Online != policy.Unknown || c.Metered != policy.Unknown || c.OnBattery != policy.Unknown || c.Battery != -1 || !slices.Equal(c.Unasked, []string{"bus", "pressure"}) {
			t.Fatalf("%+v", c)
		}
	}
	s.Hold()
	s.Release()
	select {
	case <-s.Changed():
		t.Error("nothing changed")
	default:
	}
}

// The environment names the bus where the options don't.
func TestUsualBus(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "tcp:host=127.0.0.1,port=1") // must not be asked
		if c := open(t, sense.Options{}).Now(); !slices.Contains(c.Unasked, "bus") {
			t.Errorf("%+v", c)
		}
		return
	}
	bus := fakebus.Start(t)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.Address())
	if c := open(t, sense.Options{}).Now(); c.Network != fakebus.HomeUUID {
		t.Errorf("%+v", c)
	}
}

func TestPeersComeAndGo(t *testing.T) {
	bus := fakebus.Start(t)
	s := open(t, sense.Options{Bus: bus.Address()})
	for _, tt := range []struct {
		code        string
		stop, start func()
		meanwhile   func()
		forgotten   func(policy.Conditions) bool
		back        func(policy.Conditions) bool
	}{
		{
			"network_manager", bus.StopNM, bus.StartNM, func() { bus.SetMetered(fakebus.Metered) },
			func(c policy.Conditions) bool {
				return c.Online == policy.Unknown && c.Metered == policy.Unknown && c.VPN == policy.Unknown && c.Network == "" && c.OnBattery == policy.No
			},
			func(c policy.Conditions) bool { return c.Metered == policy.Yes && c.Network == fakebus.HomeUUID },
		},
		{
			"upower", bus.StopUPower, bus.StartUPower, func() { bus.SetOnBattery(true) },
			func(c policy.Conditions) bool {
				return c.OnBattery == policy.Unknown && c.Battery == -1 && c.Online == policy.Yes
			},
			func(c policy.Conditions) bool { return c.OnBattery == policy.Yes && c.Battery == 80 },
		},
		{
			"login1", bus.StopLogin1, bus.StartLogin1, func() {},
			func(c policy.Conditions) bool { return c.Online == policy.Yes },
			func(c policy.Conditions) bool { return c.Online == policy.Yes },
		},
	} {
		t.Run(tt.code, func(t *testing.T) {
			unasked := func(c policy.Conditions) bool { return slices.Equal(c.Unasked, []string{tt.code, "pressure"}) }
			asked := func(c policy.Conditions) bool { return slices.Equal(c.Unasked, []string{"pressure"}) }
			for range 3 {
				tt.stop()
				await(t, s, "it is gone", func(c policy.Conditions) bool { return unasked(c) && tt.forgotten(c) })
				tt.meanwhile()
				tt.start()
				await(t, s, "it is back", func(c policy.Conditions) bool { return asked(c) && tt.back(c) })
			}
		})
	}
	bus.SetMetered(fakebus.Unmetered) // the new owners are listened to
	bus.SetOnBattery(false)
	await(t, s, "signals of the new owners", func(c policy.Conditions) bool { return c.Metered == policy.No && c.OnBattery == policy.No })
}

func TestBusRestarts(t *testing.T) {
	bus := fakebus.Start(t)
	s := open(t, sense.Options{Bus: bus.Address(), Retry: time.Nanosecond})
	for range 3 {
		bus.Stop()
		select { // not Now: it would try too early, and nobody would call it again
		case <-s.Changed():
		case <-time.After(late):
			t.Fatal("the loss of the bus is not told")
		}
		bus.SetMetered(fakebus.Metered)
		bus.Restart()
		if c := s.Now(); c.Metered != policy.Unknown || c.OnBattery != policy.Unknown || !slices.Equal(c.Unasked, []string{"bus", "pressure"}) {
			t.Errorf("without a bus: %+v", c)
		}
		await(t, s, "the bus is back", func(c policy.Conditions) bool { return c.Metered == policy.Yes && c.Battery == 80 })
		bus.SetMetered(fakebus.Unmetered)
		await(t, s, "its signals come", func(c policy.Conditions) bool { return c.Metered == policy.No })
		s.Hold()
		awaitLocks(t, bus, 2)
		s.Release()
		awaitLocks(t, bus, 0)
	}
}

// What is gone is not tried at every call.
func TestRetryIsRare(t *testing.T) {
	bus := fakebus.Start(t)
	bus.Stop()
	s := open(t, sense.Options{Bus: bus.Address()})
	bus.Restart()
	for range 100 {
		if c := s.Now(); !slices.Contains(c.Unasked, "bus") {
			t.Fatalf("tried within a minute: %+v", c)
		}
	}
	if err := s.Close(); err != nil { // and waits for a try, if there were one
		t.Fatal(err)
	}
	if c := s.Now(); !slices.Contains(c.Unasked, "bus") {
		t.Errorf("after Close: %+v", c)
	}
}

// mute listens as a bus that says what it is asked up to a point, and then
// nothing more.
func mute(t *testing.T, answers ...string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mute") // short, for a socket
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = l.Close()
		_ = os.RemoveAll(dir)
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for _, a := range answers {
					if _, err := r.ReadString('\n'); err != nil {
						return
					}
					if _, err := c.Write([]byte(a + "\r\n")); err != nil {
						return
					}
				}
				_, _ = r.WriteTo(discard{})
			}()
		}
	}()
	return "unix:path=" + l.Addr().String()
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func TestBusThatNeverAnswers(t *testing.T) {
	for name, answers := range map[string][]string{
		"not a word":        nil,
		"not after sign-in": {"REJECTED EXTERNAL", "OK 0123456789abcdef0123456789abcdef"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := mute(t, answers...)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			start := time.Now()
			s := sense.Open(ctx, sense.Options{Bus: address})
			if took := time.Since(start); took > time.Second {
				t.Errorf("Open took %v, its time was 50ms", took)
			}
			start = time.Now()
			if c := s.Now(); !slices.Contains(c.Unasked, "bus") {
				t.Errorf("%+v", c)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("Now and Close took %v", took)
			}

			start = time.Now()
			s = sense.Open(t.Context(), sense.Options{Bus: address}) // for as long as it likes
			if took := time.Since(start); took > late/2 {
				t.Errorf("Open took %v", took)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPeerThatNeverAnswers(t *testing.T) {
	t.Parallel()
	bus := fakebus.Start(t)
	bus.HangNM(true)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	s := sense.Open(ctx, sense.Options{Bus: bus.Address(), Retry: time.Nanosecond, Proc: t.TempDir()})
	defer s.Close()
	if took := time.Since(start); took > time.Second {
		t.Errorf("Open took %v", took)
	}
	others := func(c policy.Conditions) bool {
		return c.Battery == 80 && slices.Equal(c.Unasked, []string{"network_manager", "pressure"})
	}
	if c := await(t, s, "the others answer", others); c.Online != policy.Unknown {
		t.Errorf("%+v", c)
	}
	bus.SetBattery(50)
	await(t, s, "the others are heard", func(c policy.Conditions) bool { return c.Battery == 50 })
	bus.HangNM(false)
	await(t, s, "it answers late", func(c policy.Conditions) bool { return c.Network == fakebus.HomeUUID })

	bus.HangNM(true)
	bus.SetMetered(fakebus.Metered) // is asked for, and given up
	await(t, s, "it is silent", func(c policy.Conditions) bool {
		return c.Metered == policy.Unknown && slices.Contains(c.Unasked, "network_manager")
	})
	bus.HangNM(false)
	await(t, s, "it is asked again", func(c policy.Conditions) bool { return c.Metered == policy.Yes })
}

// Signals that come faster than they are answered cost nothing.
func TestManySignals(t *testing.T) {
	bus := fakebus.Start(t)
	s := open(t, sense.Options{Bus: bus.Address(), Retry: time.Nanosecond})
	bus.HangUPower(true)
	before, most := runtime.NumGoroutine(), 0
	for i := range 600 {
		bus.SetBattery(float64(i % 100))
		bus.SetMetered([]uint32{fakebus.Metered, fakebus.Unmetered}[i%2])
		most = max(most, runtime.NumGoroutine())
	}
	if most > before+50 {
		t.Errorf("%d goroutines after 1200 signals, %d before", most, before)
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	held := heap()
	for i := range 600 {
		bus.SetBattery(float64(i % 100))
		bus.Sleep(i%2 == 0)
	}
	if grown := heap() - held; grown > 200<<10 {
		t.Errorf("1200 signals keep %d bytes", grown)
	}
	bus.SetBattery(42)
	bus.HangUPower(false)
	bus.SetBattery(43)
	await(t, s, "the last word", func(c policy.Conditions) bool { return c.Battery == 43 && c.Metered == policy.No })
}

// openFiles counts the open files of this process.
func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil && runtime.GOOS == "linux" {
		t.Fatal(err)
	}
	return len(files)
}

func TestCloseClosesAll(t *testing.T) {
	bus := fakebus.Start(t)
	cycle := func() {
		s := sense.Open(t.Context(), sense.Options{Bus: bus.Address()})
		s.Hold()
		awaitLocks(t, bus, 2)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		awaitLocks(t, bus, 0)
		if err := s.Close(); err != nil {
			t.Errorf("closed twice: %v", err)
		}
		s.Hold()
		if n := bus.Inhibitors(); n != 0 {
			t.Errorf("locks after Close: %d", n)
		}
	}
	cycle()
	files := openFiles(t)
	for range 20 {
		cycle()
	}
	if now := openFiles(t); now > files {
		t.Errorf("%d files are open, %d were", now, files)
	}
	// Goroutines end soon after the connection they served.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	end := time.After(late)
	for ours() > 0 {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%d goroutines of package sense are left", ours())
		}
	}
}

// ours counts the goroutines that package sense started.
func ours() int {
	buf := make([]byte, 1<<20)
	n := 0
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "created by github.com/chatkeep/chatkeep/daemon/sense.") || strings.Contains(g, "daemon/sense.(*link)") {
			n++
		}
	}
	return n
}

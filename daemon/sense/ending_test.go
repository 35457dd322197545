package sense_test

import (
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/daemon/sense"
	"github.com/chatkeep/chatkeep/daemon/sense/fakebus"
)

// ends receives from Ending and compares.
func ends(t *testing.T, s *sense.Sense, want bool, end sense.End) {
	t.Helper()
	select {
	case got := <-s.Ending():
		if got != want || s.End() != end {
			t.Fatalf("ending: %v, %v; want %v, %v", got, s.End(), want, end)
		}
	case <-time.After(late):
		t.Fatalf("no ending; want %v", want)
	}
}

// nothingEnds fails if something was sent to Ending. A signal of UPower that
// was seen proves that those before it were.
func nothingEnds(t *testing.T, bus *fakebus.Bus, s *sense.Sense) {
	t.Helper()
	bus.SetBattery(33)
	await(t, s, "33 percent", func(c policy.Conditions) bool { return c.Battery == 33 })
	bus.SetBattery(80)
	await(t, s, "80 percent", func(c policy.Conditions) bool { return c.Battery == 80 })
	select {
	case got := <-s.Ending():
		t.Errorf("ending: %v, %v", got, s.End())
	default:
	}
}

func TestSleepAndShutdownWaitForUs(t *testing.T) {
	bus := fakebus.Start(t)
	s := open(t, sense.Options{Bus: bus.Address()})
	for _, tt := range []struct {
		tell func(bool)
		end  sense.End
	}{{bus.Sleep, sense.Sleep}, {bus.Shutdown, sense.Shutdown}, {bus.Sleep, sense.Sleep}} {
		s.Hold()
		s.Hold() // holds no more than the first
		if n := bus.Inhibitors(); n != 2 {
			t.Fatalf("%d locks are held, want 2: for sleep and for shutdown", n)
		}
		tt.tell(true)
		ends(t, s, true, tt.end)
		s.Release()
		s.Release()
		awaitLocks(t, bus, 0)
		tt.tell(false)
		ends(t, s, false, sense.Awake)
	}
}

func awaitLocks(t *testing.T, bus *fakebus.Bus, n int) {
	t.Helper()
	if err := bus.AwaitInhibitors(deadline(t), n); err != nil {
		t.Fatal(err)
	}
}

func TestLocksAreTakenWhenLogin1Appears(t *testing.T) {
	bus := fakebus.Start(t)
	bus.StopLogin1()
	s := open(t, sense.Options{Bus: bus.Address()})
	s.Hold()
	if n := bus.Inhibitors(); n != 0 {
		t.Fatalf("%d locks from nobody", n)
	}
	bus.StartLogin1()
	awaitLocks(t, bus, 2)
	bus.StopLogin1() // the real one keeps them too
	await(t, s, "login1 is gone", func(c policy.Conditions) bool { return len(c.Unasked) == 2 })
	bus.StartLogin1()
	await(t, s, "login1 is there", func(c policy.Conditions) bool { return len(c.Unasked) == 1 })
	awaitLocks(t, bus, 2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	awaitLocks(t, bus, 0)
}

// A login1 that doesn't answer neither keeps Hold nor leaves a lock behind when
// it answers at last.
func TestLateLocksAreGivenUp(t *testing.T) {
	t.Parallel()
	bus := fakebus.Start(t)
	s := open(t, sense.Options{Bus: bus.Address()})
	bus.HangLogin1(true)
	start := time.Now()
	s.Hold()
	if took := time.Since(start); took > late/2 {
		t.Errorf("Hold took %v", took)
	}
	bus.HangLogin1(false)
	awaitLocks(t, bus, 0)
	s.Hold()
	awaitLocks(t, bus, 2)
}

// Whoever is awake knows that the computer is, whatever was missed.
func TestNobodySleepsForever(t *testing.T) {
	bus := fakebus.Start(t)
	bus.Sleep(true)
	s := open(t, sense.Options{Bus: bus.Address(), Retry: time.Nanosecond})
	ends(t, s, true, sense.Sleep) // it was under way already

	bus.StopLogin1()
	bus.Sleep(false) // nobody says so
	ends(t, s, false, sense.Awake)
	bus.StartLogin1()
	await(t, s, "login1 is there", func(c policy.Conditions) bool { return len(c.Unasked) == 1 })
	nothingEnds(t, bus, s)

	bus.Sleep(true)
	ends(t, s, true, sense.Sleep)
	bus.Stop()
	ends(t, s, false, sense.Awake)
}

// While the computer shuts down its services end. That doesn't mean that it
// stays on.
func TestShutdownEndsLogin1(t *testing.T) {
	bus := fakebus.Start(t)
	s := open(t, sense.Options{Bus: bus.Address()})
	bus.Shutdown(true)
	ends(t, s, true, sense.Shutdown)
	bus.StopLogin1()
	await(t, s, "login1 is gone", func(c policy.Conditions) bool { return len(c.Unasked) == 2 })
	nothingEnds(t, bus, s)
	if s.End() != sense.Shutdown {
		t.Errorf("end: %v", s.End())
	}
	bus.Shutdown(false)
	bus.StartLogin1()
	ends(t, s, false, sense.Awake)
}

// Of what nobody received the last word counts.
func TestLastEndingCounts(t *testing.T) {
	bus := fakebus.Start(t)
	s := open(t, sense.Options{Bus: bus.Address()})
	for range 100 {
		bus.Sleep(true)
		bus.Sleep(false)
	}
	bus.SetBattery(33)
	await(t, s, "33 percent", func(c policy.Conditions) bool { return c.Battery == 33 })
	ends(t, s, false, sense.Awake)
	nothingEnds(t, bus, s)
}

// Anyone may send a signal that looks like login1's, and files along with it.
func TestOnlyTheOwnerIsBelieved(t *testing.T) {
	bus := fakebus.Start(t)
	s := open(t, sense.Options{Bus: bus.Address()})
	bus.Forge(true)
	nothingEnds(t, bus, s)
	before := openFiles(t)
	for range 10 {
		bus.Forge(true)
	}
	nothingEnds(t, bus, s)
	if after := openFiles(t); after > before {
		t.Errorf("%d files are open, %d were", after, before)
	}
	if s.End() != sense.Awake {
		t.Errorf("end: %v", s.End())
	}
}

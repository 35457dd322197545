//go:build unix

package sense_test

import (
	"slices"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/daemon/sense"
	"github.com/chatkeep/chatkeep/daemon/sense/fakebus"
)

// A bus that stops answering while connected keeps nobody, and is given up.
func TestBusFreezes(t *testing.T) {
	t.Parallel()
	bus := fakebus.Start(t)
	s := open(t, sense.Options{Bus: bus.Address(), Retry: time.Nanosecond})
	quick := func(what string, do func()) {
		t.Helper()
		start := time.Now()
		do()
		if took := time.Since(start); took > late/2 {
			t.Errorf("%s took %v", what, took)
		}
	}
	bus.HangNM(true)
	bus.SetMetered(fakebus.Metered)
	await(t, s, "NetworkManager is silent", func(c policy.Conditions) bool { return slices.Contains(c.Unasked, "network_manager") })
	bus.Freeze(true)
	quick("Hold", s.Hold)
	quick("Release", s.Release)
	await(t, s, "the bus is given up", func(c policy.Conditions) bool { return slices.Contains(c.Unasked, "bus") }) // each call asks NetworkManager again
	bus.HangNM(false)
	bus.Freeze(false)
	tick := time.NewTicker(10 * time.Millisecond) // a try that fails tells nothing
	defer tick.Stop()
	end := time.After(late)
	for s.Now().Metered != policy.Yes {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%+v", s.Now())
		}
	}
	awaitLocks(t, bus, 0)

	bus.HangUPower(true)
	bus.SetOnBattery(true) // somebody is asking
	bus.Freeze(true)
	quick("Close", func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

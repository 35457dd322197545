package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/daemon/sense/fakebus"
	"github.com/chatkeep/chatkeep/internal/fakecloud"
)

const cafe = "33333333-2222-1111-0000-444444444444"

// Each rule, from the configuration to what is sent and what waits: a day's
// messages and images come in while the rule holds, and it ends.
func TestRulesOnABus(t *testing.T) {
	x := newLaptop(t, services[0], "")
	x.write("state/networks.json", fmt.Appendf(nil, `{"networks": [{"name": "home", "uuids": [%q]}]}`, fakebus.HomeUUID))
	x.day("first", 1000, 1000)
	begun := x.now()
	x.boots()
	x.backedUp(0, history.Done)
	x.usageAsked(begun)
	for i, c := range []struct {
		name, rules string
		holds, ends func()
		part        bool // messages go all the same
		reasons     []string
	}{{
		name: "metered", rules: "network: {on_metered: pause}", reasons: []string{policy.Metered},
		holds: func() { x.bus.SetMetered(fakebus.Metered) }, ends: func() { x.bus.SetMetered(fakebus.Unmetered) },
	}, {
		name: "guessed to be metered, what is first", rules: "network: {on_metered: first-only}", reasons: []string{policy.Metered}, part: true,
		holds: func() { x.bus.SetMetered(fakebus.GuessMetered) }, ends: func() { x.bus.SetMetered(fakebus.GuessUnmetered) },
	}, {
		name: "elsewhere", rules: "network: {trusted: [home], elsewhere: pause}", reasons: []string{policy.Untrusted},
		holds: func() { x.bus.SetConnection(cafe, "Café", fakebus.WiFi) }, ends: func() { x.bus.SetConnection(fakebus.HomeUUID, "Home", fakebus.WiFi) },
	}, {
		name: "elsewhere, messages", rules: "network: {trusted: [home], elsewhere: [messages]}", reasons: []string{policy.Untrusted}, part: true,
		holds: func() { x.bus.SetConnection(cafe, "Café", fakebus.Ethernet) }, ends: func() { x.bus.SetConnection(fakebus.HomeUUID, "Home", fakebus.WiFi) },
	}, {
		name: "without a VPN", rules: "network: {without_vpn: pause}", reasons: []string{policy.NoVPN},
		holds: func() {}, ends: func() { x.bus.SetVPN(true) },
	}, {
		name: "on battery", rules: "power: {on_battery: [messages]}", reasons: []string{policy.OnBattery}, part: true,
		holds: func() { x.bus.SetOnBattery(true) }, ends: func() { x.bus.SetOnBattery(false) },
	}, {
		name: "low battery", rules: "power: {least_battery: 20%}", reasons: []string{policy.LowBattery},
		holds: func() { x.bus.SetOnBattery(true); x.bus.SetBattery(19) }, ends: func() { x.bus.SetBattery(21) },
	}, {
		name: "full disk", rules: "least_free: 1048576GiB", reasons: []string{policy.LowDisk},
		holds: func() {}, ends: func() { x.rules("") },
	}, {
		name: "pause", reasons: []string{policy.Paused},
		holds: func() { x.check(x.client.Pause(t.Context(), time.Time{})) }, ends: func() { x.check(x.client.Resume(t.Context())) },
	}, {
		name: "pause for days", reasons: []string{policy.Paused},
		holds: func() { x.check(x.client.Pause(t.Context(), x.now().Add(48*time.Hour))) }, ends: func() { x.ahead.Add(int64(30 * time.Hour)); x.passes(0) },
	}, {
		name: "offline", reasons: []string{policy.Offline},
		holds: func() { x.bus.SetConnectivity(fakebus.Limited) }, ends: func() { x.bus.SetConnectivity(fakebus.Full) },
	}, {
		name: "portal", reasons: []string{policy.Portal},
		holds: func() { x.bus.SetConnectivity(fakebus.Portal) }, ends: func() { x.bus.SetConnectivity(fakebus.Full) },
	}, {
		name: "several", rules: "network: {on_metered: first-only, without_vpn: [images]}\npower: {on_battery: allow}", reasons: []string{policy.Metered, policy.NoVPN},
		holds: func() { x.bus.SetVPN(false); x.bus.SetMetered(fakebus.Metered) }, ends: func() { x.bus.SetVPN(true); x.bus.SetMetered(fakebus.Unmetered) },
	}} {
		t.Run(c.name, func(t *testing.T) {
			before := len(x.runs())
			x.rules(c.rules)
			c.holds()
			x.passes(0)
			x.await("the rule holds", func(s *control.Status) bool { return slices.Equal(reasonsOf(s), c.reasons) && !s.Decision.Allowed.All })
			day := fmt.Sprintf("day%d", i)
			x.day(day, 1000, 1000)
			messages, images := "messages/"+day+"-0", "images/"+day+"-0"
			x.cloud.ResetRequests()
			x.passes(25 * time.Hour)
			begun := x.now()
			if c.part {
				x.backedUp(before, history.Remarks)
				if got := x.kept(); !slices.Contains(got, messages) || slices.Contains(got, images) {
					t.Errorf("while it holds there is %v", got)
				}
			} else {
				x.await("the backup waits", func(s *control.Status) bool { return waitsFor(s, c.reasons...) })
				x.passes(time.Minute)
				if r := x.runs(); len(r) != before+1 || r[before].Outcome != history.Held || !slices.Equal(r[before].Reasons, c.reasons) {
					t.Errorf("the history tells %+v", r[before:])
				}
				if asked := requests(x.cloud.Requests()); len(asked) != 0 {
					t.Errorf("while nothing may be sent there was:\n%s", asked)
				}
			}
			c.ends()
			x.passes(0)
			x.allowed()
			x.backedUp(before+1, history.Done)
			x.usageAsked(begun)
			if got := x.kept(); !slices.Contains(got, messages) || !slices.Contains(got, images) {
				t.Errorf("after it there is %v", got)
			}
		})
	}
	x.proven()
}

// usageAsked waits until the daemon knows how full the account was after a
// moment: it asks once a day, by itself.
func (x *laptop) usageAsked(after time.Time) {
	x.t.Helper()
	x.until("the account's usage is known", func() bool {
		text, err := os.ReadFile(filepath.Join(x.home(), "health.json"))
		var h health
		return err == nil && json.Unmarshal(text, &h) == nil && h.Usage != nil && !h.Usage.Time.Before(after.Truncate(time.Second))
	})
}

func (x *laptop) check(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

// holds lets the cloud answer to no piece of an upload after the first n, until
// it is let go. What waits then has no effect.
func (x *laptop) holds(n int) {
	x.t.Helper()
	end := make(chan struct{})
	x.cloud.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Skip: n, Times: -1, Delay: end, Drop: true})
	x.caught = func() {
		x.t.Helper()
		x.until("an upload is held", func() bool { return x.cloud.Count(fakecloud.KindChunk) > n })
	}
	letGo := sync.OnceFunc(func() {
		close(end)
		x.cloud.Idle()
		x.cloud.ClearFaults()
		x.cloud.ResetRequests()
	})
	x.letGo = letGo
	x.t.Cleanup(letGo)
}

// goesOn lets the backup go on, and checks that nothing is sent again.
func (x *laptop) goesOn(before map[string]int, does func()) {
	x.t.Helper()
	runs := len(x.runs())
	if packsOf(before) < 2 {
		x.t.Errorf("%d packs were there when it stopped", packsOf(before))
	}
	does()
	x.backedUp(runs, history.Done)
	x.nothingTwice(x.cloud.Requests(), before, x.stored())
	if got := x.kept(); len(got) != 10 {
		x.t.Errorf("there is %v", got)
	}
	x.proven()
}

// An upload stops within seconds when the connection begins to cost, and goes
// on when it doesn't any more.
func TestUploadStopsWhenItCosts(t *testing.T) {
	for _, s := range services {
		t.Run(s.kind, func(t *testing.T) {
			x := newLaptop(t, s, "network: {on_metered: pause}")
			x.day("first", 1<<20, 9<<20)
			x.holds(17)
			x.boots()
			x.caught()
			if s := x.status(); s.Running == nil || s.Running.Job != jobBackup {
				t.Fatalf("%+v", s)
			}
			x.bus.SetMetered(fakebus.Metered)
			took := x.await("the upload stops", func(s *control.Status) bool { return waitsFor(s, policy.Metered) })
			t.Logf("stopped %v after the signal", took)
			if took > 4*time.Second {
				t.Error("that is too long")
			}
			x.letGo()
			r := x.runs()
			if len(r) != 1 || r[0].Outcome != history.Held || !slices.Equal(r[0].Reasons, []string{policy.Metered}) {
				t.Errorf("the history tells %+v", r)
			}
			before := x.stored()
			x.passes(time.Hour)
			x.await("it still waits", func(s *control.Status) bool { return waitsFor(s, policy.Metered) })
			if asked := requests(x.cloud.Requests()); len(asked) != 0 {
				t.Errorf("while it waits there was:\n%s", asked)
			}
			x.goesOn(before, func() { x.bus.SetMetered(fakebus.Unmetered); x.allowed() })
		})
	}
}

// Who asked for a backup that the rules stop hears why.
func TestAskedBackupIsStopped(t *testing.T) {
	x := newLaptop(t, services[0], "network: {trusted: [home], elsewhere: pause}")
	x.write("state/networks.json", fmt.Appendf(nil, `{"networks": [{"name": "home", "uuids": [%q]}]}`, fakebus.HomeUUID))
	x.day("first", 1<<20, 9<<20)
	x.holds(9)
	x.boots()
	x.caught()
	asked := make(chan string, 1)
	go func() {
		out, code := x.do("backup")
		asked <- fmt.Sprint(code, " ", out)
	}()
	// The one that runs is stopped, too; so both are told of the same.
	x.bus.SetConnection(cafe, "Café", fakebus.WiFi)
	x.await("the upload stops", func(s *control.Status) bool { return waitsFor(s, policy.Untrusted) })
	x.letGo()
	if got := <-asked; !strings.HasPrefix(got, "1 ") || !strings.Contains(got, `"held_now"`) {
		t.Errorf("who asks elsewhere gets %s", got)
	}
	x.bus.SetConnection(fakebus.HomeUUID, "Home", fakebus.WiFi)
	x.await("everything is allowed", func(s *control.Status) bool { return s.Decision.Allowed.All })
	x.holds(5)
	go func() {
		out, code := x.do("backup")
		asked <- fmt.Sprint(code, " ", out)
	}()
	x.await("it runs because it was asked for", func(s *control.Status) bool { return s.Running != nil && s.Running.Why == history.Asked })
	x.caught()
	x.bus.SetConnection(cafe, "Café", fakebus.WiFi)
	if got := <-asked; !strings.HasPrefix(got, "1 ") || !strings.Contains(got, `"held_now"`) {
		t.Errorf("who is stopped gets %s", got)
	}
	x.await("the backup waits", func(s *control.Status) bool { return waitsFor(s, policy.Untrusted) })
	x.letGo()
	x.goesOn(x.stored(), func() { x.bus.SetConnection(fakebus.HomeUUID, "Home", fakebus.WiFi); x.allowed() })
}

// The computer waits before it sleeps until the upload has left a clean point.
// When it wakes up nothing is tried before there is a network.
func TestSleepDuringAnUpload(t *testing.T) {
	x := newLaptop(t, services[0], "")
	x.day("first", 1<<20, 9<<20)
	x.holds(17)
	x.boots()
	x.caught()
	x.locks(2)
	start := time.Now()
	x.bus.Sleep(true)
	x.locks(0)
	took := time.Since(start)
	t.Logf("asleep %v after the signal", took)
	if s := x.status(); s.Running != nil || !s.Sleeping || took > 5*time.Second {
		t.Errorf("after %v: %+v", took, s)
	}
	if r := x.runs(); len(r) != 1 || r[0].Outcome != history.Stopped {
		t.Errorf("the history tells %+v", r)
	}
	x.letGo()
	before := x.stored()
	x.bus.SetConnectivity(fakebus.Offline)
	x.await("there is no network", func(s *control.Status) bool { return s.Conditions.Online == policy.No })
	x.ahead.Add(int64(8 * time.Hour))
	x.bus.Sleep(false)
	x.locks(2)
	x.await("it waits for a network", func(s *control.Status) bool { return !s.Sleeping && waitsFor(s, policy.Offline) })
	for range 10 {
		x.passes(time.Minute)
	}
	if asked := requests(x.cloud.Requests()); len(asked) != 0 {
		t.Errorf("without a network there was:\n%s", asked)
	}
	x.goesOn(before, func() { x.bus.SetConnectivity(fakebus.Full); x.allowed() })
}

// locks waits until the computer is kept from sleeping and from shutting down by
// so many locks.
func (x *laptop) locks(n int) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), 30*time.Second)
	defer cancel()
	x.check(x.bus.AwaitInhibitors(ctx, n))
}

// The same for a shutdown; and the daemon ends in a moment, and goes on when the
// computer is on again.
func TestShutdownDuringAnUpload(t *testing.T) {
	x := newLaptop(t, services[0], "")
	x.day("first", 1<<20, 9<<20)
	x.holds(17)
	x.boots()
	x.caught()
	x.locks(2)
	start := time.Now()
	x.bus.Shutdown(true)
	x.locks(0)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the computer waited %v", took)
	}
	if took := x.end(); took > 5*time.Second {
		t.Errorf("the end took %v", took)
	}
	x.letGo()
	x.bus.Shutdown(false)
	x.goesOn(x.stored(), x.boots)
}

// SIGTERM in the middle of an upload: who watches it learns that it goes on
// later, and it does.
func TestEndDuringAnUpload(t *testing.T) {
	x := newLaptop(t, services[0], "")
	x.day("first", 1<<20, 9<<20)
	x.check(history.SaveState(x.path("state"), history.State{Pause: &history.Pause{}}))
	x.holds(17)
	x.boots()
	asked := make(chan string, 1)
	go func() {
		out, code := x.do("backup")
		asked <- fmt.Sprint(code, " ", out)
	}()
	x.caught()
	took := x.end()
	t.Logf("the end took %v", took)
	if took > 5*time.Second {
		t.Error("that is too long")
	}
	if got := <-asked; !strings.HasPrefix(got, "1 ") || !strings.Contains(got, `"job_stopped"`) {
		t.Errorf("who asked gets %s", got)
	}
	x.letGo()
	x.goesOn(x.stored(), func() { x.boots(); x.check(x.client.Resume(t.Context())) })
}

// NetworkManager and the bus itself may go and come back while a job runs: it
// goes on, and what they say then holds.
func TestBusRestartsDuringAnUpload(t *testing.T) {
	x := newLaptop(t, services[0], "network: {on_metered: pause}")
	x.day("first", 1<<20, 9<<20)
	busEvery = time.Millisecond
	t.Cleanup(func() { busEvery = 0 })
	x.holds(17)
	x.boots()
	x.caught()
	unasked := func(what string) func(*control.Status) bool {
		return func(s *control.Status) bool { return s.Running != nil && slices.Contains(s.Conditions.Unasked, what) }
	}
	x.bus.StopNM()
	x.await("NetworkManager can't be asked, and the job goes on", unasked("network_manager"))
	x.bus.StartNM()
	x.await("it can be asked", func(s *control.Status) bool { return s.Running != nil && s.Conditions.Metered == policy.No })
	x.bus.Stop()
	x.await("nobody can be asked, and the job goes on", unasked("bus"))
	x.bus.Restart()
	x.bus.StopNM()
	x.bus.SetMetered(fakebus.Metered)
	x.passes(0)
	x.await("the bus is there, and the job goes on", unasked("network_manager"))
	x.bus.StartNM()
	x.await("the upload stops", func(s *control.Status) bool { return waitsFor(s, policy.Metered) })
	x.letGo()
	x.locks(2)
	x.goesOn(x.stored(), func() { x.bus.SetMetered(fakebus.Unmetered); x.allowed() })
}

// Without a bus everything works, and it is said what could not be asked.
func TestNoBus(t *testing.T) {
	x := newLaptop(t, services[0], "network: {on_metered: pause, trusted: [], elsewhere: pause, without_vpn: pause}\npower: {on_battery: pause, least_battery: 90%}")
	x.bus.Stop()
	x.day("first", 1<<20, 9<<20)
	begun := x.now()
	x.boots()
	x.backedUp(0, history.Done)
	x.usageAsked(begun)
	if s := x.status(); !slices.Contains(s.Conditions.Unasked, "bus") || !s.Decision.Allowed.All || len(s.Waiting) > 0 {
		t.Errorf("%+v", s)
	}
	// It slept, and nobody told. A network gets a moment.
	x.day("second", 1000, 1000)
	x.cloud.ResetRequests()
	x.passes(25 * time.Hour)
	x.await("the network gets a moment", func(s *control.Status) bool { return slices.Contains(s.Waiting, jobBackup) })
	if asked := requests(x.cloud.Requests()); len(asked) != 0 {
		t.Errorf("it was not waited for:\n%s", asked)
	}
	x.passes(31 * time.Second)
	x.backedUp(1, history.Done)
}

// A backup of images alone makes no message safe.
func TestImagesAreNotMessages(t *testing.T) {
	x := newLaptop(t, services[0], "power: {on_battery: [images]}")
	x.day("first", 1000, 1000)
	x.boots()
	x.backedUp(0, history.Done)
	safe := x.status().Changes.Safe
	x.bus.SetOnBattery(true)
	x.await("the rule holds", func(s *control.Status) bool { return slices.Equal(reasonsOf(s), []string{policy.OnBattery}) })
	x.day("second", 1000, 1000)
	x.passes(25 * time.Hour)
	x.backedUp(1, history.Remarks)
	if got := x.kept(); slices.Contains(got, "messages/second-0") || !slices.Contains(got, "images/second-0") {
		t.Errorf("there is %v", got)
	}
	if s := x.status(); safe.IsZero() || !s.Changes.Safe.Equal(safe) {
		t.Errorf("safe through %v, and then %v", safe, s.Changes.Safe)
	}
}

// Messages that nothing was allowed to send for days go out anyway, but not
// more of them than the rule says, and what is not sent is not said to be safe.
func TestOverdueMessages(t *testing.T) {
	x := newLaptop(t, services[0], "network: {on_metered: pause}\noverdue: {after: 3d, upload: 2MiB}")
	x.day("first", 1000, 1000)
	x.boots()
	x.backedUp(0, history.Done)
	safe := x.status().Changes.Safe
	x.bus.SetMetered(fakebus.Metered)
	x.await("it costs", func(s *control.Status) bool { return slices.Equal(reasonsOf(s), []string{policy.Metered}) })
	x.day("little", 1000, 1000)
	x.passes(71 * time.Hour)
	x.await("the backup waits", func(s *control.Status) bool { return waitsFor(s, policy.Metered) && !s.Decision.Overdue })
	if got := x.status().Changes.Safe; safe.IsZero() || !got.Equal(safe) {
		t.Errorf("safe through %v, and then %v", safe, got)
	}
	x.passes(2 * time.Hour)
	x.passes(11 * time.Second)
	x.backedUp(2, history.Remarks)
	if got := x.kept(); !slices.Contains(got, "messages/little-0") || slices.Contains(got, "images/little-0") {
		t.Errorf("there is %v", got)
	}
	if s := x.status(); s.Decision.Overdue || !s.Changes.Safe.After(safe.Add(70*time.Hour)) {
		t.Errorf("it is still overdue, safe through %v", s.Changes.Safe)
	}
	safe = x.status().Changes.Safe
	x.day("much", 6<<20, 1<<20)
	x.cloud.ResetRequests()
	x.passes(73 * time.Hour)
	x.passes(11 * time.Second)
	x.await("another backup has ended", func(s *control.Status) bool {
		return s.Running == nil && s.Jobs[0].Last.Started.After(safe.Add(72*time.Hour))
	})
	if up := requests(x.cloud.Requests()).up(); up == 0 || up > 2<<20+wrapping*3 {
		t.Errorf("%d bytes were sent", up)
	}
	if got := x.kept(); slices.ContainsFunc(got, func(name string) bool { return strings.HasPrefix(name, "images/much") }) {
		t.Errorf("there is %v", got)
	}
	if s := x.status(); !s.Changes.Safe.Equal(safe) {
		t.Errorf("only some of the messages were sent, and it is said that they are safe through %v, not %v", s.Changes.Safe, safe)
	}
	if s := x.status(); s.Decision.Overdue || !s.Decision.Allowed.None() {
		t.Errorf("as much again may be sent at once: %v", s.Decision)
	}
	x.proven()
}

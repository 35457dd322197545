package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/daemon/sense/fakebus"
	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/internal/needs"
)

// monthStep is how far the clock is put forward at a time. Steps end two minutes
// after the slots, so that no jitter is in the way.
const (
	monthStep = 30 * time.Minute
	daySteps  = int(24 * time.Hour / monthStep)
)

// month is a computer on which a daemon lives, and all that happens to it. The
// clock on its wall stands still until the test moves it; everything else is
// real: the program, its state folder, the backends, the bus, and the app that
// writes its databases.
type month struct {
	*computer
	random *rand.Rand
	zone   *time.Location
	now    time.Time // on the wall
	middle time.Time // from here on nobody kills the daemon
	bus    *fakebus.Bus

	daemon *lodger // nil: it is not there
	chats  *monthsChats
	story  *monthsStory
	duties []*monthsDuty
	luck   fortune
	claims []claim

	figures struct {
		steps, slots, kills, stops, sleeps, clocks, faults, reloads, cut int
	}
}

// What a month may take, by the detector: see monthBudget. One that has come half
// this far is spared kills from then on, and at the end it ends early, and says
// so. It has this many days all the same.
const leastDays = 4

// Three days of a daemon's life, on which the clocks go forward: see
// TestMonthOfTheDaemon.
func TestThreeDaysOfTheDaemon(t *testing.T) {
	needs.Have(t, needs.DBus)
	t.Parallel()
	newMonth(t, services[0], 3, time.Date(2033, 3, 25, 22, 2, 0, 0, time.UTC), 3).lives()
}

func newMonth(t *testing.T, s service, seed uint64, from time.Time, days int) *month {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	m := &month{computer: newComputer(t, newCloud(t), s), random: rand.New(rand.NewPCG(seed, 0)), zone: zone, now: from,
		middle: from.Add(time.Duration(days) * 12 * time.Hour), bus: fakebus.Start(t)}
	m.env = append(m.env, "XDG_RUNTIME_DIR="+m.path("run"))
	m.duties = dutiesOf(zone)
	m.story = newMonthsStory(m)
	m.luck.last = from.Add(time.Duration(days) * 24 * time.Hour)
	m.write("clock", nil)
	m.set(from)
	m.chats = newMonthsChats(m, seed)
	m.settings("3m")
	m.run(&struct{}{}, "init")
	return m
}

// lives is the month.
func (m *month) lives() {
	began := time.Now()
	m.start()
	m.settle()
	var early *vitals
	for day := m.now; m.now.Before(m.luck.last); {
		if time.Since(began) > monthBudget/2 && m.days() >= leastDays/2 && m.now.Before(m.middle) {
			m.middle = m.now
		}
		m.happens()
		m.passes(1)
		if m.now.Sub(day) < 24*time.Hour {
			continue
		}
		day = m.now
		m.dayEnds()
		if early == nil && m.now.After(m.middle) {
			m.calm()
			v := m.vitals()
			early = &v
		}
		if time.Since(began) > monthBudget && early != nil && m.days() >= leastDays {
			m.t.Logf("it ends early, at %v", m.now.In(m.zone))
			break
		}
	}
	m.calm()
	m.repaired()
	m.catchesUp()
	late := m.vitals()
	m.tell(began, early, &late)
	if early != nil {
		early.grewTo(m.t, &late)
	}
	m.stops()
	m.nothingIsLost()
}

// days is how many are behind us. The clock may have been set since.
func (m *month) days() int { return m.figures.steps / daySteps }

// set puts the clock on the wall. The daemon's reads this file's time.
func (m *month) set(at time.Time) {
	m.t.Helper()
	m.now = at
	if err := os.Chtimes(m.path("clock"), at, at); err != nil {
		m.t.Fatal(err)
	}
}

// passes lets some steps of time go by, one after the other.
func (m *month) passes(steps int) {
	m.t.Helper()
	for range steps {
		m.figures.steps++
		m.set(m.now.Add(monthStep))
		m.luck.steps(1)
		m.settle()
	}
}

// settings writes the configuration. What is quiet changes with each reload.
func (m *month) settings(quiet string) {
	m.write("chatkeep.yaml", []byte(fmt.Sprintf(`device: laptop
sources: [{app: wechat, root: %q}]
%sschedule: {backup: "0 */4 * * *", verify: "30 2 * * *", on_change: %s, zone: %s}
network: {on_metered: first-only}
power: {on_battery: allow, least_battery: 20%%}
`, m.path("chats", "xwechat_files"), m.place(), quiet, m.zone)))
}

// place is the remote in a configuration.
func (m *month) place() string {
	return fmt.Sprintf("remote: {type: %s, folder: chatkeep, pack_size: 1MiB, chunk_size: %s, requests_per_minute: 6000, proxy: %q, ca_cert: %q}\n",
		m.kind, m.chunk, m.cloud.Proxy(), m.cloud.CAFile())
}

func (m *month) tell(began time.Time, early, late *vitals) {
	f := m.figures
	m.t.Logf("%d days in %v: %d slots; runs %v; %d kills and %d stops, %d of both in the middle of an upload; %d sleeps, %d clocks set, %d faults of the service, %d reloads; %d claims",
		m.days(), time.Since(began).Round(time.Second), f.slots, m.story.outcomes, f.kills, f.stops, f.cut, f.sleeps, f.clocks, f.faults, f.reloads, len(m.claims))
	if early != nil {
		m.t.Logf("in the middle %v, at the end %v", early, late)
	}
}

// chatsOptions is a small account whose app is open.
func chatsOptions(seed uint64) madeup.Options {
	return madeup.Options{Shape: madeup.Account, Seed: seed, Scale: 0.0004, Bytes: 4 << 20, SizeCap: 1 << 20, Live: true, Settled: true}
}

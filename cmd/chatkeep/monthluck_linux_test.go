package main

import (
	"context"
	"net/http"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/sense/fakebus"
	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/providers/cloud"
)

// fortune is what is wrong now, and until when.
type fortune struct {
	last      time.Time // the end of the month
	ends      []ending
	troubles  int // that are there now
	goodSteps int // since there was none
	paused    time.Time
	badConfig bool
	fiveMins  bool // of quiet, instead of three

	wrongClock int // steps for which what a wrong clock left behind may last
}

// ending is the end of a trouble.
type ending struct {
	steps int // until then
	do    func()
}

func (f *fortune) quiet() time.Duration {
	if f.fiveMins {
		return 5 * time.Minute
	}
	return 3 * time.Minute
}

// steps lets time go by, and troubles end.
func (f *fortune) steps(n int) {
	list := f.ends
	f.ends = nil
	for _, e := range list {
		if e.steps -= n; e.steps > 0 {
			f.ends = append(f.ends, e)
			continue
		}
		f.troubles--
		e.do()
	}
	f.goodSteps++
	f.wrongClock = max(0, f.wrongClock-n)
	if f.troubles+f.wrongClock > 0 {
		f.goodSteps = 0
	}
}

// trouble is there now, and ends after some steps.
func (m *month) trouble(steps int, end func()) {
	m.luck.troubles++
	m.luck.goodSteps = 0
	m.luck.ends = append(m.luck.ends, ending{steps, end})
}

// calm ends all troubles.
func (m *month) calm() {
	m.t.Helper()
	m.luck.steps(1 << 20)
	m.cloud.ClearFaults()
}

// catchesUp gives the daemon some good hours, after which everything that was
// due has been done, and the newest messages are safe.
func (m *month) catchesUp() {
	m.t.Helper()
	m.passes(10)
	m.chats.come()
	m.passes(1)
	m.chats.date()
	m.passes(3)
	s := m.status()
	for _, d := range m.duties {
		if open := d.open(m.now); len(open) > 0 {
			m.t.Errorf("%s was never done for %v", d.name, open)
		}
		if d.runs == 0 {
			m.t.Errorf("%s was never done by its schedule", d.name)
		}
	}
	if !s.Changes.Oldest.IsZero() || !s.Changes.Safe.After(m.chats.written) {
		m.t.Errorf("in the end not all is safe: %+v", s.Changes)
	}
}

// happens lets happen what happens in a half an hour.
func (m *month) happens() {
	m.t.Helper()
	if hour := m.now.In(m.zone).Hour(); hour > 6 && m.random.IntN(6) == 0 || m.random.IntN(40) == 0 {
		m.chats.come()
	}
	if m.random.IntN(10) > 0 {
		return
	}
	dice := m.random.IntN(100)
	killable := m.now.Before(m.middle)
	switch {
	case dice < 25:
		m.hiccups()
	case dice < 30 && killable:
		m.dies()
		m.away(m.random.IntN(12))
	case dice < 33 && killable:
		m.stops()
		m.away(m.random.IntN(12))
	case dice < 40:
		m.fallsAsleep()
		m.wakesUp(1 + m.random.IntN(24))
	case dice < 45:
		m.sets()
	case dice < 52:
		m.reloads()
	case dice < 56:
		m.asks()
	case m.luck.troubles > 0: // one at a time
	case dice < 64 && killable:
		m.inTheMiddle(m.dies)
		m.away(m.random.IntN(12))
	case dice < 66 && killable:
		m.inTheMiddle(m.stops)
		m.away(m.random.IntN(12))
	case dice < 70:
		m.inTheMiddle(m.fallsAsleep)
		m.wakesUp(1 + m.random.IntN(20))
	case dice < 73:
		m.inTheMiddle(m.becomesMetered)
		m.metered(1 + m.random.IntN(20))
	case dice < 77:
		m.metered(1 + m.random.IntN(30))
	case dice < 80:
		m.lowBattery(1 + m.random.IntN(12))
	case dice < 83:
		m.offline(1 + m.random.IntN(30))
	case dice < 86:
		m.outOfReach(1 + m.random.IntN(16))
	case dice < 89:
		m.outage(1 + m.random.IntN(16))
	case dice < 92:
		m.full(1 + m.random.IntN(daySteps))
	case dice < 95:
		m.signedOut(1 + m.random.IntN(48))
	default:
		m.pauses(1 + m.random.IntN(24))
	}
}

var hiccups = []fakecloud.Kind{fakecloud.KindCreate, fakecloud.KindChunk, fakecloud.KindList, fakecloud.KindFolder, fakecloud.KindLookup, fakecloud.KindDownload, fakecloud.KindCreate}

// hiccups are what a service does that works: each request that fails succeeds
// when it is made again, or when the run is.
func (m *month) hiccups() {
	for range 1 + m.random.IntN(3) {
		m.figures.faults++
		f := fakecloud.Fault{Kind: hiccups[m.random.IntN(len(hiccups))], Skip: m.random.IntN(4), Times: 1 + m.random.IntN(2)}
		switch m.random.IntN(5) {
		case 0:
			f.Drop = true
		case 1:
			f.After = true
		case 2:
			f.Times = 1
			m.answers(&f, http.StatusTooManyRequests, "1")
		case 3:
			m.answers(&f, http.StatusInternalServerError, "")
		default:
			m.answers(&f, http.StatusServiceUnavailable, "")
		}
		m.cloud.Inject(f)
	}
	m.trouble(4, m.cloud.ClearFaults)
}

func (m *month) answers(f *fakecloud.Fault, status int, wait string) {
	f.Status, f.Body = m.busy(status)
	f.Header = http.Header{"Content-Type": {"application/json"}}
	if wait != "" {
		f.Header.Set("Retry-After", wait)
	}
}

// away starts the daemon again after some steps.
func (m *month) away(steps int) {
	m.t.Helper()
	m.repaired()
	for range steps {
		if m.random.IntN(10) == 0 {
			m.chats.come()
		}
		m.skip(1)
	}
	m.luck.goodSteps = 0
	m.start()
	m.settle()
}

// skip lets time go by that nobody sees.
func (m *month) skip(steps int) {
	m.figures.steps += steps
	m.set(m.now.Add(time.Duration(steps) * monthStep))
	m.luck.steps(steps)
}

// fallsAsleep puts the computer to sleep, as soon as the daemon lets it.
func (m *month) fallsAsleep() {
	m.t.Helper()
	m.figures.sleeps++
	m.bus.Sleep(true)
	m.locks(0)
}

// wakesUp wakes it after some steps.
func (m *month) wakesUp(steps int) {
	m.t.Helper()
	m.skip(steps)
	m.luck.goodSteps = 0
	m.bus.Sleep(false)
	m.locks(2) // against sleep and shutdown
	m.settle()
}

// locks waits until so many keep the computer from sleeping.
func (m *month) locks(n int) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	if err := m.bus.AwaitInhibitors(ctx, n); err != nil {
		m.fatal("%d locks: %v", n, err)
	}
}

// sets sets the clock on the wall, by up to a day and either way. Mostly it was
// a mistake.
func (m *month) sets() {
	m.t.Helper()
	by := time.Duration(m.random.IntN(2*daySteps)-daySteps) * monthStep
	if by == 0 || m.now.Add(-by).After(m.luck.last) || m.luck.ends != nil {
		return
	}
	m.turns(by)
	if m.random.IntN(5) > 0 {
		m.passes(1 + m.random.IntN(8))
		m.turns(-by)
	}
}

func (m *month) turns(by time.Duration) {
	m.t.Helper()
	m.figures.clocks++
	m.luck.wrongClock, m.luck.goodSteps = daySteps+4, 0
	m.set(m.now.Add(by))
	m.settle()
}

// reloads has the configuration read again. Half of the new ones are wrong.
func (m *month) reloads() {
	m.t.Helper()
	if m.luck.badConfig {
		return
	}
	m.figures.reloads++
	if m.random.IntN(2) == 0 {
		m.luck.badConfig = true
		m.write("chatkeep.yaml", []byte("device: laptop\nsources: [{app: wechat\n"))
		if err := m.daemon.Reload(m.t.Context()); err == nil || m.status().BadConfig == nil {
			m.fatal("nobody said that the configuration is wrong")
		}
		m.settle()
		return
	}
	m.luck.fiveMins = !m.luck.fiveMins
	m.repair()
}

// repaired puts the configuration right, if it is wrong: nothing starts with a
// wrong one.
func (m *month) repaired() {
	if m.luck.badConfig {
		m.luck.badConfig = false
		m.repair()
	}
}

func (m *month) repair() {
	m.t.Helper()
	m.settings(map[bool]string{false: "3m", true: "5m"}[m.luck.fiveMins])
	if m.daemon == nil {
		return
	}
	if err := m.daemon.Reload(m.t.Context()); err != nil || m.status().BadConfig != nil {
		m.fatal("reload: %v", err)
	}
	m.settle()
}

// asks has the user ask for a backup.
func (m *month) asks() {
	m.t.Helper()
	got, err := m.daemon.Client.Run(m.t.Context(), jobBackup, nil, func(control.Progress) {})
	if err != nil {
		m.fatal("ask for a backup: %v", err)
	}
	if got.Outcome == "" || got.Outcome == history.Failed && m.luck.troubles == 0 {
		m.t.Errorf("at %v: who asked was told %+v, %+v", m.now.In(m.zone), got, got.Trouble)
	}
	m.settle()
}

// inTheMiddle cuts a backup off while its upload is under way. Of the request
// that is waited for, and of all after it, nothing has an effect.
func (m *month) inTheMiddle(cut func()) {
	m.t.Helper()
	m.cloud.ClearFaults()
	m.chats.picture(2 << 20)
	m.chats.come()
	held, end := make(chan struct{}), make(chan struct{})
	f := fakecloud.Fault{Kind: fakecloud.KindChunk, Skip: m.random.IntN(6), Delay: held, Drop: true}
	m.cloud.Inject(f)
	f.Delay, f.Times = end, -1
	m.cloud.Inject(f)
	m.skip(1)
	m.nudge()
	caught := false
	m.await("an upload", func() bool {
		select {
		case held <- struct{}{}:
			caught = true
			m.figures.cut++
		default:
		}
		return caught || m.isAtRest(m.status())
	})
	m.story.read()
	cut()
	close(end)
	m.cloud.ClearFaults()
	m.cloud.Idle()
	m.trouble(2, func() {}) // what was cut off is sent with the next run
}

// becomesMetered lets the line cost by the byte, and the running job stop.
func (m *month) becomesMetered() {
	m.t.Helper()
	before := m.status().Running
	m.bus.SetMetered(fakebus.Metered)
	m.await("the running job to stop", func() bool {
		r := m.status().Running
		return before == nil || r == nil || !r.Started.Equal(before.Started) || r.Why != before.Why
	})
}

// metered is a line that costs by the byte: messages go out, the rest waits.
func (m *month) metered(steps int) {
	m.t.Helper()
	m.bus.SetMetered(fakebus.Metered)
	m.trouble(steps, func() { m.bus.SetMetered(fakebus.Unmetered) })
	m.seen("metered")
}

func (m *month) lowBattery(steps int) {
	m.t.Helper()
	m.bus.SetBattery(10)
	m.bus.SetOnBattery(true)
	m.trouble(steps, func() { m.bus.SetOnBattery(false); m.bus.SetBattery(80) })
	m.seen("low_battery")
}

// offline is a computer without a connection, and knows it.
func (m *month) offline(steps int) {
	m.t.Helper()
	m.bus.SetConnectivity(fakebus.Offline)
	m.cloud.SetOffline(true)
	m.trouble(steps, func() { m.cloud.SetOffline(false); m.bus.SetConnectivity(fakebus.Full) })
	m.seen("offline")
}

// seen waits until the daemon knows why it may not send what it wants to.
func (m *month) seen(code string) {
	m.t.Helper()
	m.await("the daemon to see "+code, func() bool {
		for _, r := range m.status().Decision.Reasons {
			if r.Code == code {
				return true
			}
		}
		return false
	})
	m.settle()
}

// outOfReach is a connection that leads nowhere, which nobody says.
func (m *month) outOfReach(steps int) {
	m.cloud.SetOffline(true)
	m.trouble(steps, func() { m.cloud.SetOffline(false) })
}

// outage is a service that answers nothing but that it can't.
func (m *month) outage(steps int) {
	f := fakecloud.Fault{Times: -1}
	m.answers(&f, http.StatusServiceUnavailable, "")
	m.cloud.ClearFaults()
	m.cloud.Inject(f)
	m.trouble(steps, m.cloud.ClearFaults)
}

// full is an account in which there is room for little more.
func (m *month) full(steps int) {
	room := int64(m.random.IntN(100 << 10))
	drive, graph := m.cloud.Drive().Account("a"), m.cloud.Graph().Account("a")
	if m.kind == "drive" {
		drive.SetQuota(drive.Used() + room)
		m.trouble(steps, func() { drive.SetQuota(0) })
		return
	}
	graph.SetQuota(graph.Used() + room)
	m.trouble(steps, func() { graph.SetQuota(1 << 40) })
}

// signedOut is an account whose owner took the permission back, and gives it
// again later.
func (m *month) signedOut(steps int) {
	if m.kind == "drive" {
		m.cloud.Drive().Revoke()
	} else {
		m.cloud.Graph().Revoke()
		m.cloud.Graph().Expire()
	}
	m.trouble(steps, func() {
		if err := cloud.NewSignIn(m.home()).Save(m.signIn(m.cloud)); err != nil {
			m.t.Fatal(err)
		}
	})
}

func (m *month) pauses(steps int) {
	m.t.Helper()
	m.luck.paused = m.now.Add(time.Duration(steps) * monthStep)
	m.trouble(steps+1, func() { m.luck.paused = time.Time{} })
	m.settle()
}

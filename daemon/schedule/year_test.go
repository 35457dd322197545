package schedule

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A year of a laptop's life: it sleeps, is switched off, its clock is put
// forward and back, and summer time comes and goes. Every slot is run, or is
// one of those that exactly one run stands for.
func TestYear(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "Australia/Lord_Howe"} {
		t.Run(zone, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newLaptop(t, mustZone(t, zone)).live(rand.New(rand.NewPCG(2026, 1))) })
		})
	}
}

// laptop is a computer with jobs. Its timers stand still while it sleeps.
type laptop struct {
	t      *testing.T
	zone   *time.Location
	start  time.Time // of the year
	ahead  atomic.Int64
	events atomic.Int64
	jobs   []*planned
}

// planned is a job, what is kept of it on disk, and what it did.
type planned struct {
	Job
	last      time.Time
	announced time.Time // when it is due next, as was said last
	runs      []run
	again     []span // what the clock showed twice, because it was put back by more than the tolerance
}

type run struct {
	last, slot, now time.Time
	missed          int
}

type span struct{ from, to time.Time }

func newLaptop(t *testing.T, zone *time.Location) *laptop {
	l := &laptop{t: t, zone: zone, start: time.Date(2026, 1, 1, 0, 0, 0, 0, zone)}
	l.ahead.Store(int64(time.Until(l.start)))
	for name, text := range map[string]string{"backup": "*/30 * * * *", "drill": "15 2 * * *", "verify": "0 3 * * 7", "pull": "@every 3h"} {
		p := &planned{Job: Job{Name: name, When: mustParse(t, text, zone), Seed: "laptop"}, last: l.start}
		if name == "verify" {
			p.Jitter = 2 * time.Hour
		}
		l.jobs = append(l.jobs, p)
	}
	return l
}

// now is what the clock on the wall shows.
func (l *laptop) now() time.Time {
	return time.Now().Add(time.Duration(l.ahead.Load())).Round(0).In(l.zone)
}

// put moves the clock on the wall, and no timer.
func (l *laptop) put(d time.Duration) {
	before := l.now()
	l.ahead.Add(int64(d))
	l.events.Add(1)
	for _, p := range l.jobs {
		if d < -Tolerance {
			p.again = append(p.again, span{before.Add(d), before})
		}
	}
}

// live lets a year pass and looks at what was done in it.
func (l *laptop) live(random *rand.Rand) {
	upTo := func(least, most time.Duration) time.Duration {
		return (least + time.Duration(random.Int64N(int64(most-least)))).Round(time.Second)
	}
	stop := l.boot()
	for l.now().Before(l.start.AddDate(1, 0, 0)) {
		time.Sleep(upTo(time.Minute, 4*24*time.Hour))
		synctest.Wait()
		switch random.IntN(6) {
		case 0, 1: // a sleep
			l.put(upTo(time.Minute, 3*24*time.Hour))
		case 2: // switched off
			stop()
			l.put(upTo(10*time.Second, 9*24*time.Hour))
			stop = l.boot()
		case 3:
			l.put(upTo(time.Second, 5*time.Hour))
		case 4:
			l.put(-upTo(time.Second, Tolerance-time.Minute))
		case 5:
			l.put(-upTo(Tolerance+time.Minute, 14*time.Hour))
		}
	}
	time.Sleep(48 * time.Hour) // whatever was put back has passed again
	stop()
	for _, p := range l.jobs {
		if p.Name == "pull" {
			l.checkIntervals(p)
		} else {
			l.checkSlots(p)
		}
	}
}

// boot starts the program and returns what ends it.
func (l *laptop) boot() (stop func()) {
	ctx, cancel := context.WithCancel(l.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { l.loop(ctx) })
	return func() { cancel(); wg.Wait() }
}

// loop runs what is due. It looks every twenty minutes, to notice what timers
// don't tell.
func (l *laptop) loop(ctx context.Context) {
	events := int64(-1)
	for {
		now, wait := l.now(), 20*time.Minute
		calm := events == l.events.Load()
		events = l.events.Load()
		for _, p := range l.jobs {
			if slot, missed, due := p.Due(p.last, now); due {
				if calm && !now.Equal(p.announced) {
					l.t.Errorf("%s: due at %v, but announced for %v", p.Name, now, p.announced)
				}
				p.runs = append(p.runs, run{p.Sane(p.last, now), slot, now, missed})
				p.last = slot
			}
			p.announced = p.NextAfter(p.last, now)
			wait = min(wait, p.announced.Sub(now))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// checkSlots fails unless each slot belongs to exactly one run, or to one more
// for each time the clock showed it anew. Right after the clock was put back
// one slot is run once more, to be sure.
func (l *laptop) checkSlots(p *planned) {
	covered := map[int64]int{}
	sure := map[int64]int{}
	for _, r := range p.runs {
		if r.last.IsZero() {
			covered[r.slot.Unix()]++
			sure[r.slot.Unix()]++
			continue
		}
		n := 0
		for slot := p.When.Next(r.last); !slot.After(r.slot); slot = p.When.Next(slot) {
			covered[slot.Unix()]++
			n++
		}
		if n != r.missed+1 || p.putOff(r.slot).After(r.now) || !p.putOff(p.When.Next(r.slot)).After(r.now) {
			l.t.Errorf("%s: the run at %v for %v stands for %d others, of %d", p.Name, r.now, r.slot, r.missed, n)
		}
	}
	if len(sure) > len(p.again) {
		l.t.Errorf("%s: %d runs to be sure, for a clock that was put back %d times", p.Name, len(sure), len(p.again))
	}
	total, twice := 0, 0
	for slot := p.When.Next(l.start); slot.Before(l.start.AddDate(1, 0, 0)); slot = p.When.Next(slot) {
		most := 1 + sure[slot.Unix()]
		for _, s := range p.again {
			if slot.After(s.from) && !slot.After(s.to) {
				most++
			}
		}
		n := covered[slot.Unix()]
		if n < 1 || n > most {
			l.t.Errorf("%s: %v belongs to %d runs, want 1 to %d", p.Name, slot, n, most)
		}
		total++
		twice += n - 1
	}
	if least := map[string]int{"backup": 17000, "drill": 364, "verify": 51}[p.Name]; total < least || len(p.runs) < least/10 {
		l.t.Errorf("%s: %d slots and %d runs in a year", p.Name, total, len(p.runs))
	}
	l.t.Logf("%s: %d slots, %d runs, %d again after the clock was put back", p.Name, total, len(p.runs), twice)
}

// checkIntervals fails unless each run follows the last one by whole
// intervals.
func (l *laptop) checkIntervals(p *planned) {
	const interval = 3 * time.Hour
	last, missed := l.start, 0
	for _, r := range p.runs {
		if r.last.IsZero() && r.slot.Equal(r.now.Truncate(time.Second)) {
			last = r.slot // to be sure, after the clock was put back
			continue
		}
		d := r.slot.Sub(r.last)
		if d != time.Duration(r.missed+1)*interval || r.slot.After(r.now) || !r.slot.Add(interval).After(r.now) {
			l.t.Errorf("%s: the run at %v for %v, %v after the last, stands for %d others", p.Name, r.now, r.slot, d, r.missed)
		}
		if !r.last.Equal(last) {
			l.t.Errorf("%s: %v was lost, the next run counts from %v", p.Name, last, r.last)
		}
		last, missed = r.slot, missed+r.missed
	}
	if len(p.runs) < 1000 || missed < 100 {
		l.t.Errorf("%s: %d runs, %d missed", p.Name, len(p.runs), missed)
	}
}

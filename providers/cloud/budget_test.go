package cloud

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/providers"
)

// sleeper is a clock that a sleep turns on.
type sleeper struct {
	time  time.Time
	slept int
}

func (s *sleeper) now() time.Time { return s.time }

func (s *sleeper) sleep(ctx context.Context, d time.Duration) error {
	s.slept++
	s.time = s.time.Add(d)
	return ctx.Err()
}

func (s *sleeper) gate(t *testing.T, home string, l Limits) *gate {
	t.Helper()
	g, err := newGate(home, l, s.now, s.sleep)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.close)
	return g
}

// pass makes n requests as fast as the gate lets them, and returns when.
func (s *sleeper) pass(t *testing.T, g *gate, n int) []time.Time {
	t.Helper()
	var times []time.Time
	for range n {
		if err := g.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		times = append(times, s.time)
	}
	return times
}

// most returns the largest number of requests in any window.
func most(times []time.Time, window time.Duration) (n int) {
	first := 0
	for last := range times {
		for times[last].Sub(times[first]) >= window {
			first++
		}
		n = max(n, last-first+1)
	}
	return n
}

// Whoever sends as fast as the gate lets it stays within what the service
// allows, in every half an hour, and uses at least nine tenths of it.
func TestBudgetKeepsTheServicesCount(t *testing.T) {
	for perMinute, allowed := range map[int]int{18: 600, 45: 1500} {
		s := &sleeper{time: day(1, 0, 0)}
		l := Limits{RequestsPerMinute: perMinute}.or(presets["jianguoyun"].limits)
		times := s.pass(t, s.gate(t, "", l), 4*allowed)
		if n := most(times, 30*time.Minute); n > allowed || n < allowed*9/10 {
			t.Errorf("%d a minute: %d requests in 30 minutes, %d are allowed", perMinute, n, allowed)
		}
	}
	// Graph's smallest tenant has 1,250 units a minute, two for a request.
	for kind, allowed := range map[string]int{"drive": 12000, "onedrive": 1250 / 2, "dropbox": 1000} {
		s := &sleeper{time: day(1, 0, 0)}
		times := s.pass(t, s.gate(t, "", Limits{}.or(presets[kind].limits)), 5000)
		if n := most(times, time.Minute); n > allowed || n < 100 {
			t.Errorf("%s: %d requests in a minute, %d are allowed", kind, n, allowed)
		}
	}
}

// A restart gets no fresh start, and neither does a second process.
func TestBudgetIsKept(t *testing.T) {
	home, s := t.TempDir(), &sleeper{time: day(1, 0, 0)}
	l := presets["jianguoyun"].limits
	s.pass(t, s.gate(t, home, l), 60)
	if s.slept != 0 {
		t.Fatalf("slept %d times before the budget was used up", s.slept)
	}
	s.pass(t, s.gate(t, home, l), 1)
	if s.slept != 1 || s.time.Sub(day(1, 0, 0)) != time.Minute/18 {
		t.Errorf("after a restart one request took %v", s.time.Sub(day(1, 0, 0)))
	}
	var times []time.Time
	a, b := s.gate(t, home, l), s.gate(t, home, l)
	for range 400 {
		times = append(append(times, s.pass(t, a, 1)...), s.pass(t, b, 1)...)
	}
	if n := most(times, 30*time.Minute); n > 600 {
		t.Errorf("two processes made %d requests in 30 minutes", n)
	}
	if n := s.time.Sub(times[0]); n < 700*time.Minute/18 {
		t.Errorf("two processes made 800 requests in %v", n)
	}
}

// After a rest the bucket is full again, and no fuller than full.
func TestBudgetRefills(t *testing.T) {
	home, s := t.TempDir(), &sleeper{time: day(1, 0, 0)}
	s.pass(t, s.gate(t, home, presets["jianguoyun"].limits), 60)
	s.time = day(2, 0, 0)
	s.pass(t, s.gate(t, home, presets["jianguoyun"].limits), 60)
	if s.slept != 0 {
		t.Error("a day's rest did not fill the bucket")
	}
	s.pass(t, s.gate(t, home, presets["jianguoyun"].limits), 1)
	if s.slept != 1 {
		t.Error("a day's rest made the bucket larger")
	}
}

// What a crash or a wrong clock left can cost some time, never a burst and
// never a day.
func TestBudgetFromOddFiles(t *testing.T) {
	now := day(1, 0, 0)
	for name, tt := range map[string]struct {
		text  string
		sleep bool
	}{
		"empty":              {"", true},
		"half":               {`{"full":"20`, true},
		"something else":     {`[1]`, true},
		"the clock was back": {`{"full":"2030-01-01T00:00:00Z"}`, true},
		"long ago":           {`{"full":"2000-01-01T00:00:00Z"}`, false},
		"nothing known":      {`{}`, false},
	} {
		home, s := t.TempDir(), &sleeper{time: now}
		if err := os.WriteFile(filepath.Join(home, "budget.json"), []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.pass(t, s.gate(t, home, presets["jianguoyun"].limits), 1)
		if took := s.time.Sub(now); (took > 0) != tt.sleep || took > time.Minute/18 {
			t.Errorf("%s: the first request took %v", name, took)
		}
	}
}

func TestNoBudget(t *testing.T) {
	for _, l := range []Limits{{}, {RequestsPerMinute: -1}} {
		s := &sleeper{time: day(1, 0, 0)}
		s.pass(t, s.gate(t, "", l), 5000)
		if s.slept > 0 {
			t.Errorf("%+v: slept", l)
		}
	}
}

// A home that can't be written to bounds one process all the same, whatever
// lies there.
func TestBudgetWithoutAFile(t *testing.T) {
	s := &sleeper{time: day(1, 0, 0)}
	home := t.TempDir()
	for path, text := range map[string]string{"budget.json": `{"full":"2030-01-01T00:00:00Z"}`, "budget.json.tmp/x": ""} {
		path = filepath.Join(home, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := newBudget(home, presets["jianguoyun"].limits)
	if wait, _ := b.take(s.time); wait != time.Minute/18 {
		t.Fatalf("begins with %v", wait)
	}
	s.time = s.time.Add(time.Hour)
	for range 60 {
		if wait, _ := b.take(s.time); wait > 0 {
			t.Fatal("waits too early")
		}
	}
	if wait, _ := b.take(s.time); wait <= 0 {
		t.Error("does not count")
	}
}

// A service that wants no request is left alone: a short pause is waited for,
// a long one is an error that says when to come back, also after a restart.
func TestBlocked(t *testing.T) {
	home, s := t.TempDir(), &sleeper{time: day(1, 0, 0)}
	g := s.gate(t, home, Limits{})
	g.blocked(s.time.Add(time.Minute))
	s.pass(t, g, 1)
	if s.time != day(1, 0, 1) || s.slept != 1 {
		t.Errorf("a pause of a minute: %v, %d sleeps", s.time, s.slept)
	}
	g.blocked(s.time.Add(30 * time.Minute))
	g.blocked(s.time.Add(time.Second)) // does not shorten it
	for _, g := range []*gate{g, s.gate(t, home, Limits{})} {
		err := g.wait(t.Context())
		if !errors.Is(err, providers.ErrRate) || providers.RetryAfter(err) != 30*time.Minute || s.slept != 1 {
			t.Errorf("a pause of 30 minutes: %v, come back after %v, %d sleeps", err, providers.RetryAfter(err), s.slept)
		}
	}
	s.time = s.time.Add(30 * time.Minute)
	s.pass(t, g, 1)
	g.blocked(s.time.AddDate(1, 0, 0)) // the other side's clock, or ours, is wrong
	if err := g.wait(t.Context()); providers.RetryAfter(err) > 24*time.Hour {
		t.Errorf("a pause of a year is taken for %v", providers.RetryAfter(err))
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	s := &sleeper{time: day(1, 0, 0)}
	g := s.gate(t, "", Limits{RequestsPerMinute: 1})
	ctx, cancel := context.WithCancel(t.Context())
	if err := g.wait(ctx); err != nil {
		t.Fatal(err)
	}
	g.sleep = func(ctx context.Context, _ time.Duration) error {
		cancel()
		return ctx.Err()
	}
	if err := g.wait(ctx); err != context.Canceled {
		t.Errorf("in a wait: %v", err)
	}
	if err := g.wait(ctx); err != context.Canceled {
		t.Errorf("before a wait: %v", err)
	}
}

package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// desk is a notifier whose services are this test.
type desk struct {
	*Notifier
	t     *testing.T
	clock time.Time
	opt   Options

	mu   sync.Mutex
	sent []string          // "15:04 channel title: text"
	down map[string]bool   // channels that don't answer
	disk map[string][]byte // nil: the real one
}

// newDesk has channels a and b, and a ping channel if wanted.
func newDesk(t *testing.T, quiet Quiet, names ...string) *desk {
	t.Helper()
	d := &desk{t: t, clock: time.Date(2026, 11, 23, 12, 0, 0, 0, time.Local), down: map[string]bool{}}
	d.opt = Options{Dir: t.TempDir(), Quiet: quiet, Use: names, Now: func() time.Time { return d.clock }, Say: briefly}
	for _, name := range names {
		address := "wecom://k"
		if name == "ping" {
			address = "ping+https://hc-ping.com/x"
		}
		must(t, Add(d.opt.Dir, Channel{name, address}, false))
	}
	d.restart()
	return d
}

// restart is what a kill -9 and a new start come to.
func (d *desk) restart() {
	d.t.Helper()
	n, err := New(d.opt)
	must(d.t, err)
	n.send = d.take
	if d.disk != nil {
		n.write = func(path string, data []byte) error { d.disk[path] = slices.Clone(data); return nil }
		n.state = parseState(d.disk[n.path()])
	}
	d.Notifier = n
}

func briefly(kind Kind, problems []Problem) Message {
	var list []string
	for _, p := range problems {
		list = append(list, p.Code+p.Key)
	}
	slices.Sort(list)
	return Message{string(kind), strings.Join(list, " ")}
}

func (d *desk) take(_ context.Context, c Channel, m Message, ok bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down[c.Name] {
		return errBoom
	}
	if c.isPing() {
		m = Message{"ping", fmt.Sprint(ok)}
	}
	d.sent = append(d.sent, fmt.Sprintf("%s %s: %s", c.Name, m.Title, m.Text))
	return nil
}

// report gives problems by their codes; those with a small letter are mild.
func (d *desk) report(codes ...string) error {
	var list []Problem
	for _, c := range codes {
		list = append(list, Problem{Code: c, Mild: c == strings.ToLower(c), Args: map[string]any{"minute": d.clock.Minute()}})
	}
	return d.Report(d.t.Context(), list)
}

// got are the messages since the last call, sorted, since channels are told at
// once.
func (d *desk) want(want ...string) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	slices.Sort(d.sent)
	slices.Sort(want)
	if !slices.Equal(d.sent, want) {
		d.t.Errorf("at %s sent %q, want %q", d.clock.Format("Mon 15:04"), d.sent, want)
	}
	d.sent = nil
}

func (d *desk) pass(t time.Duration) { d.clock = d.clock.Add(t) }

// next checks when Report wants to be called again.
func (d *desk) next(want string) {
	d.t.Helper()
	got := "never"
	if t := d.Next(); !t.IsZero() {
		got = t.Local().Format("2 15:04")
	}
	if got != want {
		d.t.Errorf("at %s, next is %s, want %s", d.clock.Format("2 15:04"), got, want)
	}
}

func TestChangesAreToldOnce(t *testing.T) {
	d := newDesk(t, Quiet{}, "a")
	must(t, d.report())
	d.want()
	d.next("never")
	must(t, d.report("X", "y"))
	d.want("a trouble: X y")
	d.pass(time.Minute)
	must(t, d.report("X", "y")) // with other args
	d.restart()
	must(t, d.report("X", "y"))
	d.want()
	must(t, d.report("X", "y", "Z"))
	d.want("a trouble: Z")
	d.next("never")
	must(t, d.report("y"))
	d.want()
	d.next("23 13:01")
	d.pass(59 * time.Minute)
	must(t, d.report("y"))
	d.want()
	d.pass(time.Minute)
	d.restart()
	must(t, d.report("y"))
	d.want("a recovery: X Z")
	must(t, d.report("y"))
	must(t, d.report("X", "y"))
	d.want("a trouble: X")
}

// Two problems of one code are two, by their keys.
func TestKeysTellProblemsApart(t *testing.T) {
	d := newDesk(t, Quiet{}, "a")
	must(t, d.Report(t.Context(), []Problem{{Code: "failed", Key: "1"}}))
	must(t, d.Report(t.Context(), []Problem{{Code: "failed", Key: "1"}, {Code: "failed", Key: "2"}, {Code: "failed", Key: "2"}}))
	d.want("a trouble: failed1", "a trouble: failed2")
}

func TestNoCalmIfNotWanted(t *testing.T) {
	d := newDesk(t, Quiet{}, "a")
	d.opt.Calm = -1
	d.restart()
	must(t, d.report("X"))
	must(t, d.report())
	d.want("a trouble: X", "a recovery: X")
	d.next("never")
}

func TestQuietHours(t *testing.T) {
	d := newDesk(t, Quiet{22 * time.Hour, 7*time.Hour + 30*time.Minute}, "a", "ping")
	must(t, d.report("W", "v"))
	d.want("a trouble: W v")
	d.pass(11 * time.Hour) // 23:00
	must(t, d.report("x", "v"))
	d.want()
	d.next("24 07:30")
	must(t, d.report("x", "Y", "v"))
	d.want("a trouble: Y") // severe
	must(t, d.Ping(t.Context(), true))
	d.want("ping ping: true") // a machine doesn't sleep
	must(t, d.Digest(t.Context(), nil))
	d.pass(5 * time.Hour)
	must(t, d.report("x", "Y", "z", "v"))
	must(t, d.report("x", "Y", "v")) // z came and went: nobody is ever told
	d.restart()
	d.want()
	d.next("24 07:30")
	d.clock = d.Next()
	must(t, d.report("x", "Y", "v"))
	d.want("a trouble: x", "a recovery: W", "a digest: digest")
	d.next("never")
}

func TestQuietHoursByTheWallClock(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	must(t, err)
	local := time.Local
	time.Local = berlin
	defer func() { time.Local = local }()
	for _, c := range []struct{ name, now, from, to, end string }{
		{"a night", "2026-11-23T23:00:00+01:00", "22:00", "07:00", "2026-11-24T07:00:00+01:00"},
		{"the night the clock goes forward", "2026-03-28T23:00:00+01:00", "22:00", "07:00", "2026-03-29T07:00:00+02:00"},
		{"the night the clock goes back", "2026-10-24T23:00:00+02:00", "22:00", "07:00", "2026-10-25T07:00:00+01:00"},
		{"an end that doesn't exist", "2026-03-29T01:00:00+01:00", "00:00", "02:30", "2026-03-29T03:00:00+02:00"},
		{"a beginning that doesn't exist", "2026-03-29T01:59:00+01:00", "02:30", "04:00", "2026-03-29T01:59:00+01:00"},
		{"after a beginning that doesn't exist", "2026-03-29T03:00:00+02:00", "02:30", "04:00", "2026-03-29T04:00:00+02:00"},
		{"an end that comes twice", "2026-10-25T01:00:00+02:00", "00:00", "02:30", "2026-10-25T02:30:00+02:00"},
		{"in between", "2026-10-25T02:00:00+01:00", "00:00", "02:30", "2026-10-25T02:30:00+01:00"},
		{"the whole day but a minute", "2026-11-23T12:00:00+01:00", "09:01", "09:00", "2026-11-24T09:00:00+01:00"},
		{"not quiet", "2026-11-23T12:00:00+01:00", "22:00", "07:00", "2026-11-23T12:00:00+01:00"},
		{"none", "2026-11-23T12:00:00+01:00", "12:00", "12:00", "2026-11-23T12:00:00+01:00"},
		{"seconds", "2026-11-23T22:00:59+01:00", "22:00", "22:01", "2026-11-23T22:01:00+01:00"},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		must(t, err)
		q := Quiet{wall(t, c.from), wall(t, c.to)}
		if got := q.end(now).In(berlin).Format(time.RFC3339); got != c.end {
			t.Errorf("%s: ends %s, want %s", c.name, got, c.end)
		}
		if got := q.holds(now); got != (c.end != c.now) {
			t.Errorf("%s: holds is %v", c.name, got)
		}
	}
}

func wall(t *testing.T, text string) time.Duration {
	at, err := time.Parse("15:04", text)
	must(t, err)
	return at.Sub(at.Truncate(24 * time.Hour))
}

// A channel that fails is tried again, less and less often; the others hear
// nothing twice, and it hears only what still is wrong.
func TestFailingChannel(t *testing.T) {
	d := newDesk(t, Quiet{}, "a", "b")
	d.down["b"] = true
	if err := d.report("X"); !errors.Is(err, errBoom) {
		t.Errorf("the error: %v", err)
	}
	d.want("a trouble: X")
	if got := d.Failing(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("failing: %v", got)
	}
	var waits []string
	for range 12 {
		next := d.Next()
		waits = append(waits, next.Sub(d.clock).String())
		d.clock = next.Add(-time.Second)
		must(t, d.report("X", "Y")) // too early: nobody is asked
		d.clock = next
		d.restart()
		if err := d.report("X", "Y"); err == nil {
			t.Error("no error")
		}
	}
	want := []string{"1m0s", "2m0s", "4m0s", "8m0s", "16m0s", "32m0s", "1h4m0s", "2h8m0s", "4h16m0s", "6h0m0s", "6h0m0s", "6h0m0s"}
	if !slices.Equal(waits, want) {
		t.Errorf("waits %v", waits)
	}
	d.want("a trouble: Y")
	_ = d.report("Y", "Z")
	d.pass(longestWait)
	d.down["b"] = false
	must(t, d.report("Y", "Z"))
	d.want("a trouble: Z", "a recovery: X", "b trouble: Y Z")
	d.next("never")
	if got := d.Failing(); len(got) != 0 {
		t.Errorf("failing: %v", got)
	}
	d.pass(-1000 * time.Hour) // the clock is set back while b waits
	d.down["b"] = true
	_ = d.report("Y", "Z", "Q")
	d.down["b"] = false
	d.pass(-1000 * time.Hour)
	must(t, d.report("Y", "Z", "Q"))
	d.want("a trouble: Q", "b trouble: Q")
}

// A channel that is not there is named; the others work. When it is made, it is
// told.
func TestMissingChannel(t *testing.T) {
	d := newDesk(t, Quiet{}, "a")
	d.opt.Use = []string{"a", "gone", "a"}
	d.restart()
	if err := d.Check(); codeOf(err) != string(CodeUnknown) {
		t.Errorf("check: %v", err)
	}
	if err := d.report("X"); codeOf(err) != string(CodeUnknown) {
		t.Errorf("report: %v", err)
	}
	d.want("a trouble: X")
	must(t, Add(d.opt.Dir, Channel{"gone", "wecom://k"}, false))
	must(t, d.Check())
	d.clock = d.Next()
	must(t, d.report("X"))
	d.want("gone trouble: X")
	d.opt.Use = []string{"gone"}
	d.restart()
	must(t, d.report("X"))
	if d.state.Channels["a"] != nil {
		t.Error("a channel that is not in use is remembered")
	}
}

func TestPing(t *testing.T) {
	d := newDesk(t, Quiet{}, "a", "ping")
	must(t, d.report("X"))
	must(t, d.Ping(t.Context(), true))
	must(t, d.Ping(t.Context(), false))
	d.want("a trouble: X", "ping ping: true", "ping ping: false")
	d.down["ping"] = true
	for _, ok := range []bool{true, false} {
		if err := d.Ping(t.Context(), ok); err == nil {
			t.Error("no error")
		}
	}
	d.restart()
	d.down["ping"] = false
	d.clock = d.Next()
	must(t, d.report("X"))
	d.want("ping ping: false") // the newest alone
	d.next("never")
}

func TestDigest(t *testing.T) {
	d := newDesk(t, Quiet{}, "a", "b", "ping")
	d.down["b"] = true
	if err := d.Digest(t.Context(), map[string]any{"through": d.clock}); err == nil {
		t.Error("no error")
	}
	d.want("a digest: digest")
	d.restart()
	if got := d.state.Channels["b"].Digest.Args["through"]; got != d.clock.UTC().Format(time.RFC3339) {
		t.Errorf("through is %v", got)
	}
	d.clock = d.Next()
	d.down["b"] = false
	must(t, d.report())
	d.want("b digest: digest")
	d.down["a"] = true
	if err := d.Digest(t.Context(), nil); err == nil {
		t.Error("no error")
	}
	d.want("b digest: digest")
	d.pass(25 * time.Hour)
	d.down["a"] = false
	must(t, d.report())
	d.want() // a summary of yesterday is none
	d.next("never")
}

// A year in which something comes and goes all day is one message.
func TestAYearOfFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, Quiet{22 * time.Hour, 7 * time.Hour}, "a")
		d.opt.Now = time.Now
		d.disk = map[string][]byte{}
		d.restart()
		random := rand.New(rand.NewPCG(1, 2))
		end, flips := time.Now().AddDate(1, 0, 0), 0
		for time.Now().Before(end) {
			for _, codes := range [][]string{{"X", "y"}, {}} {
				must(t, d.report(codes...))
				flips++
				// Between the flips the daemon calls when it is told to.
				until := time.Now().Add(time.Duration(1+random.IntN(58)) * time.Minute)
				for next := d.Next(); !next.IsZero() && next.Before(until); next = d.Next() {
					time.Sleep(max(time.Until(next), time.Second))
					must(t, d.report(codes...))
				}
				time.Sleep(time.Until(until))
				if random.IntN(50) == 0 {
					d.restart()
				}
			}
		}
		if all := strings.Join(d.sent, "\n"); strings.Count(all, "X") != 1 || strings.Count(all, "y") != 1 || strings.Contains(all, "recovery") {
			t.Errorf("sent %q", d.sent)
		}
		d.sent = nil
		if flips < 10000 {
			t.Errorf("only %d flips", flips)
		}
		for next := d.Next(); !next.IsZero(); next = d.Next() {
			time.Sleep(time.Until(next))
			must(t, d.report())
		}
		d.want("a recovery: X y")
		if len(d.state.Problems) != 0 {
			t.Errorf("left: %v", d.state.Problems)
		}
	})
}

// Who calls Report when something changed and when Next says so, sends the
// same at the same time as who calls it each minute.
func TestNextIsEnough(t *testing.T) {
	for seed := range uint64(4) {
		eager, lazy := newDesk(t, Quiet{23 * time.Hour, 6 * time.Hour}, "a", "b"), newDesk(t, Quiet{23 * time.Hour, 6 * time.Hour}, "a", "b")
		for _, d := range []*desk{eager, lazy} {
			d.disk = map[string][]byte{}
			d.restart()
		}
		random := rand.New(rand.NewPCG(seed, 7))
		wrong := map[string]bool{}
		var late time.Time
		for range 4 * 24 * 60 {
			changed := false
			if random.IntN(100) == 0 {
				code := string("WXyz"[random.IntN(4)])
				wrong[code], changed = !wrong[code], true
			}
			if random.IntN(200) == 0 {
				name := string("ab"[random.IntN(2)])
				eager.down[name] = !eager.down[name]
				lazy.down[name] = eager.down[name]
			}
			var codes []string
			for code, is := range wrong {
				if is {
					codes = append(codes, code)
				}
			}
			_ = eager.report(codes...)
			if next := lazy.Next(); changed || !next.IsZero() && !next.After(lazy.clock) {
				_ = lazy.report(codes...)
				late = lazy.clock
			}
			slices.Sort(eager.sent)
			slices.Sort(lazy.sent)
			if !slices.Equal(eager.sent, lazy.sent) {
				t.Fatalf("seed %d, at %s (last called %s): %q by who is eager, %q by who is lazy", seed, eager.clock, late, eager.sent, lazy.sent)
			}
			eager.sent, lazy.sent = nil, nil
			eager.pass(time.Minute)
			lazy.pass(time.Minute)
		}
	}
}

// Whichever write of the state fails, or is the last before a kill: everything
// is told, and nothing more than twice.
func TestKilledAtAnyWrite(t *testing.T) {
	steps := [][]string{{"X"}, {"X", "Y", "z"}, {"z"}, {"z"}, {}, {}}
	expected := []string{"a recovery: X Y", "a recovery: z", "a trouble: X", "a trouble: Y z", "b recovery: X Y", "b recovery: z", "b trouble: X", "b trouble: Y z"}
	for _, landed := range []bool{false, true} {
		for k := 0; ; k++ {
			d := newDesk(t, Quiet{}, "a", "b")
			writes, killed := 0, false
			arm := func() {
				real := d.write
				d.write = func(path string, data []byte) error {
					if writes++; writes-1 != k {
						return real(path, data)
					}
					killed = true
					if landed {
						must(t, real(path, data))
					}
					return errBoom
				}
			}
			arm()
			for i := 0; i < len(steps); i++ {
				before := killed
				err := d.report(steps[i]...)
				if killed && !before {
					if !errors.Is(err, errBoom) {
						t.Errorf("write %d: %v", k, err)
					}
					d.restart()
					_ = d.report(steps[i]...)
				}
				d.pass(61 * time.Minute)
			}
			must(t, d.report())
			count := map[string]int{}
			for _, m := range d.sent {
				count[m]++
			}
			for _, m := range expected {
				if count[m] < 1 || count[m] > 2 {
					t.Errorf("write %d, landed %v: %q came %d times; all: %q", k, landed, m, count[m], d.sent)
				}
			}
			if len(count) != len(expected) {
				t.Errorf("write %d, landed %v: %q", k, landed, d.sent)
			}
			if !killed {
				if k < 8 {
					t.Errorf("only %d writes", k)
				}
				break
			}
		}
	}
}

// While the disk is full, what was told is told once.
func TestStateThatCantBeWritten(t *testing.T) {
	d := newDesk(t, Quiet{}, "a")
	real := d.write
	d.write = func(string, []byte) error { return errBoom }
	for range 5 {
		if err := d.report("X"); !errors.Is(err, errBoom) {
			t.Errorf("%v", err)
		}
	}
	d.want("a trouble: X")
	d.write = real
	must(t, d.report("X"))
	d.restart()
	must(t, d.report("X"))
	d.want()
}

// Nothing is written while nothing changes.
func TestIdleWritesNothing(t *testing.T) {
	d := newDesk(t, Quiet{}, "a", "ping")
	must(t, d.report("X"))
	d.write = func(path string, _ []byte) error { t.Errorf("%s was written", path); return nil }
	for range 100 {
		d.pass(time.Minute)
		must(t, d.report("X"))
	}
}

// A service that never answers costs half a minute, and doesn't stop the
// others.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, Quiet{}, "a", "b")
		d.opt.Now = time.Now
		d.restart()
		d.send = func(ctx context.Context, c Channel, m Message, ok bool) error {
			if c.Name == "a" {
				<-ctx.Done()
				return failed(c, ctx.Err())
			}
			return d.take(ctx, c, m, ok)
		}
		began := time.Now()
		if err := d.report("X"); codeOf(err) != string(CodeUnreachable) {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took != deadline {
			t.Errorf("it took %s", took)
		}
		d.want("b trouble: X")

		// Whoever is stopped is not to blame.
		failures := d.state.Channels["a"].Failures
		d.state.Channels["a"].Retry = time.Time{}
		go func() { time.Sleep(time.Second); d.Close() }()
		if err := d.report("X"); !errors.Is(err, context.Canceled) {
			t.Errorf("closed: %v", err)
		}
		if d.state.Channels["a"].Failures != failures {
			t.Error("a close counts as a failure")
		}
		if err := d.report("X"); err == nil {
			t.Error("a closed notifier reports")
		}
	})
}

// Many problems don't make the file grow for ever.
func TestBounds(t *testing.T) {
	d := newDesk(t, Quiet{}, "a")
	d.disk = map[string][]byte{}
	d.restart()
	for round := range 20 {
		var list []Problem
		for i := range 1000 {
			list = append(list, Problem{Code: "failed", Key: fmt.Sprint(round, "-", i), Args: map[string]any{"f": func() {}, "x": 1.5, "big": 1_000_000_000}})
		}
		must(t, d.Report(t.Context(), list))
	}
	if n := len(d.state.Problems); n > mostKnown {
		t.Errorf("%d problems", n)
	}
	if size := len(d.disk[d.path()]); size > largestState {
		t.Errorf("%d bytes", size)
	}
	again := parseState(d.disk[d.path()])
	if len(again.Problems) != len(d.state.Problems) || fmt.Sprint(again.Problems[0].Args["big"]) != "1000000000" {
		t.Errorf("%d problems read, %v", len(again.Problems), again.Problems[0].Args)
	}
}

// Values of sentences are the same after a restart.
func TestArgsSurvive(t *testing.T) {
	d := newDesk(t, Quiet{}, "a")
	d.down["a"] = true
	args := map[string]any{"days": 3, "devices": []string{"laptop", "书房"}, "free": uint64(5_000_000_000), "time": d.clock}
	_ = d.Report(t.Context(), []Problem{{Code: "quota", Args: args}})
	d.restart()
	got := d.state.Problems[0].Args
	if fmt.Sprintf("%v %v", got["days"], got["free"]) != "3 5000000000" || !reflect.DeepEqual(got["devices"], []string{"laptop", "书房"}) {
		t.Errorf("%#v", got)
	}
	if _, err := time.Parse(time.RFC3339, fmt.Sprint(got["time"])); err != nil {
		t.Error(err)
	}
}

// Everything may be called at once.
func TestAtOnce(t *testing.T) {
	d := newDesk(t, Quiet{}, "a", "b", "ping")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				_ = d.Report(t.Context(), []Problem{{Code: fmt.Sprint(i)}})
				_ = d.Ping(t.Context(), i%2 == 0)
				d.Next()
				d.Failing()
				_ = d.Test(t.Context(), "a")
				_ = d.Check()
			}
		})
	}
	wg.Wait()
	must(t, d.Close())
}

func TestDamagedState(t *testing.T) {
	for _, text := range []string{"", "x", "{", `{"problems":[null]}`, `{"problems":7}`, `{"channels":{"a":null}}`, "\x00\x00\x00"} {
		d := newDesk(t, Quiet{}, "a")
		must(t, os.WriteFile(filepath.Join(d.opt.Dir, stateFile), []byte(text), 0o600))
		d.restart()
		must(t, d.report("X"))
		d.want("a trouble: X")
		d.restart()
		must(t, d.report("X"))
		d.want()
	}
}

// Whatever lies in the file: it is read, told from, and written again so that
// it means the same.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"problems":[{"code":"X","key":"k","args":{"n":1,"l":["a"]},"gone":"2026-11-23T12:00:00Z"}],"channels":{"a":{"told":["X\nk"],"failures":3,"retry":"2026-11-23T12:00:00Z","digest":{"made":"2026-11-23T12:00:00Z"},"ping":{"ok":true}}}}`))
	f.Add([]byte(`{"channels":{"a":{"failures":-5,"retry":"9999-12-31T23:59:59Z"}}}`))
	f.Add([]byte(`{"problems":[null,{"code":""}],"channels":{"a":null}}`))
	dir := f.TempDir()
	if err := Add(dir, Channel{"a", "wecom://k"}, false); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &desk{t: t, clock: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), down: map[string]bool{}, disk: map[string][]byte{}}
		d.opt = Options{Dir: dir, Use: []string{"a"}, Say: briefly, Now: func() time.Time { return d.clock }}
		d.disk[filepath.Join(dir, stateFile)] = data
		d.restart()
		for range 3 {
			must(t, d.report("X", "Y"))
			d.Next()
			d.pass(7 * time.Hour)
		}
		if told := d.state.Channels["a"].Told; !slices.Contains(told, "X\n") {
			t.Fatalf("not told: %q", told)
		}
		must(t, d.report())
		d.pass(2 * time.Hour)
		must(t, d.report())
		if n := len(d.state.Problems); n != 0 {
			t.Fatalf("%d problems are left", n)
		}
		kept, err := json.Marshal(d.state)
		must(t, err)
		again, err := json.Marshal(parseState(kept))
		if err != nil || string(again) != string(kept) {
			t.Fatalf("%s became %s, %v", kept, again, err)
		}
	})
}

package history

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }

// over returns a run of one minute.
func over(job, outcome string, minute int) Run {
	return Run{Job: job, Why: Scheduled, Started: at(minute), Ended: at(minute + 1), Outcome: outcome}
}

func add(t *testing.T, l *Log, runs ...Run) {
	t.Helper()
	for _, r := range runs {
		if err := l.Add(r); err != nil {
			t.Fatal(err)
		}
	}
}

func begin(t *testing.T, l *Log, r Run) *Entry {
	t.Helper()
	e, err := l.Begin(r)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func last(t *testing.T, l *Log, n int) []Run {
	t.Helper()
	runs, err := l.Last(n)
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// fill puts runs into the file as if they had been added one by one.
func fill(t *testing.T, dir string, from, to int, facts json.RawMessage) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := from; i < to; i++ {
		r := over("backup", Failed, i)
		r.Facts = facts
		text, err := line(rand.Text()[:16], r)
		if err == nil {
			_, err = f.Write(text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// short says runs in few words.
func short(runs []Run) string {
	var words []string
	for _, r := range runs {
		words = append(words, r.Job+":"+r.Outcome)
	}
	return strings.Join(words, " ")
}

func TestRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	l := Open(dir)
	if runs := last(t, l, 10); len(runs) != 0 {
		t.Errorf("a new history has %v", runs)
	}
	slot := at(-5)
	e := begin(t, l, Run{Job: "backup", Why: CatchUp, Slot: slot, Missed: 3, Started: at(0), Outcome: "ignored"})
	add(t, l, over("verify", Held, 1))
	if got := short(last(t, l, 10)); got != "backup: verify:held" {
		t.Errorf("while it runs: %q", got)
	}
	end := Run{Job: "other", Ended: at(3), Outcome: Remarks, Reasons: []string{"metered"},
		Trouble: &Trouble{Code: "full", Args: map[string]string{"free": "1"}, Text: "no room"}, Facts: json.RawMessage(`{"new":3}`)}
	if err := e.End(end); err != nil {
		t.Fatal(err)
	}
	want := end
	want.Job, want.Why, want.Slot, want.Missed, want.Started = "backup", CatchUp, slot, 3, at(0)
	for _, l := range []*Log{l, Open(dir)} {
		runs := last(t, l, 10)
		if len(runs) != 2 || !reflect.DeepEqual(runs[0], want) || !reflect.DeepEqual(runs[1], over("verify", Held, 1)) {
			t.Errorf("got %+v", runs)
		}
		if got := short(last(t, l, 1)); got != "verify:held" {
			t.Errorf("the last one: %q", got)
		}
		if len(last(t, l, 0)) != 0 || len(last(t, l, -1)) != 0 {
			t.Error("more than was asked for")
		}
	}
	info, err := os.Stat(filepath.Join(dir, logFile))
	if err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, runningDir)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLastOf(t *testing.T) {
	l := Open(t.TempDir())
	check := func(job, lastOf, good string) {
		t.Helper()
		for _, x := range []struct {
			find func(string) (*Run, error)
			want string
		}{{l.LastOf, lastOf}, {l.LastGood, good}} {
			r, err := x.find(job)
			got := "none"
			if r != nil {
				got = fmt.Sprint(r.Outcome, r.Started.Sub(start).Minutes())
			}
			if err != nil || got != x.want {
				t.Errorf("%s: %s, %v, want %s", job, got, err, x.want)
			}
		}
	}
	check("backup", "none", "none")
	add(t, l, over("backup", Done, 0), over("verify", Remarks, 1), over("backup", Failed, 2))
	begin(t, l, Run{Job: "backup", Started: at(3)})
	check("backup", "failed2", "done0")
	check("verify", "remarks1", "remarks1")
	check("prune", "none", "none")
	counts, err := l.Counts()
	if want := map[string]int{Done: 1, Remarks: 1, Failed: 1}; err != nil || !reflect.DeepEqual(counts, want) {
		t.Errorf("counts %v, %v", counts, err)
	}
}

// What a caller does to what it got changes nothing for others.
func TestNothingIsShared(t *testing.T) {
	l := Open(t.TempDir())
	r := over("backup", Failed, 0)
	r.Reasons, r.Trouble, r.Facts = []string{"metered"}, &Trouble{Code: "full", Args: map[string]string{"a": "1"}}, json.RawMessage(`{"a":1}`)
	add(t, l, r)
	got := last(t, l, 1)[0]
	got.Reasons[0], got.Trouble.Code, got.Trouble.Args["a"], got.Facts[1] = "x", "x", "x", 'x'
	if got := last(t, l, 1)[0]; !reflect.DeepEqual(got, r) {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsNoRun(t *testing.T) {
	l := Open(t.TempDir())
	for name, r := range map[string]Run{
		"no job":       {Started: at(0), Outcome: Done},
		"no beginning": {Job: "backup", Outcome: Done},
		"no outcome":   {Job: "backup", Started: at(0)},
		"long job":     {Job: strings.Repeat("x", 100), Started: at(0), Outcome: Done},
		"bad time":     {Job: "backup", Started: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC), Outcome: Done},
	} {
		if err := l.Add(r); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	e := begin(t, l, Run{Job: "backup", Started: at(0)})
	if e.End(Run{Ended: at(1)}) == nil || e.End(Run{Outcome: Done}) == nil {
		t.Error("an end without outcome or time was taken")
	}
	if err := e.End(Run{Ended: at(1), Outcome: Done}); err != nil {
		t.Error(err)
	}
}

// What is too long is left out; the run is not.
func TestLongRuns(t *testing.T) {
	l := Open(t.TempDir())
	r := over("backup", Failed, 0)
	r.Facts = json.RawMessage(`"` + strings.Repeat("x", 5000) + `"`)
	r.Trouble = &Trouble{Code: "full", Text: strings.Repeat("聊", 5000), Args: map[string]string{"path": strings.Repeat("p", 20000)}}
	for range 100 {
		r.Reasons = append(r.Reasons, "metered")
	}
	wrong := over("verify", Done, 2)
	wrong.Facts = json.RawMessage(`{`)
	add(t, l, r, wrong)
	runs := last(t, l, 5)
	if len(runs) != 2 || runs[0].Trouble.Code != "full" || len(runs[0].Trouble.Text) > longestCause || runs[0].Facts != nil || runs[1].Facts != nil {
		t.Errorf("got %+v", runs)
	}
}

func TestRecover(t *testing.T) {
	dir := t.TempDir()
	l := Open(dir)
	add(t, l, over("verify", Done, 0))
	gone := begin(t, l, Run{Job: "backup", Why: Scheduled, Started: at(1)})
	alive := begin(t, l, Run{Job: "pull", Started: at(2)})
	if err := gone.lock.Close(); err != nil { // as the end of a process does
		t.Fatal(err)
	}
	stranger := filepath.Join(dir, runningDir, "notes.txt")
	if err := os.WriteFile(stranger, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	runs, err := Open(dir).Recover(at(9))
	if err != nil || short(runs) != "backup:vanished" || !runs[0].Ended.Equal(at(9)) {
		t.Fatalf("%+v, %v", runs, err)
	}
	if got := short(last(t, l, 9)); got != "verify:done backup:vanished pull:" {
		t.Errorf("got %q", got)
	}
	if runs, err := Open(dir).Recover(at(10)); err != nil || len(runs) != 0 {
		t.Errorf("a second time: %+v, %v", runs, err)
	}
	if err := alive.End(Run{Ended: at(11), Outcome: Done}); err != nil {
		t.Fatal(err)
	}
	if got := short(last(t, l, 9)); got != "verify:done backup:vanished pull:done" {
		t.Errorf("got %q", got)
	}
	if _, err := os.Stat(stranger); err != nil {
		t.Errorf("a file that is not ours: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, runningDir)); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

// The clock may have been set back since the run began.
func TestRecoverWithTheClockSetBack(t *testing.T) {
	l := Open(t.TempDir())
	e := begin(t, l, Run{Job: "backup", Started: at(100)})
	if err := e.lock.Close(); err != nil {
		t.Fatal(err)
	}
	runs, err := l.Recover(at(0))
	if err != nil || len(runs) != 1 || runs[0].Ended.Before(runs[0].Started) {
		t.Errorf("%+v, %v", runs, err)
	}
}

func TestBounds(t *testing.T) {
	for _, tt := range []struct{ facts, full int }{{2, mostLines}, {3000, mostBytes / 3140}} {
		dir := t.TempDir()
		l := Open(dir)
		add(t, l, over("verify", Remarks, -9), over("prune", Done, -8))
		work := begin(t, l, Run{Job: "pull", Started: at(-7)})
		lost := begin(t, l, Run{Job: "pull", Started: at(-6)})
		if err := lost.lock.Close(); err != nil {
			t.Fatal(err)
		}
		facts, _ := json.Marshal(strings.Repeat("x", tt.facts))
		fill(t, dir, 0, tt.full-10, facts)
		shrunk, before := false, 0
		for i := range 30 {
			r := over("backup", Failed, tt.full-10+i)
			r.Facts = facts
			add(t, l, r)
			now := len(last(t, l, 5000))
			shrunk, before = shrunk || now < before, now
			info, err := os.Stat(l.path())
			if err != nil || info.Size() > mostBytes || now > mostLines {
				t.Fatalf("after %d: %d runs, %d bytes, %v", i, now, info.Size(), err)
			}
		}
		runs := last(t, l, 5000)
		if !shrunk || len(runs) < tt.full*7/10 {
			t.Errorf("%d runs of %d, shrunk: %v", len(runs), tt.full, shrunk)
		}
		for i, r := range runs[len(runs)-200:] {
			if !r.Started.Equal(at(tt.full + 20 - 200 + i)) {
				t.Fatalf("the newest are not there: %v", r)
			}
		}
		if got := short(runs[:4]); got != "verify:remarks prune:done pull: backup:failed" {
			t.Errorf("the oldest: %q", got)
		}
		if err := work.End(Run{Ended: at(9999), Outcome: Done}); err != nil {
			t.Fatal(err)
		}
		if r, err := l.LastGood("pull"); err != nil || r == nil || !r.Started.Equal(at(-7)) {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// A file that somebody made far too long is read at its end, and becomes short
// again.
func TestFarTooLong(t *testing.T) {
	l := Open(t.TempDir())
	add(t, l, over("backup", Done, 0))
	f, err := os.OpenFile(l.path(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Repeat([]byte("no run at all\n"), 1<<20)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	add(t, l, over("backup", Failed, 1))
	if got := short(last(t, l, 9)); got != "backup:failed" {
		t.Errorf("got %q", got)
	}
	if info, err := os.Stat(l.path()); err != nil || info.Size() > 1000 {
		t.Errorf("%v, %v", info, err)
	}
}

var errBroken = errors.New("broken by the test")

// Whatever step fails, what was there stays, and the next run is written.
func TestFaults(t *testing.T) {
	for _, broken := range []string{"open", "write", "sync", "rewrite"} {
		l := Open(t.TempDir())
		full := mostLines - 1
		if broken != "rewrite" {
			full = 3
		}
		fill(t, l.dir, 0, full-1, nil)
		add(t, l, over("backup", Done, full-1))
		e := begin(t, l, Run{Job: "verify", Started: at(full)})
		fail := true
		l.step = func(what string) error {
			if what == broken && fail {
				return errBroken
			}
			return nil
		}
		if err := e.End(Run{Ended: at(full + 1), Outcome: Done}); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", broken, err)
		}
		e2, err := l.Begin(Run{Job: "pull", Started: at(full + 2)})
		if !errors.Is(err, errBroken) || e2 == nil {
			t.Errorf("%s: %v, %v", broken, e2, err)
		}
		if got := last(t, l, 5000); len(got) < full || got[0].Outcome != Failed {
			t.Errorf("%s: %d runs", broken, len(got))
		}
		fail = false
		if err := e2.End(Run{Ended: at(full + 3), Outcome: Remarks}); err != nil {
			t.Errorf("%s: %v", broken, err)
		}
		if r, err := l.LastGood("pull"); err != nil || r == nil || r.Outcome != Remarks {
			t.Errorf("%s: an end without its beginning: %+v, %v", broken, r, err)
		}
		if r, err := l.LastGood("backup"); err != nil || r == nil || !r.Started.Equal(at(full-1)) {
			t.Errorf("%s: %+v, %v", broken, r, err)
		}
	}
}

// Wherever a crash cuts a line, the others are read and the next one is
// written whole.
func TestTornLines(t *testing.T) {
	dir := t.TempDir()
	l := Open(dir)
	add(t, l, over("verify", Done, 0))
	whole, err := os.ReadFile(l.path())
	if err != nil {
		t.Fatal(err)
	}
	add(t, l, over("backup", Done, 1))
	both, err := os.ReadFile(l.path())
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(whole); cut <= len(both); cut++ {
		for _, rest := range []string{"", strings.Repeat("\x00", 37)} { // blocks that never came read as zeros
			if err := os.WriteFile(l.path(), append(both[:cut:cut], rest...), 0o600); err != nil {
				t.Fatal(err)
			}
			want := "verify:done"
			if cut >= len(both)-1 && (rest == "" || cut == len(both)) {
				want += " backup:done"
			}
			l := Open(dir)
			if got := short(last(t, l, 9)); got != want {
				t.Fatalf("cut at %d of %d: %q, want %q", cut, len(both), got, want)
			}
			add(t, l, over("pull", Done, 2))
			if got := short(last(t, l, 9)); got != want+" pull:done" {
				t.Fatalf("cut at %d of %d, then written: %q", cut, len(both), got)
			}
		}
	}
}

// Any byte may be wrong: it costs its own line.
func TestDamagedBytes(t *testing.T) {
	l := Open(t.TempDir())
	add(t, l, over("verify", Done, 0), over("backup", Done, 1), over("pull", Done, 2))
	text, err := os.ReadFile(l.path())
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(text, '\n')
	second := first + 1 + bytes.IndexByte(text[first+1:], '\n')
	for i := first + 1; i < second; i++ {
		bad := bytes.Clone(text)
		bad[i] = 0
		if list := parse(bad); len(list) != 2 || list[0].Run.Job != "verify" || list[1].Run.Job != "pull" {
			t.Fatalf("byte %d: %+v", i, list)
		}
	}
}

func TestManyWriters(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			l := Open(dir) // as another process would
			for i := range 10 {
				e, err := l.Begin(Run{Job: fmt.Sprintf("job%d", w), Started: at(i)})
				if err == nil {
					err = e.End(Run{Ended: at(i + 1), Outcome: Done})
				}
				if err != nil {
					t.Error(err)
				}
				if _, err := l.Last(10); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	runs := last(t, Open(dir), 5000)
	if len(runs) != 8*10 {
		t.Errorf("%d runs", len(runs))
	}
	for _, r := range runs {
		if r.Outcome != Done {
			t.Fatalf("%+v", r)
		}
	}
}

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("HISTORY_TEST_WRITER"); dir != "" {
		writeForever(dir)
	}
	os.Exit(m.Run())
}

// writeForever says each run that is written for good.
func writeForever(dir string) {
	l := Open(dir)
	for i := 0; ; i++ {
		e, err := l.Begin(Run{Job: "backup", Started: at(i)})
		if err == nil {
			fmt.Println("begun", i)
			err = e.End(Run{Ended: at(i), Outcome: Done, Facts: json.RawMessage(`"` + strings.Repeat("x", 4000) + `"`)})
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ended", i)
	}
}

// A process that is killed while it writes, or writes anew, loses nothing that
// it said was written; its last run vanished, or had not begun.
func TestKilledWriter(t *testing.T) {
	for _, kill := range []int{1, 4, 7, 10, 21} {
		dir := t.TempDir()
		fill(t, dir, 0, mostBytes/4140-3, json.RawMessage(`"`+strings.Repeat("x", 4000)+`"`))
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "HISTORY_TEST_WRITER="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said, lines := -1, bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			i := 0
			if _, err := fmt.Sscanf(lines.Text(), "ended %d", &i); err == nil {
				said = i
			} else if !strings.HasPrefix(lines.Text(), "begun ") {
				t.Fatal(lines.Text())
			}
			if n == kill {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		l := Open(dir)
		if _, err := l.Recover(at(9999)); err != nil {
			t.Fatal(err)
		}
		r, err := l.LastGood("backup")
		if err != nil || r == nil && said >= 0 || r != nil && r.Started.Before(at(said)) {
			t.Fatalf("killed after %d: said %d, found %+v, %v", kill, said, r, err)
		}
		for _, r := range last(t, l, 5000) {
			if r.Outcome != Done && r.Outcome != Vanished && r.Outcome != Failed {
				t.Fatalf("%+v", r)
			}
		}
	}
}

func FuzzHistory(f *testing.F) {
	good, err := line("ABCDEFGHIJKLMNOP", over("backup", Done, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(bytes.Repeat(good, 3))
	f.Add([]byte("{}\n\n{\"id\":\"ABCDEFGHIJKLMNOP\"}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list := parse(text)
		again := []byte{}
		for _, e := range list {
			one, err := line(e.ID, e.Run)
			if err != nil {
				t.Fatalf("what was read can't be written: %v", err)
			}
			again = append(again, one...)
		}
		if got := parse(again); len(got) != len(list) {
			t.Fatalf("%d runs, then %d", len(list), len(got))
		}
		if kept := bounded(list); len(kept) > len(list) {
			t.Fatal("more than there were")
		}
		// Whatever was there takes no later line along.
		all := parse(append(append(bytes.Clone(text), '\n'), good...))
		found := false
		for _, e := range all {
			found = found || e.ID == "ABCDEFGHIJKLMNOP"
		}
		if !found {
			t.Fatal("a good line was lost")
		}
	})
}

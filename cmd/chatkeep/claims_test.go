package main

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/history"
)

// What is in folders goes in bit by bit, and is safe when all of it is there;
// messages are whole in each snapshot that is told of.
func TestClaims(t *testing.T) {
	at := func(n int) time.Time { return sunday.Add(time.Duration(n) * time.Minute) }
	for _, c := range []struct {
		early bool
		want  []time.Time
	}{
		{true, []time.Time{at(0), at(10), at(20)}},
		{false, []time.Time{at(20)}},
	} {
		var got []time.Time
		said := claims{say: func(t time.Time) { got = append(got, t) }, early: c.early}
		said.ends(&backupOutcome{}, nil) // of nothing
		for n := range 3 {
			said.heard()(at(10 * n))
		}
		cut := slices.Clone(got)
		said.ends(&backupOutcome{Stopped: &trouble{Code: "remote_day_limit"}}, nil)
		said.ends(nil, errors.New("cut short"))
		if !slices.Equal(got, cut) {
			t.Errorf("early %v: said %v of what was cut short, not %v", c.early, got, cut)
		}
		said.ends(&backupOutcome{}, nil)
		if !slices.Equal(got, c.want) {
			t.Errorf("early %v: said %v, not %v", c.early, got, c.want)
		}
	}
	for _, c := range []struct {
		sources []config.Source
		want    bool
	}{
		{[]config.Source{{Root: "/photos"}}, true},
		{[]config.Source{{Root: "/photos"}, {App: "wechat", Root: "/w"}}, false},
	} {
		if got := keepsFoldersAlone(&config.Config{Sources: c.sources}); got != c.want {
			t.Errorf("%+v: %v", c.sources, got)
		}
	}
}

// A service that waits for signs of life hears of runs that ended, once each,
// and takes none for well that nobody saw the end of; whatever the clock does.
func TestSignOfLife(t *testing.T) {
	s := &keeper{pinged: sunday}
	at := func(n int) time.Time { return sunday.Add(time.Duration(n) * time.Hour) }
	for i, c := range []struct {
		ended     time.Time
		outcome   string
		ok, fresh bool
	}{
		{at(0), history.Done, false, false}, // before the daemon began
		{at(1), history.Done, true, true},
		{at(1), history.Done, false, false},
		{at(2), history.Failed, false, true},
		{at(3), history.Held, false, false},
		{at(4), history.Stopped, false, false},
		{at(5), history.Vanished, false, false},
		{at(90000), history.Remarks, true, true}, // a clock that is wrong
		{at(6), history.Done, true, true},        // and put right
	} {
		ok, fresh := s.signOf(&history.Run{Job: jobBackup, Started: c.ended, Ended: c.ended, Outcome: c.outcome})
		if ok != c.ok || fresh != c.fresh {
			t.Errorf("%d: %s is a sign %v, %v", i, c.outcome, ok, fresh)
		}
	}
}

// Someone whose computer is off each night, and who never had a backup, is told
// of it all the same.
func TestStaleThoughItRestarts(t *testing.T) {
	l := &lived{o: outlook{now: sunday, since: sunday.Add(-time.Hour), jobs: map[string]lastRuns{}}}
	l.run(jobBackup, 5*24*time.Hour, history.Held, "", nil, t)
	cfg := &config.Config{Sources: []config.Source{{Root: "/photos"}}}
	cfg.Notify.Stale = config.Span(48 * time.Hour)
	l.o.learn(l.runs)
	if list := problems(cfg, l.o); !lists(list, "stale") {
		t.Errorf("problems: %v", list)
	}
}

// A backup of one source does not say that everything is backed up, and stands
// for no slot and for no message.
func TestOneSourceIsNotAll(t *testing.T) {
	x := newLaptop(t, services[0], "")
	x.day("one", 1<<20, 0)
	x.boots()
	defer x.end()
	if out, code := x.do("backup"); code != exitDone {
		t.Fatal(out)
	}
	before := x.statusJSON(t)
	x.ahead.Add(int64(time.Hour))
	if out, code := x.do("backup", "--source", "talk"); code != exitDone {
		t.Fatal(out)
	}
	if after := x.statusJSON(t); after != before {
		t.Errorf("everything before %s is backed up, it says, and before it was %s", after, before)
	}
}

func (x *laptop) statusJSON(t *testing.T) string {
	t.Helper()
	out, _ := x.do("status")
	var s struct {
		Through string `json:"backed_up_through"`
	}
	if err := json.Unmarshal([]byte(out), &s); err != nil || s.Through == "" {
		t.Fatal(err, out)
	}
	return s.Through
}

// The same without a daemon: status goes by what the history says of the newest
// snapshot.
func TestOneSourceIsNotAllByHand(t *testing.T) {
	s := newSession(t)
	t.Setenv("CHATKEEP_STATE", s.path("state"))
	s.write("more/x.txt", "x")
	s.write("chatkeep.yaml", "sources: [./chats, ./more]\nremote: {type: local, folder: "+s.path("remote")+"}\n")
	s.object(exitDone, "init")
	through := func() string {
		t.Helper()
		d, _ := s.object(exitDone, "status").(map[string]any)
		text, _ := d["backed_up_through"].(string)
		return text
	}
	s.object(exitDone, "backup")
	before := through()
	s.object(exitDone, "backup", "--source", "more")
	if after := through(); before == "" || after != before {
		t.Errorf("everything before %s is backed up, it says, and before it was %s", after, before)
	}
	s.object(exitDone, "backup")
	if after := through(); after <= before {
		t.Errorf("still %s", after)
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/schedule"
)

// monthsDuty is a job and what must come of its schedule. Its slots are counted
// here by the calendar, not by package schedule.
type monthsDuty struct {
	name         string
	hours        []int
	minute       int
	zone         *time.Location
	last         time.Time    // slot that was taken care of; zero: none ever
	troubled     *history.Run // the newest run that says why what is due was not done
	held         bool         // the last run left something that was not allowed
	moment       time.Time    // since when it waits and the history does not say why
	counted      time.Time    // slots up to here are in the figures
	runs, missed int
}

func dutiesOf(zone *time.Location) []*monthsDuty {
	return []*monthsDuty{
		{name: jobBackup, hours: []int{0, 4, 8, 12, 16, 20}, zone: zone},
		{name: jobVerify, hours: []int{2}, minute: 30, zone: zone},
	}
}

// on returns the slots of a day. A time that the clock leaves out is when it
// goes on, and of one that comes twice the first counts.
func (d *monthsDuty) on(day time.Time) (list []time.Time) {
	y, month, n := day.Date()
	for _, h := range d.hours {
		at := time.Date(y, month, n, h, d.minute, 0, 0, d.zone)
		if at.Hour() != h || at.Minute() != d.minute {
			at = time.Date(y, month, n, h+1, 0, 0, 0, d.zone)
		} else if before := at.Add(-time.Hour); before.In(d.zone).Hour() == h {
			at = before
		}
		list = append(list, at)
	}
	return list
}

// between returns the slots after one moment, up to another.
func (d *monthsDuty) between(after, upTo time.Time) (list []time.Time) {
	for day := after.In(d.zone).AddDate(0, 0, -1); !day.After(upTo.AddDate(0, 0, 2)); day = day.AddDate(0, 0, 1) {
		for _, at := range d.on(day) {
			if at.After(after) && !at.After(upTo) {
				list = append(list, at)
			}
		}
	}
	return list
}

// open returns the slots that nothing came of yet. Where none is known, or only
// one of a clock that was wrong, the newest one counts.
func (d *monthsDuty) open(now time.Time) []time.Time {
	if d.last.IsZero() || d.last.After(now.Add(schedule.Tolerance)) {
		list := d.between(now.Add(-48*time.Hour), now)
		return list[len(list)-1:]
	}
	return d.between(d.last, now)
}

// monthsStory is the history as it is written, line by line.
type monthsStory struct {
	*month
	info     fs.FileInfo
	begun    map[string]bool
	over     map[string]bool
	working  map[string]history.Run
	outcomes map[string]int // runs by why and outcome
	troubles []string       // of the newest runs
}

func newMonthsStory(m *month) *monthsStory {
	return &monthsStory{month: m, begun: map[string]bool{}, over: map[string]bool{}, working: map[string]history.Run{}, outcomes: map[string]int{}}
}

// read takes in what is new. It is called so often that no run is cut off the
// file's beginning before it was seen.
func (s *monthsStory) read() {
	s.t.Helper()
	path := s.path("state", "history.jsonl")
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var text []byte
	if err == nil {
		if s.info != nil && os.SameFile(info, s.info) && info.Size() == s.info.Size() {
			return
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var e struct {
			ID  string
			Run history.Run
		}
		if json.Unmarshal(line, &e) != nil {
			return // it is being written
		}
		s.take(e.ID, e.Run)
	}
	s.info = info
}

func (s *monthsStory) take(id string, r history.Run) {
	s.t.Helper()
	if !s.begun[id] {
		s.begun[id] = true
		for _, other := range s.working {
			s.t.Errorf("at %v: %s began while %s was at work", r.Started.In(s.zone), r.Job, other.Job)
		}
		s.working[id] = r
	}
	if r.Outcome == "" || s.over[id] {
		return
	}
	s.over[id] = true
	delete(s.working, id)
	s.outcomes[r.Why+" "+r.Outcome]++
	if r.Trouble != nil {
		s.troubles = append(s.troubles[max(0, len(s.troubles)-5):], fmt.Sprintf("%v %s %s: %s: %s", r.Started.In(s.zone), r.Job, r.Outcome, r.Trouble.Code, r.Trouble.Text))
	}
	for _, d := range s.duties {
		if d.name == r.Job {
			s.judge(d, r)
		}
	}
}

// judge holds a run that has ended against what was due when it began.
func (s *monthsStory) judge(d *monthsDuty, r history.Run) {
	s.t.Helper()
	open := d.open(r.Started)
	bySchedule := r.Why == history.Scheduled || r.Why == history.CatchUp || r.Why == history.Retry
	switch {
	case !bySchedule:
	case len(open) == 0 && d.held && r.Why == history.Retry && r.Slot.Equal(r.Started):
	case len(open) == 0:
		s.t.Errorf("at %v: %s ran (%s, for %v), and nothing was due", r.Started.In(s.zone), d.name, r.Why, r.Slot.In(s.zone))
	case !r.Slot.Equal(open[len(open)-1]) || r.Missed != len(open)-1:
		s.t.Errorf("at %v: %s ran (%s) for %v and %d before it; due were %v", r.Started.In(s.zone), d.name, r.Why, r.Slot.In(s.zone), r.Missed, open)
	}
	if r.Outcome != history.Done && r.Outcome != history.Remarks {
		d.troubled = &r
		d.held = d.held || r.Outcome == history.Held
		return
	}
	d.troubled = nil
	d.held = backupFactsOf(&r).Held > 0
	if len(open) > 0 {
		d.last = open[len(open)-1]
		d.runs, d.missed = d.runs+1, d.missed+len(open)-1
	}
}

// explained asserts of a daemon at rest that of what was due only that is left
// of which the status and the history say why.
func (m *month) explained(s *control.Status) {
	m.t.Helper()
	for _, d := range m.duties {
		if d.counted.IsZero() || d.counted.After(m.now) {
			d.counted = m.now
		}
		m.figures.slots += len(d.between(d.counted, m.now))
		d.counted = m.now
		open := d.open(m.now)
		i := slices.IndexFunc(s.Jobs, func(j control.Job) bool { return j.Name == d.name })
		if i < 0 {
			m.fatal("no %s in %+v", d.name, s.Jobs)
		}
		if s.Jobs[i].Due != (len(open) > 0) {
			m.t.Errorf("at %v: of %s the status says due %v; it is %v", m.now.In(m.zone), d.name, s.Jobs[i].Due, open)
		}
		// What waits for a moment, until a network has proved to be there or better
		// conditions to last, is not in the history.
		switch {
		case len(open) == 0, d.troubled != nil:
			d.moment = time.Time{}
		case d.moment.IsZero():
			d.moment = m.now
		}
		if len(open) > 0 && (!waits(s, s.Jobs[i]) || !d.moment.IsZero() && !m.now.Equal(d.moment)) {
			m.fatal("%s is due for %v, and nobody says why it waits: %+v, %+v", d.name, open, s.Waiting, s.Decision)
		}
	}
}

// isFresh asserts that on a good day the newest messages are safe in minutes.
func (m *month) isFresh(s *control.Status) {
	m.t.Helper()
	if m.luck.goodSteps > 3 && s.Changes.Safe.Before(m.chats.written) && m.now.Sub(m.chats.written) > 2*monthStep {
		m.fatal("nothing is wrong, and messages of %v are not safe: %+v, %v, %+v, %+v", m.chats.written.In(m.zone), s.Changes, s.Waiting, s.Decision, s.Conditions)
	}
}

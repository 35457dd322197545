package cloud

import (
	"slices"
	"testing"
	"time"

	"github.com/rclone/rclone/fs"
)

// wheel is a clock with one kind of timer, turned by hand.
type wheel struct {
	time   time.Time
	timers []*turn
}

type turn struct {
	at time.Time
	do func()
}

func (w *wheel) now() time.Time { return w.time }

func (w *wheel) after(d time.Duration, do func()) func() bool {
	timer := &turn{w.time.Add(d), do}
	w.timers = append(w.timers, timer)
	return func() bool {
		i := slices.Index(w.timers, timer)
		if i >= 0 {
			w.timers = slices.Delete(w.timers, i, i+1)
		}
		return i >= 0
	}
}

// to turns the clock on, and fires what is due on the way.
func (w *wheel) to(end time.Time) {
	for {
		due := -1
		for i, timer := range w.timers {
			if !timer.at.After(end) && (due < 0 || timer.at.Before(w.timers[due].at)) {
				due = i
			}
		}
		if due < 0 {
			w.time = end
			return
		}
		timer := w.timers[due]
		w.timers = slices.Delete(w.timers, due, due+1)
		w.time = timer.at
		timer.do()
	}
}

// change is a limit that was set, and when.
type change struct {
	at       string
	up, down int64
}

// pipeOf returns a pipe that notes what is set.
func pipeOf(w *wheel) (*pipe, *[]change) {
	var list []change
	return newPipe(func(b fs.BwPair) {
		list = append(list, change{w.time.Format("02 15:04"), int64(b.Tx), int64(b.Rx)})
	}), &list
}

func day(d, h, m int) time.Time { return time.Date(2026, 11, d, h, m, 0, 0, time.UTC) }

func slot(h, m int, up, down int64) Slot {
	return Slot{time.Duration(h)*time.Hour + time.Duration(m)*time.Minute, up, down}
}

func TestTimetable(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limits Limits
		want   []change
	}{
		{"none", Limits{}, nil},
		{"all day", Limits{Upload: 1000}, []change{{"01 07:30", 1000, -1}, {"03 00:00", -1, -1}}},
		{"two slots", Limits{Timetable: []Slot{slot(8, 0, 512, 512), slot(23, 0, 0, 0)}}, []change{
			{"01 08:00", 512, 512}, {"01 23:00", -1, -1}, {"02 08:00", 512, 512}, {"02 23:00", -1, -1}}},
		{"over midnight", Limits{Timetable: []Slot{slot(1, 15, 5, 6), slot(22, 45, 7, 0)}}, []change{
			{"01 07:30", 5, 6}, {"01 22:45", 7, -1}, {"02 01:15", 5, 6}, {"02 22:45", 7, -1}, {"03 00:00", -1, -1}}},
		{"one slot", Limits{Timetable: []Slot{slot(12, 0, 9, 9)}}, []change{{"01 07:30", 9, 9}, {"03 00:00", -1, -1}}},
		{"the lower one", Limits{Upload: 100, Download: 400, Timetable: []Slot{slot(8, 0, 200, 200), slot(20, 0, 50, 0)}}, []change{
			{"01 07:30", 50, 400}, {"01 08:00", 100, 200}, {"01 20:00", 50, 400}, {"02 08:00", 100, 200}, {"02 20:00", 50, 400}, {"03 00:00", -1, -1}}},
	} {
		w := &wheel{time: day(1, 7, 30)}
		p, got := pipeOf(w)
		k := newLimits(tt.limits, p, w.now, w.after)
		w.to(day(3, 0, 0))
		k.close()
		if !slices.Equal(*got, tt.want) {
			t.Errorf("%s:\ngot  %v\nwant %v", tt.name, *got, tt.want)
		}
		if len(w.timers) > 0 {
			t.Errorf("%s: a timer outlives close", tt.name)
		}
	}
}

// A timer that fires in the middle of a minute, as after a sleep of the
// computer, sets what holds then.
func TestTimetableAfterSleep(t *testing.T) {
	w := &wheel{time: day(1, 7, 30)}
	p, got := pipeOf(w)
	k := newLimits(Limits{Timetable: []Slot{slot(8, 0, 5, 5), slot(9, 0, 6, 6)}}, p, w.now, w.after)
	defer k.close()
	late := w.timers[0]
	w.time, w.timers = day(1, 8, 59).Add(30*time.Second), nil
	late.do()
	w.to(day(1, 9, 0))
	want := []change{{"01 07:30", 6, 6}, {"01 08:59", 5, 5}, {"01 09:00", 6, 6}}
	if !slices.Equal(*got, want) {
		t.Errorf("got %v, want %v", *got, want)
	}
}

// A tick that was on its way while the limits were closed does nothing.
func TestTickAfterClose(t *testing.T) {
	w := &wheel{time: day(1, 7, 30)}
	p, got := pipeOf(w)
	k := newLimits(Limits{Timetable: []Slot{slot(8, 0, 5, 5)}}, p, w.now, w.after)
	late := w.timers[0]
	k.close()
	late.do()
	if want := []change{{"01 07:30", 5, 5}, {"01 07:30", -1, -1}}; !slices.Equal(*got, want) || len(w.timers) > 0 {
		t.Errorf("got %v, want %v; %d timers", *got, want, len(w.timers))
	}
}

// Remotes that are open together share the tightest of their limits.
func TestSharedPipe(t *testing.T) {
	w := &wheel{time: day(1, 0, 0)}
	p, got := pipeOf(w)
	a := newLimits(Limits{Upload: 100}, p, w.now, w.after)
	b := newLimits(Limits{Upload: 50, Download: 70}, p, w.now, w.after)
	c := newLimits(Limits{}, p, w.now, w.after)
	d := newLimits(Limits{Upload: 60}, p, w.now, w.after) // changes nothing
	for _, k := range []*limits{b, c, d, a} {
		k.close()
	}
	var rates [][2]int64
	for _, ch := range *got {
		rates = append(rates, [2]int64{ch.up, ch.down})
	}
	if want := [][2]int64{{100, -1}, {50, 70}, {60, -1}, {100, -1}, {-1, -1}}; !slices.Equal(rates, want) {
		t.Errorf("got %v, want %v", rates, want)
	}
}

func TestLimitsOr(t *testing.T) {
	got := Limits{Transfers: 5, RequestsPerMinute: -1}.or(presets["onedrive"].limits)
	if got.Transfers != 5 || got.RequestsPerMinute != -1 || got.ChunkSize != 10<<20 {
		t.Errorf("%+v", got)
	}
	if o := got.options("onedrive"); o["chunk_size"] != "10485760B" || checkValue(*backendOptions(t, "onedrive").Get("chunk_size"), o["chunk_size"]) != nil {
		t.Errorf("options %v", o)
	}
}

func TestCheckLimits(t *testing.T) {
	for _, tt := range []struct {
		kind string
		size int64
		ok   bool
	}{
		{"drive", 0, true}, {"drive", 256 << 10, true}, {"drive", 64 << 20, true}, {"drive", 128 << 10, false}, {"drive", 10 << 20, false}, {"drive", 256 << 20, false},
		{"onedrive", 320 << 10, true}, {"onedrive", 10 << 20, true}, {"onedrive", 8 << 20, false}, {"onedrive", 320 << 20, false},
	} {
		if err := CheckLimits(tt.kind, Limits{ChunkSize: tt.size}); (err == nil) != tt.ok {
			t.Errorf("%s %d: %v", tt.kind, tt.size, err)
		}
	}
}

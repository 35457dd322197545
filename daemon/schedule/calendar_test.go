package schedule

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestClockChanges(t *testing.T) {
	for _, c := range []struct {
		why, text, zone, from string
		want                  []string
	}{
		{"in the gap: at its end", "30 2 * * *", "Europe/Berlin", "2026-03-28 12:00 +0100", []string{
			"2026-03-29 03:00 +0200", "2026-03-30 02:30 +0200"}},
		{"the gap begins with it", "0 2 * * *", "Europe/Berlin", "2026-03-28 12:00 +0100", []string{
			"2026-03-29 03:00 +0200", "2026-03-30 02:00 +0200"}},
		{"the gap ends with it", "0 3 * * *", "Europe/Berlin", "2026-03-28 12:00 +0100", []string{
			"2026-03-29 03:00 +0200", "2026-03-30 03:00 +0200"}},
		{"several in the gap: once", "0,20,40 2,3 * * *", "Europe/Berlin", "2026-03-29 00:00 +0100", []string{
			"2026-03-29 03:00 +0200", "2026-03-29 03:20 +0200", "2026-03-29 03:40 +0200", "2026-03-30 02:00 +0200"}},
		{"in the overlap: the first", "30 2 * * *", "Europe/Berlin", "2026-10-24 12:00 +0200", []string{
			"2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"}},
		{"asked between the two", "30 2 * * *", "Europe/Berlin", "2026-10-25 02:10 +0100", []string{
			"2026-10-26 02:30 +0100"}},
		{"asked between the two, once before", "30 2 * * *", "Europe/Berlin", "2026-10-25 02:40 +0200", []string{
			"2026-10-26 02:30 +0100"}},
		{"the overlap ends with it", "0 3 * * *", "Europe/Berlin", "2026-10-25 01:00 +0200", []string{
			"2026-10-25 03:00 +0100"}},
		{"several in the overlap", "*/20 2 * * *", "Europe/Berlin", "2026-10-25 01:00 +0200", []string{
			"2026-10-25 02:00 +0200", "2026-10-25 02:20 +0200", "2026-10-25 02:40 +0200", "2026-10-26 02:00 +0100"}},
		{"every half hour, gap", "*/30 * * * *", "Europe/Berlin", "2026-03-29 01:10 +0100", []string{
			"2026-03-29 01:30 +0100", "2026-03-29 03:00 +0200", "2026-03-29 03:30 +0200"}},
		{"every half hour, overlap", "*/30 * * * *", "Europe/Berlin", "2026-10-25 01:40 +0200", []string{
			"2026-10-25 02:00 +0200", "2026-10-25 02:30 +0200", "2026-10-25 02:00 +0100", "2026-10-25 02:30 +0100", "2026-10-25 03:00 +0100"}},
		{"hourly at a quarter past, gap", "15 * * * *", "Europe/Berlin", "2026-03-29 01:00 +0100", []string{
			"2026-03-29 01:15 +0100", "2026-03-29 03:15 +0200"}},

		{"New York, gap", "30 2 * * *", "America/New_York", "2026-03-07 12:00 -0500", []string{
			"2026-03-08 03:00 -0400", "2026-03-09 02:30 -0400"}},
		{"New York, overlap", "30 1 * * *", "America/New_York", "2026-10-31 12:00 -0400", []string{
			"2026-11-01 01:30 -0400", "2026-11-02 01:30 -0500"}},
		{"New York, hourly", "@hourly", "America/New_York", "2026-11-01 00:30 -0400", []string{
			"2026-11-01 01:00 -0400", "2026-11-01 01:00 -0500", "2026-11-01 02:00 -0500"}},

		{"São Paulo had no midnight", "@daily", "America/Sao_Paulo", "2018-11-03 12:00 -0300", []string{
			"2018-11-04 01:00 -0200", "2018-11-05 00:00 -0200"}},
		{"São Paulo, weekly on the day without midnight", "@weekly", "America/Sao_Paulo", "2018-10-30 12:00 -0300", []string{
			"2018-11-04 01:00 -0200", "2018-11-11 00:00 -0200"}},
		{"São Paulo, midnight twice", "@daily", "America/Sao_Paulo", "2018-02-16 12:00 -0200", []string{
			"2018-02-17 00:00 -0200", "2018-02-18 00:00 -0300"}},
		{"São Paulo, the hour before midnight twice", "30 23 * * *", "America/Sao_Paulo", "2018-02-17 12:00 -0200", []string{
			"2018-02-17 23:30 -0200", "2018-02-18 23:30 -0300"}},
		{"São Paulo, hourly on a Sunday only", "0 * * * 0", "America/Sao_Paulo", "2018-11-03 12:00 -0300", []string{
			"2018-11-04 01:00 -0200", "2018-11-04 02:00 -0200"}},

		{"São Paulo, hourly on a Sunday only, after an hour twice", "0 * * * 0", "America/Sao_Paulo", "2018-02-17 12:00 -0200", []string{
			"2018-02-18 00:00 -0300", "2018-02-18 01:00 -0300"}},

		{"Lord Howe, after the gap", "0 3 * * *", "Australia/Lord_Howe", "2026-10-03 12:00 +1030", []string{
			"2026-10-04 03:00 +1100", "2026-10-05 03:00 +1100"}},
		{"Lord Howe, in the gap", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00 +1030", []string{
			"2026-10-04 02:30 +1100", "2026-10-05 02:15 +1100"}},
		{"Lord Howe, in the overlap", "45 1 * * *", "Australia/Lord_Howe", "2026-04-04 12:00 +1100", []string{
			"2026-04-05 01:45 +1100", "2026-04-06 01:45 +1030"}},
		{"Lord Howe, hourly, half an hour left out", "@hourly", "Australia/Lord_Howe", "2026-10-04 00:30 +1030", []string{
			"2026-10-04 01:00 +1030", "2026-10-04 02:30 +1100", "2026-10-04 03:00 +1100"}},
		{"Lord Howe, hourly, half an hour twice", "@hourly", "Australia/Lord_Howe", "2026-04-05 00:30 +1100", []string{
			"2026-04-05 01:00 +1100", "2026-04-05 01:30 +1030", "2026-04-05 02:00 +1030"}},
		{"Lord Howe, at a quarter past", "15 * * * *", "Australia/Lord_Howe", "2026-04-05 00:30 +1100", []string{
			"2026-04-05 01:15 +1100", "2026-04-05 01:45 +1030", "2026-04-05 02:15 +1030"}},
		{"Lord Howe, every half hour", "*/30 * * * *", "Australia/Lord_Howe", "2026-04-05 01:10 +1100", []string{
			"2026-04-05 01:30 +1100", "2026-04-05 01:30 +1030", "2026-04-05 02:00 +1030"}},

		{"Lord Howe, every twenty minutes", "*/20 * * * *", "Australia/Lord_Howe", "2026-10-04 01:30 +1030", []string{
			"2026-10-04 01:40 +1030", "2026-10-04 02:30 +1100", "2026-10-04 02:40 +1100", "2026-10-04 03:00 +1100"}},
		{"Lord Howe, the old rhythm isn't for another day", "0 * * * 6", "Australia/Lord_Howe", "2026-04-05 00:00 +1100", []string{
			"2026-04-11 00:00 +1030", "2026-04-11 01:00 +1030"}},

		{"Samoa left out a day", "0 3 * * *", "Pacific/Apia", "2011-12-29 00:00 -1000", []string{
			"2011-12-29 03:00 -1000", "2011-12-31 00:00 +1400", "2011-12-31 03:00 +1400"}},
		{"Shanghai keeps its clocks", "30 2 * * *", "Asia/Shanghai", "2026-03-28 12:00 +0800", []string{
			"2026-03-29 02:30 +0800", "2026-03-30 02:30 +0800"}},
		{"Shanghai didn't in 1986", "30 2 * * *", "Asia/Shanghai", "1986-05-03 12:00 +0800", []string{
			"1986-05-04 03:00 +0900", "1986-05-05 02:30 +0900"}},
		{"UTC", "30 2 * * *", "UTC", "2026-03-28 12:00 +0000", []string{
			"2026-03-29 02:30 +0000", "2026-03-30 02:30 +0000"}},
		{"days in real time", "@every 1d", "Europe/Berlin", "2026-03-28 12:00 +0100", []string{
			"2026-03-29 13:00 +0200", "2026-03-30 13:00 +0200"}},
	} {
		zone := mustZone(t, c.zone)
		got := slots(mustParse(t, c.text, zone), at(t, c.from), zone, len(c.want))
		if !slices.Equal(got, c.want) {
			t.Errorf("%s (%s, %s):\n got %s\nwant %s", c.why, c.text, c.zone, strings.Join(got, ", "), strings.Join(c.want, ", "))
		}
	}
}

// fits says of some expressions, in plain Go, which wall times they mean.
var fits = map[string]func(wall time.Time) bool{
	"0 3 * * *":      func(w time.Time) bool { return w.Hour() == 3 && w.Minute() == 0 },
	"30 2 * * *":     func(w time.Time) bool { return w.Hour() == 2 && w.Minute() == 30 },
	"*/10 1-3 * * *": func(w time.Time) bool { return w.Hour() >= 1 && w.Hour() <= 3 && w.Minute()%10 == 0 },
	"5 */2 * * 7":    func(w time.Time) bool { return w.Hour()%2 == 0 && w.Minute() == 5 && w.Weekday() == time.Sunday },
	"0 0 1 * *":      func(w time.Time) bool { return w.Hour() == 0 && w.Minute() == 0 && w.Day() == 1 },
	"45 23 29-31 3,10 *": func(w time.Time) bool {
		return w.Hour() == 23 && w.Minute() == 45 && w.Day() >= 29 && (w.Month() == 3 || w.Month() == 10)
	},
	"*/30 * * * *":   func(w time.Time) bool { return w.Minute()%30 == 0 },
	"7 * * * *":      func(w time.Time) bool { return w.Minute() == 7 },
	"*/15 * * * 1-5": func(w time.Time) bool { return w.Minute()%15 == 0 && w.Weekday() != 0 && w.Weekday() != 6 },
}

// A year of minutes, looked at one by one, has the same slots: with fixed
// hours each wall time once, for every hour of the day each minute that fits.
func TestYearOfMinutes(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"} {
		y := yearIn(mustZone(t, zone), 2026)
		for text, fits := range fits {
			hour := strings.Fields(text)[1]
			if hour == "*" && zone == "Australia/Lord_Howe" {
				continue // its half hours are in TestClockChanges and TestNoHoles
			}
			want := y.inRhythm(fits)
			if hour != "*" {
				want = y.once(fits)
			}
			s := mustParse(t, text, y.zone)
			got, end := []time.Time(nil), y.minutes[len(y.minutes)-1]
			for slot := s.Next(y.minutes[0].Add(-time.Second)); !slot.After(end); slot = s.Next(slot) {
				got = append(got, slot)
			}
			if len(want) == 0 || !slices.EqualFunc(got, want, time.Time.Equal) {
				t.Errorf("%s in %s: %d slots, want %d", text, zone, len(got), len(want))
			}
		}
	}
}

// year is every minute of a year and what the clock shows then.
type year struct {
	zone    *time.Location
	minutes []time.Time
	walls   []time.Time // as if they were UTC
}

func yearIn(zone *time.Location, of int) year {
	y := year{zone: zone}
	for t := time.Date(of, 1, 1, 0, 0, 0, 0, zone); t.Year() == of; t = t.Add(time.Minute) {
		y.minutes = append(y.minutes, t)
		y.walls = append(y.walls, time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, time.UTC))
	}
	return y
}

// inRhythm returns all minutes that fit.
func (y year) inRhythm(fits func(time.Time) bool) (list []time.Time) {
	for i, wall := range y.walls {
		if fits(wall) {
			list = append(list, y.minutes[i])
		}
	}
	return list
}

// once returns the first minute at which the clock shows each wall time that
// fits, or is past it for the first time.
func (y year) once(fits func(time.Time) bool) (list []time.Time) {
	furthest := y.walls[0].Add(-time.Minute)
	for i, wall := range y.walls {
		hit := false
		for ; furthest.Before(wall); furthest = furthest.Add(time.Minute) {
			hit = hit || fits(furthest.Add(time.Minute))
		}
		if hit {
			list = append(list, y.minutes[i])
		}
	}
	return list
}

// Whatever clocks do, a schedule in rhythm has no hole longer than its own
// interval, and no two slots at once.
func TestNoHoles(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "America/Caracas", "Asia/Kathmandu", "Asia/Pyongyang"} {
		for text, interval := range map[string]time.Duration{
			"* * * * *": time.Minute, "*/20 * * * *": 20 * time.Minute, "*/30 * * * *": 30 * time.Minute,
			"@hourly": time.Hour, "15 * * * *": time.Hour, "30 0-23 * * *": time.Hour, "59 */1 * * *": time.Hour,
		} {
			s := mustParse(t, text, mustZone(t, zone))
			// the years in which some of these places changed their zones, in weeks around a change
			for _, from := range []string{"2007-12-08 00:00 +0000", "2015-08-14 00:00 +0000", "2016-05-01 00:00 +0000",
				"2018-05-04 00:00 +0000", "2026-03-28 00:00 +0000", "2026-04-04 00:00 +0000", "2026-10-03 00:00 +0000",
				"2026-10-24 00:00 +0000", "1985-12-31 00:00 +0000", "2018-11-03 00:00 +0000", "2018-02-17 00:00 +0000"} {
				start := at(t, from)
				for slot := s.Next(start); slot.Sub(start) < 48*time.Hour; {
					next := s.Next(slot)
					if d := next.Sub(slot); d <= 0 || d > interval {
						t.Errorf("%s in %s: %v after %s", text, zone, d, slot.In(mustZone(t, zone)))
					}
					slot = next
				}
			}
		}
	}
}

package schedule

import (
	"fmt"
	"testing"
	"time"
)

func TestDue(t *testing.T) {
	const never = "0001-01-01 00:00 +0000"
	for _, c := range []struct {
		why, text, last, now string
		slot                 string // empty: nothing is due
		missed               int
		next                 string
	}{
		{"not yet", "*/30 * * * *", "2026-06-01 10:00 +0000", "2026-06-01 10:29 +0000", "", 0, "2026-06-01 10:30 +0000"},
		{"on time", "*/30 * * * *", "2026-06-01 10:00 +0000", "2026-06-01 10:30 +0000", "2026-06-01 10:30 +0000", 0, "2026-06-01 11:00 +0000"},
		{"asleep for a night", "*/30 * * * *", "2026-06-01 22:00 +0000", "2026-06-02 06:10 +0000", "2026-06-02 06:00 +0000", 15, "2026-06-02 06:30 +0000"},
		{"off for years", "* * * * *", "2020-06-01 22:00 +0000", "2026-06-01 06:10 +0000", "2026-06-01 06:10 +0000", mostMissed, "2026-06-01 06:11 +0000"},
		{"off for years, monthly", "@monthly", "2020-06-01 00:00 +0000", "2026-06-02 06:10 +0000", "2026-06-01 00:00 +0000", 71, "2026-07-01 00:00 +0000"},
		{"dense months, long ago", "* * * 1 *", "2024-06-01 00:00 +0000", "2026-12-01 00:00 +0000", "2026-01-31 23:59 +0000", mostMissed, "2027-01-01 00:00 +0000"},
		{"a leap day", "0 3 29 2 *", "2019-06-01 00:00 +0000", "2026-12-01 00:00 +0000", "2024-02-29 03:00 +0000", 1, "2028-02-29 03:00 +0000"},
		{"between the slots", "0 3 * * *", "2026-06-01 03:00 +0000", "2026-06-02 02:59 +0000", "", 0, "2026-06-02 03:00 +0000"},
		{"ran a little late", "0 3 * * *", "2026-06-01 03:20 +0000", "2026-06-02 03:00 +0000", "2026-06-02 03:00 +0000", 0, "2026-06-03 03:00 +0000"},

		{"never ran", "0 3 * * *", never, "2026-06-02 02:59 +0000", "2026-06-01 03:00 +0000", 0, "2026-06-02 03:00 +0000"},
		{"never ran, rare", "0 3 29 2 *", never, "2026-06-02 02:59 +0000", "2024-02-29 03:00 +0000", 0, "2028-02-29 03:00 +0000"},
		{"ran before there were computers", "0 3 * * *", "1969-06-01 03:00 +0000", "2026-06-02 02:59 +0000", "2026-06-01 03:00 +0000", 0, "2026-06-02 03:00 +0000"},
		{"the clock went back a little", "*/5 * * * *", "2026-06-01 10:00 +0000", "2026-06-01 09:10 +0000", "", 0, "2026-06-01 10:05 +0000"},
		{"the clock went back, by hours", "*/5 * * * *", "2026-06-01 18:00 +0000", "2026-06-01 09:12 +0000", "2026-06-01 09:10 +0000", 0, "2026-06-01 09:15 +0000"},

		{"every, not yet", "@every 3d", "2026-06-01 10:00 +0000", "2026-06-04 09:59 +0000", "", 0, "2026-06-04 10:00 +0000"},
		{"every, on time", "@every 3d", "2026-06-01 10:00 +0000", "2026-06-04 10:00 +0000", "2026-06-04 10:00 +0000", 0, "2026-06-07 10:00 +0000"},
		{"every, missed", "@every 3d", "2026-06-01 10:00 +0000", "2026-06-11 12:00 +0000", "2026-06-10 10:00 +0000", 2, "2026-06-13 10:00 +0000"},
		{"every, years", "@every 1m", "2016-06-01 10:00 +0000", "2026-06-11 12:00 +0000", "2026-06-11 12:00 +0000", mostMissed, "2026-06-11 12:01 +0000"},
		{"every, never ran", "@every 3d", never, "2026-06-11 12:00 +0000", "2026-06-11 12:00 +0000", 0, "2026-06-14 12:00 +0000"},
		{"every, the clock went back", "@every 3d", "2026-06-12 12:00 +0000", "2026-06-11 12:00 +0000", "2026-06-11 12:00 +0000", 0, "2026-06-14 12:00 +0000"},
	} {
		j := Job{Name: "backup", When: mustParse(t, c.text, time.UTC)}
		slot, missed, due := j.Due(at(t, c.last), at(t, c.now))
		got := ""
		if due {
			got = slot.UTC().Format("2006-01-02 15:04 -0700")
		}
		if got != c.slot || missed != c.missed || !due && !slot.IsZero() {
			t.Errorf("%s: due is %q, for %d others; want %q, for %d", c.why, got, missed, c.slot, c.missed)
		}
		if next := j.NextAfter(at(t, c.last), at(t, c.now)).UTC().Format("2006-01-02 15:04 -0700"); next != c.next {
			t.Errorf("%s: next is %s, want %s", c.why, next, c.next)
		}
	}
}

// Once more is asked with what was kept: nothing runs twice.
func TestDueOnce(t *testing.T) {
	now := at(t, "2026-03-29 03:30 +0200")
	for _, text := range []string{"30 2 * * *", "*/30 * * * *", "@every 1h", "* * * * *", "@weekly"} {
		for _, last := range []time.Time{{}, now.AddDate(0, -2, 0), now.AddDate(3, 0, 0)} {
			j := Job{Name: "backup", When: mustParse(t, text, mustZone(t, "Europe/Berlin")), Jitter: 10 * time.Minute, Seed: "a"}
			slot, _, due := j.Due(last, now)
			if again, _, twice := j.Due(slot, now); !due || twice {
				t.Errorf("%s, last %v: due %v, %v; then %v, %v", text, last, due, slot, twice, again)
			}
		}
	}
}

func TestSane(t *testing.T) {
	now := at(t, "2026-06-01 10:00 +0000")
	for _, c := range []struct {
		why        string
		last, want time.Time
	}{
		{"never ran", time.Time{}, time.Time{}},
		{"past", now.AddDate(0, -3, 0), now.AddDate(0, -3, 0)},
		{"an hour ahead", now.Add(Tolerance), now.Add(Tolerance)},
		{"more than an hour ahead", now.Add(Tolerance + time.Second), time.Time{}},
		{"a year ahead", now.AddDate(1, 0, 0), time.Time{}},
	} {
		j := Job{When: mustParse(t, "@hourly", time.UTC)}
		if got := j.Sane(c.last, now.Add(300*time.Millisecond)); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.why, got, c.want)
		}
	}
}

func TestJitter(t *testing.T) {
	now := at(t, "2026-06-01 10:00 +0000")
	hourly := mustParse(t, "@hourly", time.UTC)
	put := func(name, seed string, jitter time.Duration, s Schedule, slot time.Time) time.Duration {
		return Job{Name: name, Seed: seed, Jitter: jitter, When: s}.putOff(slot).Sub(slot)
	}
	seen := map[time.Duration]bool{}
	for i := range 200 {
		seed := fmt.Sprint("computer ", i)
		d := put("backup", seed, 10*time.Minute, hourly, now)
		if d < 0 || d >= 10*time.Minute || d%time.Second != 0 {
			t.Fatalf("put off by %v", d)
		}
		if d != put("backup", seed, 10*time.Minute, hourly, now.AddDate(1, 0, 0).Add(5*time.Hour)) {
			t.Errorf("%s: another jitter a year later", seed)
		}
		if d == put("verify", seed, 10*time.Minute, hourly, now) && d == put("pull", seed, 10*time.Minute, hourly, now) {
			t.Errorf("%s: all jobs are put off by %v", seed, d)
		}
		seen[d] = true
	}
	if len(seen) < 100 {
		t.Errorf("200 computers share %d moments of 600", len(seen))
	}
	if d := put("backup", "a", 0, hourly, now); d != 0 {
		t.Errorf("put off by %v without a jitter", d)
	}
	// Never past the middle of two slots, however far apart.
	for _, text := range []string{"* * * * *", "0,5 3 * * *", "59 23 * * 1,4", "@every 7m", "0 0 29 2 *"} {
		s := mustParse(t, text, time.UTC)
		for i := range 12 {
			j := Job{Name: "backup", Seed: fmt.Sprint(i), Jitter: 400 * 24 * time.Hour, When: s}
			for slot := s.Next(now); slot.Before(now.AddDate(0, 0, 2)); {
				next := s.Next(slot)
				if d := j.putOff(slot).Sub(slot); d < 0 || d > next.Sub(slot)/2 || !j.putOff(slot).Before(j.putOff(next)) {
					t.Fatalf("%s: %v is put off by %v, and next is %v", text, slot, d, next)
				}
				slot = next
			}
		}
	}
	// A slot that is put off isn't due before, and NextAfter says until when.
	j := Job{Name: "backup", Seed: "a", Jitter: 10 * time.Minute, When: hourly}
	d := j.putOff(now).Sub(now)
	if d < time.Second {
		t.Fatal("this computer's jitter is too short for the test")
	}
	for _, when := range []time.Duration{0, d - 1, d, d + time.Minute} {
		_, _, due := j.Due(now.Add(-time.Hour), now.Add(when))
		want := j.putOff(now)
		if when >= d {
			want = j.putOff(now.Add(time.Hour))
		}
		if next := j.NextAfter(now.Add(-time.Hour), now.Add(when)); due != (when >= d) || !next.Equal(want) {
			t.Errorf("%v after the slot: due %v, next %v", when, due, next)
		}
	}
}

package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
)

func mustParse(t testing.TB, text string, zone *time.Location) Schedule {
	t.Helper()
	s, err := Parse(text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustZone(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// at reads a time with its offset, such as "2026-03-29 03:00 +0200".
func at(t testing.TB, text string) time.Time {
	t.Helper()
	moment, err := time.Parse("2006-01-02 15:04 -0700", text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

// slots returns the first n slots after t, as clocks in zone show them.
func slots(s Schedule, t time.Time, zone *time.Location, n int) []string {
	var list []string
	for range n {
		if t = s.Next(t); t.IsZero() {
			return append(list, "never")
		}
		list = append(list, t.In(zone).Format("2006-01-02 15:04 -0700"))
	}
	return list
}

func TestParse(t *testing.T) {
	from := "2026-01-01 00:00 +0000" // a Thursday
	for text, want := range map[string]string{
		"*/30 * * * *":                        "2026-01-01 00:30 +0000",
		"  0   3 * *  * ":                     "2026-01-01 03:00 +0000",
		"0 3 * * 7":                           "2026-01-04 03:00 +0000",
		"0 3 * * 0":                           "2026-01-04 03:00 +0000",
		"0 3 * * sun":                         "2026-01-04 03:00 +0000",
		"0 3 * * 6-7":                         "2026-01-03 03:00 +0000",
		"0 3 * * 7-7":                         "2026-01-04 03:00 +0000",
		"0 3 * * Sat-Sun":                     "2026-01-03 03:00 +0000",
		"0 3 * * 1,7":                         "2026-01-04 03:00 +0000",
		"0 3 * * 3-7/4":                       "2026-01-04 03:00 +0000",
		"0 3 * * 7/2":                         "2026-01-04 03:00 +0000",
		"0 3 * * 0-7":                         "2026-01-01 03:00 +0000",
		"0 3 * * mon-fri":                     "2026-01-01 03:00 +0000",
		"0 0 29 2 *":                          "2028-02-29 00:00 +0000",
		"15 14 1 * ?":                         "2026-01-01 14:15 +0000",
		"5/20 * * * *":                        "2026-01-01 00:05 +0000",
		"0 3 13 * 5":                          "2026-01-02 03:00 +0000",
		"0 3 1 jan-mar/2 *":                   "2026-01-01 03:00 +0000",
		"@hourly":                             "2026-01-01 01:00 +0000",
		"@daily":                              "2026-01-02 00:00 +0000",
		"@midnight":                           "2026-01-02 00:00 +0000",
		"@weekly":                             "2026-01-04 00:00 +0000",
		"@monthly":                            "2026-02-01 00:00 +0000",
		"@yearly":                             "2027-01-01 00:00 +0000",
		"@annually":                           "2027-01-01 00:00 +0000",
		"@every 1m":                           "2026-01-01 00:01 +0000",
		"@every 90m":                          "2026-01-01 01:30 +0000",
		"@every  3d":                          "2026-01-04 00:00 +0000",
		"@every 1d12h":                        "2026-01-02 12:00 +0000",
		"@every 0d60s":                        "2026-01-01 00:01 +0000",
		"@every 3653d":                        "2036-01-02 00:00 +0000",
		"CRON_TZ=Asia/Shanghai 0 3 * * *":     "2026-01-01 19:00 +0000",
		"TZ=Asia/Shanghai\t0 3 * * *":         "2026-01-01 19:00 +0000",
		"TZ=America/New_York @daily":          "2026-01-01 05:00 +0000",
		"TZ=UTC 0 3 * * *":                    "2026-01-01 03:00 +0000",
		"TZ=Australia/Lord_Howe @every 2h30m": "2026-01-01 02:30 +0000",
	} {
		s, err := Parse(text, time.UTC)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := slots(s, at(t, from), time.UTC, 1)[0]; got != want {
			t.Errorf("%s: first slot is %s, want %s", text, got, want)
		}
		if s.String() != strings.TrimSpace(text) {
			t.Errorf("%q says it is %q", text, s)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]hint.Code{
		"":                                      HintSyntax,
		"daily":                                 HintSyntax,
		"@":                                     HintSyntax,
		"@Daily":                                HintSyntax,
		"@reboot":                               HintSyntax,
		"@daily @daily":                         HintSyntax,
		"* * * *":                               HintSyntax,
		"0 0 3 * * *":                           HintSyntax,
		"60 * * * *":                            HintSyntax,
		"* 24 * * *":                            HintSyntax,
		"* * 0 * *":                             HintSyntax,
		"* * * 13 *":                            HintSyntax,
		"0 3 * * 8":                             HintSyntax,
		"0 3 * * 5-8":                           HintSyntax,
		"0 3 * * 8-7":                           HintSyntax,
		"0 3 * * 3-7/0":                         HintSyntax,
		"0 3 * * 7/0":                           HintSyntax,
		"0 3 * * sun-7/0":                       HintSyntax,
		"0 3 * * fri-tue":                       HintSyntax,
		"*/0 * * * *":                           HintSyntax,
		"*-5 * * * *":                           HintSyntax,
		"1- * * * *":                            HintSyntax,
		"5-1 * * * *":                           HintSyntax,
		"1-2-3 * * * *":                         HintSyntax,
		"1,,2 * * * *":                          HintSyntax,
		", * * * *":                             HintSyntax,
		"-1 * * * *":                            HintSyntax,
		"+1 * * * *":                            HintSyntax,
		"0 3 L * *":                             HintSyntax,
		"0 3 * * 5#2":                           HintSyntax,
		"H 3 * * *":                             HintSyntax,
		"0 3 * * *, 0 4 * * *":                  HintSyntax,
		"99999999999999999999 3 * *":            HintSyntax,
		strings.Repeat("0,", 200) + "0 3 * * *": HintSyntax,

		"0 3 31 2 *":               HintNever,
		"0 3 30 feb *":             HintNever,
		"0 3 31 4,6,9,11 *":        HintNever,
		"TZ=Asia/Tokyo 0 3 31 2 *": HintNever,

		"@every":            HintSyntax,
		"@every day":        HintSyntax,
		"@every 5":          HintSyntax,
		"@every d":          HintSyntax,
		"@every 1h1d":       HintSyntax,
		"@every --5m":       HintSyntax,
		"@every +5m":        HintSyntax,
		"@every 1d-5m":      HintSyntax,
		"@every5m":          HintSyntax,
		"@every -5m":        HintInterval,
		"@every -3d":        HintInterval,
		"@every -1d12h":     HintInterval,
		"@every 0s":         HintInterval,
		"@every 500ms":      HintInterval,
		"@every 59s":        HintInterval,
		"@every 59.9s":      HintInterval,
		"@every 3654d":      HintInterval,
		"@every 3653d1s":    HintInterval,
		"@every 999999999d": HintInterval,
		"@every 2000000h":   HintInterval,

		"TZ=UTC":                        HintSyntax,
		"CRON_TZ=UTC":                   HintSyntax,
		"TZ=":                           HintZone,
		"TZ= 0 3 * * *":                 HintZone,
		"TZ=Berlin 0 3 * * *":           HintZone,
		"TZ=Europe/Atlantis * * * * *":  HintZone,
		"TZ=../../etc/passwd * * * * *": HintZone,
		"TZ=/etc/localtime * * * * *":   HintZone,
		"TZ=UTC TZ=UTC * * * * *":       HintSyntax,
		"TZ=UTC TZ=UTC":                 HintSyntax,
		"TZ=UTC CRON_TZ=UTC * * * *":    HintSyntax,
	} {
		_, err := Parse(text, time.UTC)
		if !hint.Is(err, want) {
			t.Errorf("%q: %v, want the code %s", text, err, want)
			continue
		}
		if h := hint.Find(err); h.Args["value"] == nil || want == HintZone && h.Args["zone"] == nil {
			t.Errorf("%q: the sentences lack a value: %v", text, h.Args)
		}
	}
	if _, err := Parse("@every -5m", nil); err == nil || !strings.Contains(err.Error(), "negative interval") {
		t.Errorf("@every -5m: %v", err)
	}
	if _, err := Parse("0 3 31 2 *", nil); err == nil || !strings.Contains(err.Error(), "never fires") {
		t.Errorf("0 3 31 2 *: %v", err)
	}
}

// 2100 is no leap year, so that there are eight years between two of them.
func TestLeapDayIsFoundEightYearsAhead(t *testing.T) {
	s := mustParse(t, "0 3 29 2 *", time.UTC)
	for from, want := range map[string]string{
		"2096-02-29 03:00 +0000": "2104-02-29 03:00 +0000",
		"2099-12-31 00:00 +0000": "2104-02-29 03:00 +0000",
		"2096-02-29 02:59 +0000": "2096-02-29 03:00 +0000",
	} {
		if got := slots(s, at(t, from), time.UTC, 1)[0]; got != want {
			t.Errorf("after %s: %s, want %s", from, got, want)
		}
	}
}

// A schedule without a zone follows the zone of the computer.
func TestLocalZoneIsAskedEachTime(t *testing.T) {
	own := time.Local
	t.Cleanup(func() { time.Local = own })
	for _, text := range []string{"0 3 * * *", "TZ=Local 0 3 * * *"} {
		s := mustParse(t, text, nil)
		for name, want := range map[string]string{
			"Asia/Shanghai":    "2026-06-01 19:00 +0000",
			"Europe/Berlin":    "2026-06-02 01:00 +0000",
			"America/New_York": "2026-06-01 07:00 +0000",
		} {
			time.Local = mustZone(t, name)
			if got := slots(s, at(t, "2026-06-01 02:00 +0000"), time.UTC, 1)[0]; got != want {
				t.Errorf("%s in %s: %s, want %s", text, name, got, want)
			}
		}
	}
}

// What comes back is on the wall clock, in the zone of what was asked.
func TestNextHasTheZoneOfTheQuestion(t *testing.T) {
	shanghai := mustZone(t, "Asia/Shanghai")
	for _, text := range []string{"TZ=Europe/Berlin 0 3 * * *", "TZ=Europe/Berlin */5 * * * *", "@every 2h"} {
		now := time.Now().In(shanghai)
		next := mustParse(t, text, nil).Next(now)
		if next.Location() != shanghai {
			t.Errorf("%s: in %s", text, next.Location())
		}
		if next != next.Round(0) {
			t.Errorf("%s: %v counts on a clock that stops while the computer sleeps", text, next)
		}
	}
}

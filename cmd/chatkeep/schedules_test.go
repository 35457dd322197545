package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/schedule"
	"github.com/chatkeep/chatkeep/internal/hint"
)

func TestTimetable(t *testing.T) {
	a, cfg := appWith(t, `
device: laptop
sources: [/a]
remote: drive:x
schedule:
  backup: "0 9 * * *"
  verify: {at: "0 9 * * *", zone: Europe/Berlin, jitter: 10m}
  digest: off
  pull: {at: "@every 5m", jitter: off}
  zone: Asia/Shanghai
pull: {to: /pulled}
`)
	list, err := a.timetable(cfg)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	for i, want := range []struct {
		name   string
		next   time.Time
		jitter time.Duration
	}{
		{"backup", at.Add(time.Hour), time.Minute},
		{"verify", at.Add(7 * time.Hour), 10 * time.Minute},
		{"pull", at.Add(5 * time.Minute), 0},
	} {
		if i >= len(list) || list[i].Name != want.name || !list[i].When.Next(at).Equal(want.next) || list[i].Jitter != want.jitter {
			t.Errorf("%d is %+v, want %+v", i, list[i:], want)
		}
	}
	if len(list) != 3 || list[0].Seed != list[2].Seed || !strings.HasPrefix(list[0].Seed, "laptop\x00") || len(list[0].Seed) < 10 {
		t.Errorf("%d jobs, seed %q", len(list), list[0].Seed)
	}
}

// A jitter that is left out is small beside the time between two runs.
func TestUsualJitter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"* * * * *": 6 * time.Second, "*/30 * * * *": time.Minute, "@every 5m": 30 * time.Second, "0,5 3 * * *": 30 * time.Second, "@yearly": time.Minute,
	} {
		a, cfg := appWith(t, "sources: [/a]\nremote: drive:x\nschedule: {backup: '"+text+"'}\n")
		list, err := a.timetable(cfg)
		if err != nil || len(list) != 2 || list[0].Jitter != want {
			t.Errorf("%s: %+v, %v", text, list, err)
		}
	}
}

func TestUsualTimetable(t *testing.T) {
	a, cfg := appWith(t, "sources: [/a]\nremote: drive:x\n")
	list, err := a.timetable(cfg)
	if err != nil || len(list) != 2 || list[0].Name != "backup" || list[0].When.String() != "*/30 * * * *" || list[1].Name != "verify" || list[1].When.String() != "@weekly" {
		t.Errorf("%+v, %v", list, err)
	}
	a, cfg = appWith(t, "remote: drive:x\nschedule: {verify: off}\n")
	if list, err := a.timetable(cfg); err != nil || len(list) != 0 {
		t.Errorf("a computer with nothing to do: %+v, %v", list, err)
	}
}

// Whatever is wrong with a schedule, it is said with its place.
func TestWrongTimetables(t *testing.T) {
	for text, want := range map[string]string{
		"backup: '0 0 30 2 *'":                    "4:10: 0 0 30 2 * never fires: there is no such day",
		"backup: {at: 61 * * * *}":                "4:15: 61 * * * * is not a schedule (",
		"backup: '@every 10s'":                    "4:10: @every 10s is not possible: an interval is from one minute to ten years",
		"backup: {at: '@daily', zone: Nowhere}":   "4:31: there is no time zone Nowhere",
		"backup: TZ=Nowhere 0 3 * * *":            "4:10: there is no time zone Nowhere",
		"backup: {at: '@hourly', jitter: 60m}":    "4:34: 1h is too long to put it off: it comes again after 1h",
		"backup: {at: '0,5 * * * *', jitter: 5m}": "4:38: 5m is too long to put it off: it comes again after 5m",
	} {
		a, cfg := appWith(t, "sources: [/a]\nremote: drive:x\nschedule:\n "+text+"\n")
		list, err := a.timetable(cfg)
		if err == nil || list != nil || !strings.HasPrefix(err.Error(), cfg.File()+":"+want) || !hint.Is(err, config.CodeBad) {
			t.Errorf("%s: %+v, %v", text, list, err)
		}
	}
}

// Every code of the package that reads schedules has a sentence for its place.
func TestScheduleCodesHaveSentences(t *testing.T) {
	_, cfg := appWith(t, "sources: [/a]\nremote: drive:x\n")
	for _, code := range []hint.Code{schedule.HintSyntax, schedule.HintNever, schedule.HintInterval, schedule.HintZone} {
		err := wrongSchedule(cfg, "schedule", "x", hint.New(code, errors.New("cause")))
		if strings.Contains(err.Error(), "{") || len(err.Error()) < len(cfg.File())+20 {
			t.Errorf("%s: %v", code, err)
		}
	}
}

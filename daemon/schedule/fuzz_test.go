package schedule

import (
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// Whatever is written, Parse doesn't panic; what it refuses it refuses with a
// code; what it takes has slots for ever, each after the one before, and is
// the same when it is read again.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"*/30 * * * *", "0 3 * * 7", "0 3 29 2 *", "0 3 31 2 *", "@daily", "@every 3d", "@every -5m", "@every 1d12h30m",
		"TZ=UTC", "CRON_TZ=Europe/Berlin 30 2 * * *", "TZ=Australia/Lord_Howe 0 * * * sat-sun", "TZ=America/Sao_Paulo @weekly",
		"0-59/7 */2 1,15 jan-dec/3 1-7/2", "5/15 ? ? ? ?", "*-5 * * * *", "TZ=Pacific/Apia * * * * *", "0 3 * * 7/0",
	} {
		f.Add(text, int64(1774745999), int64(86400))
	}
	f.Fuzz(func(t *testing.T, text string, unix, later int64) {
		s, err := Parse(text, time.UTC)
		if err != nil {
			switch h := hint.Find(err); {
			case h == nil:
				t.Fatalf("%q: no code: %v", text, err)
			case h.Code != HintSyntax && h.Code != HintNever && h.Code != HintInterval && h.Code != HintZone:
				t.Fatalf("%q: code %s", text, h.Code)
			}
			return
		}
		again, err := Parse(s.String(), time.UTC)
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q is written %q, which is %v, %v", text, s, again, err)
		}
		from := time.Unix(between(unix, 1, 4e9), 0).UTC()
		for slot := from; slot.Before(from.AddDate(20, 0, 0)); {
			next := s.Next(slot)
			if !next.After(slot) || !next.Equal(again.Next(slot)) {
				t.Fatalf("%q: %v comes after %v, and read again %v", text, next, slot, again.Next(slot))
			}
			if slot = next; slot.Sub(from) > 48*time.Hour {
				break
			}
		}
		checkDue(t, Job{Name: text, When: s, Jitter: time.Duration(between(later, 0, 3600)) * time.Second},
			from, from.Add(time.Duration(between(later, 0, 1e6))*time.Second))
	})
}

func between(n, least, most int64) int64 { return least + int64(uint64(n)%uint64(most-least)) }

// checkDue fails unless the job does what Due promises.
func checkDue(t *testing.T, j Job, last, now time.Time) {
	t.Helper()
	slot, missed, due := j.Due(last, now)
	next := j.NextAfter(last, now)
	first := j.putOff(j.When.Next(last))
	switch {
	case !next.After(now):
		t.Fatalf("%s: at %v next is %v", j.When, now, next)
	case !due && (first.Before(now) || !first.Equal(next)):
		t.Fatalf("%s: last %v, now %v: nothing is due, but there was %v, and next is %v", j.When, last, now, first, next)
	case !due:
		return
	case !slot.After(last), j.putOff(slot).After(now), !j.putOff(j.When.Next(slot)).Equal(next):
		t.Fatalf("%s: last %v, now %v: due is %v, next %v", j.When, last, now, slot, next)
	}
	n := 0
	for s := j.When.Next(last); s.Before(slot) && n < mostMissed; s = j.When.Next(s) {
		n++
	}
	if n != missed {
		t.Fatalf("%s: last %v, now %v: stands for %d, want %d", j.When, last, now, missed, n)
	}
}

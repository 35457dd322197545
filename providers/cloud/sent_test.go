package cloud

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

const (
	aPack     = providers.Name("packs/0/x.age")
	anIndex   = providers.Name("indexes/x.age")
	aSnapshot = providers.Name("snapshots/x.age")
)

// begin starts an upload and says whether it may go.
func begin(t *testing.T, g *gate, name providers.Name, size int64) (end func(int64), ok bool) {
	t.Helper()
	end, err := g.beginUpload(name, size)
	if err != nil && (!errors.Is(err, providers.ErrLimit) || !hint.Is(err, providers.HintDayLimit)) {
		t.Fatalf("refused as %v", err)
	}
	return end, err == nil
}

func TestDayLimit(t *testing.T) {
	home, s := t.TempDir(), &sleeper{time: day(1, 22, 0)}
	g := s.gate(t, home, Limits{UploadPerDay: 100})
	for i, tt := range []struct {
		name providers.Name
		size int64
		ok   bool
	}{
		{aPack, 60, true}, {anIndex, 10, true}, {aPack, 31, false}, {aPack, 30, true}, {aPack, 1, false},
		{anIndex, 500, true}, {aSnapshot, 1, true}, // what is complete gets published
		{aPack, 1, false},
	} {
		end, ok := begin(t, g, tt.name, tt.size)
		if ok != tt.ok {
			t.Errorf("step %d: %s of %d bytes: %v", i, tt.name, tt.size, ok)
		}
		if ok {
			end(tt.size)
		}
	}
	_, err := g.beginUpload(aPack, 1)
	if providers.RetryAfter(err) != 2*time.Hour {
		t.Errorf("at 22:00: come back after %v", providers.RetryAfter(err))
	}
	if _, ok := begin(t, s.gate(t, home, Limits{UploadPerDay: 100}), aPack, 1); ok {
		t.Error("a restart gets a new day")
	}
	s.time = day(2, 0, 0)
	if _, ok := begin(t, g, aPack, 100); !ok {
		t.Error("midnight brings no new day")
	}
}

// What media leave of a day is for messages: small packs.
func TestDayLimitLeavesSomeForMessages(t *testing.T) {
	s := &sleeper{time: day(1, 12, 0)}
	g := s.gate(t, t.TempDir(), Limits{UploadPerDay: 160 << 20})
	large := func() bool {
		end, ok := begin(t, g, aPack, 50<<20)
		if ok {
			end(50 << 20)
		}
		return ok
	}
	for i := range 4 {
		if large() != (i < 3) {
			t.Errorf("three large packs are let in, and no fourth: not so of pack %d", i)
		}
	}
	if left, _ := g.sent.left(); left != 0 {
		t.Errorf("%d bytes are left for media", left)
	}
	for i := range 10 {
		end, ok := begin(t, g, aPack, 1<<20)
		if !ok {
			t.Fatalf("the messages of pack %d wait until tomorrow", i)
		}
		end(1 << 20)
	}
	if _, ok := begin(t, g, aPack, 1); ok {
		t.Error("more than the limit is sent")
	}
}

// Uploads under way count, and what failed doesn't.
func TestDayLimitCountsWhatIsUnderWay(t *testing.T) {
	home, s := t.TempDir(), &sleeper{time: day(1, 12, 0)}
	g := s.gate(t, home, Limits{UploadPerDay: 100})
	first, _ := begin(t, g, aPack, 60)
	if _, ok := begin(t, g, aPack, 60); ok {
		t.Error("two uploads at once went over the limit")
	}
	first(10)
	second, ok := begin(t, g, aPack, 60)
	if !ok {
		t.Fatal("an upload that failed counts whole")
	}
	s.time = day(2, 0, 1)
	second(0) // it began yesterday
	third, ok := begin(t, g, aPack, 100)
	if !ok {
		t.Fatal("yesterday's upload counts today")
	}
	third(100)
	if _, ok := begin(t, g, aPack, 1); ok {
		t.Error("an upload of yesterday took something off today's")
	}
}

// A limit below the size of a pack lets one go a day, or nothing ever would.
func TestSmallDayLimit(t *testing.T) {
	s := &sleeper{time: day(1, 12, 0)}
	g := s.gate(t, "", Limits{UploadPerDay: 10})
	for d := 1; d <= 3; d++ {
		s.time = day(d, 12, 0)
		if _, ok := begin(t, g, aPack, 64); !ok {
			t.Errorf("day %d: no pack goes", d)
		}
		if _, ok := begin(t, g, aPack, 1); ok {
			t.Errorf("day %d: a second pack goes", d)
		}
	}
}

func TestNoDayLimit(t *testing.T) {
	home := t.TempDir()
	s := &sleeper{time: day(1, 12, 0)}
	end, ok := begin(t, s.gate(t, home, Limits{}), aPack, 1<<50)
	if !ok {
		t.Fatal("refused without a limit")
	}
	end(1 << 50)
	if _, err := os.Stat(filepath.Join(home, "sent.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("counts without a limit: %v", err)
	}
}

// A damaged count is none: it must not cost a day.
func TestDamagedCount(t *testing.T) {
	home, s := t.TempDir(), &sleeper{time: day(1, 12, 0)}
	if err := os.WriteFile(filepath.Join(home, "sent.json"), []byte(`{"day":"2026-`), 0o600); err != nil {
		t.Fatal(err)
	}
	g := s.gate(t, home, Limits{UploadPerDay: 100})
	if _, ok := begin(t, g, aPack, 100); !ok {
		t.Error("refused")
	}
	if _, ok := begin(t, g, aPack, 1); ok {
		t.Error("does not count any more")
	}
}

// The day is the one of the clock on the wall, also when that changes.
func TestMidnight(t *testing.T) {
	shanghai := time.FixedZone("", 8*3600)
	if got := midnight(time.Date(2026, 12, 31, 23, 0, 0, 0, shanghai)); !got.Equal(time.Date(2026, 12, 31, 16, 0, 0, 0, time.UTC)) {
		t.Errorf("the year ends at %v", got)
	}
	s := &sleeper{time: time.Date(2026, 11, 1, 23, 59, 0, 0, shanghai)} // 15:59 UTC
	g := s.gate(t, "", Limits{UploadPerDay: 100})
	begin(t, g, aPack, 100)
	s.time = s.time.Add(time.Minute)
	if _, ok := begin(t, g, aPack, 100); !ok {
		t.Error("the day goes by another clock")
	}
}

package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// only admits these categories.
func only(categories ...string) func(string) bool {
	return func(c string) bool { return slices.Contains(categories, c) }
}

// On a connection that costs, messages go and videos wait; at home the rest
// follows.
func TestHeldCategories(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.videos(3)
	taken, err := p.tryBackup(TakeOptions{Admit: only("messages")})
	p.must(err)
	if taken.Held != (Held{3, 1_200_000}) || !taken.Snapshot.Partial || taken.Counts.Files != 1 {
		t.Errorf("held %+v, partial %v, %d files", taken.Held, taken.Snapshot.Partial, taken.Counts.Files)
	}
	w := p.writer()
	p.steps(w, 3)
	taken, err = p.tryBackup(TakeOptions{Admit: only("messages")})
	p.must(err)
	if taken.Held.Files != 3 || taken.Counts.Changed != 1 {
		t.Errorf("%+v", taken)
	}
	p.messagesAre(repo.Latest, w, 3)
	taken, err = p.tryBackup(TakeOptions{})
	p.must(err)
	if taken.Held.Files != 0 || taken.Snapshot.Partial || taken.Counts.New != 3 {
		t.Errorf("%+v", taken)
	}
	p.restoredApp()
	p.check(100)
}

// What is held stays as the last snapshot has it, and is no sign that anything
// shrank.
func TestHeldStaysAsItWas(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.videos(4)
	p.backup()
	before, err := os.ReadFile(p.path("msg/video/2024-01/00.mp4"))
	p.must(err)
	for i := range 4 {
		p.plant(fmt.Sprintf("msg/video/2024-01/%02d.mp4", i), noise(fmt.Sprint("other", i), 500_000))
	}
	taken, err := p.tryBackup(TakeOptions{Admit: only()})
	p.must(err)
	if taken.Held.Files < 4 || len(taken.Flagged) > 0 || !taken.Snapshot.Partial || taken.Counts.Uploaded > 20_000 {
		t.Errorf("%+v", taken)
	}
	dir, _ := p.back(repo.Latest, RestoreOptions{})
	if got, err := os.ReadFile(filepath.Join(dir, "msg", "video", "2024-01", "00.mp4")); err != nil || string(got) != string(before) {
		t.Errorf("the file that was held is not as it was: %d bytes, %v", len(got), err)
	}
	p.backup()
	p.restoredApp()
	p.check(100)
}

// A device that lost its listing does not know what it holds back: it makes no
// snapshot that lacks it.
func TestHeldWithoutListing(t *testing.T) {
	p := newApp(t, format.BackupOnly)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.videos(2)
	p.backup()
	p.must(os.RemoveAll(filepath.Join(p.state.Dir(), "listing")))
	p.touch(2)
	if _, err := p.tryBackup(TakeOptions{Admit: only("messages")}); !hint.Is(err, CodeHeldBlind) {
		t.Errorf("err = %v", err)
	}
	p.backup()
	p.restoredApp()
	p.check(100)
}

// A backup tells how new the newest file of each category is.
func TestNewest(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.videos(2)
	for range 2 {
		taken := p.backup()
		if got := taken.Newest["videos"]; !got.Equal(old) {
			t.Errorf("the newest video is of %v, not %v", got, old)
		}
		if taken.Newest["messages"].IsZero() {
			t.Errorf("%v", taken.Newest)
		}
	}
}

// A backup that lacks a database, or an account that is gone, is no proof that
// messages are safe.
func TestPublishedOnlyIfWhole(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.videos(1)
	claimed := 0
	backup := func(o TakeOptions) error {
		o.Published = func(*repo.Snapshot) { claimed++ }
		_, err := p.tryBackup(o)
		return err
	}
	p.must(backup(TakeOptions{}))
	if claimed != 1 {
		t.Fatalf("%d claims of a whole backup", claimed)
	}
	p.must(os.Rename(p.path(messages), p.path("messages.aside")))
	p.must(os.WriteFile(p.path(messages), []byte("SQLite format 3\x00 and then nothing that could be one"), 0))
	p.must(os.Chmod(p.path(messages), 0))
	unreadable := os.Geteuid() != 0 // root reads everything
	before := claimed
	p.must(backup(TakeOptions{}))
	if unreadable && claimed != before {
		t.Error("claimed without its messages")
	}
	p.must(os.Remove(p.path(messages)))
	p.must(os.Rename(p.path("messages.aside"), p.path(messages)))
	before = claimed
	gone := append(p.only[:len(p.only):len(p.only)], p.folder("gone", filepath.Join(p.dir, "nowhere")))
	all := p.only
	p.only = gone
	p.must(backup(TakeOptions{}))
	p.only = all
	if claimed != before {
		t.Error("claimed though an account is gone")
	}
	p.must(backup(TakeOptions{}))
	if claimed != before+1 {
		t.Error("not claimed again")
	}
}

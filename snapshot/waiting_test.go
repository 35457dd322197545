package snapshot

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// A file that the app wrote a moment ago may be half there: it waits, as it
// was or not at all.
func TestGrowingMediaWaits(t *testing.T) {
	p := newApp(t, format.Full)
	const done, half = "msg/video/2024-01/done.mp4", "msg/video/2024-01/half.mp4"
	p.plant(done, noise("done", 90_000))
	p.plant(half, noise("half", 40_000))
	p.must(os.Chtimes(p.path(half), time.Now(), time.Now()))
	taken := p.backup()
	if len(taken.Waiting) != 1 || taken.Waiting[0].Path != half || len(taken.Flagged)+len(taken.Skipped) > 0 || taken.Snapshot.Partial {
		t.Errorf("%+v", taken)
	}
	root, err := p.open().RootOf(background, taken.Snapshot)
	p.must(err)
	if len(root.Skipped) != 1 || root.Skipped[0] != taken.Waiting[0] {
		t.Errorf("the snapshot does not say what it lacks: %+v", root.Skipped)
	}
	if dir, _ := p.back(repo.Latest, RestoreOptions{}); exists(filepath.Join(dir, half)) || !exists(filepath.Join(dir, done)) {
		t.Error("half a file was taken, or a whole one was not")
	}
	p.plant(half, noise("half", 80_000))
	if taken := p.backup(); len(taken.Waiting) != 0 || taken.Counts.New != 1 {
		t.Errorf("%+v", taken)
	}
	p.restoredApp()

	p.must(os.WriteFile(p.path(half), noise("again", 10_000), 0o600))
	p.backup()
	dir, _ := p.back(repo.Latest, RestoreOptions{})
	if got, err := os.ReadFile(filepath.Join(dir, half)); err != nil || len(got) != 80_000 {
		t.Errorf("%d bytes, %v: it should stand as it was", len(got), err)
	}
	p.plant(half, noise("again", 20_000))
	p.backup()
	p.restoredApp()
	p.check(100)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// The app's own backup of a phone is of one piece: while it is being written,
// all of it stays as it was in the last snapshot.
func TestBusyFolderWaits(t *testing.T) {
	p := newApp(t, format.Full)
	m := &meddling{}
	p.wrap = m.wrap
	p.find()
	const a, b, next = "msg/file/phone/a", "msg/file/phone/sub/b", "msg/file/phonebook"
	p.plant(a, noise("a", 50_000))
	p.plant(next, noise("next", 5_000))
	p.backup()
	p.plant(a, noise("other", 60_000))
	p.plant(b, noise("b", 50_000))
	p.plant(next, noise("next", 6_000))
	m.busy = "msg/file/phone"
	for i := range 2 {
		taken := p.backup()
		if len(taken.Waiting) != 1 || taken.Waiting[0].Path != m.busy || taken.Counts.New != 0 || taken.Counts.Changed != uint64(1-i) || taken.Counts.Removed != 0 {
			t.Errorf("%+v", taken)
		}
		dir, _ := p.back(repo.Latest, RestoreOptions{})
		if got, err := os.ReadFile(filepath.Join(dir, a)); err != nil || len(got) != 50_000 || exists(filepath.Join(dir, b)) {
			t.Errorf("%d bytes, %v: it should stand as it was", len(got), err)
		}
	}
	m.busy = ""
	if taken := p.backup(); len(taken.Waiting) != 0 || taken.Counts.New != 1 || taken.Counts.Changed != 1 {
		t.Errorf("%+v", taken)
	}
	p.restoredApp()
	p.check(100)
}

// A database that is gone by the time it is copied is no error, and one that
// came after the round is in the snapshot all the same.
func TestDatabasesComeAndGo(t *testing.T) {
	p := newApp(t, format.Full)
	const first, second, late = "db_storage/contact/contact.db", messages, "db_storage/message/message_1.db"
	p.must(madeup.Database(p.path(first), 1<<20, 1, true))
	p.must(madeup.Database(p.path(second), 1<<19, 3, true))
	once := false
	m := &meddling{captured: func(path string, _ *sources.Captured) {
		if path == first && !once {
			once = true
			p.must(os.Remove(p.path(second)))
			p.must(madeup.Database(p.path(late), 1<<19, 2, true))
		}
	}}
	p.wrap = m.wrap
	p.find()
	taken := p.backup()
	if len(taken.Flagged)+len(taken.Skipped) > 0 {
		t.Errorf("%+v", taken)
	}
	p.restoredApp()
	p.check(100)
}

// A time in the future says nothing of who is writing.
func TestFilesOfTheFuture(t *testing.T) {
	p := newApp(t, format.Full)
	const name = "msg/video/2024-01/future.mp4"
	p.plant(name, noise("f", 1000))
	p.must(os.Chtimes(p.path(name), time.Now().AddDate(12, 0, 0), time.Now().AddDate(12, 0, 0)))
	p.backup()
	p.restoredApp()
}

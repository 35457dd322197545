package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// The folder for temporary files may vanish at any time. No database is taken
// for gone because of that.
func TestCacheVanishesMeanwhile(t *testing.T) {
	p := newApp(t, format.Full)
	const first = "db_storage/contact/contact.db"
	p.must(madeup.Database(p.path(first), 1<<20, 1, true))
	p.must(madeup.Database(p.path(messages), 1<<20, 2, true))
	m := &meddling{captured: func(path string, _ *sources.Captured) {
		if path == first {
			p.must(os.RemoveAll(filepath.Join(p.cache(), "spool.tmp")))
		}
	}}
	p.wrap = m.wrap
	p.find()
	p.backup()
	p.restoredApp()
	p.check(100)
}

// A full disk of ours is no fault of the database.
func TestNoRoomForCaptures(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 2<<20, 1, true))
	p.backup()
	m := &meddling{fail: messages, err: &os.PathError{Op: "write", Path: filepath.Join(p.cache(), "spool.tmp", "image-1"), Err: syscall.ENOSPC}}
	p.wrap = m.wrap
	p.find()
	_, err := p.tryBackup(TakeOptions{})
	p.wantCode(err, repo.CodeLocalFull)
	p.check(100)
}

// A database that the app just replaces is not there for a moment.
func TestDatabaseGoneForAMoment(t *testing.T) {
	p := newApp(t, format.Full)
	const first, last = "db_storage/contact/contact.db", "db_storage/session/session.db"
	p.must(madeup.Database(p.path(first), 1<<19, 1, true))
	p.must(madeup.Database(p.path(messages), 1<<19, 2, true))
	p.must(madeup.Database(p.path(last), 1<<19, 3, true))
	m := &meddling{captured: func(path string, _ *sources.Captured) {
		switch path {
		case first:
			p.must(os.Rename(p.path(messages), p.path(messages)+"-old"))
		case last:
			p.must(os.Rename(p.path(messages)+"-old", p.path(messages)))
		}
	}}
	p.wrap = m.wrap
	p.find()
	p.backup()
	p.restoredApp()
	p.check(100)
}

// A database that the walk found in one pass is not captured again in the next,
// and its table is kept.
func TestLateDatabaseInTwoPasses(t *testing.T) {
	p := newApp(t, format.BackupOnly)
	const first, late = messages, "db_storage/message/message_1.db"
	p.must(madeup.Database(p.path(first), 1<<19, 1, true))
	p.videos(1)
	once, lates := false, 0
	m := &meddling{}
	m.captured = func(path string, _ *sources.Captured) {
		if path == first && !once {
			once = true
			p.must(madeup.Database(p.path(late), 4<<20, 2, true))
		}
		if path == late {
			lates++
			if lates == 1 {
				p.must(madeup.Mutate(p.path(late), madeup.Mutation{Pages: 3, Seed: 1}))
			}
		}
	}
	p.wrap = m.wrap
	p.find()
	p.backup()
	p.must(madeup.Mutate(p.path(late), madeup.Mutation{Pages: 3, Seed: 2}))
	if taken := p.backup(); taken.Counts.Uploaded > 1<<20 || lates != 2 {
		t.Errorf("captured %d times: %+v", lates, taken.Counts)
	}
	p.restoredApp()
	p.check(100)
}

// The tables of an account that is away for a day are kept.
func TestUnpluggedAccountKeepsTables(t *testing.T) {
	p := newApp(t, format.BackupOnly)
	p.must(madeup.Database(p.path(messages), 8<<20, 1, true))
	p.write("../other/x", noise("x", 1000))
	p.only = append(p.only, p.folder("other", filepath.Join(p.dir, "other")))
	p.backup()
	p.must(os.Rename(p.chats, p.chats+"-away"))
	p.backup()
	p.must(os.Rename(p.chats+"-away", p.chats))
	p.must(madeup.Mutate(p.path(messages), madeup.Mutation{Pages: 3, Seed: 2}))
	if taken := p.backup(); taken.Counts.Uploaded > 1<<20 {
		t.Errorf("%+v", taken.Counts)
	}
	p.restoredApp()
}

// Two large files that change in every stage.

// Pages of a plain database that moved are found again, but by a device that
// can't read the list of its base: it stores them anew.
func TestVacuumOfALargeDatabase(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly} {
		t.Run(role.String(), func(t *testing.T) {
			p := newApp(t, role)
			p.must(madeup.Database(p.path(messages), 26<<20, 1, false))
			p.backup()
			for i := range 3 {
				p.must(madeup.Vacuum(p.path(messages), uint64(9+i)))
				if taken := p.backup(); role == format.Full && taken.Counts.Uploaded > 1<<20 {
					t.Errorf("%+v", taken.Counts)
				}
				p.restoredApp()
			}
			p.check(100)
		})
	}
}

// A merge takes along which pages moved in an earlier backup, although none did
// in this one.
func TestMergeOfMovedPages(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 26<<20, 1, false))
	p.backup()
	p.must(madeup.Vacuum(p.path(messages), 9))
	p.backup()
	for i := range 36 {
		p.must(madeup.Mutate(p.path(messages), madeup.Mutation{Pages: 20, Appended: 1, Seed: uint64(i)}))
		p.backup()
	}
	p.restoredApp()
	p.check(100)
}

// A clock that was years ahead when all was last compared puts that off for a
// day at most.
func TestClockWasFarAhead(t *testing.T) {
	p := newApp(t, format.Full)
	patched := false
	m := &meddling{captured: func(_ string, got *sources.Captured) { patched = got.Patched }}
	p.wrap = m.wrap
	p.find()
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	w := p.writer()
	p.steps(w, 1)
	p.backup()
	for _, far := range []bool{false, true} {
		if far {
			marks, err := filepath.Glob(filepath.Join(p.state.Dir(), "images", "*.mark"))
			p.must(err)
			for _, path := range marks {
				b, err := os.ReadFile(path)
				p.must(err)
				b = b[:len(b)-sha256.Size]
				binary.LittleEndian.PutUint64(b[8:], uint64(time.Now().AddDate(12, 0, 0).UnixNano()))
				sum := sha256.Sum256(b)
				p.must(os.WriteFile(path, append(b, sum[:]...), 0o600))
			}
		}
		p.steps(w, 1)
		p.backup()
		if patched == far {
			t.Errorf("far %v: patched %v", far, patched)
		}
	}
}

// A database may be empty, or shorter than a page.
func TestTinyDatabases(t *testing.T) {
	p := newApp(t, format.Full)
	for i, n := range []int{0, 1, 100, 5000} {
		p.plant(fmt.Sprintf("db_storage/message/message_%d.db", i), noise("d", n))
	}
	for i := range 4 {
		if taken := p.backup(); len(taken.Flagged)+len(taken.Skipped) > 0 {
			t.Errorf("%+v %+v", taken.Flagged, taken.Skipped)
		}
		p.restoredApp()
		p.plant(fmt.Sprintf("db_storage/message/message_%d.db", i), noise("e", i*3000))
	}
	p.check(100)
}

// The last proven copy stays, also where only the remote knows of it.
func TestUnprovenWithoutListing(t *testing.T) {
	for _, how := range []string{"unproven", "unreadable", "unproven damaged"} {
		t.Run(how, func(t *testing.T) {
			p := newApp(t, format.Full)
			p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
			w := p.writer()
			refuse := false
			m := &meddling{captured: func(_ string, got *sources.Captured) {
				if refuse {
					got.Proven, got.Mark = false, nil
				}
			}}
			p.wrap = m.wrap
			p.find()
			p.backup()
			lists, err := filepath.Glob(filepath.Join(p.state.Dir(), "listing", "*", "*.list"))
			p.must(err)
			if len(lists) != 1 {
				t.Fatal(lists)
			}
			if how == "unproven damaged" {
				p.must(os.Truncate(lists[0], 10))
			} else {
				p.must(os.RemoveAll(filepath.Dir(lists[0])))
			}
			p.steps(w, 2)
			if refuse = true; how == "unreadable" {
				m.fail = messages
			}
			p.backup()
			dir, out := p.back(repo.Latest, RestoreOptions{})
			if n, err := w.Find(filepath.Join(dir, messages)); err != nil || n != 0 {
				t.Errorf("%d, %v, %+v", n, err, out)
			}
			p.check(100)
		})
	}
}

// Find and diff see what changed of a database that was never proven.
func TestUnprovenIsSeen(t *testing.T) {
	p := newApp(t, format.Full)
	m := &meddling{captured: func(_ string, got *sources.Captured) { got.Proven, got.Mark = false, nil }}
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.wrap = m.wrap
	p.find()
	p.backup()
	p.must(madeup.Mutate(p.path(messages), madeup.Mutation{Pages: 3, Seed: 1}))
	p.backup()
	n := 0
	p.must(Diff(background, p.open(), "laptop/1", "laptop/2", func(d Difference) error {
		if strings.HasSuffix(d.Path, messages) && d.Change == Modified && d.Before == 1<<20 {
			n++
		}
		return nil
	}))
	found, err := Find(background, p.open(), "message_0.db", nil)
	p.must(err)
	if n != 1 || len(found) != 2 {
		t.Errorf("%d, %+v", n, found)
	}
}

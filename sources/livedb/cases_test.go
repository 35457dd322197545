//go:build linux

package livedb

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/internal/needs"
	"golang.org/x/sys/unix"
)

// once sets a hook that runs the first time only.
func once(t *testing.T, hook *func(), f func()) {
	*hook = func() {
		*hook = nil
		f()
	}
	t.Cleanup(func() { *hook = nil })
}

// lockFile lets another description of a file hold a lock, as another process
// would.
func lockFile(t *testing.T, path string, kind int16, r lockRange) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if ok, err := take(f, kind, r); !ok || err != nil {
		t.Fatalf("lock %s: %v, %v", path, ok, err)
	}
}

func TestJournals(t *testing.T) {
	db := pages(4096, 'a', 'b')
	super := madeJournal([]byte("\x00\x00\x00\x01super\x00\x00\x00\x05\x00\x00\x00\x00" + journalMagic))
	for name, tt := range map[string]struct {
		journal []byte
		lock    *lockRange
		want    Class
		reason  Reason
		pair    bool
	}{
		"none":                {nil, nil, Rollback, "", false},
		"finished":            {make([]byte, 512), nil, Rollback, "", false},
		"empty":               {[]byte{}, nil, Rollback, "", false},
		"hot":                 {madeJournal(nil), nil, RollbackHot, "", true},
		"its writer lives":    {madeJournal(nil), &reservedByte, Rollback, "", false},
		"about to be written": {madeJournal(nil), &pendingByte, Rollback, Writing, false},
		"being written":       {madeJournal(nil), &sharedBytes, RollbackExclusive, Writing, false},
		"several databases":   {super, nil, RollbackHot, Attached, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t)
			f.put("", db)
			if tt.journal != nil {
				f.put(journalSuffix, tt.journal)
			}
			if tt.lock != nil {
				lockFile(t, f.path, unix.F_WRLCK, *tt.lock)
			}
			m := &memory{}
			r := f.capture(m, Options{Patience: 30 * ms, Attempts: 2})
			if r.Class != tt.want || r.Proven != (tt.reason == "") || r.Reason != tt.reason || (r.Journal != nil) != tt.pair {
				t.Errorf("%+v", r)
			}
			if !bytes.Equal(m.data, db) {
				t.Error("not the database")
			}
			if (r.Mark != nil) != (r.Proven && !tt.pair) {
				t.Errorf("mark %x", r.Mark)
			}
			if r.Journal != nil {
				b, err := io.ReadAll(r.Journal)
				if err != nil || !bytes.Equal(b, tt.journal) {
					t.Errorf("journal %d bytes, %v", len(b), err)
				}
				r.Journal.Close()
			}
		})
	}
}

// A connection that has the database for itself, and does nothing.
func TestExclusiveAndQuiet(t *testing.T) {
	f := newFolder(t)
	f.put("", pages(4096, 'a'))
	lockFile(t, f.path, unix.F_WRLCK, lockRange{pendingByte.start, 512})
	start := time.Now()
	if r := f.capture(&memory{}, Options{}); !r.Proven || r.Class != RollbackExclusive {
		t.Errorf("%+v", r)
	}
	if d := time.Since(start); d < 900*ms {
		t.Errorf("proven after %v", d)
	}
}

// The WAL is another one after the copy than it was before.
func TestRestartedMeanwhile(t *testing.T) {
	f := newFolder(t)
	f.put("", pages(4096, 'a', 'b'))
	f.put(walSuffix, newWAL(4096, false, 1).frame(2, 2, 'x').Bytes())
	once(t, &during.copied, func() {
		f.put("", pages(4096, 'a', 'x')) // the checkpoint before the restart
		f.put(walSuffix, newWAL(4096, false, 2).frame(1, 2, 'y').Bytes())
	})
	m := &memory{}
	if r := f.capture(m, Options{}); !r.Proven || r.Attempts != 2 || !bytes.Equal(m.data, pages(4096, 'y', 'x')) {
		t.Errorf("%+v", r)
	}
}

// Frames that a transaction adds after the copy began are read too, together
// with the parts of blocks beside its pages, which a checkpoint may be writing.
func TestPartsOfBlocksBesidePages(t *testing.T) {
	f := newFolder(t)
	f.put("", pages(1024, 1, 2, 3, 4, 5, 6, 7, 8))
	f.put(walSuffix, newWAL(1024, false, 1).frame(2, 8, 'x').Bytes())
	once(t, &during.copied, func() {
		w := newWAL(1024, false, 1).frame(2, 8, 'x').frame(3, 0, 'y').frame(6, 8, 'z')
		f.put(walSuffix, w.Bytes())
		f.put("", pages(1024, 1, 'x', 'y', 4, 5, 'z', 7, 8)) // its checkpoint
	})
	m := &memory{}
	if r := f.capture(m, Options{}); !r.Proven || !bytes.Equal(m.data, pages(1024, 1, 'x', 'y', 4, 5, 'z', 7, 8)) {
		t.Errorf("%+v", r)
	}
}

// A database that is renamed into place is copied whole, or not called so.
func TestReplacedMeanwhile(t *testing.T) {
	f := newFolder(t)
	f.put("", pages(4096, 'a'))
	once(t, &during.copied, func() {
		f.put(".new", pages(4096, 'b', 'c'))
		if err := os.Rename(f.path+".new", f.path); err != nil {
			t.Fatal(err)
		}
	})
	m := &memory{}
	if r := f.capture(m, Options{}); !r.Proven || r.Attempts < 2 || !bytes.Equal(m.data, pages(4096, 'b', 'c')) {
		t.Errorf("%+v", r)
	}
	once(t, &during.copied, func() {
		if err := os.Remove(f.path); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := Capture(t.Context(), f.path, m, Options{Dir: t.TempDir()}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "a.db") {
		t.Errorf("a database that is gone: %v", err)
	}
}

// Every attempt meets another one: then the copy is there, and called what it
// is.
func TestNeverProven(t *testing.T) {
	f := newFolder(t)
	f.put("", pages(4096, 'a'))
	during.copied = func() {
		f.put(".new", pages(4096, 'b'))
		if err := os.Rename(f.path+".new", f.path); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { during.copied = nil })
	m := &memory{}
	r := f.capture(m, Options{Attempts: 3})
	if r.Proven || r.Reason != Replaced || r.Attempts != 3 || r.Mark != nil || !bytes.Equal(m.data, pages(4096, 'b')) {
		t.Errorf("%+v", r)
	}
	dst := filepath.Join(t.TempDir(), "copy.db")
	if r, err := Copy(t.Context(), f.path, dst, Options{Attempts: 2}); err != nil || r.Proven {
		t.Errorf("%+v, %v", r, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(dst)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A wal-index that nobody has open may be of any age.
func TestStaleIndex(t *testing.T) {
	f := newFolder(t)
	w := newWAL(4096, false, 1).frame(1, 1, 'x')
	f.put("", pages(4096, 'a'))
	f.put(walSuffix, w.Bytes())
	f.put(shmSuffix, madeIndex(77, 1, w.header.salt))
	if r := f.capture(&memory{}, Options{}); !r.Proven || r.Class != WALClosed {
		t.Errorf("%+v", r)
	}
	// With somebody there, it is true: the WAL is damaged.
	lockFile(t, f.path+shmSuffix, unix.F_RDLCK, dmsByte)
	if r := f.capture(&memory{}, Options{}); r.Proven || r.Reason != Damaged || r.Class != WAL {
		t.Errorf("%+v", r)
	}
}

func TestNoDatabase(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"none":    func(string) error { return nil },
		"fifo":    func(p string) error { return unix.Mkfifo(p, 0o600) },
		"folder":  func(p string) error { return os.Mkdir(p, 0o700) },
		"symlink": func(p string) error { return os.Symlink("/etc/hostname", p) },
	} {
		for _, suffix := range []string{"", walSuffix, journalSuffix, shmSuffix} {
			t.Run(name+suffix, func(t *testing.T) {
				f := newFolder(t)
				if suffix != "" {
					f.put("", pages(4096, 'a'))
				}
				if err := put(f.path + suffix); err != nil {
					t.Fatal(err)
				}
				_, err := Capture(t.Context(), f.path, &memory{}, Options{Dir: t.TempDir()})
				switch {
				case name == "none" && suffix != "":
					if err != nil {
						t.Error(err)
					}
				case err == nil || !strings.Contains(err.Error(), "a.db") || errors.Is(err, fs.ErrNotExist) != (name == "none"):
					t.Errorf("error %v", err)
				}
			})
		}
	}
}

func TestCancelled(t *testing.T) {
	f := newFolder(t)
	f.put("", make([]byte, 3<<20))
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	m := &memory{onWrite: func() { n++; cancel() }}
	if _, err := Capture(ctx, f.path, m, Options{Dir: t.TempDir()}); !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("%d writes, %v", n, err)
	}
}

func TestTargetFails(t *testing.T) {
	f := newFolder(t)
	f.put("", make([]byte, 5000))
	full := errors.New("no room")
	if _, err := Capture(t.Context(), f.path, &memory{fail: full}, Options{Dir: t.TempDir()}); !errors.Is(err, full) {
		t.Error(err)
	}
}

func TestTwoAtOnce(t *testing.T) {
	f := newFolder(t)
	f.put("", make([]byte, 1<<20))
	var mu sync.Mutex
	now, most := 0, 0
	step := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		now += n
		most = max(most, now)
	}
	during.copied, during.read = func() { step(1) }, func() { step(-1) }
	t.Cleanup(func() { during.copied, during.read = nil, nil })
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if r, err := Capture(t.Context(), f.path, &memory{}, Options{Dir: t.TempDir()}); err != nil || !r.Proven {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	wg.Wait()
	if most != 1 || len(inside) != 0 {
		t.Errorf("%d at once", most)
	}
	// Who waits can be told to stop.
	leave, err := enter(t.Context(), fileID{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := enter(ctx, fileID{1, 2, 3}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	leave()
}

// A clone is read after the window, and is as good as the file.
func TestClone(t *testing.T) {
	before := cloneFile
	t.Cleanup(func() { cloneFile = before })
	cloneFile = func(dst, src *os.File) bool {
		b, err := io.ReadAll(io.NewSectionReader(src, 0, 1<<30))
		if err == nil {
			_, err = dst.WriteAt(b, 0)
		}
		return err == nil
	}
	for _, size := range []int{1024, 4096} {
		f := newFolder(t)
		f.put("", pages(size, 1, 2, 3, 4))
		f.put(walSuffix, newWAL(size, false, 1).frame(2, 3, 'x').Bytes())
		once(t, &during.read, func() { f.put("", pages(size, 9, 'x', 9, 9)) })
		m := &memory{}
		if r := f.capture(m, Options{}); !r.Proven || !bytes.Equal(m.data, pages(size, 1, 'x', 3)) {
			t.Errorf("%+v", r)
		}
	}
}

// Where times and locks prove little, the file is read twice.
func TestNetwork(t *testing.T) {
	before := onNetwork
	t.Cleanup(func() { onNetwork = before })
	onNetwork = func(*os.File) bool { return true }
	f := newFolder(t)
	f.put("", pages(4096, 'a'))
	w := newWAL(4096, false, 1).frame(1, 1, 'x')
	f.put(walSuffix, w.Bytes())
	if r := f.capture(&memory{}, Options{}); !r.Proven || !r.Network || r.Mark != nil || r.Attempts != 1 {
		t.Errorf("%+v", r)
	}
	once(t, &during.copied, func() { f.put("", pages(4096, 'x')) })
	if r := f.capture(&memory{}, Options{}); !r.Proven || r.Attempts != 2 {
		t.Errorf("%+v", r)
	}
	if i, err := Inspect(f.path); err != nil || i != (Info{WALClosed, true, false, 4096, int64(w.Len())}) {
		t.Errorf("%+v, %v", i, err)
	}
}

// A large WAL is not kept in memory.
func TestLargeWAL(t *testing.T) {
	const frames = 16 << 10 // 64 MiB
	f := newFolder(t)
	f.put("", pages(4096, 'a'))
	w := newWAL(4096, false, 1)
	for i := range uint32(frames) {
		w.frame(i%1000+1, 1000, byte(i))
	}
	f.put(walSuffix, w.Bytes())
	*w = madeWAL{}
	var m1, m2 runtime.MemStats
	runtime.ReadMemStats(&m1)
	r, err := Capture(t.Context(), f.path, &sparse{blocks: map[int64][]byte{}}, Options{Dir: t.TempDir()})
	runtime.ReadMemStats(&m2)
	if err != nil || !r.Proven || r.Size != 1000*4096 {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := m2.TotalAlloc - m1.TotalAlloc - 1000*4096; got > 8<<20 {
		t.Errorf("%d bytes allocated", got)
	}
}

func TestDiskFull(t *testing.T) {
	needs.Have(t, needs.Root)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, 0) })
	f := newFolder(t)
	f.put("", pages(4096, 'a'))
	w := newWAL(4096, false, 1)
	for i := range uint32(40) {
		w.frame(i+1, 40, 'x')
	}
	f.put(walSuffix, w.Bytes())
	_, err := Capture(t.Context(), f.path, &memory{}, Options{Dir: dir})
	if !errors.Is(err, unix.ENOSPC) || !hint.Is(err, codeDiskFull) {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestNoFolderForTemporaryFiles(t *testing.T) {
	f := newFolder(t)
	f.put("", pages(4096, 'a'))
	_, err := Capture(t.Context(), f.path, &memory{}, Options{Dir: filepath.Join(t.TempDir(), "none")})
	if err == nil {
		t.Error("no error")
	}
}

func TestCopy(t *testing.T) {
	f := newFolder(t)
	f.put("", pages(4096, 'a', 'b'))
	f.put(walSuffix, newWAL(4096, false, 1).frame(2, 3, 'x').frame(3, 3, 'y').Bytes())
	dst := filepath.Join(t.TempDir(), "copy.db")
	r, err := Copy(t.Context(), f.path, dst, Options{})
	if err != nil || !r.Proven {
		t.Fatalf("%+v, %v", r, err)
	}
	got, err := os.ReadFile(dst)
	if err != nil || !bytes.Equal(got, pages(4096, 'a', 'x', 'y')) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if st, err := os.Stat(dst); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(dst)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	for _, suffix := range []string{"", walSuffix, shmSuffix, journalSuffix} {
		dst := filepath.Join(t.TempDir(), "copy.db")
		if err := os.WriteFile(dst+suffix, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Copy(t.Context(), f.path, dst, Options{}); !errors.Is(err, fs.ErrExist) || hint.Find(err) == nil {
			t.Errorf("over %q: %v", suffix, err)
		}
		if left, _ := os.ReadDir(filepath.Dir(dst)); len(left) != 1 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestCopyWithJournal(t *testing.T) {
	f := newFolder(t)
	f.put("", pages(4096, 'a', 'b'))
	f.put(journalSuffix, madeJournal([]byte("pages")))
	dst := filepath.Join(t.TempDir(), "copy.db")
	if r, err := Copy(t.Context(), f.path, dst, Options{}); err != nil || r.Class != RollbackHot {
		t.Fatalf("%+v, %v", r, err)
	}
	for suffix, want := range map[string][]byte{"": pages(4096, 'a', 'b'), journalSuffix: madeJournal([]byte("pages"))} {
		if got, err := os.ReadFile(dst + suffix); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: %d bytes, %v", suffix, len(got), err)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(dst)); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
}

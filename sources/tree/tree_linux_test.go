package tree

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/chatkeep/chatkeep/sources"
	"golang.org/x/sys/unix"
)

// dropRights gives up root's file rights for the current thread until the
// returned function is called. For anybody else it does nothing.
func dropRights() (restore func()) {
	runtime.LockOSThread()
	_ = unix.Setfsgid(65534)
	_ = unix.Setfsuid(65534)
	return func() {
		_ = unix.Setfsuid(os.Geteuid())
		_ = unix.Setfsgid(os.Getegid())
		runtime.UnlockOSThread()
	}
}

func TestBindMountLoopEnds(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "a/b/x", "z")
	loop := filepath.Join(root, "a/b/loop")
	plant(t, root, "a/b/loop/")
	mount := func() error { return unix.Mount(root, loop, "", unix.MS_BIND|unix.MS_REC, "") }
	if err := mount(); err != nil {
		t.Logf("no right to mount (%v); the walker is asked directly", err)
		w := &walker{path: []*level{{at: sources.Entry{Inode: 7, Device: 1, ChangeNS: 5}}}}
		if w.endless(&sources.Entry{Path: "a", Inode: 7, Device: 1, ChangeNS: 5}) != errLoop {
			t.Error("a folder that contains itself was walked")
		}
		return
	}
	defer unix.Unmount(loop, unix.MNT_DETACH)
	kept, skipped := walk(t, open(t, root))
	wantKept(t, kept, "a", "a/b", "a/b/x", "z")
	if s := skipped["a/b/loop"]; s.Reason != sources.Unreadable || s.Err != errLoop {
		t.Errorf("skipped %v", skipped)
	}
}

func TestAccessTimesStay(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "dir/file")
	old := unix.NsecToTimespec(1_000_000_000_000_000_000)
	paths := []string{root, filepath.Join(root, "dir"), filepath.Join(root, "dir/file")}
	for _, path := range slices.Backward(paths) {
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{old, old}, 0); err != nil {
			t.Fatal(err)
		}
	}
	v := open(t, root)
	walk(t, v)
	c, err := v.Open(t.Context(), sources.Entry{Path: "dir/file"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil || st.Atim != old {
			t.Errorf("%s: access time %v, %v", path, st.Atim, err)
		}
	}
}

// Another owner's file can't be opened without touching its access time; it
// must be opened all the same.
func TestOtherOwner(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "dir/file")
	v := open(t, root)
	restore := dropRights()
	defer restore()
	kept, skipped := walk(t, v)
	wantKept(t, kept, "dir", "dir/file")
	if len(skipped) > 0 {
		t.Errorf("skipped %v", skipped)
	}
	c, err := v.Open(t.Context(), sources.Entry{Path: "dir/file"})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func BenchmarkWalk(b *testing.B) {
	const files, perDir = 39_000, 130
	root := b.TempDir()
	for i := range files {
		dir := filepath.Join(root, "msg/attach", strconv.Itoa(i/perDir/12), strconv.Itoa(i/perDir%12), "Img")
		if i%perDir == 0 {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)+"_thumbnail.dat"), nil, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	v := open(b, root)
	before := cpu()
	entries := 0
	b.ReportAllocs()
	for b.Loop() {
		kept, _ := walkCount(b, v)
		entries += kept
	}
	b.ReportMetric(float64(cpu()-before)/float64(entries), "cpu-ns/entry")
	b.ReportMetric(float64(cpu()-before)/float64(b.N)/1e9, "cpu-s/walk")
}

func walkCount(b *testing.B, v sources.View) (kept, skipped int) {
	err := v.Walk(b.Context(), func(sources.Entry) error { kept++; return nil }, func(sources.Skipped) { skipped++ })
	if err != nil {
		b.Fatal(err)
	}
	return kept, skipped
}

func BenchmarkOpen(b *testing.B) {
	root := b.TempDir()
	plant(b, root, "msg/attach/0123456789abcdef/2024-05/Img/photo.dat")
	v := open(b, root)
	e := sources.Entry{Path: "msg/attach/0123456789abcdef/2024-05/Img/photo.dat"}
	b.ReportAllocs()
	for b.Loop() {
		c, err := v.Open(b.Context(), e)
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

func cpu() int64 {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

//go:build linux || darwin

package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/sources"
	"golang.org/x/sys/unix"
)

func TestSpecialFilesAreNamedNotOpened(t *testing.T) {
	root, err := os.MkdirTemp("", "f") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root)
	if err := unix.Mkfifo(filepath.Join(root, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(root, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	plant(t, root, "file")

	v := open(t, root)
	kept, skipped := walk(t, v)
	wantKept(t, kept, "file")
	for _, name := range []string{"fifo", "socket"} {
		if skipped[name].Reason != sources.Special {
			t.Errorf("%s: skipped %+v", name, skipped[name])
		}
		if c, err := v.Open(context.Background(), sources.Entry{Path: name}); err == nil {
			t.Errorf("opened the %s: %v", name, c)
		}
	}
}

func TestStrangeNames(t *testing.T) {
	root := t.TempDir()
	names := []string{
		"new\nline", "tab\t", " space ", "-dash", "\x01", "back\\slash", "*", "[x]", "聊天", "📷",
		strings.Repeat("长", 85), // 255 bytes
	}
	if invalid := "in\xffvalid\xc3"; os.WriteFile(filepath.Join(root, invalid), nil, 0o644) == nil {
		names = append(names, invalid)
	}
	plant(t, root, names...)
	kept, skipped := walk(t, open(t, root))
	slices.Sort(names)
	wantKept(t, kept, names...)
	if len(skipped) > 0 {
		t.Errorf("skipped %v", skipped)
	}
}

func TestEntryTellsAllThatStatDoes(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "a")
	full := filepath.Join(root, "a")
	if err := errors.Join(os.Link(full, filepath.Join(root, "b")), unix.Chmod(full, 0o4640)); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(full, &st); err != nil {
		t.Fatal(err)
	}
	err := open(t, root).Walk(context.Background(), func(e sources.Entry) error {
		ok := e.Type == sources.File && e.Size == st.Size && e.Mode == 0o4640 && e.Links == 2 &&
			e.Inode == uint64(st.Ino) && e.Device == uint64(st.Dev) && e.HasOwner && e.UID == st.Uid && e.GID == st.Gid &&
			e.ModTime.UnixNano() == st.Mtim.Nano() && e.ChangeNS == st.Ctim.Nano()
		if !ok {
			t.Errorf("entry %+v, stat %+v", e, st)
		}
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// nest makes folders d/d/…, each beside a file named z, and returns how deep
// it got.
func nest(t *testing.T, root, name string, depth int) {
	t.Helper()
	fd, err := openat(unix.AT_FDCWD, root, dirFlags)
	if err != nil {
		t.Fatal(err)
	}
	for range depth {
		if err := errors.Join(unix.Mkdirat(fd, name, 0o755), unix.Mkdirat(fd, "z", 0o755)); err != nil {
			t.Fatal(err)
		}
		next, err := openat(fd, name, dirFlags)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		fd = next
	}
	f, err := unix.Openat(fd, "bottom", unix.O_CREAT|unix.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(f, []byte("deep")); err != nil {
		t.Fatal(err)
	}
	unix.Close(f)
	unix.Close(fd)
}

func TestDeepTreeUsesFewHandles(t *testing.T) {
	const depth = 1000
	root := t.TempDir()
	nest(t, root, "folder", depth)
	v := open(t, root)
	kept, most := 0, 0
	var bottom sources.Entry
	err := v.Walk(context.Background(), func(e sources.Entry) error {
		kept++
		if strings.HasSuffix(e.Path, "/bottom") {
			bottom = e
			most = openHandles(t)
		}
		return nil
	}, func(s sources.Skipped) { t.Errorf("skipped %+.200v", s) })
	if err != nil || kept != 2*depth+1 {
		t.Fatalf("kept %d entries, want %d: %v", kept, 2*depth+1, err)
	}
	if most > maxOpen+30 {
		t.Errorf("%d open handles at the bottom", most)
	}
	c, err := v.Open(context.Background(), bottom) // its path is longer than the system's limit
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if b, err := io.ReadAll(c); string(b) != "deep" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
}

func openHandles(t *testing.T) int {
	list, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestNoHandleIsLeaked(t *testing.T) {
	root := t.TempDir()
	nest(t, root, "folder", 100)
	plant(t, root, "a/b/c", "link -> a")
	before := openHandles(t)
	stop := errors.New("stop")
	for n := range 120 { // stop at every entry in turn
		v, err := Open(context.Background(), "test", root)
		if err != nil {
			t.Fatal(err)
		}
		err = v.Walk(context.Background(), all, func(e sources.Entry) error {
			_, _ = v.XAttrs(e)
			if c, err := v.Open(context.Background(), e); err == nil {
				c.Close()
			}
			if n--; n < 0 {
				return stop
			}
			return nil
		}, nil)
		if err != stop {
			t.Fatal(err)
		}
		v.Close()
	}
	if after := openHandles(t); after > before {
		t.Errorf("%d handles before, %d after", before, after)
	}
}

func TestMovedWhileDeep(t *testing.T) {
	root := t.TempDir()
	nest(t, root, "folder", maxOpen+10)
	var skipped []sources.Skipped
	err := open(t, root).Walk(context.Background(), func(e sources.Entry) error {
		if strings.HasSuffix(e.Path, "/bottom") {
			return os.Rename(filepath.Join(root, "folder"), filepath.Join(root, "elsewhere"))
		}
		return nil
	}, func(s sources.Skipped) { skipped = append(skipped, s) })
	if err != nil {
		t.Fatal(err)
	}
	if len(skipped) == 0 || skipped[0].Reason != sources.Unreadable || !errors.Is(skipped[0].Err, errMoved) {
		t.Errorf("what could not be reached any more was not named: %.300v", skipped)
	}
}

// withoutRights runs f as somebody who may only do what modes say, and reports
// whether that was possible: root drops its rights for the thread.
func withoutRights(t *testing.T, f func()) {
	t.Helper()
	root := t.TempDir()
	plant(t, root, "probe")
	probe := filepath.Join(root, "probe")
	if err := errors.Join(os.Chmod(probe, 0), os.Chmod(root, 0o755)); err != nil {
		t.Fatal(err)
	}
	restore := dropRights()
	defer restore()
	at, err := openat(unix.AT_FDCWD, root, dirFlags)
	if err == nil {
		defer unix.Close(at)
		var fd int
		if fd, err = openat(at, "probe", fileFlags); err == nil {
			unix.Close(fd)
			t.Log("this system lets the test read everything; nothing to see")
			return
		}
	}
	f()
}

func TestUnreadable(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "a", "closed/x", "listed/x", "listed/y", "secret", "z")
	for name, mode := range map[string]fs.FileMode{"closed": 0, "listed": 0o444, "secret": 0} {
		full := filepath.Join(root, name)
		if err := os.Chmod(full, mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(full, 0o755) })
	}
	v := open(t, root)
	rules := open(t, root)
	rules.judge = choose(func(e *sources.Entry) Take {
		if e.Path == "closed" || e.Path == "listed/y" {
			return Leave
		}
		return Keep
	})
	withoutRights(t, func() {
		kept, skipped := walk(t, v)
		wantKept(t, kept, "a", "listed", "secret", "z")
		for _, path := range []string{"closed", "listed/x", "listed/y"} {
			if s := skipped[path]; s.Reason != sources.Unreadable || !errors.Is(s.Err, fs.ErrPermission) {
				t.Errorf("%s: skipped %+v", path, s)
			}
		}
		_, err := v.Open(context.Background(), sources.Entry{Path: "secret"})
		if !errors.Is(err, fs.ErrPermission) || err.Error() != `open "secret": permission denied` {
			t.Errorf("Open: %v", err)
		}
		if _, skipped := walk(t, rules); len(skipped) != 1 {
			t.Errorf("what the rules leave out was mentioned: %v", skipped)
		}
	})
}

func TestOpenFollowsNoSymlink(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	plant(t, outside, "secret", "dir/file")
	plant(t, root, "dir/file", "file", "plain/x")
	v := open(t, root)
	for name, target := range map[string]string{"file": "secret", "dir": "dir"} {
		full := filepath.Join(root, name)
		if err := errors.Join(os.RemoveAll(full), os.Symlink(filepath.Join(outside, target), full)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(root, "plain")), os.WriteFile(filepath.Join(root, "plain"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	top := v.top
	ways := map[string]func(path string) (int, error){
		"one call": func(path string) (int, error) { return top.reach(path, fileFlags) },
		"stepwise": func(path string) (int, error) { return stepwise(top.fd, path, fileFlags|unix.O_NOFOLLOW) },
	}
	for way, reach := range ways {
		for _, path := range []string{"file", "dir/file"} {
			if _, err := reach(path); !isSymlink(err) {
				t.Errorf("%s: %s: %v", way, path, err)
			}
		}
	}
	for _, path := range []string{"file", "dir/file"} {
		if _, err := v.Open(context.Background(), sources.Entry{Path: path}); !errors.Is(err, errNotRegular) {
			t.Errorf("Open(%s): %v", path, err)
		}
	}
	if _, err := v.Open(context.Background(), sources.Entry{Path: "plain/x"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file took the place of its folder: %v", err)
	}
	if _, err := v.Open(context.Background(), sources.Entry{Path: "plain"}); err != nil {
		t.Errorf("Open(plain): %v", err)
	}
}

func TestXAttrs(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "dir/file", "none", "dir/link -> file", "out -> dir")
	for name, value := range map[string]string{"user.b": "2", "user.a": "1\x00", "user.empty": ""} {
		for _, path := range []string{"dir", "dir/file"} {
			err := unix.Setxattr(filepath.Join(root, path), name, []byte(value), 0)
			if errors.Is(err, unix.ENOTSUP) {
				t.Log("no extended attributes here; nothing to see")
				return
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	v := open(t, root)
	want := map[string]string{
		"dir":      `[{user.a 1` + "\x00" + `} {user.b 2} {user.empty }]`,
		"dir/file": `[{user.a 1` + "\x00" + `} {user.b 2} {user.empty }]`,
		"none":     "[]",
		"dir/link": "[]",
	}
	err := v.Walk(context.Background(), func(e sources.Entry) error {
		for way, get := range map[string]func(sources.Entry) ([]sources.XAttr, error){
			"XAttrs": v.XAttrs, "by file": v.top.xattrsByFile, "once open": func(e sources.Entry) ([]sources.XAttr, error) {
				c, err := v.Open(context.Background(), e)
				if err != nil {
					return v.XAttrs(e) // a folder or a symlink
				}
				defer c.Close()
				if a, ok := c.(sources.Attributed); ok {
					return a.XAttrs()
				}
				return v.XAttrs(e)
			},
		} {
			list, err := get(e)
			list = slices.DeleteFunc(list, func(x sources.XAttr) bool { return !strings.HasPrefix(x.Name, "user.") })
			if got := showXAttrs(list); err != nil || want[e.Path] != "" && got != want[e.Path] {
				t.Errorf("%s(%s) = %q, %v", way, e.Path, got, err)
			}
		}
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := v.XAttrs(sources.Entry{Path: "out/file"}); err == nil {
		t.Errorf("followed a symlinked parent: %v", list)
	}
	if _, err := v.XAttrs(sources.Entry{Path: "gone"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
}

func showXAttrs(list []sources.XAttr) string {
	var out []string
	for _, x := range list {
		out = append(out, fmt.Sprintf("{%s %s}", x.Name, x.Value))
	}
	return "[" + strings.Join(out, " ") + "]"
}

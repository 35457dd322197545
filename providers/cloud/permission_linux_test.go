package cloud

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

const nobody = 65534

// asNobody runs f on a thread without root's powers over files, if the tests
// have them. The thread is not used again.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			if err := unix.Setfsuid(nobody); err != nil {
				t.Errorf("setfsuid: %v", err)
				return
			}
		}
		f()
	}()
	<-done
}

// strangersFolder is a remote with one object that others may use only as
// far as mode says.
func strangersFolder(t *testing.T, mode os.FileMode) *remote {
	t.Helper()
	dir := t.TempDir()
	r := openFolder(t, dir)
	put(t, r, "a/x", "x")
	for path, mode := range map[string]os.FileMode{filepath.Dir(dir): 0o755, dir: 0o755, dir + "/a": mode} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(dir+"/a", 0o700) })
	return r
}

func checkPermission(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, providers.ErrPermission) || !hint.Is(err, providers.HintPermission) {
		t.Errorf("%s = %v, want ErrPermission", what, err)
	}
}

func TestReadOnlyFolder(t *testing.T) {
	r := strangersFolder(t, 0o555)
	asNobody(t, func() {
		_, err := r.Put(t.Context(), "a/y", providers.BytesSource([]byte("y")))
		checkPermission(t, "put", err)
		checkPermission(t, "delete", r.Delete(t.Context(), "a/x"))
		checkPermission(t, "make folder", r.MakeFolder(t.Context(), "a/b"))
		if _, err := r.Stat(t.Context(), "a/x"); err != nil {
			t.Errorf("stat = %v", err)
		}
	})
	if left := files(t, r.Traits().LocalPath); len(left) != 1 {
		t.Errorf("left %v", left)
	}
}

// A folder that can't be read is not an empty one, and an object in one that
// can't be entered is not absent.
func TestUnreadableFolder(t *testing.T) {
	for _, mode := range []os.FileMode{0o333, 0o666, 0} {
		r := strangersFolder(t, mode)
		asNobody(t, func() {
			err := r.List(t.Context(), "", providers.ListOptions{}, func(info providers.Info) error {
				t.Errorf("%v: told of %s", mode, info.Name)
				return nil
			})
			checkPermission(t, mode.String()+": list", err)
			if mode&1 == 0 {
				_, err = r.Stat(t.Context(), "a/x")
				checkPermission(t, mode.String()+": stat", err)
				_, err = r.Get(t.Context(), "a/x", 0, -1)
				checkPermission(t, mode.String()+": get", err)
			}
		})
	}
}

// A folder that no object of ours can lie in may be as closed as it likes.
func TestUnreadableStranger(t *testing.T) {
	r := strangersFolder(t, 0o755)
	closed := r.Traits().LocalPath + "/lost+found"
	if err := os.Mkdir(closed, 0); err != nil {
		t.Fatal(err)
	}
	asNobody(t, func() {
		if found := list(t, r, providers.ListOptions{}); len(found) != 1 {
			t.Errorf("lists %v", found)
		}
	})
}

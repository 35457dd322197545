package durable

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

var errBroken = errors.New("broken by the test")

// failAt makes the named step fail, or none if it is empty, and returns the
// list of steps that were begun. look is called before each of them: what it
// sees is what a crash there would leave.
func failAt(t *testing.T, broken string, look func(step string)) *[]string {
	t.Helper()
	var steps []string
	fault = func(step, _ string) error {
		steps = append(steps, step)
		if look != nil {
			look(step)
		}
		if step == broken {
			return errBroken
		}
		return nil
	}
	t.Cleanup(func() { fault = nil })
	return &steps
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "absent"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var steps = []string{"open", "write", "sync", "close", "rename", "syncdir"}

func TestStepsInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	got := failAt(t, "", nil)
	if err := WriteFile(path, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*got, steps) {
		t.Errorf("steps %v, want %v", *got, steps)
	}
}

// Whatever step fails, and wherever the power goes, the old or the new
// content is there, and an ordinary error leaves nothing else behind.
func TestFaults(t *testing.T) {
	writers := map[string]func(path string, data []byte) error{
		"WriteFile":     func(p string, d []byte) error { return WriteFile(p, d, 0o644) },
		"ReplaceSecret": ReplaceSecret,
		"Create": func(p string, d []byte) error {
			f, err := Create(p, 0o644)
			if err != nil {
				return err
			}
			defer f.Abort()
			for _, b := range d { // many small writes
				if _, err := f.Write([]byte{b}); err != nil {
					return err
				}
			}
			return f.Commit()
		},
	}
	for name, write := range writers {
		for _, old := range []string{"absent", "old"} {
			for _, broken := range steps {
				t.Run(name+"/"+old+"/"+broken, func(t *testing.T) {
					testFault(t, write, old, broken)
				})
			}
		}
	}
}

func testFault(t *testing.T, write func(string, []byte) error, old, broken string) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if old != "absent" {
		if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	failAt(t, broken, func(step string) {
		want := old
		if step == "syncdir" {
			want = "new"
		}
		if got := content(t, path); got != want {
			t.Errorf("a crash at %s leaves %q, want %q", step, got, want)
		}
	})
	err := write(path, []byte("new"))
	if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v does not name cause and path", err)
	}
	want := old
	if broken == "syncdir" {
		want = "new"
	}
	if got := content(t, path); got != want {
		t.Errorf("after the error: %q, want %q", got, want)
	}
	for _, name := range files(t, dir) {
		if name != "f" {
			t.Errorf("%s left behind", name)
		}
	}
}

// The second of two writes fails: half of the new content was on the disk
// already, but never under the name.
func TestHalfWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Create(path, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("ne")); err != nil {
		t.Fatal(err)
	}
	failAt(t, "write", nil)
	if _, err := f.Write([]byte("w")); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	f.Abort()
	f.Abort()
	if got, list := content(t, path), files(t, dir); got != "old" || len(list) != 1 {
		t.Errorf("content %q, files %q", got, list)
	}
	if err := f.Commit(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Commit after Abort: %v", err)
	}
}

// What a real crash leaves, a temporary file, does not disturb the next run.
func TestAfterCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, err := Create(path, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	f.tmp.Close() // and no Abort: the machine is gone
	if err := WriteFile(path, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "new" {
		t.Errorf("content %q", got)
	}
}

func TestAbortAfterCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, err := Create(path, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("chat"), 1<<18)
	if _, err := f.Write(big); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Abort()
	if got := content(t, path); got != string(big) {
		t.Errorf("%d bytes, want %d", len(got), len(big))
	}
	if err := f.Commit(); err == nil {
		t.Error("second Commit succeeded")
	}
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // no such bits
	}
	path := filepath.Join(t.TempDir(), "f")
	for _, perm := range []fs.FileMode{0o644, 0o600, 0o400} {
		if err := WriteFile(path, nil, perm); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got&^perm != 0 || got&0o400 == 0 {
			t.Errorf("permissions %#o, want %#o", got, perm)
		}
	}
}

func TestLongAndOddNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{strings.Repeat("n", 255), strings.Repeat("聊", 85), "-rf *", ".hidden"} {
		if err := WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Errorf("%.20q…: %v", name, err)
		}
	}
	if list := files(t, dir); len(list) != 4 {
		t.Errorf("files %.40q", list)
	}
}

func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := WriteFile("f", []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := content(t, "f"); got != "new" {
		t.Errorf("content %q", got)
	}
}

func TestMissingFolder(t *testing.T) {
	err := WriteFile(filepath.Join(t.TempDir(), "no", "f"), nil, 0o644)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestMkdirAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "c")
	got := failAt(t, "", nil)
	for range 2 {
		if err := MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.Fields("mkdir syncdir mkdir syncdir mkdir syncdir")
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("steps %v, want %v", *got, want)
	}
	if err := WriteFile(filepath.Join(dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MkdirAll(filepath.Join(dir, "f", "x"), 0o700); err == nil {
		t.Error("made a folder inside a file")
	}
	failAt(t, "syncdir", nil)
	if err := MkdirAll(filepath.Join(dir, "x"), 0o700); !errors.Is(err, errBroken) {
		t.Errorf("unsynced parent: %v", err)
	}
}

func TestSyncDir(t *testing.T) {
	dir := t.TempDir()
	if err := SyncDir(dir); err != nil {
		t.Error(err)
	}
	if runtime.GOOS != "windows" {
		if err := SyncDir(filepath.Join(dir, "no")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("missing folder: %v", err)
		}
	}
}

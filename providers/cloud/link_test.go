//go:build unix

package cloud

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chatkeep/chatkeep/providers"
)

// A file on the same disk is not copied. It stays whole when the caller
// removes its own name, and has the rights of its folder.
func TestPutLinks(t *testing.T) {
	dir, spool := t.TempDir(), filepath.Join(t.TempDir(), "spool")
	r := openFolder(t, dir)
	write(t, spool, "hello")
	if err := os.Chmod(spool, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "a"), 0o750); err != nil {
		t.Fatal(err)
	}
	src := providers.FileSource(spool, 5, nil)
	for range 2 { // the second time is a rename between two names of one file
		if _, err := r.Put(t.Context(), "a/x", src); err != nil {
			t.Fatal(err)
		}
		if got := files(t, dir); !slices.Equal(got, []string{"a/x"}) {
			t.Fatalf("left %v", got)
		}
	}
	mine, err := os.Stat(spool)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := os.Stat(filepath.Join(dir, "a/x"))
	if err != nil || !os.SameFile(mine, stored) || stored.Mode() != 0o640 {
		t.Errorf("stored as %v, %v", stored, err)
	}
	if err := os.Remove(spool); err != nil {
		t.Fatal(err)
	}
	if got := get(t, r, "a/x"); got != "hello" {
		t.Errorf("read %q", got)
	}
}

// Where a link would not do, the file is copied, or Put says what is wrong.
func TestPutDoesNotLink(t *testing.T) {
	dir, spool := t.TempDir(), t.TempDir()
	r := openFolder(t, dir)
	file, symlink := filepath.Join(spool, "file"), filepath.Join(spool, "symlink")
	write(t, file, "hello")
	if err := os.Symlink("file", symlink); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "shared"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "shared"), 0o755|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	mine, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range map[providers.Name]string{"shared/x": file, "a/x": symlink} {
		if _, err := r.Put(t.Context(), name, providers.FileSource(path, 5, nil)); err != nil {
			t.Fatal(err)
		}
		stored, err := os.Lstat(filepath.Join(dir, string(name)))
		if err != nil || !stored.Mode().IsRegular() || os.SameFile(mine, stored) {
			t.Errorf("%s is %v, %v", name, stored, err)
		}
	}
	if _, err := r.Put(t.Context(), "a/y", providers.FileSource(file, 4, nil)); err == nil {
		t.Error("a file of another size was put")
	}
	if got := files(t, dir); !slices.Equal(got, []string{"a/x", "shared/x"}) {
		t.Errorf("left %v", got)
	}
}

package providers

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

func readAll(t *testing.T, src Source) string {
	t.Helper()
	in, err := src.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	b, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestBytesSource(t *testing.T) {
	src := BytesSource([]byte("abc"))
	const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if src.Size() != 3 || src.Sums()[SHA256] != sum {
		t.Errorf("size %d, sums %v", src.Size(), src.Sums())
	}
	for range 2 {
		if got := readAll(t, src); got != "abc" {
			t.Errorf("read %q", got)
		}
	}
}

func TestFileSource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pack")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	src := FileSource(path, 3, map[Algorithm]string{SHA256: "x"})
	if src.Size() != 3 || src.Sums()[SHA256] != "x" || src.(LocalFile).LocalPath() != path {
		t.Errorf("size %d, sums %v, path %v", src.Size(), src.Sums(), src)
	}
	for range 2 {
		if got := readAll(t, src); got != "abc" {
			t.Errorf("read %q", got)
		}
	}
	if in, _ := src.Open(); in != nil {
		if _, isFile := in.(*os.File); !isFile {
			t.Errorf("Open returns a %T", in)
		}
		in.Close()
	}
}

func TestFileSourceChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pack")
	if err := os.WriteFile(path, []byte("abcd"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FileSource(path, 3, nil).Open(); err == nil || err.Error() != path+" has 4 bytes, expected 3" {
		t.Errorf("open = %v", err)
	}
	if _, err := FileSource(path+"-gone", 3, nil).Open(); !os.IsNotExist(err) {
		t.Errorf("open = %v", err)
	}
}

package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
)

func TestSecretRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "keys")
	path := filepath.Join(dir, "identity")
	if err := WriteSecret(path, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadSecret(path); err != nil || string(got) != "first" {
		t.Errorf("read %q, %v", got, err)
	}
	err := WriteSecret(path, []byte("second"))
	if !errors.Is(err, fs.ErrExist) || !hint.Is(err, CodeExists) {
		t.Errorf("overwriting: %v", err)
	}
	if list := files(t, dir); content(t, path) != "first" || len(list) != 1 {
		t.Errorf("a refused write changed %q", list)
	}
	if err := ReplaceSecret(path, []byte("third")); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadSecret(path); err != nil || string(got) != "third" {
		t.Errorf("read %q, %v", got, err)
	}
	checkMode(t, path, 0o600)
	checkMode(t, dir, 0o700)
}

func checkMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); runtime.GOOS != "windows" && got != want {
		t.Errorf("%s has permissions %#o, want %#o", path, got, want)
	}
}

// A new secret is absent or whole, at every step.
func TestWriteSecretFaults(t *testing.T) {
	for _, broken := range steps {
		dir := t.TempDir()
		path := filepath.Join(dir, "key")
		failAt(t, broken, func(step string) {
			want := "absent"
			if step == "syncdir" {
				want = "new"
			}
			if got := content(t, path); got != want {
				t.Errorf("a crash at %s leaves %q", step, got)
			}
		})
		if err := WriteSecret(path, []byte("new")); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", broken, err)
		}
		if list := files(t, dir); len(list) > 1 || len(list) == 1 && list[0] != "key" {
			t.Errorf("%s leaves %q", broken, list)
		}
	}
}

// Two at once: exactly one wins, and its content stays.
func TestWriteSecretRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	results := make(chan string)
	for _, data := range []string{"one", "two", "three"} {
		go func() {
			if err := WriteSecret(path, []byte(data)); err != nil {
				data = ""
			}
			results <- data
		}()
	}
	won := ""
	for range 3 {
		if r := <-results; r != "" && won != "" {
			t.Errorf("%q and %q both won", won, r)
		} else {
			won += r
		}
	}
	if got := content(t, path); got != won {
		t.Errorf("content %q, winner %q", got, won)
	}
}

func TestReadSecretRefusesSharedFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // nothing is checked there
	}
	path := filepath.Join(t.TempDir(), "my key")
	if err := WriteSecret(path, []byte("key material")); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o604, 0o640, 0o620, 0o602, 0o644, 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := ReadSecret(path)
		e := hint.Find(err)
		if e == nil || e.Code != CodePermissions {
			t.Fatalf("%#o: %v", mode, err)
		}
		if e.Args["path"] != path || e.Args["command"] != "chmod 600 '"+path+"'" {
			t.Errorf("args %v", e.Args)
		}
		if strings.Contains(err.Error(), "material") {
			t.Errorf("content in the error: %v", err)
		}
	}
	for _, mode := range []fs.FileMode{0o400, 0o700} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSecret(path); err != nil {
			t.Errorf("%#o: %v", mode, err)
		}
	}
}

func TestReadSecretErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadSecret(filepath.Join(dir, "no")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	big := filepath.Join(dir, "big")
	if err := WriteSecret(big, make([]byte, maxSecret+1)); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSecret(big); err == nil {
		t.Error("read more than a secret can be")
	}
}

func TestQuote(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]string{
		"/home/li/.config/key": "/home/li/.config/key",
		"/home/微信/key":         "/home/微信/key",
		"/a b":                 "'/a b'",
		"/it's":                `'/it'\''s'`,
		"~/x":                  "'~/x'",
		"$(reboot)":            "'$(reboot)'",
	} {
		if got := quote(path); got != want {
			t.Errorf("quote(%s) = %s, want %s", path, got, want)
		}
	}
}

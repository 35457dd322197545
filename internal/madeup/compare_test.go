package madeup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCompareSeesEverything breaks a copy of a tree in one way after the
// other.
func TestCompareSeesEverything(t *testing.T) {
	at := time.Unix(1_700_000_000, 123_456_789)
	tests := []struct {
		want string
		do   func(path func(string) string) error
	}{
		{"", func(func(string) string) error { return nil }},
		{`"b/new": not expected`, func(p func(string) string) error { return os.WriteFile(p("b/new"), nil, 0o644) }},
		{`"b/file": missing`, func(p func(string) string) error { return os.Remove(p("b/file")) }},
		{`"b/file": content differs`, func(p func(string) string) error {
			return errors.Join(os.WriteFile(p("b/file"), []byte("fils"), 0o644), os.Chtimes(p("b/file"), at, at))
		}},
		{`"b/file": size 4 became 5`, func(p func(string) string) error {
			return errors.Join(os.WriteFile(p("b/file"), []byte("files"), 0o644), os.Chtimes(p("b/file"), at, at))
		}},
		{`"b/file": mode -rw-r--r-- became -rw-------`, func(p func(string) string) error { return os.Chmod(p("b/file"), 0o600) }},
		{`"b/file": time 2023-11-14 22:13:20.123456789 +0000 UTC became 2023-11-14 22:13:20.12345679 +0000 UTC`,
			func(p func(string) string) error { return os.Chtimes(p("b/file"), at, at.Add(1)) }},
		{`"b": mode -rwxr-xr-x became -rwx------`, func(p func(string) string) error { return os.Chmod(p("b"), 0o700) }},
		{`"link": target b became c`, func(p func(string) string) error {
			return errors.Join(os.Remove(p("link")), os.Symlink("c", p("link")), setLinkTime(p("link"), at.UnixNano()))
		}},
		{`"link": a symlink became a file`, func(p func(string) string) error {
			return errors.Join(os.Remove(p("link")), os.WriteFile(p("link"), nil, 0o644))
		}},
		{`"twin": hard link to "other" became ""`, func(p func(string) string) error {
			return errors.Join(os.Remove(p("twin")), os.WriteFile(p("twin"), []byte("other"), 0o644), os.Chtimes(p("twin"), at, at))
		}},
	}
	plant := func(t *testing.T) string {
		dir := t.TempDir()
		p := func(name string) string { return filepath.Join(dir, name) }
		err := errors.Join(os.Mkdir(p("b"), 0o755), os.WriteFile(p("b/file"), []byte("file"), 0o644),
			os.WriteFile(p("other"), []byte("other"), 0o644), os.Link(p("other"), p("twin")),
			os.Symlink("b", p("link")), setLinkTime(p("link"), at.UnixNano()),
			os.Chmod(p("b"), 0o755), os.Chmod(p("b/file"), 0o644), os.Chtimes(p("b/file"), at, at),
			os.Chtimes(p("other"), at, at), os.Chtimes(p("b"), at, at))
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, tt := range tests {
		a, b := plant(t), plant(t)
		if err := tt.do(func(name string) string { return filepath.Join(b, name) }); err != nil {
			t.Fatal(err)
		}
		diffs := strings.Join(Compare(a, b), "\n")
		if !strings.Contains(diffs, tt.want) || tt.want == "" && diffs != "" {
			t.Errorf("Compare = %q, want %q", diffs, tt.want)
		}
		if same := hash(t, a) == hash(t, b); same != (tt.want == "") {
			t.Errorf("%q: hashes are the same: %v", tt.want, same)
		}
	}
	if len(Compare(plant(t), filepath.Join(t.TempDir(), "gone"))) == 0 {
		t.Error("a tree that is gone is not different")
	}
}

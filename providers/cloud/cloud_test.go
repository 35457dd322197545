package cloud

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rclone/rclone/fs"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/providertest"
)

// openFolder opens path as a remote.
func openFolder(t *testing.T, path string) *remote {
	t.Helper()
	r, err := Open(t.Context(), providers.Place{Type: "local", Path: path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r.(*remote)
}

// put puts content and fails the test if that fails.
func put(t *testing.T, r *remote, name providers.Name, content string) providers.Info {
	t.Helper()
	info, err := r.Put(t.Context(), name, providers.BytesSource([]byte(content)))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func get(t *testing.T, r *remote, name providers.Name) string {
	t.Helper()
	body, err := r.Get(t.Context(), name, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func list(t *testing.T, r *remote, opt providers.ListOptions) map[providers.Name]providers.Info {
	t.Helper()
	found := map[providers.Name]providers.Info{}
	err := r.List(t.Context(), "", opt, func(info providers.Info) error {
		found[info.Name] = info
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// write makes a file that is not ours, and the folders above it.
func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providers.Remote { return openFolder(t, t.TempDir()+"/not/yet/there") })
}

func TestConformanceReliable(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providers.Remote {
		return providers.Reliable(openFolder(t, t.TempDir()), providers.RetryOptions{})
	})
}

func TestEveryTypeIsKnown(t *testing.T) {
	used := map[string]bool{}
	for _, p := range presets {
		used[p.backend] = true
	}
	ours, theirs := slices.Sorted(maps.Keys(kinds)), slices.Sorted(maps.Keys(used))
	if !slices.Equal(ours, theirs) {
		t.Errorf("kinds are %v, the presets use %v", ours, theirs)
	}
	for name, k := range kinds {
		backend, err := fs.Find(name)
		if err != nil {
			t.Error(err)
			continue
		}
		for option := range k.options {
			if backend.Options.Get(option) == nil {
				t.Errorf("rclone's %s has no option %q", name, option)
			}
		}
		if k.width < 1 {
			t.Errorf("%s lists %d folders at once", name, k.width)
		}
	}
}

func TestTraitsOfFolder(t *testing.T) {
	dir := t.TempDir()
	r := openFolder(t, dir)
	traits := r.Traits()
	if !slices.Equal(traits.Sums, []providers.Algorithm{providers.SHA256}) || !traits.SumsCostRead || traits.LocalPath != dir {
		t.Errorf("traits are %+v", traits)
	}
	if r.String() != "local:"+dir {
		t.Errorf("place is %s", r)
	}
}

func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	r := openFolder(t, "backup")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	put(t, r, "a/x", "x")
	if _, err := os.Stat(filepath.Join(here, "backup/a/x")); err != nil || r.Traits().LocalPath != filepath.Join(here, "backup") {
		t.Errorf("%v; local path is %s", err, r.Traits().LocalPath)
	}
}

// No character of the folder's path is translated on the way through rclone.
func TestOddPaths(t *testing.T) {
	for _, odd := range []string{"a b", "聊天", "‛／", "␀.", "x:y", `a\b`, "%20", "~", "x.rclonelink", "a\tb", "ｃ：", "-", "␉␡"} {
		dir := filepath.Join(t.TempDir(), odd, "sub")
		r := openFolder(t, dir)
		put(t, r, "a/x", "x")
		if b, err := os.ReadFile(filepath.Join(dir, "a/x")); err != nil || string(b) != "x" {
			t.Errorf("%q: %q, %v", odd, b, err)
		}
		if found := list(t, r, providers.ListOptions{}); len(found) != 1 {
			t.Errorf("%q: lists %v", odd, found)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "x")
	for place, text := range map[providers.Place]string{
		{Type: "local", Path: file}:   "open local:" + file + ": it is a file, not a folder",
		{Type: "floppy", Path: "/x"}:  `open floppy:/x: remote "floppy:/x": type "floppy" is unknown`,
		{Type: "local"}:               `open local:: remote "local:": it names no folder`,
		{Type: "memory", Path: "x"}:   `open memory:x: remote "memory:x": type "memory" is unknown`,
		{Type: "local:", Path: "/x/"}: `open local::/x/: remote "local::/x/": type "local:" is unknown`,
	} {
		r, err := Open(t.Context(), place, Options{})
		if err == nil || !strings.HasPrefix(err.Error(), text) {
			t.Errorf("open %s = %v, %v; want %s", place, r, err, text)
		}
		if place.Type != "local" && !hint.Is(err, providers.HintBadRemote) {
			t.Errorf("open %s: %v has no hint", place, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, providers.Place{Type: "local", Path: "/x"}, Options{}); err != context.Canceled {
		t.Errorf("open after the end of ctx = %v", err)
	}
}

func TestOpenOutlivesContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Open(ctx, providers.Place{Type: "local", Path: t.TempDir()}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	put(t, r.(*remote), "a/x", "x")
}

// Neither variables nor rclone's global settings reach a remote.
func TestSettingsArePrivate(t *testing.T) {
	t.Setenv("RCLONE_LOCAL_LINKS", "true")
	t.Setenv("RCLONE_LINKS", "true")
	t.Setenv("RCLONE_LOCAL_HASHES", "md5")
	global := fs.GetConfig(t.Context())
	before := *global
	defer func() { *global = before }()
	global.Links, global.LowLevelRetries, global.UserAgent, global.HTTPProxy = true, 77, "rclone", "http://x"

	dir := t.TempDir()
	r := openFolder(t, dir)
	ci := fs.GetConfig(r.settings(t.Context()))
	if ci.Links || ci.LowLevelRetries != 3 || ci.UserAgent != "chatkeep" || ci.HTTPProxy != "" {
		t.Errorf("settings are %v, %d, %q, %q", ci.Links, ci.LowLevelRetries, ci.UserAgent, ci.HTTPProxy)
	}
	if ci.Timeout == 0 || ci.ConnectTimeout == 0 || ci.Transfers == 0 || ci.PartialSuffix == "" {
		t.Error("rclone's defaults are missing")
	}
	put(t, r, "a.rclonelink", "x")
	if got := get(t, r, "a.rclonelink"); got != "x" {
		t.Errorf("got %q", got)
	}
	if !slices.Equal(r.Traits().Sums, []providers.Algorithm{providers.SHA256}) {
		t.Errorf("sums are %v", r.Traits().Sums)
	}
}

// On a folder sums cost reading, so only who asks gets them.
func TestSumsOnlyWhenAsked(t *testing.T) {
	dir := t.TempDir()
	r := openFolder(t, dir)
	src := providers.BytesSource([]byte("hello"))
	want := src.Sums()[providers.SHA256]
	stored := put(t, r, "a/x", "hello")
	known, err := r.Stat(t.Context(), "a/x")
	if err != nil {
		t.Fatal(err)
	}
	listed := list(t, r, providers.ListOptions{})["a/x"]
	if len(stored.Sums)+len(known.Sums)+len(listed.Sums) != 0 {
		t.Errorf("unasked: %v, %v, %v", stored.Sums, known.Sums, listed.Sums)
	}
	sums := func() string { return list(t, r, providers.ListOptions{Sums: true})["a/x"].Sums[providers.SHA256] }
	if got := sums(); got != want {
		t.Errorf("asked: %s, want %s", got, want)
	}
	write(t, dir+"/a/x", "hellO")
	if got := sums(); got == want || got == "" {
		t.Errorf("after tampering: %s", got)
	}
}

// What others put into the folder is passed by, unless its name could be an
// object's.
func TestStrangers(t *testing.T) {
	dir := t.TempDir()
	r := openFolder(t, dir)
	put(t, r, "a/x", "x")
	for _, name := range []string{".DS_Store", "a/Thumbs.db", "a/x~", "a/x (1)", "lost+found/secret", ".Trash-1000/files/x", "a/\xff"} {
		write(t, filepath.Join(dir, name), "x")
	}
	write(t, dir+"/a/desktop.ini", "x")
	if got := slices.Sorted(maps.Keys(list(t, r, providers.ListOptions{Sums: true}))); !slices.Equal(got, []providers.Name{"a/desktop.ini", "a/x"}) {
		t.Errorf("lists %v", got)
	}
}

func TestSymlinks(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	r := openFolder(t, dir)
	put(t, r, "a/x", "x")
	write(t, elsewhere+"/secret", "secret")
	for name, to := range map[string]string{"a/file": elsewhere + "/secret", "a/folder": elsewhere, "a/loop": ".", "a/none": "/none"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if got := list(t, r, providers.ListOptions{Sums: true}); len(got) != 1 {
		t.Errorf("lists %v", got)
	}
	for _, name := range []providers.Name{"a/file", "a/none"} {
		if _, err := r.Stat(t.Context(), name); err == nil || errors.Is(err, providers.ErrNotExist) {
			t.Errorf("stat %s = %v", name, err)
		}
		if _, err := r.Get(t.Context(), name, 0, -1); err == nil || errors.Is(err, providers.ErrNotExist) {
			t.Errorf("get %s = %v", name, err)
		}
	}
	put(t, r, "a/file", "ours") // takes the link's place
	if b, err := os.ReadFile(elsewhere + "/secret"); err != nil || string(b) != "secret" {
		t.Errorf("the link's target holds %q, %v", b, err)
	}
}

// A link to the folder itself is what a person set up, and is followed.
func TestLinkToRoot(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	r := openFolder(t, link)
	put(t, r, "a/x", "x")
	if _, err := os.Stat(dir + "/a/x"); err != nil || len(list(t, r, providers.ListOptions{})) != 1 {
		t.Errorf("%v", err)
	}
}

func TestFileShrinksWhileRead(t *testing.T) {
	dir := t.TempDir()
	r := openFolder(t, dir)
	put(t, r, "a/x", strings.Repeat("x", 1000))
	body, err := r.Get(t.Context(), "a/x", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if err := os.Truncate(dir+"/a/x", 100); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(body); err != io.ErrUnexpectedEOF || len(b) != 100 {
		t.Errorf("read %d bytes, %v", len(b), err)
	}
}

func TestLog(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	defer target.Store(target.Load())
	r, err := Open(t.Context(), providers.Place{Type: "local", Path: dir}, Options{Log: slog.NewTextHandler(&out, nil)})
	if err != nil {
		t.Fatal(err)
	}
	put(t, r.(*remote), "x", "x")
	if out.Len() != 0 {
		t.Errorf("logged %s", &out)
	}
	if err := os.Symlink("x", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	list(t, r.(*remote), providers.ListOptions{})
	if !strings.Contains(out.String(), "link") {
		t.Errorf("logged %q, want word of the link", &out)
	}
}

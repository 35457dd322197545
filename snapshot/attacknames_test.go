package snapshot

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/chatkeep/chatkeep/repo/format"
)

// What a system has no way to write, by the rules of that system, on whatever
// system this runs.
func TestWritableNames(t *testing.T) {
	good := []string{"a", "a/b.txt", "消息/💬.jpg", ".hidden", "a.b.c", "con1", "COM", "COM10", "COM0x", "LPT.txt/x", "nul_", "aux file", "a b", strings.Repeat("长", 255)}
	bad := []string{"a:b", "C:", "C:/x", `a\b`, `..\x`, "a<b", "a>b", `a"b`, "a|b", "a?b", "a*b", "a\x01b", "a\n", "x/a.", "a /b", "a ", "...", "con", "Con.txt", "x/NUL", "nul.tar.gz",
		"aux .txt", "PRN", "com1", "COM9.log", "lpt³", "COM¹.x", "CONIN$", "conout$.txt", "a\xffb", strings.Repeat("长", 256), strings.Repeat("💬", 128)}
	for _, name := range good {
		if !writable("windows", name) || !writable("darwin", name) || !writable("linux", name) {
			t.Errorf("%q is refused", name)
		}
	}
	for _, name := range bad {
		if writable("windows", name) || !writable("linux", name) {
			t.Errorf("%q: on Windows %v, on Linux %v", name, writable("windows", name), writable("linux", name))
		}
	}
	if writable("darwin", "a\xff") || !writable("darwin", "a:b") || !writable("android", "a\xff") {
		t.Error("bytes that are no text")
	}
}

// On Windows, what can't be written is named with a reason of its own, whether it
// is a file, a folder, all that is below it, a symlink or a whole source. The
// rest is restored.
func TestRestoreOfNamesWindowsCannotWrite(t *testing.T) {
	h := newHostile(t)
	dir := func(path string) format.Entry { return format.Entry{Path: path, Type: format.TypeDir, Mode: 0o755} }
	h.publish(
		h.tree("aux", h.file("x", "x")),
		h.tree("chats", sorted(h.file("a.txt", "a"), h.file("a.txt:stream", "b"), dir("con"), h.file("con/x", "x"), h.file(`..\..\out`, "x"), dir("ok"), h.file("ok/NUL.txt", "x"), h.file("ok/fine", "fine"),
			format.Entry{Path: "prn", Type: format.TypeSymlink, Target: "a.txt"}, h.file("trailing.", "x"))...),
	)
	rules := realRules
	rules.system = "windows"
	out, to := h.restores(RestoreOptions{rules: &rules})
	want := map[string]string{}
	for _, p := range []string{"aux", "chats/a.txt:stream", "chats/con", "chats/con/x", `chats/..\..\out`, "chats/ok/NUL.txt", "chats/prn", "chats/trailing."} {
		want[p] = CodeNameUnwritable
	}
	if got := failedAs(out); !maps.Equal(got, want) {
		t.Errorf("%v", out.Failed)
	}
	if got := h.lies(to); !slices.Equal(got, []string{"chats", "chats/a.txt", "chats/ok", "chats/ok/fine"}) {
		t.Errorf("%q", got)
	}
	out, to = h.restores(RestoreOptions{}) // here, all can be written
	if len(out.Failed) > 0 || len(h.lies(to)) != 13 {
		t.Errorf("%v, %q", out.Failed, h.lies(to))
	}
}

func sorted(entries ...format.Entry) []format.Entry {
	slices.SortFunc(entries, func(a, b format.Entry) int { return format.ComparePaths(a.Path, b.Path) })
	return entries
}

// lies lists what lies below a folder.
func (p *place) lies(dir string) (list []string) {
	p.t.Helper()
	p.must(filepath.WalkDir(dir, func(full string, _ fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, full); rel != "." {
			list = append(list, filepath.ToSlash(rel))
		}
		return err
	}))
	return list
}

// folds is a target that takes names for one which differ in case or in how an
// accent is written.
func folds() *targetRules {
	same := func(s string) string { return strings.ToLower(norm.NFD.String(s)) }
	return &targetRules{
		system: realRules.system,
		probe:  func(*os.Root) folding { return folding{letters: true, accents: true} },
		lstat: func(dir *os.Root, full string) (fs.FileInfo, error) {
			var found fs.FileInfo
			err := fs.WalkDir(dir.FS(), ".", func(p string, e fs.DirEntry, err error) error {
				if err == nil && same(p) == same(full) && found == nil {
					found, err = e.Info()
				}
				return err
			})
			if err == nil && found == nil {
				err = fs.ErrNotExist
			}
			return found, err
		},
	}
}

// Of names that the target takes for one, the first is restored and the others
// are named, also where files may be replaced, and also when the restore is made
// once more. Folders become one.
func TestRestoreOfNamesThatCollide(t *testing.T) {
	for _, overwrite := range []bool{false, true} {
		h := newHostile(t)
		linked := h.file("LINKED", "same")
		again := h.file("linked", "same")
		linked.Links, again.Links = 7, 7
		first := h.file("A-LINK", "first")
		first.Links = 8
		second := h.file("Another", "first")
		second.Links = 8 // a second name of A-LINK, which is made last
		h.publish(h.tree("Chats", sorted(
			h.file("A.txt", "first"), h.file("a.txt", "second"), h.file("é", "composed"), h.file(norm.NFD.String("é"), "taken apart"),
			format.Entry{Path: "DIR", Type: format.TypeDir, Mode: 0o755}, h.file("DIR/x", "first"),
			format.Entry{Path: "dir", Type: format.TypeDir, Mode: 0o755}, h.file("dir/X", "second"), h.file("dir/y", "y"),
			h.file("Straße", "ß"), h.file("strasse", "ss"), // no file system of today takes these for one
			linked, again, first, second, h.file("another", "not a link"),
			h.file("S", "a file"), format.Entry{Path: "s", Type: format.TypeSymlink, Target: "A.txt"})...),
			h.tree("chats", h.file("A.TXT", "of another source"), h.file("z", "z")))
		want := map[string]string{}
		for _, p := range []string{"Chats/a.txt", "Chats/dir/X", "Chats/é", "Chats/linked", "Chats/another", "Chats/s", "chats/A.TXT"} {
			want[p] = CodeNameCollides
		}
		out, to := h.restores(RestoreOptions{Overwrite: overwrite, rules: folds()})
		if got := failedAs(out); !maps.Equal(got, want) {
			t.Errorf("failed: %v", out.Failed)
		}
		for name, content := range map[string]string{"A.txt": "first", "DIR/x": "first", "LINKED": "same", "Another": "first", "S": "a file", "dir/y": "y", "Straße": "ß", "strasse": "ss"} {
			if b, err := os.ReadFile(filepath.Join(to, "Chats", filepath.FromSlash(name))); err != nil || string(b) != content {
				t.Errorf("%s: %q %v", name, b, err)
			}
		}
		before := h.lies(to)
		if out, _ := h.restores(RestoreOptions{To: to, Overwrite: overwrite, rules: folds()}); !maps.Equal(failedAs(out), want) || !slices.Equal(before, h.lies(to)) {
			t.Errorf("once more: %v", out.Failed)
		}
		out, _ = h.restores(RestoreOptions{Overwrite: overwrite}) // here they are many
		if len(out.Failed) > 0 {
			t.Errorf("%v", out.Failed)
		}
	}
}

// The probe leaves nothing, finds what the file system of the test does, and
// where nothing can be written it says nothing.
func TestProbeFolding(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	got := probeFolding(root)
	if list, _ := os.ReadDir(dir); len(list) > 0 {
		t.Errorf("left behind: %v", list)
	}
	if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "A")); (err == nil) != got.letters {
		t.Errorf("%+v, %v", got, err)
	}
	for _, f := range []folding{{true, false}, {false, true}, {true, true}} {
		if (f.key("Ä/X") == f.key("ä/x")) != f.letters || (f.key("ä") == f.key(norm.NFD.String("ä"))) != f.accents || f.key("a") == f.key("b") {
			t.Errorf("%+v", f)
		}
	}
}

// A tree that no writer makes: names below a file, below a symlink, too long for
// any disk, and link groups over files that are not the same.
func TestRestoreOfTreesThatCannotBe(t *testing.T) {
	for _, overwrite := range []bool{false, true} {
		h := newHostile(t)
		outside := t.TempDir()
		long := strings.Repeat("n", 300)
		one, other := h.file("group/1", "one"), h.file("group/2", "two")
		one.Links, other.Links = 5, 5
		setuid := h.file("setuid", "x")
		setuid.Mode = 0o4755
		h.publish(h.tree("chats", sorted(
			h.file("file", "a file"), h.file("file/below", "below a file"),
			format.Entry{Path: "link", Type: format.TypeSymlink, Target: outside}, h.file("link/below", "below a symlink"),
			format.Entry{Path: "up", Type: format.TypeSymlink, Target: "../../.."}, h.file("up/below", "below a symlink"),
			h.file(long, "long"), h.file("fine", "fine"), one, other, setuid)...),
			h.tree("chats", h.file("fine", "of a second source of this name")))
		out, to := h.restores(RestoreOptions{Overwrite: overwrite})
		got := failedAs(out)
		for _, p := range []string{"chats/link/below", "chats/up/below", "chats/" + long} {
			if got[p] == "" {
				t.Errorf("%s was restored", p)
			}
		}
		if (got["chats/file"] == "") == (got["chats/file/below"] == "") {
			t.Errorf("a file and what is below it: %v", got)
		}
		if list, _ := os.ReadDir(outside); len(list) > 0 {
			t.Errorf("written outside: %v", list)
		}
		for name, content := range map[string]string{"group/1": "one", "group/2": "two"} {
			if b, err := os.ReadFile(filepath.Join(to, "chats", name)); err != nil || string(b) != content {
				t.Errorf("%s: %q %v", name, b, err)
			}
		}
		if b, err := os.ReadFile(filepath.Join(to, "chats", "fine")); err != nil || !overwrite && string(b) != "fine" {
			t.Errorf("%q %v", b, err)
		}
	}
}

// What somebody puts into the target while it is restored leads nowhere.
func TestRestoreIntoAChangingTarget(t *testing.T) {
	p := newPlace(t, format.Full)
	p.packSize = 256 << 10
	for i := range 40 {
		p.write(fmt.Sprintf("dir/%02d.bin", i), noise(fmt.Sprint(i), 60_000))
	}
	p.write("dir2/a.txt", words("a", 1000))
	p.backup()
	for _, overwrite := range []bool{false, true} {
		to, outside := t.TempDir(), t.TempDir()
		swapped := false
		swap := func(Progress) {
			dir := filepath.Join(to, "chats", "dir")
			if _, err := os.Lstat(dir + "2"); swapped || err != nil {
				return
			}
			swapped = true
			p.must(os.Rename(dir, filepath.Join(to, "aside")))
			p.must(os.Symlink(outside, dir))
			p.must(os.Rename(dir+"2", filepath.Join(to, "aside2")))
			p.must(os.Symlink(outside, dir+"2"))
		}
		r := p.bare()
		s, err := r.Find(background, "latest")
		p.must(err)
		out, err := Restore(background, r, s, RestoreOptions{To: to, Overwrite: overwrite, Progress: swap, Workers: 1})
		p.must(err)
		if !swapped {
			t.Fatal("nothing was swapped")
		}
		if list := p.lies(outside); len(list) > 0 {
			t.Errorf("written outside: %v", list)
		}
		if len(out.Failed) == 0 {
			t.Error("nothing failed")
		}
	}
}

// Globs of a user meet any name.
func TestNamesThatLookLikePatterns(t *testing.T) {
	h := newHostile(t)
	h.publish(h.tree("chats", sorted(h.file("[a", "x"), h.file("{b", "x"), h.file("*", "x"), h.file(`\`, "x"))...))
	out, to := h.restores(RestoreOptions{Include: []string{"chats/*"}})
	if len(out.Failed) > 0 || out.Files != 4 || len(h.lies(to)) != 5 {
		t.Errorf("%+v", out)
	}
	if b, err := os.ReadFile(filepath.Join(to, "chats", `\`)); err != nil || !bytes.Equal(b, []byte("x")) {
		t.Error(err)
	}
}

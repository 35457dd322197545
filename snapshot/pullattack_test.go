package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo/format"
)

// holds fails unless a file of the folder holds what it should.
func (u *puller) holds(full, want string) {
	u.t.Helper()
	if b, err := os.ReadFile(full); err != nil || string(b) != want {
		u.t.Errorf("%s: %.40q, %v", full, b, err)
	}
}

// What somebody put in the place of a folder that the source has no more is
// theirs, and stays.
func TestPullMirrorSparesWhatReplacedAFolder(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a.txt", words("a", 1000))
	p.write("file/b.txt", words("b", 1000))
	p.write("link/c.txt", words("c", 1000))
	p.write("kind/sub/d.txt", words("d", 1000))
	other := filepath.Join(p.dir, "other")
	p.must(os.Mkdir(other, 0o755))
	p.must(os.WriteFile(filepath.Join(other, "e.txt"), words("e", 1000), 0o644))
	p.only = append(p.accounts(), p.folder("more", other))
	p.backup()
	u := p.puller()
	u.pull()
	for _, name := range []string{"file", "link", "kind"} {
		p.must(os.RemoveAll(filepath.Join(p.chats, name)))
	}
	p.write("kind", words("kind", 500)) // a file now
	p.only = p.only[:1]
	p.backup()

	more := filepath.Join(u.to, "laptop", "more")
	for _, name := range []string{u.at("file"), u.at("link"), u.at("kind/sub"), more} {
		u.must(os.RemoveAll(name))
	}
	u.putHere("file", "mine")
	u.must(os.Symlink("a.txt", u.at("link")))
	u.putHere("kind/sub", "mine")
	u.must(os.WriteFile(more, []byte("mine"), 0o600))
	u.opt.Mirror = true
	out, _, err := u.try()
	u.must(err)
	u.holds(u.at("file"), "mine")
	u.holds(more, "mine")
	if to, err := os.Readlink(u.at("link")); err != nil || to != "a.txt" {
		t.Errorf("the symlink: %q, %v", to, err)
	}
	if len(out.Failed) > 0 || len(out.Aside) != 1 || out.Aside[0].Path != "laptop/chats/kind" {
		t.Fatalf("%+v", out)
	}
	u.holds(filepath.Join(u.to, filepath.FromSlash(out.Aside[0].To), "sub"), "mine")
	u.holds(u.at("kind"), string(words("kind", 500)))
}

// A folder that moved, with a symlink in its old place: what is under the old
// names is gone, and what the symlink leads to stays.
func TestPullMirrorFollowsNoSymlink(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("d/x.txt", words("x", 1000))
	for i := range 20 { // so that other folders were used last
		p.write(fmt.Sprintf("m%02d/y.txt", i), words("y", 100+i))
	}
	p.backup()
	u := p.puller()
	u.opt.Mirror = true
	u.pull()
	p.must(os.Rename(filepath.Join(p.chats, "d"), filepath.Join(p.chats, "other")))
	p.must(os.Symlink("other", filepath.Join(p.chats, "d")))
	for i := range 20 {
		p.write(fmt.Sprintf("m%02d/y.txt", i), words("z", 100+i))
	}
	p.backup()
	u.pull()
	u.same()
	u.pull()
	u.same()
}

// A folder that became a file: what was below it is gone, and doesn't call the
// folder back.
func TestPullMirrorFolderBecameFile(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("d/sub/x.txt", words("x", 1000))
	for i := range 20 {
		p.write(fmt.Sprintf("m%02d/y.txt", i), words("y", 100+i))
	}
	p.backup()
	u := p.puller()
	u.opt.Mirror = true
	u.pull()
	p.must(os.RemoveAll(filepath.Join(p.chats, "d")))
	p.write("d", words("d", 1000))
	for i := range 20 {
		p.write(fmt.Sprintf("m%02d/y.txt", i), words("z", 100+i))
	}
	p.backup()
	u.pull()
	u.same()
	u.pull()
	u.same()
}

// With chosen categories, mirror takes nothing of the others away, even where a
// file has the name of their folder now.
func TestPullMirrorChosen(t *testing.T) {
	p := newApp(t, format.Full)
	p.write("business/emoticon/Thumb/x.png", noise("x", 1000))
	p.write("business/emoticon/y.gif", noise("y", 1000))
	settled(t, p.path("business"))
	p.backup()
	u := p.puller()
	u.pull()
	p.must(os.RemoveAll(p.path("business/emoticon")))
	p.write("business/emoticon", noise("a", 1000))
	settled(t, p.path("business"))
	p.backup()
	u.opt.Mirror, u.opt.Categories = true, []string{"stickers"}
	out, _, err := u.try()
	u.must(err)
	if len(out.Aside) != 1 || len(out.Failed) > 0 {
		t.Fatalf("%+v", out)
	}
	u.holds(filepath.Join(u.to, filepath.FromSlash(out.Aside[0].To), "Thumb", "x.png"), string(noise("x", 1000)))
	u.holds(filepath.Join(u.to, "laptop", p.only[0].Name(), "business", "emoticon"), string(noise("a", 1000)))
}

// On a target that takes names for one, a name that changed its case alone is the
// file that is there: mirror leaves it.
func TestPullMirrorOfFoldedNames(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("dir/a.txt", words("a", 1000))
	p.write("b.txt", words("b", 1000))
	p.write("gone.txt", words("gone", 1000))
	p.backup()
	u := p.puller()
	u.opt.Mirror, u.rules = true, folds()
	u.pull()
	p.must(os.Rename(filepath.Join(p.chats, "dir"), filepath.Join(p.chats, "Dir")))
	p.must(os.Rename(filepath.Join(p.chats, "b.txt"), filepath.Join(p.chats, "B.txt")))
	p.must(os.Remove(filepath.Join(p.chats, "gone.txt")))
	p.backup()
	if out, _, err := u.try(); err != nil || out.Devices[0].Sources[0].Removed != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	// This system keeps both. Where they are one, a removal would take the file
	// away that just came.
	for _, name := range []string{"dir/a.txt", "b.txt", "Dir/a.txt", "B.txt"} {
		if _, err := os.Lstat(u.at(name)); err != nil {
			t.Error(err)
		}
	}
	u.wantCounts(u.pull(), PulledSource{Total: 2})
}

// Of names that the target takes for one the first stays, however often it is
// pulled, and the others are named each time.
func TestPullNamesThatCollide(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("A.txt", words("first", 1000))
	p.write("a.txt", words("second", 1000))
	p.write("b.txt", words("b", 1000))
	p.backup()
	u := p.puller()
	u.rules = folds()
	for range 3 {
		out, _, err := u.try()
		u.must(err)
		if len(out.Failed) != 1 || out.Failed[0].Path != "laptop/chats/a.txt" || out.Failed[0].Reason != CodeNameCollides || len(out.Aside) > 0 {
			t.Fatalf("%+v", out)
		}
		u.has("laptop/chats/A.txt", "laptop/chats/b.txt")
		p.write("b.txt", words(fmt.Sprint("b", u.gets), 1000))
		p.backup()
	}
}

// What vanished before a pull came to its end is not said to be there.
func TestPullLosesAFileMeanwhile(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a.txt", words("a", 1000))
	p.write("b.txt", words("b", 1000))
	p.backup()
	u := p.puller()
	u.step = func(what string) {
		if what == "fold" {
			u.must(os.Remove(u.at("a.txt")))
		}
	}
	u.pull()
	u.step = nil
	u.pull()
	u.same()
}

// A list that is older than what is remembered besides, as a copy of the folder
// may have it that was made while a pull ran, is not believed to be all.
func TestPullOlderList(t *testing.T) {
	p := newPlace(t, format.Full)
	p.sample()
	p.backup()
	u := p.puller()
	u.pull()
	old := filepath.Join(t.TempDir(), "old")
	diskOf(t, u.to, old)
	p.write("chat.txt", words("other", 300_000))
	p.write("notes/new.txt", words("new", 900))
	p.backup()
	u.pull()
	b, err := os.ReadFile(filepath.Join(u.to, PullMemory, pullFile))
	u.must(err)
	u.to = old
	u.must(os.WriteFile(filepath.Join(u.to, PullMemory, pullFile), b, 0o600))
	out := u.pull()
	if !out.Changed() {
		t.Error("nothing came")
	}
	u.same()
}

// A memory of which a part leads elsewhere, or is no plain file, is refused
// before anything in it is touched.
func TestPullMemoryLeadsElsewhere(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a.txt", words("a", 1000))
	p.backup()
	whole := p.puller()
	whole.pull()
	source, err := filepath.Glob(filepath.Join(whole.to, PullMemory, "*", "*", "list"))
	p.must(err)
	if len(source) != 1 {
		t.Fatal(source)
	}
	deep, err := filepath.Rel(whole.to, filepath.Dir(source[0]))
	p.must(err)
	for _, name := range []string{"tmp", filepath.Join("..", deep), filepath.Join("..", deep, "journal"), filepath.Join("..", deep, "list"), filepath.Join("..", deep, "nodes"), "lock", pullFile, busyFile} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			u := *whole
			u.place = p.twin(t)
			u.to = filepath.Join(t.TempDir(), "pulled")
			diskOf(t, whole.to, u.to)
			outside := t.TempDir()
			u.must(os.WriteFile(filepath.Join(outside, "mine"), []byte("mine"), 0o600))
			full := filepath.Join(u.to, PullMemory, name)
			target := filepath.Join(outside, "mine")
			if info, err := os.Stat(full); err == nil && info.IsDir() {
				target = outside
			}
			u.must(os.RemoveAll(full))
			u.must(os.Symlink(target, full))
			_, _, err := u.try()
			if h := hint.Find(err); h == nil || h.Code != CodePullMemory {
				t.Errorf("got %v", err)
			}
			u.holds(filepath.Join(outside, "mine"), "mine")
			if list, _ := os.ReadDir(outside); len(list) != 1 {
				t.Errorf("written outside: %v", list)
			}
		})
	}
}

// Databases that are kept as plain files are safe from logs, too: neither one that
// the source had earlier nor one that somebody made here is laid upon a newer
// database.
func TestPullLogsOfPlainDatabases(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("x.db", words("x", 5000))
	p.write("x.db-wal", words("wal", 2000))
	p.write("y.sqlite", words("y", 5000))
	p.backup()
	u := p.puller()
	u.pull()
	u.same()
	p.write("x.db", words("newer", 5000))
	p.must(os.Remove(filepath.Join(p.chats, "x.db-wal")))
	p.backup()
	u.pull()
	u.same()

	u.putHere("y.sqlite-wal", "mine")
	out, _, err := u.try()
	u.must(err)
	if len(out.Aside) != 1 || out.Aside[0].Path != "laptop/chats/y.sqlite" || len(out.Failed) > 0 {
		t.Fatalf("%+v", out)
	}
	u.holds(filepath.Join(u.to, filepath.FromSlash(out.Aside[0].To)+"-wal"), "mine")
	u.holds(u.at("y.sqlite"), string(words("y", 5000)))
	if _, err := os.Lstat(u.at("y.sqlite-wal")); err == nil {
		t.Error("the log is left beside the database")
	}
	u.pull()
}

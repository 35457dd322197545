package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// restoreTo brings the latest snapshot back to a folder of the test's choice.
func (p *place) restoreTo(ctx context.Context, o RestoreOptions) (*Restored, error) {
	p.t.Helper()
	r := p.bare()
	s, err := r.Find(background, repo.Latest)
	p.must(err)
	out, err := Restore(ctx, r, s, o)
	p.noTemp(o.To)
	return out, err
}

// What is there is kept unless the user says otherwise, and the rest is
// restored around it.
func TestRestoreOverSomething(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a.txt", words("a", 100))
	p.write("b.txt", words("b", 100))
	p.write("dir/c.txt", words("c", 100))
	p.must(os.Link(filepath.Join(p.chats, "a.txt"), filepath.Join(p.chats, "z.txt")))
	p.must(os.Symlink("b.txt", filepath.Join(p.chats, "link")))
	p.backup()
	p.check(100)
	plant := func() string {
		to := t.TempDir()
		p.must(os.MkdirAll(filepath.Join(to, "chats", "dir", "c.txt"), 0o755)) // a folder where a file belongs
		for _, name := range []string{"a.txt", "link"} {
			p.must(os.WriteFile(filepath.Join(to, "chats", name), []byte("mine"), 0o600))
		}
		return to
	}
	to := plant()
	out, err := p.restoreTo(background, RestoreOptions{To: to})
	p.must(err)
	p.wantFailed(out, CodeFileExists, "chats/a.txt", "chats/dir/c.txt", "chats/link")
	for _, name := range []string{"a.txt", "link"} {
		if b, _ := os.ReadFile(filepath.Join(to, "chats", name)); string(b) != "mine" {
			t.Errorf("%s was overwritten", name)
		}
	}
	want := words("a", 100)
	for name, content := range map[string][]byte{"z.txt": want, "b.txt": words("b", 100)} {
		if b, _ := os.ReadFile(filepath.Join(to, "chats", name)); string(b) != string(content) {
			t.Errorf("%s is not what it was, but %.20q", name, b)
		}
	}

	to = plant()
	out, err = p.restoreTo(background, RestoreOptions{To: to, Overwrite: true})
	p.must(err)
	p.wantFailed(out, CodeFileExists, "chats/dir/c.txt")
	p.must(os.RemoveAll(filepath.Join(to, "chats", "dir")))
	if diffs := madeup.Compare(p.chats, filepath.Join(to, "chats")); len(diffs) != 2 {
		t.Error(diffs)
	}
	out, err = p.restoreTo(background, RestoreOptions{To: to, Overwrite: true})
	p.must(err)
	p.intact(filepath.Join(to, "chats"), p.failures(out)...)
}

func (p *place) wantFailed(out *Restored, reason string, paths ...string) {
	p.t.Helper()
	var got []string
	for _, f := range out.Failed {
		got = append(got, f.Path)
		if f.Reason != reason || f.Damaged {
			p.t.Errorf("%s: %s, damaged %v: %v", f.Path, f.Reason, f.Damaged, f.Err)
		}
	}
	if !slices.Equal(got, paths) {
		p.t.Errorf("failed: %q, expected %q", got, paths)
	}
}

// A symlink that waits in the target leads nowhere.
func TestRestoreFollowsNoSymlink(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("dir/a.txt", words("a", 100))
	p.write("b.txt", words("b", 100))
	p.backup()
	p.check(100)
	for name, plant := range map[string]func(to, outside string) error{
		"for the source": func(to, outside string) error { return os.Symlink(outside, filepath.Join(to, "chats")) },
		"for a folder": func(to, outside string) error {
			return errors.Join(os.Mkdir(filepath.Join(to, "chats"), 0o755), os.Symlink(outside, filepath.Join(to, "chats", "dir")))
		},
		"for a file": func(to, outside string) error {
			return errors.Join(os.Mkdir(filepath.Join(to, "chats"), 0o755),
				os.Symlink(filepath.Join(outside, "victim"), filepath.Join(to, "chats", "b.txt")))
		},
		"inside": func(to, _ string) error {
			return errors.Join(os.MkdirAll(filepath.Join(to, "other"), 0o755), os.Symlink("other", filepath.Join(to, "chats")))
		},
	} {
		for _, overwrite := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s overwrite %v", name, overwrite), func(t *testing.T) {
				to, outside := t.TempDir(), t.TempDir()
				p.must(os.WriteFile(filepath.Join(outside, "victim"), []byte("mine"), 0o600))
				p.must(plant(to, outside))
				out, err := p.restoreTo(background, RestoreOptions{To: to, Overwrite: overwrite})
				if err == nil && len(out.Failed) == 0 && !(overwrite && name == "for a file") {
					t.Error("nothing failed")
				}
				if entries, _ := os.ReadDir(outside); len(entries) != 1 {
					t.Errorf("written outside: %v", entries)
				}
				if b, _ := os.ReadFile(filepath.Join(outside, "victim")); string(b) != "mine" {
					t.Error("a file outside was written")
				}
				if entries, _ := os.ReadDir(filepath.Join(to, "other")); len(entries) != 0 {
					t.Errorf("a symlink was followed: %v", entries)
				}
			})
		}
	}
}

// Times to the nanosecond, modes, links of both kinds and folders come back as
// they were.
func TestRestoreMetadata(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a/one.txt", words("one", 100))
	p.write("a/b/two.txt", words("two", 100))
	p.write("empty", nil)
	p.must(os.Mkdir(filepath.Join(p.chats, "nothing"), 0o755))
	p.must(os.Link(filepath.Join(p.chats, "a/one.txt"), filepath.Join(p.chats, "a/b/same.txt")))
	p.must(os.Link(filepath.Join(p.chats, "a/one.txt"), filepath.Join(p.chats, "zz.txt")))
	for target, name := range map[string]string{"../b": "a/b/loop", "self": "self", "/nowhere/at all": "dangling", "a": "folder"} {
		p.must(os.Symlink(target, filepath.Join(p.chats, name)))
	}
	p.must(os.Chmod(filepath.Join(p.chats, "a/b/two.txt"), 0o440))
	p.must(os.Chmod(filepath.Join(p.chats, "empty"), 0o751))
	p.must(os.Chmod(filepath.Join(p.chats, "nothing"), 0o500))
	when := time.Unix(1_234_567_890, 123_456_789)
	for _, name := range []string{"empty", "a/one.txt", "nothing", "a/b", "a"} {
		p.must(os.Chtimes(filepath.Join(p.chats, name), when, when))
	}
	t.Cleanup(func() { p.must(os.Chmod(filepath.Join(p.chats, "nothing"), 0o700)) })
	p.backup()
	p.check(100)
	to := t.TempDir()
	out, err := p.restoreTo(background, RestoreOptions{To: to})
	p.must(err)
	p.intact(filepath.Join(to, "chats"), p.failures(out)...)
	p.must(os.Chmod(filepath.Join(to, "chats", "nothing"), 0o700))
}

// A file that looks like an unfinished one, as a killed restore leaves it, is
// a file like any other, and so is the one it was going to be.
func TestRestoreOfUnfinishedFiles(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a", words("a", 5000))
	for n := range 3 {
		p.write(fmt.Sprintf(".a%d%s", n, tempSuffix), words(fmt.Sprint("left", n), 4000))
	}
	p.backup()
	p.check(100)
	r := p.bare() // not restoreTo: what looks unfinished is wanted
	s, err := r.Find(background, repo.Latest)
	p.must(err)
	to := t.TempDir()
	out, err := Restore(background, r, s, RestoreOptions{To: to})
	p.must(err)
	p.intact(filepath.Join(to, "chats"), p.failures(out)...)
}

// A restore that is stopped, or whose remote is gone, says so once, and leaves
// whole files only.
func TestRestoreInterrupted(t *testing.T) {
	p := newPlace(t, format.Full)
	p.packSize = 64 << 10
	p.sample()
	p.backup()
	p.check(100)
	for get := 3; get < 15; get += 2 {
		for _, how := range []string{"cancelled", "unreachable"} {
			t.Run(fmt.Sprint(how, " at request ", get), func(t *testing.T) {
				q := p.twin(t)
				ctx, cancel := context.WithCancel(background)
				defer cancel()
				w := q.watch(1)
				r := q.bare()
				s, err := r.Find(background, repo.Latest)
				q.must(err)
				want := providers.ErrTemporary
				if how == "cancelled" {
					want = context.Canceled
					w.left, w.cancel = get, cancel
				} else {
					q.memory.Inject(memory.Fault{Method: memory.Get, Call: get, Times: -1, Err: providers.Fail(providers.ErrTemporary, nil)})
				}
				to := t.TempDir()
				out, err := Restore(ctx, r, s, RestoreOptions{To: to})
				if !errors.Is(err, want) {
					t.Errorf("got %v and %+v, expected %v", err, out, want)
				}
				q.noTemp(to)
				for _, d := range madeup.Compare(q.chats, filepath.Join(to, "chats")) {
					if strings.Contains(d, "content") || strings.Contains(d, "size") {
						t.Error(d)
					}
				}
			})
		}
	}
}

// A hard link to a file that could not be restored is restored as a file.
func TestRestoreLinkToDamaged(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a.txt", words("a", 100))
	for _, name := range []string{"b.txt", "c.txt", "d.txt"} {
		p.must(os.Link(filepath.Join(p.chats, "a.txt"), filepath.Join(p.chats, name)))
	}
	p.backup()
	p.check(100)
	to := t.TempDir()
	p.must(os.Mkdir(filepath.Join(to, "chats"), 0o755))
	for _, name := range []string{"a.txt", "b.txt"} {
		p.must(os.WriteFile(filepath.Join(to, "chats", name), []byte("mine"), 0o600))
	}
	out, err := p.restoreTo(background, RestoreOptions{To: to})
	p.must(err)
	p.wantFailed(out, CodeFileExists, "chats/a.txt", "chats/b.txt")
	for name, want := range map[string]string{"a.txt": "mine", "b.txt": "mine", "c.txt": string(words("a", 100)), "d.txt": string(words("a", 100))} {
		if b, _ := os.ReadFile(filepath.Join(to, "chats", name)); string(b) != want {
			t.Errorf("%s: %.20q", name, b)
		}
	}
	if out.Files != 2 {
		t.Errorf("%d files", out.Files)
	}
}

// A tree in which a path leads out of the target is no tree.
func TestRestoreRefusesPathsThatLeadOut(t *testing.T) {
	for _, path := range []string{"..", "../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "", "a\x00b"} {
		n := format.Node{Entries: []format.Entry{{Path: path, Type: format.TypeDir}}}
		if _, err := format.DecodeNode(n.Encode(), format.Digest{}); !errors.Is(err, format.ErrMalformed) {
			t.Errorf("%q: %v", path, err)
		}
		root := format.Root{Sources: []format.SourceTree{{Name: path, Kind: "folder"}}}
		if _, err := format.DecodeRoot(root.Encode(), format.Digest{}); !errors.Is(err, format.ErrMalformed) {
			t.Errorf("source %q: %v", path, err)
		}
	}
}

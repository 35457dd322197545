package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// meddler is an account with somebody who meddles whenever a file is opened,
// and again after its first bytes were read.
type meddler struct {
	sources.Account
	open  func(path string) error
	first func(path string) error
}

func (m meddler) View(ctx context.Context) (sources.View, error) {
	v, err := m.Account.View(ctx)
	return meddledView{v, m}, err
}

type meddledView struct {
	sources.View
	m meddler
}

func (v meddledView) Open(ctx context.Context, e sources.Entry) (sources.Content, error) {
	if v.m.open != nil {
		if err := v.m.open(e.Path); err != nil {
			return nil, err
		}
	}
	c, err := v.View.Open(ctx, e)
	return &meddledContent{Content: c, m: v.m, path: e.Path}, err
}

type meddledContent struct {
	sources.Content
	m    meddler
	path string
	read bool
}

func (c *meddledContent) Read(b []byte) (int, error) {
	if c.read && c.m.first != nil {
		if err := c.m.first(c.path); err != nil {
			return 0, err
		}
	}
	c.read = true
	return c.Content.Read(b)
}

func (p *place) meddle(open, first func(path string) error) {
	p.wrap = func(a sources.Account) sources.Account { return meddler{a, open, first} }
}

// remarks are the remarks of the latest snapshot as its root has them.
func (p *place) remarks() (flagged, skipped []string) {
	p.t.Helper()
	r := p.bare()
	s, err := r.Find(background, repo.Latest)
	p.must(err)
	rd, err := r.NewReader(background, s)
	p.must(err)
	defer rd.Close()
	root, err := rd.Root(background)
	p.must(err)
	if s.Counts.Flagged != uint64(len(root.Flagged)) || s.Counts.Skipped != uint64(len(root.Skipped)) {
		p.t.Errorf("%d flagged and %d skipped, it says %+v", len(root.Flagged), len(root.Skipped), s.Counts)
	}
	return texts(root.Flagged), texts(root.Skipped)
}

func texts(list []format.Remark) (out []string) {
	for _, m := range list {
		out = append(out, m.Source+"/"+m.Path+" "+m.Reason)
	}
	return out
}

func (p *place) wantRemarks(what string, got []string, want ...string) {
	p.t.Helper()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		p.t.Errorf("%s: %q, expected %q", what, got, want)
	}
}

// What can't be read is named, and the rest is backed up.
func TestUnreadableFiles(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("good.txt", words("good", 100))
	p.write("closed.txt", words("closed", 100))
	p.write("broken.jpg", noise("broken", 3_000_000))
	p.must(os.Link(filepath.Join(p.chats, "closed.txt"), filepath.Join(p.chats, "link.txt")))
	p.meddle(func(path string) error {
		if path == "closed.txt" {
			return fs.ErrPermission
		}
		return nil
	}, func(path string) error {
		if path == "broken.jpg" {
			return errors.New("input/output error")
		}
		return nil
	})
	taken := p.backup()
	want := []string{"chats/broken.jpg unreadable", "chats/closed.txt unreadable"}
	p.wantRemarks("taken", texts(taken.Skipped), want...)
	_, skipped := p.remarks()
	p.wantRemarks("kept", skipped, want...)
	p.check(100)
	out, dir, err := p.restore(p.bare(), repo.Latest)
	p.must(err)
	p.failures(out)
	for _, d := range madeup.Compare(p.chats, dir) { // the link stands alone now
		if !strings.Contains(d, "missing") && !strings.Contains(d, "hard link") {
			t.Error(d)
		}
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "link.txt")); string(b) != string(words("closed", 100)) {
		t.Error("the other name of a file that could not be read is not there")
	}
	p.wrap = nil
	if c := p.backup().Counts; c.Skipped != 0 || c.New != 2 {
		t.Errorf("%+v", c)
	}
	p.restored()
	p.check(100)
}

// A file that changes while it is read is read again; if it goes on changing it
// is kept as read, and flagged.
func TestChangingFiles(t *testing.T) {
	p := newPlace(t, format.Full)
	for _, name := range []string{"once.txt", "always.txt"} {
		p.write(name, words(name, 300_000))
	}
	opened, armed := map[string]int{}, false
	p.meddle(func(path string) error {
		opened[path]++
		armed = path == "always.txt" || opened[path] == 1
		return nil
	}, func(path string) error {
		if !armed {
			return nil
		}
		armed = false
		f, err := os.OpenFile(filepath.Join(p.chats, path), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString("more\n")
		return errors.Join(err, f.Close())
	})
	taken, err := p.tryBackup(TakeOptions{Workers: 1})
	p.must(err)
	p.wantRemarks("taken", texts(taken.Flagged), "chats/always.txt changing")
	flagged, _ := p.remarks()
	p.wantRemarks("kept", flagged, "chats/always.txt changing")
	p.check(100)
	p.wrap = nil
	next := p.backup()
	if len(next.Flagged) != 0 {
		t.Error(next.Flagged)
	}
	p.restored()
	p.check(100)
}

// A file that vanishes between being seen and being opened was never there;
// another name of it that is still there is.
func TestVanishingFiles(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a.txt", words("a", 100))
	p.write("b.txt", words("b", 100))
	p.must(os.Link(filepath.Join(p.chats, "a.txt"), filepath.Join(p.chats, "z.txt")))
	p.meddle(func(path string) error {
		if path == "a.txt" {
			return os.Remove(filepath.Join(p.chats, path))
		}
		return nil
	}, nil)
	taken := p.backup()
	if len(taken.Flagged)+len(taken.Skipped) != 0 || taken.Counts.Files != 2 {
		t.Errorf("%+v", taken)
	}
	p.restored()
	p.check(100)
}

// Any name a file system allows is kept as it is.
func TestStrangeNames(t *testing.T) {
	p := newPlace(t, format.Full)
	for _, name := range []string{"new\nline", "tab\t", " space ", "-dash", "\x01", "back\\slash", "*", "[x]", "聊天", "📷", "..a", "a..",
		strings.Repeat("x", 255), strings.Repeat("长", 85)} {
		p.write(name, words(name, 50))
		p.write("in/"+name+"/deep", words(name, 60))
	}
	if name := filepath.Join(p.chats, "in\xffvalid\xc3"); os.WriteFile(name, []byte("x"), 0o644) != nil {
		t.Log("this file system takes only UTF-8")
	}
	p.backup()
	p.restored()
	if c := p.backup().Counts; c.Objects != 1 {
		t.Errorf("%+v", c)
	}
	p.check(100)
}

// twoSources is a place with chats and a second folder.
func twoSources(t *testing.T) (p *place, other string) {
	t.Helper()
	p = newPlace(t, format.Full)
	other = filepath.Join(p.dir, "other")
	p.must(os.Mkdir(other, 0o755))
	for i := range 300 { // more than a leaf
		p.must(os.WriteFile(filepath.Join(other, fmt.Sprint(i, ".txt")), words(fmt.Sprint("other", i), 40), 0o644))
	}
	p.write("a.txt", words("a", 100))
	p.only = []sources.Account{p.folder("chats", p.chats), p.folder("other", other)}
	return p, other
}

// A source that is gone or suddenly empty keeps its last state while others go
// on; alone it is refused.
func TestSourceGoneOrEmpty(t *testing.T) {
	for name, c := range map[string]struct {
		lose   func(dir string) error
		err    error
		reason string
	}{
		"gone": {os.RemoveAll, sources.ErrVanished, ReasonVanished},
		"empty": {func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)) },
			sources.ErrEmpty, ReasonEmpty},
	} {
		for _, listing := range []string{"whole", "deleted", "cut"} {
			t.Run(name+" listing "+listing, func(t *testing.T) {
				p, other := twoSources(t)
				p.backup()
				kept := t.TempDir()
				p.must(os.CopyFS(kept, os.DirFS(other)))
				p.must(c.lose(other))
				p.write("b.txt", words("b", 100))
				list := filepath.Join(p.state.Dir(), "listing")
				switch listing {
				case "deleted":
					p.must(os.RemoveAll(list))
				case "cut":
					p.must(eachFile(list, func(b []byte) []byte {
						if b[0] == '{' {
							return b
						}
						return b[:len(b)*2/3]
					}))
				}
				for round := range 2 {
					taken := p.backup()
					p.wantRemarks("skipped", texts(taken.Skipped), "other/. "+c.reason)
					if taken.Counts.Files != 302 {
						t.Errorf("%+v", taken.Counts)
					}
					to := t.TempDir()
					out, err := p.restoreTo(background, RestoreOptions{To: to})
					p.must(err)
					p.intact(filepath.Join(to, "chats"), p.failures(out)...)
					p.sameNames(kept, filepath.Join(to, "other"))
					p.check(100)
					p.write("b.txt", words(fmt.Sprint("b", round), 100))
				}
				p.only = p.only[1:]
				before := len(p.names(format.KindSnapshot))
				if _, err := p.tryBackup(TakeOptions{}); !errors.Is(err, c.err) {
					t.Errorf("alone: %v", err)
				}
				if len(p.names(format.KindSnapshot)) != before {
					t.Error("a snapshot was published")
				}
				taken, err := p.tryBackup(TakeOptions{AllowEmpty: true})
				if c.err == sources.ErrEmpty && (err != nil || taken.Counts.Files != 0) {
					t.Errorf("allowed: %v", err)
				}
				p.check(100)
			})
		}
	}
}

func (p *place) sameNames(a, b string) {
	p.t.Helper()
	for _, d := range madeup.Compare(a, b) {
		if !strings.Contains(d, ": time") && !strings.Contains(d, ": mode") {
			p.t.Error(d)
		}
	}
}

// A source that was always empty may be so, listing or not.
func TestSourceAlwaysEmpty(t *testing.T) {
	p, other := twoSources(t)
	p.must(os.RemoveAll(other))
	p.must(os.Mkdir(other, 0o755))
	for range 2 {
		if taken := p.backup(); len(taken.Skipped) > 0 {
			t.Error(taken.Skipped)
		}
		p.must(os.RemoveAll(filepath.Join(p.state.Dir(), "listing")))
	}
	p.check(100)
}

// A source that is not looked at keeps its state, even if the listing is
// damaged.
func TestOnlyOneSource(t *testing.T) {
	for _, listing := range []bool{true, false} {
		p, other := twoSources(t)
		p.backup()
		if !listing {
			p.must(os.RemoveAll(filepath.Join(p.state.Dir(), "listing")))
		}
		p.write("b.txt", words("b", 10))
		taken, err := p.tryBackup(TakeOptions{Only: []string{"chats"}})
		p.must(err)
		if taken.Counts.Files != 302 || len(taken.Skipped) > 0 {
			t.Errorf("%+v", taken)
		}
		to := t.TempDir()
		out, err := p.restoreTo(background, RestoreOptions{To: to})
		p.must(err)
		p.failures(out)
		p.sameNames(other, filepath.Join(to, "other"))
		p.check(100)
	}
}

// Long names, attributes or targets never make a node too large to store.
func TestHugeEntries(t *testing.T) {
	p := newPlace(t, format.Full)
	c := &crowd{}
	deep := strings.Repeat(strings.Repeat("d", 250)+"/", 100)
	for i := range 1500 {
		c.add(fmt.Sprintf("%s%04d", deep, i))
	}
	c.sort()
	p.only = []sources.Account{c}
	p.packSize = 16 << 20
	p.backup()
	c.add(deep + "new")
	c.sort()
	if n := p.backup().Counts; n.New != 1 || n.Changed != 0 {
		t.Errorf("%+v", n)
	}
	p.check(100)
}

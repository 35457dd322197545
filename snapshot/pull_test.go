package snapshot

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// puller is a folder that is kept at the latest state, on a computer that has
// nothing but the recovery key.
type puller struct {
	*place
	to   string
	opt  PullOptions
	gets int    // reads of the last pull
	down uint64 // bytes of the last pull, of packs

	rules *targetRules      // of where it pulls to; nil: those of this system
	step  func(what string) // see PullFolder

	files uint64 // see killed
}

func (p *place) puller() *puller {
	return &puller{place: p, to: filepath.Join(p.t.TempDir(), "pulled")}
}

func (u *puller) try() (*Pulled, *repo.Repo, error) {
	u.t.Helper()
	r, err := u.tryBare()
	if err != nil {
		return nil, nil, err
	}
	f, err := OpenPullFolder(u.to)
	if err != nil {
		return nil, r, err
	}
	f.rules, f.step = u.rules, u.step
	before := u.memory.Calls(memory.Get)
	out, err := f.Pull(background, r, u.opt)
	u.gets = u.memory.Calls(memory.Get) - before
	if out != nil {
		u.down = out.Downloaded
	}
	return out, r, errors.Join(err, f.Close())
}

// pull pulls, and nothing may go wrong.
func (u *puller) pull() *Pulled {
	u.t.Helper()
	out, r, err := u.try()
	u.must(err)
	if len(out.Failed)+len(out.Aside)+len(r.Alarms()) > 0 {
		u.t.Fatalf("failed %+v, aside %v, alarms %v", out.Failed, out.Aside, r.Alarms())
	}
	u.tidy()
	return out
}

// tidy fails if a pull left something that is not whole.
func (u *puller) tidy() {
	u.t.Helper()
	u.noTemp(u.to)
	if list, err := os.ReadDir(filepath.Join(u.to, PullMemory, "tmp")); err != nil || len(list) > 0 {
		u.t.Errorf("left in the memory: %v, %v", list, err)
	}
	if _, err := os.Stat(filepath.Join(u.to, PullMemory, busyFile)); err == nil {
		u.t.Error("the mark of a pull that was killed is left")
	}
}

// at is a path below the chats of a device.
func (u *puller) at(elem ...string) string {
	return filepath.Join(append([]string{u.to, "laptop", "chats"}, elem...)...)
}

// same fails unless the folder is as the chats are.
func (u *puller) same() {
	u.t.Helper()
	u.intact(u.at())
}

func (u *puller) putHere(name, content string) {
	u.t.Helper()
	u.must(os.MkdirAll(filepath.Dir(u.at(name)), 0o755))
	u.must(os.WriteFile(u.at(name), []byte(content), 0o600))
}

// source returns what a pull says of the chats.
func (u *puller) source(out *Pulled) PulledSource {
	u.t.Helper()
	if len(out.Devices) != 1 || len(out.Devices[0].Sources) != 1 {
		u.t.Fatalf("%+v", out.Devices)
	}
	s := *out.Devices[0].Sources[0]
	s.Snapshot, s.Time = format.Digest{}, 0
	return s
}

func (u *puller) wantCounts(out *Pulled, want PulledSource) {
	u.t.Helper()
	want.Source = "chats"
	got := u.source(out)
	got.Sequence = 0
	if got != want {
		u.t.Errorf("got %+v, expected %+v", got, want)
	}
}

// What is new comes, what is there stays, and nothing is moved twice.
func TestPull(t *testing.T) {
	p := newPlace(t, format.Full)
	p.sample()
	p.must(os.Symlink("chat.txt", filepath.Join(p.chats, "link")))
	p.must(os.Link(filepath.Join(p.chats, "chat.txt"), filepath.Join(p.chats, "again.txt")))
	p.backup()
	u := p.puller()
	u.wantCounts(u.pull(), PulledSource{Total: 39, New: 39})
	u.same()

	u.wantCounts(u.pull(), PulledSource{Total: 39})
	if u.gets > 1 || u.down > 0 { // the snapshot itself
		t.Errorf("a pull with nothing new made %d reads of %d bytes", u.gets, u.down)
	}

	p.write("notes/new.txt", words("new", 900))
	p.write("photos/2.jpg", noise("other", 50_000))
	p.must(os.Chmod(filepath.Join(p.chats, "notes/03.txt"), 0o600))
	p.backup()
	u.wantCounts(u.pull(), PulledSource{Total: 40, New: 1, Changed: 2})
	u.same()
	if u.down > 400_000 {
		t.Errorf("%d bytes came for 51,000", u.down)
	}
	p.check(100)
}

// A large file that grew takes what it had from the copy that is there.
func TestPullTakesWhatIsHere(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("big.bin", noise("big", 12<<20))
	p.backup()
	u := p.puller()
	u.pull()
	b := noise("big", 12<<20)
	copy(b[5<<20:], "changed")
	p.write("big.bin", append(b, noise("more", 10_000)...))
	p.backup()
	u.pull()
	u.same()
	if u.down > 6<<20 {
		t.Errorf("%d bytes came", u.down)
	}
	p.check(100)
}

// What is missing here comes back, what was changed here is put aside.
func TestPullRepairs(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a.txt", words("a", 1000))
	p.write("b.txt", words("b", 1000))
	p.write("c.txt", words("c", 1000))
	p.write("dir/d.txt", words("d", 1000))
	p.write("dir/e.txt", words("e", 1000))
	p.backup()
	u := p.puller()
	u.pull()

	u.must(os.Remove(u.at("a.txt")))
	u.must(os.RemoveAll(u.at("dir")))
	u.wantCounts(u.pull(), PulledSource{Total: 5, Changed: 3})
	u.same()

	now := time.Now()
	u.must(os.Chtimes(u.at("b.txt"), now, now))
	u.pull() // the same content: only its time is set right
	if u.down > 200_000 {
		t.Errorf("%d bytes came for a time", u.down)
	}
	u.same()

	u.putHere("c.txt", "mine")
	u.putHere("dir/mine.txt", "mine too")
	out, _, err := u.try()
	u.must(err)
	if len(out.Aside) != 1 || out.Aside[0].Path != "laptop/chats/c.txt" || len(out.Failed) > 0 {
		t.Fatalf("%+v", out)
	}
	if b, err := os.ReadFile(filepath.Join(u.to, filepath.FromSlash(out.Aside[0].To))); err != nil || string(b) != "mine" {
		t.Errorf("what was put aside: %q, %v", b, err)
	}
	u.must(os.Remove(filepath.Join(u.to, filepath.FromSlash(out.Aside[0].To))))
	u.must(os.Remove(u.at("dir/mine.txt")))
	u.pull()
	if b, _ := os.ReadFile(u.at("c.txt")); string(b) != string(words("c", 1000)) {
		t.Errorf("c.txt is %.20q", b)
	}
}

// The memory may vanish or be damaged at any time: nothing is overwritten and
// nothing that is there comes again.
func TestPullWithoutMemory(t *testing.T) {
	for name, spoil := range map[string]func(string) error{
		"gone":         os.RemoveAll,
		"all damaged":  func(dir string) error { return spoilAll(dir, "") },
		"list damaged": func(dir string) error { return spoilAll(dir, "list") },
		"nodes":        func(dir string) error { return spoilAll(dir, "nodes") },
		"state":        func(dir string) error { return spoilAll(dir, pullFile) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, format.Full)
			p.sample()
			p.backup()
			u := p.puller()
			u.pull()
			u.must(spoil(filepath.Join(u.to, PullMemory)))
			out := u.pull()
			if out.Files > 0 {
				t.Errorf("%d files were written again", out.Files)
			}
			u.same()
			p.write("chat.txt", words("other", 300_000))
			p.backup()
			u.pull()
			u.same()
			p.check(100)
		})
	}
}

func spoilAll(dir, only string) error {
	return filepath.WalkDir(dir, func(full string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || only != "" && e.Name() != only {
			return err
		}
		b, err := os.ReadFile(full)
		if err != nil || len(b) == 0 {
			return err
		}
		b[len(b)/2] ^= 0x20
		return os.WriteFile(full, b, 0o600)
	})
}

// What the source has no more stays, unless it is to be mirrored; then pull
// removes what it wrote itself and what nobody changed.
func TestPullMirror(t *testing.T) {
	p := newPlace(t, format.Full)
	for _, name := range []string{"a.txt", "b.txt", "old/c.txt", "old/d.txt", "older/e.txt", "z.txt"} {
		p.write(name, words(name, 2000))
	}
	p.backup()
	u := p.puller()
	u.pull()
	p.must(os.Remove(filepath.Join(p.chats, "a.txt")))
	p.must(os.RemoveAll(filepath.Join(p.chats, "old")))
	p.backup()
	u.wantCounts(u.pull(), PulledSource{Total: 3, Kept: 3})
	u.wantCounts(u.pull(), PulledSource{Total: 3, Kept: 3})
	if u.gets > 1 {
		t.Errorf("%d reads although nothing changed", u.gets)
	}
	u.putHere("old/c.txt", "mine now")
	u.putHere("old/f.txt", "never pulled")

	u.opt.Mirror = true
	u.wantCounts(u.pull(), PulledSource{Total: 3, Removed: 2})
	var left []string
	u.must(filepath.WalkDir(u.at(), func(full string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(u.at(), full)
			left = append(left, filepath.ToSlash(rel))
		}
		return err
	}))
	if want := []string{"b.txt", "old/c.txt", "old/f.txt", "older/e.txt", "z.txt"}; !slices.Equal(left, want) {
		t.Errorf("left: %q", left)
	}
	u.must(os.RemoveAll(u.at("old")))
	p.must(os.RemoveAll(filepath.Join(p.chats, "older")))
	p.backup()
	u.wantCounts(u.pull(), PulledSource{Total: 2, Removed: 1})
	u.same()
	u.wantCounts(u.pull(), PulledSource{Total: 2})
	p.check(100)
}

// A snapshot that may have lost something takes nothing away.
func TestPullMirrorHeld(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a.bin", noise("a", 300_000))
	p.write("b.bin", noise("b", 300_000))
	p.write("c.bin", noise("c", 300_000))
	p.backup()
	u := p.puller()
	u.opt.Mirror = true
	u.pull()
	p.must(os.Remove(filepath.Join(p.chats, "a.bin")))
	p.must(os.Remove(filepath.Join(p.chats, "b.bin")))
	p.backup()
	out := u.pull()
	u.wantCounts(out, PulledSource{Total: 1, Kept: 2})
	if !slices.Equal(out.Held, []string{"laptop/chats"}) {
		t.Errorf("held: %q", out.Held)
	}
	if _, err := os.Stat(u.at("a.bin")); err != nil {
		t.Error(err)
	}
}

// Files become folders and the other way round.
func TestPullKinds(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a", words("a", 100))
	p.write("b/c", words("c", 100))
	p.must(os.Symlink("a", filepath.Join(p.chats, "d")))
	p.write("e", words("e", 100))
	p.backup()
	u := p.puller()
	u.pull()
	for _, name := range []string{"a", "b", "d", "e"} {
		p.must(os.RemoveAll(filepath.Join(p.chats, name)))
	}
	p.write("a/in", words("in", 100))
	p.must(os.Symlink("nowhere", filepath.Join(p.chats, "b")))
	p.write("d", words("d", 100))
	p.must(os.Symlink("a/in", filepath.Join(p.chats, "e")))
	p.backup()
	out, _, err := u.try()
	u.must(err)
	if len(out.Failed) > 0 || len(out.Aside) != 1 || out.Aside[0].Path != "laptop/chats/b" {
		t.Fatalf("%+v", out) // what was kept in the folder b is not lost
	}
	u.must(os.RemoveAll(filepath.Join(u.to, filepath.FromSlash(out.Aside[0].To))))
	u.pull()
	u.same()
	p.check(100)
}

// Hard links stay what they are through changes of the file and of its names.
func TestPullLinks(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a", words("a", 5000))
	p.must(os.Link(filepath.Join(p.chats, "a"), filepath.Join(p.chats, "b")))
	p.must(os.Link(filepath.Join(p.chats, "a"), filepath.Join(p.chats, "c")))
	p.backup()
	u := p.puller()
	u.pull()
	u.same()
	u.must(os.Remove(u.at("a")))
	u.pull()
	u.same()
	b := words("other", 6000)
	p.must(os.WriteFile(filepath.Join(p.chats, "b"), b, 0o644))
	p.backup()
	u.pull()
	u.same()
	p.must(os.Remove(filepath.Join(p.chats, "c")))
	p.write("c", words("c", 100))
	p.must(os.Chmod(filepath.Join(p.chats, "a"), 0o600))
	p.backup()
	u.pull()
	u.same()
	p.must(os.Remove(filepath.Join(p.chats, "b")))
	p.must(os.Rename(filepath.Join(p.chats, "c"), filepath.Join(p.chats, "b")))
	p.must(os.Link(filepath.Join(p.chats, "a"), filepath.Join(p.chats, "d")))
	p.backup()
	u.opt.Mirror = true
	u.pull()
	u.same()
	p.check(100)
}

// Only what was chosen is touched; the rest comes when it is wanted.
func TestPullChooses(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a.txt", words("a", 1000))
	other := filepath.Join(p.dir, "other")
	p.must(os.Mkdir(other, 0o755))
	p.must(os.WriteFile(filepath.Join(other, "b.txt"), words("b", 1000), 0o644))
	p.only = append(p.accounts(), p.folder("more", other))
	p.backup()
	q := p.join("tower", format.Full)
	q.only = nil
	q.write("c.txt", words("c", 1000))
	q.backup()

	u := p.puller()
	u.opt.Sources = []string{"more"}
	u.pull()
	u.has("laptop/more/b.txt")
	u.opt = PullOptions{Devices: []string{"tower"}}
	u.pull()
	u.has("laptop/more/b.txt", "tower/chats/c.txt")
	u.opt = PullOptions{Categories: []string{"videos"}}
	u.pull()
	u.has("laptop/more/b.txt", "tower/chats/c.txt")
	u.opt = PullOptions{}
	u.pull()
	u.has("laptop/chats/a.txt", "laptop/more/b.txt", "tower/chats/c.txt")
	u.same()
	u.pull()
	if u.down > 0 {
		t.Errorf("%d bytes came again", u.down)
	}

	u.opt = PullOptions{Devices: []string{"nobody"}}
	_, _, err := u.try()
	u.wantCode(err, repo.CodeNoDevice)
	u.opt = PullOptions{Sources: []string{"nothing"}}
	_, _, err = u.try()
	u.wantCode(err, CodeNoSource)
}

// has fails unless exactly these files were pulled.
func (u *puller) has(want ...string) {
	u.t.Helper()
	var got []string
	u.must(filepath.WalkDir(u.to, func(full string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && e.Name() == PullMemory {
			return fs.SkipDir
		}
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(u.to, full)
			got = append(got, filepath.ToSlash(rel))
		}
		return err
	}))
	if !slices.Equal(got, want) {
		u.t.Errorf("there are %q, expected %q", got, want)
	}
}

// Two pulls into one folder exclude each other.
func TestPullLocks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "to")
	f, err := OpenPullFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPullFolder(dir); hint.Find(err) == nil || hint.Find(err).Code != CodePulling {
		t.Errorf("a second one: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f, err = OpenPullFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// An older head, none at all or another history: the folder stays as it is.
func TestPullRolledBack(t *testing.T) {
	for name, roll := range map[string]struct {
		code hint.Code
		do   func(p *place)
	}{
		"older": {repo.CodeHeadMissing, func(p *place) {
			list := p.names(format.KindSnapshot)
			p.must(p.memory.Delete(background, object(list[len(list)-1])))
		}},
		"none": {repo.CodeHeadMissing, func(p *place) {
			for _, n := range p.names(format.KindSnapshot) {
				p.must(p.memory.Delete(background, object(n)))
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, format.Full)
			p.write("a.txt", words("a", 1000))
			p.backup()
			p.write("a.txt", words("newer", 1000))
			p.backup()
			u := p.puller()
			u.pull()
			roll.do(p)
			out, r, err := u.try()
			u.must(err)
			p.wantAlarm(r.Alarms(), roll.code)
			if len(out.Devices) != 1 || !out.Devices[0].Behind {
				t.Errorf("%+v", out.Devices)
			}
			u.same()
		})
	}
}

// A device that was set back to an earlier day and went on from there has
// another history: nothing of it is taken.
func TestPullForked(t *testing.T) {
	for _, more := range []int{1, 2, 3} {
		p := newPlace(t, format.Full)
		p.write("a.txt", words("a", 1000))
		p.backup()
		q := p.twin(t)
		q.ownChats()
		p.write("a.txt", words("newer", 1000))
		p.backup()
		u := p.puller()
		u.pull()
		for n := range more {
			q.write("a.txt", words(strings.Repeat("x", n+1), 1000))
			q.backup()
		}
		for _, n := range q.memory.Names() {
			p.memory.SetBytes(n, q.memory.Bytes(n))
		}
		if more > 1 {
			// only the other history's names are shown
			own := map[string]bool{}
			for _, n := range q.memory.Names() {
				own[string(n)] = true
			}
			for _, n := range p.names(format.KindSnapshot) {
				if !own[n.String()] {
					p.must(p.memory.Delete(background, object(n)))
				}
			}
		}
		out, r, err := u.try()
		u.must(err)
		p.wantAlarm(r.Alarms(), repo.CodeForked)
		if more > 1 && !out.Devices[0].Behind {
			t.Errorf("%d more: the other history was taken", more)
		}
		u.same()
	}
}

// A device that is renamed keeps its folder.
func TestPullRenamed(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a.txt", words("a", 1000))
	p.backup()
	u := p.puller()
	u.pull()
	p.nextRoster(func(r *format.Roster) { r.Devices[0].Name = "study" })
	p.write("b.txt", words("b", 1000))
	p.backup()
	out := u.pull()
	if d := out.Devices[0]; d.Folder != "laptop" || d.Name != "study" {
		t.Errorf("%+v", d)
	}
	u.same()
}

// Nothing is followed out of the folder.
func TestPullFollowsNoSymlink(t *testing.T) {
	for name, plant := range map[string]func(u *puller, outside string) error{
		"for the memory": func(u *puller, outside string) error {
			return errors.Join(os.RemoveAll(filepath.Join(u.to, PullMemory)), os.Symlink(outside, filepath.Join(u.to, PullMemory)))
		},
		"for the device": func(u *puller, outside string) error {
			return errors.Join(os.RemoveAll(filepath.Join(u.to, "laptop")), os.Symlink(outside, filepath.Join(u.to, "laptop")))
		},
		"for the source": func(u *puller, outside string) error {
			return errors.Join(os.RemoveAll(u.at()), os.Symlink(outside, u.at()))
		},
		"for a folder": func(u *puller, outside string) error {
			return errors.Join(os.RemoveAll(u.at("dir")), os.Symlink(outside, u.at("dir")))
		},
		"for a file": func(u *puller, outside string) error {
			return errors.Join(os.Remove(u.at("dir/b.txt")), os.Symlink(filepath.Join(outside, "b.txt"), u.at("dir/b.txt")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, format.Full)
			p.write("a.txt", words("a", 1000))
			p.write("dir/b.txt", words("b", 1000))
			p.backup()
			u := p.puller()
			u.pull()
			outside := t.TempDir()
			u.must(os.WriteFile(filepath.Join(outside, "b.txt"), []byte("mine"), 0o600))
			u.must(plant(u, outside))
			p.write("dir/b.txt", words("newer", 2000))
			p.backup()
			u.opt.Mirror = true
			out, _, err := u.try()
			if err == nil && len(out.Failed)+len(out.Aside) == 0 {
				t.Error("nothing was said")
			}
			if b, err := os.ReadFile(filepath.Join(outside, "b.txt")); err != nil || string(b) != "mine" {
				t.Errorf("outside: %q, %v", b, err)
			}
			if list, _ := os.ReadDir(outside); len(list) != 1 {
				t.Errorf("written outside: %v", list)
			}
		})
	}
}

// On a device that only makes backups, a pull says what is needed.
func TestPullBackupOnly(t *testing.T) {
	p := newPlace(t, format.BackupOnly)
	p.write("a.txt", words("a", 1000))
	p.backup()
	f, err := OpenPullFolder(t.TempDir())
	p.must(err)
	defer f.Close()
	_, err = f.Pull(background, p.open(), PullOptions{})
	p.wantCode(err, repo.CodeBackupOnly)
}

// What is damaged on the remote is named, and the rest is pulled; what is here
// already stays.
func TestPullDamaged(t *testing.T) {
	p := newPlace(t, format.Full)
	p.sample()
	p.backup()
	u := p.puller()
	u.pull()
	q := p.join("tower", format.Full)
	q.write("c.txt", words("c", 1000))
	q.backup()
	p.write("photos/2.jpg", noise("newer", 90_000))
	p.backup()
	for _, n := range p.names(format.KindSecret) {
		if n.Device == q.ring().Device.ID {
			p.flip(object(n))
		}
	}
	u.opt.Mirror = true
	out, _, err := u.try()
	u.must(err)
	if len(out.Failed) != 1 || out.Failed[0].Path != "tower" || !out.Failed[0].Damaged {
		t.Errorf("%+v", out.Failed)
	}
	u.same()
	if diffs := madeup.Compare(p.chats, u.at()); len(diffs) > 0 {
		t.Error(diffs)
	}
}

// Devices of one name get folders of their own, one that was removed from the
// repository is pulled too, and a source that is gone goes with mirror alone.
func TestPullDevices(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a.txt", words("a", 1000))
	other := filepath.Join(p.dir, "other")
	p.must(os.Mkdir(other, 0o755))
	p.must(os.WriteFile(filepath.Join(other, "b.txt"), words("b", 1000), 0o644))
	p.only = append(p.accounts(), p.folder("more", other))
	p.backup()
	q := p.join("Laptop", format.Full)
	q.only = nil
	q.write("c.txt", words("c", 1000))
	q.backup()
	head := q.names(format.KindSnapshot)
	p.nextRoster(func(r *format.Roster) {
		d := &r.Devices[1]
		d.Revoked = true
		for _, n := range head {
			if n.Device == d.ID {
				d.Last = &format.Head{Device: n.Device, Seq: n.Seq, Digest: n.Digest}
			}
		}
	})
	u := p.puller()
	out := u.pull()
	if len(out.Devices) != 2 || strings.EqualFold(out.Devices[0].Folder, out.Devices[1].Folder) {
		t.Fatalf("%+v", out.Devices)
	}
	folders := map[string]string{}
	for _, d := range out.Devices {
		folders[d.Name] = d.Folder
	}
	want := []string{folders["laptop"] + "/chats/a.txt", folders["laptop"] + "/more/b.txt", folders["Laptop"] + "/chats/c.txt"}
	slices.Sort(want)
	u.has(want...)

	p.only = p.only[:1]
	p.backup()
	u.pull()
	u.has(want...)
	u.opt.Mirror = true
	u.pull()
	u.has(slices.DeleteFunc(want, func(s string) bool { return strings.HasSuffix(s, "b.txt") })...)
	if _, err := os.Lstat(filepath.Join(u.to, folders["laptop"], "more")); err == nil {
		t.Error("the folder of a source that is gone is left")
	}
	u.pull()
	if u.down > 0 {
		t.Errorf("%d bytes came for nothing", u.down)
	}
}

// Folders that nobody may write are no obstacle, and stay as they are.
func TestPullReadOnlyFolders(t *testing.T) {
	p := newPlace(t, format.Full)
	u := p.puller()
	u.opt.Mirror = true
	mode := func(m fs.FileMode) {
		for _, dir := range []string{filepath.Join(p.chats, "shut"), u.at("shut")} {
			if err := os.Chmod(dir, m); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	t.Cleanup(func() { mode(0o700) })
	p.write("shut/a.txt", words("a", 1000))
	p.write("shut/b.txt", words("b", 1000))
	mode(0o500)
	p.backup()
	u.pull()
	u.same()
	p.must(os.Chmod(filepath.Join(p.chats, "shut"), 0o700))
	p.must(os.Remove(filepath.Join(p.chats, "shut/a.txt")))
	p.write("shut/b.txt", words("newer", 1000))
	p.write("shut/c.txt", words("c", 1000))
	p.must(os.Chmod(filepath.Join(p.chats, "shut"), 0o500))
	p.backup()
	u.pull()
	u.same()
	p.check(100)
}

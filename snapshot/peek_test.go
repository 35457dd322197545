package snapshot

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// paused is a remote that waits before and after each object it stores, until it
// is told to go on.
type paused struct {
	providers.Remote
	at chan providers.Name // somebody waits
	on chan struct{}       // and goes on
}

func pause(r providers.Remote) *paused {
	return &paused{r, make(chan providers.Name), make(chan struct{})}
}

func (r *paused) wait(name providers.Name) {
	r.at <- name
	<-r.on
}

func (r *paused) Put(ctx context.Context, name providers.Name, src providers.Source) (providers.Info, error) {
	r.wait(name)
	info, err := r.Remote.Put(ctx, name, src)
	r.wait(name)
	return info, err
}

// peek opens the repository as this device without its lock.
func (p *place) peek(remote providers.Remote, cache string) *repo.Repo {
	p.t.Helper()
	state, err := repo.PeekState(p.state.Dir())
	p.must(err)
	r, err := repo.Open(background, remote, repo.Options{State: state, Cache: cache})
	p.must(err)
	return r
}

// folderTree tells what lies in a folder, to the byte.
func (p *place) folderTree(dir string) map[string]string {
	p.t.Helper()
	tree := map[string]string{}
	p.must(filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		tree[path] = fmt.Sprint(info.Mode(), info.ModTime().UnixNano())
		if !e.IsDir() {
			b, err := os.ReadFile(path)
			tree[path] += fmt.Sprintf(" %x", sha256.Sum256(b))
			return err
		}
		return nil
	}))
	return tree
}

// looked is everything that a command which reads can show.
func (p *place) looked(r *repo.Repo) map[string]any {
	p.t.Helper()
	all := map[string]any{"devices": r.Devices(), "device": r.Device(), "words": r.Words(), "reads": r.CanRead(), "proof": r.Proof()}
	list, err := r.Snapshots(background, format.DeviceID{})
	p.must(err)
	for _, s := range list {
		all["snapshot "+s.Name.String()] = s.Snapshot
	}
	for _, spec := range []string{repo.Latest, "laptop/1", "laptop/2", "laptop/3"} {
		s, err := r.Find(background, spec)
		all["find "+spec] = fmt.Sprint(err)
		if err != nil {
			continue
		}
		root, err := r.RootOf(background, s)
		p.must(err)
		all["root "+spec] = root
		all["statement "+spec], err = r.ShrinkConfirmed(background, s)
		p.must(err)
		if r.CanRead() {
			p.lookedInto(all, r, s, spec)
		}
	}
	rep, err := r.Check(background, repo.CheckOptions{Data: 100})
	p.must(err)
	rep.Unnoted = false
	all["report"], all["alarms"] = fmt.Sprintf("%+v", rep), fmt.Sprint(r.Alarms())
	return all
}

// lookedInto adds what is in a snapshot.
func (p *place) lookedInto(all map[string]any, r *repo.Repo, s *repo.Snapshot, spec string) {
	p.t.Helper()
	v, err := OpenView(background, r, spec)
	p.must(err)
	var names []string
	p.must(v.Walk(background, "", func(full string, _ *format.Entry, err error) error {
		names = append(names, full)
		return err
	}))
	p.must(v.Close())
	all["list "+spec] = names
	found, err := Find(background, r, "*.jpg", func(_ string, err error) error { return err })
	p.must(err)
	all["versions"] = found
	var differ []Difference
	p.must(Diff(background, r, "laptop/1", spec, func(d Difference) error { differ = append(differ, d); return nil }))
	all["differences "+spec] = differ
	to := p.t.TempDir()
	out, err := Restore(background, r, s, RestoreOptions{To: to})
	p.must(err)
	all["restored "+spec] = fmt.Sprint(out.Files, out.Bytes, len(out.Failed))
	all["tree "+spec] = p.contentTree(to)
}

// contentTree is what lies in a folder, by content alone.
func (p *place) contentTree(dir string) map[string]string {
	p.t.Helper()
	tree := map[string]string{}
	p.must(filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			b, rerr := os.ReadFile(path)
			tree[strings.TrimPrefix(path, dir)], err = fmt.Sprintf("%x", sha256.Sum256(b)), rerr
		}
		return err
	}))
	return tree
}

func (p *place) sameLook(what string, got, want map[string]any) {
	p.t.Helper()
	for key := range want {
		if !reflect.DeepEqual(got[key], want[key]) {
			p.t.Errorf("%s: without the lock %s is\n%+v and with it\n%+v", what, key, got[key], want[key])
		}
	}
	if len(got) != len(want) {
		p.t.Errorf("%s: %d things without the lock, %d with it", what, len(got), len(want))
	}
}

// At whatever object a backup is: who looks without the lock sees what the lock
// would show, and leaves no trace in the state folder. Afterwards all is well.
func TestPeekWhileBackingUp(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprint(role, " first ", first), func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, role)
				p.packSize = 64 << 20 // one pack, which is put when nothing else happens
				if !first {
					p.write("one.jpg", noise("one", 60_000))
					p.backup()
					p.write("one.jpg", noise("uno", 60_000))
				}
				p.write("two.jpg", noise("two", 150_000))
				p.write("chat.txt", words("chat", 90_000))
				remote := pause(p.memory)
				p.remote = remote
				ended := make(chan error, 1)
				go func() {
					_, err := p.backupWith(background, TakeOptions{})
					ended <- err
				}()
				looks := 0
				for done := false; !done; {
					select {
					case name := <-remote.at:
						looks++
						if looks%raceStride == 0 {
							p.looksAlike(string(name))
						}
						remote.on <- struct{}{}
					case err := <-ended:
						p.must(err)
						done = true
					}
				}
				if looks < 6 { // pack, index, snapshot
					t.Errorf("only %d looks", looks)
				}
				p.remote = p.memory
				p.check(100)
				p.restored()
				p.write("more.txt", words("more", 5000))
				p.backup()
				p.check(100)
			})
		}
	}
}

// looksAlike compares, at a moment when this device's backup stands still, a
// look without its lock with one of the very same device that has it.
func (p *place) looksAlike(at string) {
	p.t.Helper()
	twin := p.twin(p.t)
	want := twin.looked(twin.open())
	before, names := p.folderTree(p.state.Dir()), p.memory.Names()
	for _, cache := range []string{p.cache(), ""} { // with the cache of both, and without any
		p.sameLook(at, p.looked(p.peek(p.memory, cache)), want)
	}
	if after := p.folderTree(p.state.Dir()); !maps.Equal(before, after) {
		p.t.Errorf("at %s the state folder has changed from %v to %v", at, before, after)
	}
	if after := p.memory.Names(); !reflect.DeepEqual(names, after) {
		p.t.Errorf("at %s the remote has changed", at)
	}
}

// Backups and looks at the same time, as they come: who looks always sees some
// snapshot whole, never an alarm.
func TestPeekAtAnyTime(t *testing.T) {
	p := newPlace(t, format.Full)
	p.packSize = 128 << 10
	p.write("chat.txt", words("chat", 40_000))
	p.backup()
	states := map[uint64]map[string]string{1: p.contentTree(p.chats)} // by number
	var mu sync.Mutex
	over := make(chan struct{})
	var lookers sync.WaitGroup
	for _, cache := range []string{p.cache(), ""} {
		lookers.Add(1)
		go func() {
			defer lookers.Done()
			for last := uint64(0); ; {
				select {
				case <-over:
					return
				default:
				}
				last = max(last, lookOnce(t, p, cache, last, func(seq uint64) map[string]string {
					mu.Lock()
					defer mu.Unlock()
					return states[seq]
				}))
			}
		}()
	}
	for i := range 6 {
		p.write(fmt.Sprintf("%d.jpg", i), noise(fmt.Sprint(i), 300_000))
		p.write("chat.txt", words(fmt.Sprint("chat", i), 40_000+i))
		mu.Lock()
		states[uint64(i+2)] = p.contentTree(p.chats)
		mu.Unlock()
		p.backup()
	}
	close(over)
	lookers.Wait()
	p.check(100)
	p.restored()
}

// lookOnce restores the newest snapshot there is, and returns its number.
func lookOnce(t *testing.T, p *place, cache string, last uint64, state func(uint64) map[string]string) uint64 {
	r, err := func() (*repo.Repo, error) {
		s, err := repo.PeekState(p.state.Dir())
		if err != nil {
			return nil, err
		}
		return repo.Open(background, p.memory, repo.Options{State: s, Cache: cache})
	}()
	if err != nil {
		t.Error(err)
		return last
	}
	s, err := r.Find(background, repo.Latest)
	if err != nil || s.Seq < last {
		t.Errorf("after snapshot %d: %+v, %v", last, s, err)
		return last
	}
	to, err := os.MkdirTemp(p.dir, "looked")
	if err != nil {
		t.Error(err)
		return last
	}
	defer os.RemoveAll(to)
	out, err := Restore(background, r, s, RestoreOptions{To: to})
	if err != nil || len(out.Failed) > 0 || len(r.Alarms()) > 0 {
		t.Errorf("snapshot %d: %v, %+v, %v", s.Seq, err, out, r.Alarms())
		return last
	}
	want := state(s.Seq)
	got := map[string]string{}
	_ = filepath.WalkDir(filepath.Join(to, "chats"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			b, _ := os.ReadFile(path)
			got[strings.TrimPrefix(path, filepath.Join(to, "chats"))] = fmt.Sprintf("%x", sha256.Sum256(b))
		}
		return nil
	})
	if !s.Partial && !maps.Equal(got, want) {
		t.Errorf("snapshot %d is not what was backed up: %v, %v", s.Seq, got, want)
	}
	return s.Seq
}

// A remote that was rolled back is an alarm while a backup runs too, at each of
// its objects.
func TestPeekSeesRollback(t *testing.T) {
	p := several(t, format.Full, 3)
	p.write("more.txt", words("more", 3000))
	remote := pause(p.memory)
	p.remote = remote
	ended := make(chan error, 1)
	go func() {
		_, err := p.backupWith(background, TakeOptions{})
		ended <- err
	}()
	for looks := 0; ; looks++ {
		select {
		case name := <-remote.at:
			older := memory.New()
			for _, n := range p.memory.Names() {
				if !strings.Contains(string(n), "/00000003-") {
					older.SetBytes(n, p.memory.Bytes(n))
				}
			}
			before := p.folderTree(p.state.Dir())
			p.wantAlarm(p.peek(older, "").Alarms(), repo.CodeHeadMissing)
			if !maps.Equal(before, p.folderTree(p.state.Dir())) {
				t.Errorf("at %s the state folder has changed", name)
			}
			remote.on <- struct{}{}
			continue
		case err := <-ended:
			p.must(err)
			if looks == 0 {
				t.Error("there was no look")
			}
		}
		break
	}
	p.remote = p.memory
	p.check(100)
}

// Where a chunk was stored again only the indexes tell. Their local runs are in
// the cache, which both use; without one, none is made in the state folder.
func TestPeekAsksIndexes(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("one.jpg", noise("one", 60_000))
	p.backup()
	first := p.names(format.KindPack)[0]
	p.write("two.jpg", noise("two", 60_000))
	p.backup()
	p.memory.Drop(object(first))
	if rep := p.report(p.open(), 0); len(rep.Bad) != 1 {
		t.Fatalf("%+v", rep.Bad)
	}
	p.backup()
	before := p.folderTree(p.state.Dir())
	for _, cache := range []string{p.cache(), "", filepath.Join(t.TempDir(), "cache")} {
		_, dir, err := p.restore(p.peek(p.memory, cache), "laptop/2")
		p.must(err)
		p.intact(dir)
		if cache == "" {
			continue
		}
		runs, err := filepath.Glob(filepath.Join(cache, "index", "*.run"))
		p.must(err)
		for _, run := range runs { // as a disk may leave it
			p.must(os.Truncate(run, 10))
		}
		_, dir, err = p.restore(p.peek(p.memory, cache), "laptop/2")
		p.must(err)
		p.intact(dir)
		if len(runs) == 0 {
			t.Error("no index was needed")
		}
	}
	if after := p.folderTree(p.state.Dir()); !maps.Equal(before, after) {
		t.Errorf("the state folder has changed from %v to %v", before, after)
	}
}

// A pull without the lock is as good: what it must remember it keeps in its own
// folder.
func TestPullWhileBackingUp(t *testing.T) {
	p := several(t, format.Full, 2)
	to := filepath.Join(t.TempDir(), "pulled")
	pull := func(remote providers.Remote) (*Pulled, []repo.Alarm) {
		folder, err := OpenPullFolder(to)
		p.must(err)
		defer folder.Close()
		before := p.folderTree(p.state.Dir())
		r := p.peek(remote, p.cache())
		out, err := folder.Pull(background, r, PullOptions{})
		p.must(err)
		if !maps.Equal(before, p.folderTree(p.state.Dir())) {
			t.Error("the state folder has changed")
		}
		return out, r.Alarms()
	}
	if _, alarms := pull(p.memory); len(alarms) > 0 {
		t.Error(alarms)
	}
	if diffs := madeup.Compare(p.chats, filepath.Join(to, "laptop", "chats")); len(diffs) > 0 {
		t.Error(diffs)
	}
	older := memory.New()
	for _, n := range p.memory.Names() {
		if !strings.Contains(string(n), "/00000002-") {
			older.SetBytes(n, p.memory.Bytes(n))
		}
	}
	out, alarms := pull(older)
	p.wantAlarm(alarms, repo.CodeHeadMissing)
	if len(out.Devices) != 1 || !out.Devices[0].Behind {
		t.Errorf("the folder went back: %+v", out.Devices)
	}
	if diffs := madeup.Compare(p.chats, filepath.Join(to, "laptop", "chats")); len(diffs) > 0 {
		t.Error(diffs)
	}
}

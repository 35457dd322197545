package snapshot

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// several is a place with so many snapshots, each with a file more.
func several(t *testing.T, role format.Role, n int) *place {
	t.Helper()
	p := newPlace(t, role)
	for i := range n {
		p.write("day"+strconv.Itoa(i+1)+".txt", words("day", 1000*(i+1)))
		p.backup()
	}
	return p
}

// Snapshots that are withheld are named exactly, and no number is used twice.
func TestWithheldSnapshots(t *testing.T) {
	for name, c := range map[string]struct {
		drop     []uint64
		from, to uint64
		now      bool // known without a check, from what the device remembers
	}{
		"newest":       {[]uint64{5}, 5, 5, true},
		"newest three": {[]uint64{3, 4, 5}, 3, 5, true},
		"all":          {[]uint64{1, 2, 3, 4, 5}, 1, 5, true},
		"first":        {[]uint64{1}, 1, 1, false},
		"middle":       {[]uint64{2, 3}, 2, 3, false},
	} {
		for _, role := range []format.Role{format.Full, format.BackupOnly} {
			base := several(t, role, 5)
			t.Run(name+" "+role.String(), func(t *testing.T) {
				p := base.twin(t)
				for _, n := range p.names(format.KindSnapshot) {
					if slices.Contains(c.drop, n.Seq) {
						p.memory.Drop(object(n))
					}
				}
				r := p.open()
				alarms := r.Alarms()
				if !c.now {
					if len(alarms) > 0 {
						t.Errorf("before the check: %v", alarms)
					}
					alarms = p.report(r, 0).Alarms
				}
				if a := p.wantAlarm(alarms, repo.CodeHeadMissing); a.From != c.from || a.To != c.to || a.Device != "laptop" {
					t.Errorf("%+v", a)
				}
				next := p.backup()
				if next.Snapshot.Seq != 6 {
					t.Errorf("the next snapshot is %d", next.Snapshot.Seq)
				}
				p.wantAlarm(p.report(p.open(), 0).Alarms, repo.CodeHeadMissing)
				out, dir, err := p.restore(p.bare(), "laptop/6")
				p.must(err)
				p.intact(dir, p.failures(out)...)
			})
		}
	}
}

// Two devices that continue from copies of one state folder are noticed, by
// themselves and by everybody else.
func TestForkedState(t *testing.T) {
	p := several(t, format.Full, 2)
	q := p.twin(t)
	q.memory, q.remote = p.memory, p.remote
	q.ownChats()
	q.write("fork.txt", words("fork", 500))
	q.backup()
	p.write("own.txt", words("own", 500))
	_, err := p.tryBackup(TakeOptions{}) // it sees snapshot 3 of the other, so it goes on from there
	p.must(err)
	p.check(100)

	a, b := p.twin(t), p.twin(t)
	a.memory, a.remote, b.memory, b.remote = p.memory, p.remote, p.memory, p.remote
	ra, rb := a.open(), b.open() // both have looked before either writes
	for _, x := range []struct {
		*place
		*repo.Repo
	}{{a, ra}, {b, rb}} {
		_, err = Take(background, x.Repo, x.accounts(), TakeOptions{Writer: repo.WriterOptions{PackSize: 1 << 20}})
		p.must(err)
	}
	for _, x := range []*place{a, b} {
		p.wantAlarm(x.report(x.open(), 0).Alarms, repo.CodeForked)
		r := x.open()
		s, err := r.Find(background, repo.Latest)
		p.must(err)
		p.wantAlarm(r.Alarms(), repo.CodeForked)
		out, err := Restore(background, r, s, RestoreOptions{To: t.TempDir()})
		p.must(err)
		if len(out.Failed) > 0 {
			t.Error(out.Failed)
		}
	}
	for i, x := range []*place{a, b} { // they go on from each other's
		if next := x.backup(); next.Snapshot.Seq != uint64(6+i) {
			t.Errorf("snapshot %d", next.Snapshot.Seq)
		}
	}
}

// The cache can go at any time: nothing known is sent again.
func TestCacheDeleted(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly} {
		t.Run(role.String(), func(t *testing.T) {
			p := several(t, role, 3)
			p.must(os.RemoveAll(p.cache()))
			if c := p.backup().Counts; c.Objects != 1 || c.NewBytes != 0 || c.New+c.Changed+c.Removed != 0 {
				t.Errorf("%+v", c)
			}
			p.must(os.RemoveAll(p.cache()))
			p.write("more.txt", words("more", 3000))
			if c := p.backup().Counts; c.Objects != 3 || c.New != 1 || c.NewBytes > 20_000 {
				t.Errorf("%+v", c)
			}
			p.check(100)
			p.restored()
			for seq := range 3 {
				out, _, err := p.restore(p.bare(), "laptop/"+strconv.Itoa(seq+1))
				p.must(err)
				if len(out.Failed) > 0 || out.Files != uint64(seq+1) {
					t.Errorf("snapshot %d: %+v", seq+1, out)
				}
			}
		})
	}
}

// Without its listing a device reads every file again, and sends none.
func TestListingDeletedOrDamaged(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly} {
		base := newPlace(t, role)
		base.sample()
		base.backup()
		for name, ruin := range map[string]func(string) error{
			"deleted": os.RemoveAll,
			"flipped": func(dir string) error { return eachFile(dir, func(b []byte) []byte { b[len(b)/2] ^= 1; return b }) },
			"cut":     func(dir string) error { return eachFile(dir, func(b []byte) []byte { return b[:len(b)/2] }) },
		} {
			t.Run(name+" "+role.String(), func(t *testing.T) {
				p := base.twin(t)
				p.must(ruin(filepath.Join(p.state.Dir(), "listing")))
				before := p.names(format.KindPack)
				c := p.backup().Counts
				if c.Files != 37 {
					t.Errorf("%+v", c)
				}
				for _, n := range p.names(format.KindPack) {
					if !slices.Contains(before, n) && slices.ContainsFunc(p.contents(n), isData) {
						t.Errorf("a chunk of a file was sent again: %+v", c)
					}
				}
				p.check(100)
				p.restored()
			})
		}
	}
}

func isData(e format.ContentsEntry) bool { return e.Kind == format.ChunkData }

// eachFile changes the files of every listing below dir.
func eachFile(dir string, change func([]byte) []byte) error {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	for _, f := range files {
		b, rerr := os.ReadFile(f)
		if err = rerr; err == nil {
			err = os.WriteFile(f, change(b), 0o600)
		}
		if err != nil {
			return err
		}
	}
	return err
}

// A device that makes backups only holds no key to what it made.
func TestBackupOnly(t *testing.T) {
	p := several(t, format.BackupOnly, 2)
	p.write("day1.txt", words("changed", 2000))
	if c := p.backup().Counts; c.Changed != 1 || c.New != 0 || c.NewBytes > 10_000 {
		t.Errorf("not incremental: %+v", c)
	}
	r := p.open()
	s, err := r.Find(background, repo.Latest)
	p.must(err)
	_, err = r.NewReader(background, s)
	p.wantCode(err, repo.CodeBackupOnly)
	_, err = Restore(background, r, s, RestoreOptions{To: t.TempDir()})
	p.wantCode(err, repo.CodeBackupOnly)
	data := p.fullRing().DataIdentities()[0].String()
	p.must(filepath.WalkDir(p.dir, func(full string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(full)
		if strings.Contains(string(b), data) || strings.Contains(string(b), p.recovery.String()) {
			t.Errorf("%s holds a key that reads content", full)
		}
		return err
	}))
	p.check(100)
	p.restored()
	own := p.names(format.KindPack)[0]
	p.flip(object(own))
	if rep := p.report(p.open(), 0); len(rep.Bad) != 1 || rep.Bad[0].Object != own.String() {
		t.Errorf("%+v", rep.Bad)
	}
	s3 := p.names(format.KindSnapshot)[2]
	p.memory.Drop(object(s3))
	p.wantAlarm(p.report(p.open(), 0).Alarms, repo.CodeHeadMissing)
}

// One state folder serves one process at a time, and says which.
func TestStateLocked(t *testing.T) {
	p := newPlace(t, format.Full)
	_, err := repo.OpenState(p.state.Dir(), nil)
	p.wantCode(err, repo.CodeLocked)
	if !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("it does not name this process: %v", err)
	}
	told := ""
	s, err := repo.OpenState(p.state.Dir(), func(holder string) error {
		told = holder
		return p.state.Close()
	})
	p.must(err)
	if told != strconv.Itoa(os.Getpid()) {
		t.Errorf("the holder is said to be %s", told)
	}
	p.must(s.Close())
	p.openState()
	p.backup()
	p.check(100)
}

// When the clock has been set back by a year, the snapshot before lies in the
// future, and so do files' times. The backup is right all the same.
func TestClockSetBack(t *testing.T) {
	p := several(t, format.Full, 1)
	future := time.Now().AddDate(1, 0, 0)
	p.write("future.txt", words("future", 700))
	p.must(os.Chtimes(filepath.Join(p.chats, "future.txt"), future, future))
	p.backup()
	s, err := p.open().Find(background, repo.Latest)
	p.must(err)
	ahead := s.Snapshot
	ahead.Seq, ahead.Previous, ahead.Time, ahead.Finished = 3, s.Name.Digest, future.UnixNano(), future.UnixNano()
	o, err := p.ring().SealSnapshot(&ahead, p.roster())
	p.must(err)
	p.put(o)
	listing := filepath.Join(p.state.Dir(), "listing")
	from, to := s.Name.Digest.String(), o.Name.Digest.String()
	p.must(os.Rename(filepath.Join(listing, from[:32]), filepath.Join(listing, to[:32])))
	meta := filepath.Join(listing, to[:32], "meta.json")
	b, err := os.ReadFile(meta)
	p.must(err)
	p.must(os.WriteFile(meta, []byte(strings.Replace(string(b), from, to, 1)), 0o600))

	p.write("day1.txt", words("edited", 1000)) // as long as before
	p.write("new.txt", words("new", 100))
	next := p.backup()
	if c := next.Counts; next.Snapshot.Seq != 4 || c.New != 1 || c.Changed != 1 {
		t.Errorf("%d: %+v", next.Snapshot.Seq, c)
	}
	if latest, err := p.open().Find(background, repo.Latest); err != nil || latest.Seq != 4 || latest.Time >= ahead.Time {
		t.Errorf("latest is %d: %v", latest.Seq, err)
	}
	p.check(100)
	p.restored()
}

// A device that lost all it remembers but its keys, and finds its newest
// snapshot damaged, still never makes a second one of that number.
func TestLostStateReusesNoNumber(t *testing.T) {
	p := several(t, format.Full, 3)
	for _, n := range p.names(format.KindSnapshot) {
		if n.Seq == 3 {
			p.flip(object(n))
		}
	}
	entries, err := os.ReadDir(p.state.Dir())
	p.must(err)
	for _, e := range entries {
		if e.Name() != "device.json" && e.Name() != "lock" {
			p.must(os.RemoveAll(filepath.Join(p.state.Dir(), e.Name())))
		}
	}
	p.must(os.RemoveAll(p.cache()))
	if next := p.backup(); next.Snapshot.Seq != 4 {
		t.Errorf("the next snapshot is %d", next.Snapshot.Seq)
	}
}

// A listing that lacks a snapshot is no proof that it is gone: the one after it
// knows its name.
func TestUnlistedSnapshot(t *testing.T) {
	p := newPlace(t, format.Full)
	p.backup()
	p.memory.SetListLag(1 << 20)
	p.backup()
	p.backup()
	p.memory.SetListLag(0)
	p.backup()
	r, err := repo.Open(background, p.remote, repo.Options{Recovery: p.recovery})
	p.must(err)
	list, err := r.Snapshots(background, format.DeviceID{})
	p.must(err)
	if len(list) != 4 || len(r.Alarms()) > 0 {
		t.Errorf("%d snapshots, alarms %v", len(list), r.Alarms())
	}
	p.check(100)
}

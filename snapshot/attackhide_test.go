package snapshot

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// shown is what a lying provider shows one device: all but what hides says.
// It takes whatever is put.
type shown struct {
	providers.Remote
	hides func(providers.Name) bool
}

func (s shown) Get(ctx context.Context, name providers.Name, offset, n int64) (io.ReadCloser, error) {
	if s.hides(name) {
		return nil, providers.Fail(providers.ErrNotExist, nil)
	}
	return s.Remote.Get(ctx, name, offset, n)
}

func (s shown) Stat(ctx context.Context, name providers.Name) (providers.Info, error) {
	if s.hides(name) {
		return providers.Info{}, providers.Fail(providers.ErrNotExist, nil)
	}
	return s.Remote.Stat(ctx, name)
}

func (s shown) List(ctx context.Context, prefix providers.Name, o providers.ListOptions, fn func(providers.Info) error) error {
	return s.Remote.List(ctx, prefix, o, func(info providers.Info) error {
		if s.hides(info.Name) {
			return nil
		}
		return fn(info)
	})
}

// hide makes the provider show this device nothing of some objects.
func (p *place) hide(names ...format.Name) {
	p.remote = shown{p.memory, func(n providers.Name) bool {
		return slices.ContainsFunc(names, func(x format.Name) bool { return object(x) == n })
	}}
}

// snapshotOf returns a device's snapshots with a number, as the remote has them.
func (p *place) snapshotsOf(device *place, seq uint64) []format.Name {
	return slices.DeleteFunc(p.names(format.KindSnapshot), func(n format.Name) bool {
		return n.Device != device.ring().Device.ID || n.Seq != seq
	})
}

func (p *place) wantGap(list []repo.Alarm, device string, from, to uint64) {
	p.t.Helper()
	a := p.wantAlarm(list, repo.CodeHeadMissing)
	if a.Device != device || a.From != from || a.To != to {
		p.t.Errorf("the alarm names %s %d to %d, expected %s %d to %d", a.Device, a.From, a.To, device, from, to)
	}
}

// edited adds a file and backs up.
func (p *place) edited(name string) *Taken {
	p.t.Helper()
	p.write(name, words(name, 3000))
	return p.backup()
}

// What a device has seen can't be taken back: every command says the exact gap,
// what is there is restored, and the next backup follows what was hidden.
func TestOwnNewestHidden(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly} {
		p := newPlace(t, role)
		for _, name := range []string{"1", "2", "3", "4"} {
			p.edited(name)
		}
		hidden := slices.Concat(p.snapshotsOf(p, 3), p.snapshotsOf(p, 4))
		p.hide(hidden...)
		r := p.open() // what status and ls begin with
		p.wantGap(r.Alarms(), "laptop", 3, 4)
		p.wantGap(p.report(p.open(), 100).Alarms, "laptop", 3, 4)
		if role == format.Full {
			out, dir, err := p.restore(r, "latest")
			p.must(err)
			if len(out.Failed) > 0 {
				t.Error(out.Failed)
			}
			p.intact(dir, "3", "4")
		}
		next := p.edited("5")
		if next.Snapshot.Seq != 5 || next.Snapshot.Previous != hidden[1].Digest {
			t.Errorf("%s: snapshot %d follows %s", role, next.Snapshot.Seq, next.Snapshot.Previous)
		}
		p.wantGap(p.report(p.open(), 0).Alarms, "laptop", 3, 4)
		p.remote = p.memory
		p.check(100)
		p.restored()
	}
}

// One device's newest snapshot is hidden from a device that never saw it, but
// the word of a third device names it: every way of looking tells, and what the
// device has read before tells without any request.
func TestHiddenFromWhoHeardOfIt(t *testing.T) {
	laptop := backedUp(t, format.Full)
	phone, desk := laptop.join("phone", format.Full), laptop.join("desk", format.BackupOnly)
	phone.edited("one")
	laptop.backup()
	phone.edited("two")
	phone.edited("three")
	desk.edited("desk") // has seen phone/3
	hidden := slices.Concat(laptop.snapshotsOf(phone, 2), laptop.snapshotsOf(phone, 3))
	phone.check(100) // and the laptop has seen nothing of it but phone/1

	for name, look := range map[string]func(*place) []repo.Alarm{
		"backup": func(p *place) []repo.Alarm {
			r := p.open()
			_, err := Take(background, r, p.accounts(), TakeOptions{Writer: repo.WriterOptions{Client: "test"}})
			p.must(err)
			return r.Alarms()
		},
		"restore": func(p *place) []repo.Alarm {
			r := p.open()
			_, _, err := p.restore(r, "phone/latest")
			p.must(err)
			return r.Alarms()
		},
		"restore of the witness": func(p *place) []repo.Alarm {
			r := p.open()
			_, _, err := p.restore(r, "desk/latest")
			p.must(err)
			return r.Alarms()
		},
		"restore with the recovery key alone": func(p *place) []repo.Alarm {
			r := p.bare()
			_, _, err := p.restore(r, "phone/latest")
			p.must(err)
			return r.Alarms()
		},
		"verify": func(p *place) []repo.Alarm { return p.report(p.open(), 0).Alarms },
	} {
		t.Run(name, func(t *testing.T) {
			p := laptop.twin(t)
			p.ownChats()
			p.hide(hidden...)
			p.wantGap(look(p), "phone", 2, 3)
		})
	}

	t.Run("opening, once the witness was read", func(t *testing.T) {
		p := laptop.twin(t)
		_, err := p.open().Find(background, "desk/latest")
		p.must(err)
		gets := p.memory.Calls(memory.Get)
		p.open()
		honest := p.memory.Calls(memory.Get) - gets
		p.hide(hidden...)
		gets = p.memory.Calls(memory.Get)
		p.wantGap(p.open().Alarms(), "phone", 2, 3)
		if n := p.memory.Calls(memory.Get) - gets; n > honest {
			t.Errorf("%d reads, %d where nothing is hidden", n, honest)
		}
	})
}

// To know nothing of others' words costs nothing: a backup makes the same
// requests with one device as with the word of others in its cache.
func TestWordsCostNoRequest(t *testing.T) {
	laptop := backedUp(t, format.Full)
	phone := laptop.join("phone", format.Full)
	phone.edited("one")
	laptop.backup()
	before := laptop.memory.Calls("")
	laptop.backup()
	if n := laptop.memory.Calls("") - before; n > 6 {
		t.Errorf("a backup with nothing changed made %d requests", n)
	}
}

// A device that has lost its memory hears from others which numbers it has used:
// it neither believes the older state it is shown nor starts a second history.
func TestOwnHiddenAfterLossOfMemory(t *testing.T) {
	for _, shows := range []int{0, 1} {
		laptop := backedUp(t, format.Full)
		laptop.edited("two")
		phone := laptop.join("phone", format.Full)
		phone.edited("phone")
		q := laptop.twin(t)
		q.ownChats()
		q.forgetSeen()
		q.hide(slices.Concat(q.snapshotsOf(laptop, 2), q.snapshotsOf(laptop, 1)[shows:])...)
		next := q.edited("three")
		if next.Snapshot.Seq != 3 || next.Snapshot.Previous != q.snapshotsOf(laptop, 2)[0].Digest {
			t.Errorf("snapshot %d follows %s", next.Snapshot.Seq, next.Snapshot.Previous)
		}
		q.remote = q.memory
		q.check(100)
	}
}

// Of a device that was shut out nothing counts that came after, so nobody misses
// it.
func TestHiddenOfARevokedDevice(t *testing.T) {
	laptop := backedUp(t, format.Full)
	phone, desk := laptop.join("phone", format.Full), laptop.join("desk", format.Full)
	last := phone.edited("one").Snapshot
	phone.edited("two")
	desk.edited("desk") // has seen phone/2
	id := phone.ring().Device.ID
	laptop.nextRoster(func(r *format.Roster) {
		for i := range r.Devices {
			if r.Devices[i].ID == id {
				r.Devices[i].Revoked, r.Devices[i].Last = true, &format.Head{Device: id, Seq: 1, Digest: last.Name.Digest}
			}
		}
	})
	p := laptop.twin(t)
	p.hide(p.snapshotsOf(phone, 2)...)
	r := p.open()
	if _, _, err := p.restore(r, "desk/latest"); err != nil || len(r.Alarms()) > 0 {
		t.Errorf("%v %v", err, r.Alarms())
	}
}

// A provider shows one device one history of the laptop and another device a
// second one, which takes the laptop's own key. When the devices' words meet,
// that is an alarm, and the number is named.
func TestForkedTowardsTwoDevices(t *testing.T) {
	laptop := backedUp(t, format.Full)
	phone, desk := laptop.join("phone", format.Full), laptop.join("desk", format.Full)
	a := laptop.edited("for the phone").Snapshot
	first := laptop.snapshotsOf(laptop, 2)[0]
	second := laptop.sealed(func(s *format.Snapshot) { *s = a.Snapshot; s.Time++ })
	phone.hide(second)
	desk.hide(first)
	phone.edited("phone")
	for _, p := range []*place{desk, phone} {
		r := p.open()
		_, err := Take(background, r, p.accounts(), TakeOptions{Writer: repo.WriterOptions{Client: "test"}})
		p.must(err)
		if alarm := p.wantAlarm(r.Alarms(), repo.CodeForked); alarm.Device != "laptop" {
			t.Errorf("%+v", alarm)
		}
	}
	bare := *desk
	r := bare.bare()
	if _, _, err := bare.restore(r, "laptop/latest"); err != nil {
		t.Fatal(err)
	}
	desk.wantAlarm(r.Alarms(), repo.CodeForked)
	desk.remote = desk.memory // both are shown
	desk.wantAlarm(desk.report(desk.open(), 0).Alarms, repo.CodeForked)
}

// One device's head is rolled back for everybody, with all that names it: a
// device that had seen it tells, whatever else it is shown.
func TestHeadRolledBackWithItsWitnesses(t *testing.T) {
	laptop := backedUp(t, format.Full)
	phone := laptop.join("phone", format.Full)
	phone.edited("one")
	laptop.backup()
	phone.edited("two")
	laptop.backup() // has seen phone/2
	laptop.hide(slices.Concat(laptop.snapshotsOf(phone, 2), laptop.snapshotsOf(laptop, 3), laptop.snapshotsOf(laptop, 2))...)
	alarms := laptop.open().Alarms()
	var gaps []repo.Alarm
	for _, a := range alarms {
		if a.Code == repo.CodeHeadMissing {
			gaps = append(gaps, a)
		}
	}
	if len(gaps) != 2 {
		t.Errorf("%v", alarms)
	}
}

// forgetSeen loses what a device remembers of the repository.
func (p *place) forgetSeen() { p.must(os.Remove(filepath.Join(p.state.Dir(), "seen.json"))) }

// sealed puts one more snapshot, signed by this device.
func (p *place) sealed(fill func(*format.Snapshot)) format.Name {
	p.t.Helper()
	k := p.ring()
	s := &format.Snapshot{}
	fill(s)
	s.Repo, s.Device = k.Repo, k.Device.ID
	o, err := k.SealSnapshot(s, p.roster())
	p.must(err)
	p.put(o)
	return o.Name
}

// A stolen device can claim to have seen snapshots that never were. That is an
// alarm, as it must be, until the device is shut out: then its word counts no
// more.
func TestFalseWord(t *testing.T) {
	laptop := backedUp(t, format.Full)
	thief := laptop.join("thief", format.BackupOnly)
	thief.edited("one")
	ring := thief.ring()
	s, err := thief.open().Head(background, ring.Device.ID)
	thief.must(err)
	lie := s.Snapshot
	lie.Seq, lie.Previous = s.Seq+1, s.Name.Digest
	lie.Heads = []format.Head{{Device: laptop.ring().Device.ID, Seq: 900, Digest: format.Digest{1}}}
	o, err := ring.SealSnapshot(&lie, thief.roster())
	thief.must(err)
	thief.put(o)
	laptop.wantGap(laptop.report(laptop.open(), 0).Alarms, "laptop", 2, 900)
	laptop.must(laptop.open().Revoke(background, ring.Device.ID))
	laptop.edited("goes on")
	laptop.check(100)
	if taken := laptop.backup(); taken.Snapshot.Seq != 3 {
		t.Errorf("the lie made it number %d", taken.Snapshot.Seq)
	}
}

package snapshot

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// harm is what can happen to an object, and the name that is wrong afterwards.
type harm struct {
	name string
	do   func(p *place, n format.Name) (bad format.Name, possible bool)
}

var harms = []harm{
	{"missing", func(p *place, n format.Name) (format.Name, bool) {
		p.memory.Drop(object(n))
		return n, true
	}},
	{"truncated", func(p *place, n format.Name) (format.Name, bool) {
		b := p.memory.Bytes(object(n))
		p.memory.SetBytes(object(n), b[:len(b)*2/3])
		return n, true
	}},
	{"flipped", func(p *place, n format.Name) (format.Name, bool) {
		p.flip(object(n))
		return n, true
	}},
	{"swapped", func(p *place, n format.Name) (format.Name, bool) {
		for _, other := range p.names(n.Kind) {
			if other != n {
				a, b := p.memory.Bytes(object(n)), p.memory.Bytes(object(other))
				p.memory.SetBytes(object(n), b)
				p.memory.SetBytes(object(other), a)
				return n, true
			}
		}
		return n, false
	}},
	{"renamed", func(p *place, n format.Name) (format.Name, bool) {
		b := p.memory.Bytes(object(n))
		p.memory.Drop(object(n))
		to := otherDigest(n)
		p.memory.SetBytes(object(to), b)
		return to, to != n
	}},
	{"copied", func(p *place, n format.Name) (format.Name, bool) {
		to := otherDigest(n)
		p.memory.SetBytes(object(to), p.memory.Bytes(object(n)))
		return to, to != n
	}},
	{"copied elsewhere", func(p *place, n format.Name) (format.Name, bool) {
		to := elsewhere(p, n)
		p.memory.SetBytes(object(to), p.memory.Bytes(object(n)))
		return to, to != n
	}},
}

// otherDigest is a name like n that promises other bytes.
func otherDigest(n format.Name) format.Name {
	if !n.Digest.IsZero() {
		n.Digest = sha256.Sum256(n.Digest[:])
	}
	return n
}

// elsewhere is a name like n that promises the same bytes in another place.
func elsewhere(p *place, n format.Name) format.Name {
	other := p.names(format.KindSecret)
	switch n.Kind {
	case format.KindKeys:
		n.Holder = other[slices.IndexFunc(other, func(o format.Name) bool { return o.Device.String() != n.Holder })].Device.String()
	case format.KindRoster:
		n.Version += 7
	case format.KindSnapshot:
		n.Seq += 7
	case format.KindSecret, format.KindIndex, format.KindPack:
		n.Device = other[slices.IndexFunc(other, func(o format.Name) bool { return o.Device != n.Device })].Device
	}
	return n
}

// spoiled is one object of a repository of two devices after some harm.
type spoiled struct {
	*place
	object  format.Name // as it was
	bad     format.Name // what is wrong now
	swapped bool        // another object of the kind has changed, too
	gone    bool        // object is not where it was, or not what it was
	laptop  bool        // it is the first device's
	names   bool        // a pack that holds more than data
	files   []string    // of the pack
}

// Whatever happens to whatever object, a check names it, a device with its
// state goes on, and what doesn't need the object is restored.
func TestDamage(t *testing.T) {
	base := newPlace(t, format.Full)
	base.packSize = 1 << 20
	base.sample()
	base.backup()
	phone := base.join("phone", format.BackupOnly)
	phone.write("phone.txt", words("phone", 10_000))
	phone.backup()
	base.write("late.txt", words("late", 1000))
	base.backup()
	phone.backup() // its word on the laptop's newest snapshot
	base.check(100)
	for i, h := range harms {
		for j, name := range base.memory.Names() {
			if racing && (i+j)%raceStride != 0 {
				continue
			}
			n, err := format.ParseName(string(name))
			base.must(err)
			s := spoiled{object: n, laptop: ownedBy(n, base.ring().Device.ID)}
			if n.Kind == format.KindPack {
				s.files = base.laptopFiles(n)
				s.names = slices.ContainsFunc(base.contents(n), func(e format.ContentsEntry) bool { return e.Kind != format.ChunkData })
			}
			t.Run(h.name+" "+string(n.Kind)+" "+fmt.Sprint(n.Seq), func(t *testing.T) {
				t.Parallel()
				s.place = base.twin(t)
				var possible bool
				if s.bad, possible = h.do(s.place, n); possible {
					s.gone, s.swapped = s.bad == n || h.name == "renamed", h.name == "swapped"
					if s.absent() && n.Kind == format.KindSnapshot && !s.laptop && n.Seq == 2 {
						return // nobody has seen it
					}
					s.fromNothing()
					s.asDevice()
				}
			})
		}
	}
}

func ownedBy(n format.Name, d format.DeviceID) bool {
	return n.Device == d || n.Holder == d.String()
}

// laptopFiles is filesIn for a repository with more than one device.
func (p *place) laptopFiles(pack format.Name) []string {
	if !ownedBy(pack, p.ring().Device.ID) {
		return nil
	}
	return p.filesIn(pack)
}

// asDevice looks at the damage as a device that has been here before.
func (s *spoiled) asDevice() {
	s.t.Helper()
	r := s.open()
	s.named(s.report(r, 100))
	out, dir, err := s.restore(s.open(), "laptop/latest")
	s.survives(out, dir, err, false)
	s.backup()
	if out, dir, err = s.restore(s.open(), "laptop/latest"); err != nil || len(out.Failed) > 0 {
		s.t.Errorf("after the next backup: %v %v", err, out)
	} else {
		s.intact(dir)
	}
	s.headWhole()
}

// headWhole fails unless the indexes of the newest snapshot are there and are
// what they should be.
func (s *spoiled) headWhole() {
	s.t.Helper()
	head, err := s.open().Find(background, "laptop/latest")
	s.must(err)
	for _, d := range head.Index {
		name := format.Name{Kind: format.KindIndex, Device: head.Device, Digest: d}
		if sha256.Sum256(s.memory.Bytes(object(name))) != d {
			s.t.Errorf("the newest snapshot needs %s", name)
		}
	}
}

// fromNothing looks at it with the recovery key alone.
func (s *spoiled) fromNothing() {
	s.t.Helper()
	r, err := s.tryBare()
	if err != nil {
		s.survives(nil, "", err, true)
		return
	}
	s.named(s.report(r, 100))
	out, dir, err := s.restore(s.bare(), "laptop/latest")
	s.survives(out, dir, err, true)
}

// named fails unless the report names what is wrong.
func (s *spoiled) named(rep *repo.Report) {
	s.t.Helper()
	want := []string{s.bad.String()}
	if s.gone && s.object != s.bad {
		want = append(want, s.object.String()) // renamed: the old name is missing, too
	}
	for _, name := range want {
		found := slices.ContainsFunc(rep.Bad, func(b repo.Bad) bool { return standsFor(b.Object, name) }) ||
			slices.ContainsFunc(rep.Alarms, func(a repo.Alarm) bool { return standsFor(a.Object, name) })
		if n, _ := format.ParseName(name); n.Kind == format.KindSnapshot && s.gone {
			found = found || slices.ContainsFunc(rep.Alarms, func(a repo.Alarm) bool { return a.From <= n.Seq && n.Seq <= a.To })
		}
		if !found {
			s.t.Errorf("the check does not name %s: %v %v", name, rep.Bad, rep.Alarms)
		}
	}
}

// standsFor reports whether said names an object, maybe with "…" for a digest.
func standsFor(said, name string) bool {
	before, after, cut := strings.Cut(said, "…")
	return said == name || cut && strings.HasPrefix(name, before) && (strings.HasSuffix(name, after) || strings.Contains(name, after))
}

// survives fails unless all is restored that can be.
func (s *spoiled) survives(out *Restored, dir string, err error, bare bool) {
	s.t.Helper()
	kind := s.object.Kind
	needs := s.gone && (kind == format.KindPack && (s.names || s.swapped) || kind == format.KindSnapshot && s.swapped ||
		bare && (kind == format.KindKeys && s.object.Holder == format.RecoveryHolder || kind == format.KindSecret || kind == format.KindRoster))
	switch {
	case err != nil && needs && (s.swapped || s.mine()):
		if !errors.Is(err, repo.ErrIntegrity) {
			s.t.Errorf("not an integrity error: %v", err)
		}
	case err != nil:
		s.t.Errorf("restore: %v", err)
	case !s.gone:
		s.intact(dir)
	case kind == format.KindPack && (s.names || s.swapped):
		s.partly(dir)
	case kind == format.KindSnapshot && s.laptop && s.object.Seq == 2:
		s.intact(dir, "late.txt")
	case kind == format.KindPack:
		lost := s.failures(out)
		slices.Sort(lost)
		if slices.ContainsFunc(lost, func(f string) bool { return !slices.Contains(s.files, f) }) || s.absent() && len(lost) != len(s.files) {
			s.t.Errorf("failed: %q, in the pack: %q", lost, s.files)
		}
		s.intact(dir, lost...)
	default:
		s.intact(dir)
	}
}

// absent reports whether the whole object is gone, and not only a part of it.
func (s *spoiled) absent() bool { return s.memory.Bytes(object(s.object)) == nil }

func (s *spoiled) mine() bool {
	return s.laptop || s.object.Holder == format.RecoveryHolder || s.object.Kind == format.KindRoster
}

// partly allows any file to be missing, but none to be wrong.
func (s *spoiled) partly(dir string) {
	for _, d := range madeup.Compare(s.chats, dir) {
		if !strings.Contains(d, "missing") {
			s.t.Error(d)
		}
	}
}

// On a remote that tells no checksums a check that reads finds all the same,
// even what the device has in its cache.
func TestDamageWithoutChecksums(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly} {
		p := several(t, role, 2)
		p.memory.SetTraits(providers.Traits{})
		p.check(100)
		for _, name := range p.memory.Names() {
			intact := p.memory.Bytes(name)
			p.flip(name)
			rep := p.report(p.open(), 100)
			if !slices.ContainsFunc(rep.Bad, func(b repo.Bad) bool { return b.Object == string(name) }) {
				t.Errorf("%s is not named: %+v %+v", name, rep.Bad, rep.Alarms)
			}
			p.memory.SetBytes(name, intact)
		}
		p.check(100)
	}
}

// What a device remembers can be damaged by its disk: that is said once, and
// the device goes on.
func TestDamagedMemory(t *testing.T) {
	p := several(t, format.Full, 2)
	p.must(os.WriteFile(filepath.Join(p.state.Dir(), "seen.json"), []byte("{\"roster"), 0o600))
	p.wantAlarm(p.open().Alarms(), repo.CodeDamaged)
	if next := p.backup(); next.Snapshot.Seq != 3 {
		t.Errorf("snapshot %d", next.Snapshot.Seq)
	}
	p.check(100)
	p.restored()
}

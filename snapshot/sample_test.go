package snapshot

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// packs lists the packs on the remote.
func (p *place) packs() (names []providers.Name) {
	for _, n := range p.memory.Names() {
		if strings.HasPrefix(string(n), "packs/") {
			names = append(names, n)
		}
	}
	return names
}

// newMute is a place on a remote that reports no checksums.
func newMute(t *testing.T) *place {
	t.Helper()
	p := newPlace(t, format.Full)
	p.memory.SetTraits(providers.Traits{})
	for _, name := range []string{"a", "b", "c"} {
		p.must(os.WriteFile(filepath.Join(p.chats, name), noise(name, 1<<20), 0o600))
	}
	p.backup()
	return p
}

// Where a service reports no checksum, packs count as present until they are
// read back, one a day.
func TestSample(t *testing.T) {
	p := newMute(t)
	n := len(p.packs())
	r := p.open()
	if got := r.Proof(); got != (repo.Proof{Present: n}) {
		t.Fatalf("%+v of %d packs", got, n)
	}
	now := time.Now()
	for day := range n {
		if ok, err := r.ReadBackSample(background, now.AddDate(0, 0, day)); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if ok, err := r.ReadBackSample(background, now.AddDate(0, 0, day).Add(time.Hour)); ok || err != nil {
			t.Fatal("two on one day", err)
		}
	}
	if got := p.open().Proof(); got != (repo.Proof{ReadBack: n}) {
		t.Errorf("%+v after %d days", got, n)
	}
	if ok, err := r.ReadBackSample(background, now.AddDate(1, 0, 0)); ok || err != nil {
		t.Error("there was nothing left to read", err)
	}
}

// A pack that is not what was sent is found by its sample, and its content is
// stored again.
func TestSampleFindsDamage(t *testing.T) {
	for name, spoil := range map[string]func(*place, providers.Name){
		"flipped": func(p *place, n providers.Name) {
			b := slices.Clone(p.memory.Bytes(n))
			b[len(b)/2] ^= 1
			p.memory.SetBytes(n, b)
		},
		"gone": func(p *place, n providers.Name) { p.must(p.memory.Delete(background, n)) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newMute(t)
			stored := p.packs()
			for _, n := range stored {
				spoil(p, n)
			}
			r := p.open()
			now := time.Now()
			for day := range stored {
				if _, err := r.ReadBackSample(background, now.AddDate(0, 0, day)); err != nil {
					t.Fatal(err)
				}
			}
			if len(r.Alarms()) == 0 || r.Proof().ReadBack > 0 {
				t.Errorf("alarms %v, %+v", r.Alarms(), r.Proof())
			}
			p.backup()
			p.restored()
		})
	}
}

// What a check has found and a backup has stored again is no news later.
func TestSampleAfterRepair(t *testing.T) {
	p := newMute(t)
	stored := p.packs()
	for _, n := range stored {
		b := slices.Clone(p.memory.Bytes(n))
		b[len(b)/2] ^= 1
		p.memory.SetBytes(n, b)
	}
	report, err := p.open().Check(background, repo.CheckOptions{Data: 100})
	if err != nil || report.OK() {
		t.Fatal(report, err)
	}
	p.backup()
	p.restored()
	r := p.open()
	fresh, now := r.Proof().Present, time.Now()
	for day := range fresh {
		if _, err := r.ReadBackSample(background, now.AddDate(0, 0, day)); err != nil {
			t.Fatal(err)
		}
	}
	if a := r.Alarms(); len(a) > 0 || r.Proof() != (repo.Proof{ReadBack: fresh}) {
		t.Errorf("alarms %v, %+v after %d days", a, r.Proof(), fresh)
	}
}

// A pack whose arrival was never noted is held against the checksum that the
// remote reports, before anything counts on it.
func TestUnnotedPackIsProven(t *testing.T) {
	for _, spoiled := range []bool{false, true} {
		p := newPlace(t, format.Full)
		p.must(os.WriteFile(filepath.Join(p.chats, "a"), noise("a", 1<<20), 0o600))
		p.memory.Inject(memory.Fault{Method: memory.Put, Times: -1, Lost: true, Err: providers.Fail(providers.ErrPermission, nil)})
		if _, err := p.tryBackup(TakeOptions{}); err == nil {
			t.Fatal("no answer was lost")
		}
		p.memory.Heal()
		stored := p.packs()
		if len(stored) == 0 {
			t.Fatal("nothing arrived")
		}
		for _, n := range stored {
			if b := slices.Clone(p.memory.Bytes(n)); spoiled {
				b[len(b)/2] ^= 1
				p.memory.SetBytes(n, b)
			}
		}
		p.backup()
		if got := p.open().Proof(); got != (repo.Proof{}) {
			t.Errorf("spoiled %v: %+v", spoiled, got)
		}
		p.check(100)
		p.restored()
	}
}

// What a remote can't be asked now stays to be read back.
func TestSampleOffline(t *testing.T) {
	p := newMute(t)
	before := p.open().Proof()
	r := p.open()
	p.memory.Inject(memory.Fault{Method: memory.Get, Times: -1, Err: providers.Fail(providers.ErrTemporary, nil)})
	if ok, err := r.ReadBackSample(background, time.Now()); ok || err == nil {
		t.Error(ok, err)
	}
	if r.Proof() != before {
		t.Errorf("%+v", r.Proof())
	}
}

// A remote whose reply carries the checksum has nothing to read back.
func TestNoSampleWhereVerified(t *testing.T) {
	p := newPlace(t, format.Full)
	p.must(os.WriteFile(filepath.Join(p.chats, "a"), noise("a", 1<<20), 0o600))
	p.backup()
	if got := p.open().Proof(); got != (repo.Proof{}) {
		t.Errorf("%+v", got)
	}
}

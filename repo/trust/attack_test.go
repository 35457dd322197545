package trust

import (
	"math"
	"slices"
	"testing"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// What a full device that was stolen leaves behind must not outlive its
// revocation: a second entry that nobody can shut out, numbers that nobody can
// follow, another's snapshots declared void.
func TestStolenDeviceLeavesNothing(t *testing.T) {
	f := newFamily(t)
	other, second, err := NewEpoch(2)
	if err != nil {
		t.Fatal(err)
	}
	f.ring.Add(&Keyring{Epochs: []EpochKeys{other}})
	head := func(seq uint64) *format.Head { return &format.Head{Device: f.b.ID, Seq: seq} }
	out := f.child(f.root, func(r *format.Roster) { r.Devices[1].Revoked, r.Devices[1].Last = true, head(7) }, f.two)
	epoch := func(number uint64) func(*format.Roster) {
		return func(r *format.Roster) {
			e := second
			e.Number = number
			r.Epochs = append(slices.Clone(r.Epochs), e)
		}
	}
	for name, c := range map[string]struct {
		parent *Roster
		change func(*format.Roster)
	}{
		"a device nobody can seal to": {f.two, func(r *format.Roster) {
			r.Devices = append(r.Devices, format.Device{ID: format.DeviceID{1}, Role: format.ReadOnly, Recipient: "age1pq1x"})
		}},
		"an epoch nobody can seal to": {f.two, func(r *format.Roster) {
			e := second
			e.Data = "age1pq1x"
			r.Epochs = append(slices.Clone(r.Epochs), e)
		}},
		"a device twice":            {f.two, func(r *format.Roster) { r.Devices = append(r.Devices, r.Devices[1]) }},
		"a device without an id":    {f.two, func(r *format.Roster) { r.Devices = append(r.Devices, format.Device{Role: format.Full}) }},
		"the last version":          {f.two, func(r *format.Roster) { r.Version = math.MaxUint64 }},
		"a version left out":        {f.two, func(r *format.Roster) { r.Version++ }},
		"the last epoch":            {f.two, epoch(math.MaxUint64)},
		"an epoch left out":         {f.two, epoch(3)},
		"an epoch of a number used": {f.two, epoch(1)},
		"an epoch twice, with other data": {f.two, func(r *format.Roster) {
			e := r.Epochs[0]
			e.Number, e.Data = 2, second.Data
			r.Epochs = append(slices.Clone(r.Epochs), e)
		}},
		"another's first epoch":    {f.two, func(r *format.Roster) { r.Devices[1].Since = 9 }},
		"another's last snapshot":  {out, func(r *format.Roster) { r.Devices[1].Last = head(1) }},
		"another's snapshots, all": {out, func(r *format.Roster) { r.Devices[1].Last = nil }},
	} {
		r := f.child(f.a, c.change, c.parent)
		v, err := f.ring.Chain([]*Roster{f.one, f.two, out, r}, c.parent.Digest)
		if err != nil || v.Bad[r.Digest] == nil {
			t.Errorf("%s is believed: %v", name, err)
		}
	}
}

// Whoever stole the recovery key that was replaced can replace it too. A device
// that has seen neither believes neither, however high the version.
func TestOldRootReplacedTwice(t *testing.T) {
	f := newFamily(t)
	replaced := func(by Signer, version uint64, parent *Roster) (*Roster, *crypto.SigningKey) {
		next, err := crypto.GenerateSigningKey()
		if err != nil {
			t.Fatal(err)
		}
		by.NewRoot = next
		return f.child(by, func(r *format.Roster) { r.Root, r.Version = next.Public(), r.Version+version }, parent), next
	}
	honest, key := replaced(f.root, 0, f.two)
	later := f.child(Signer{Key: key}, rename("later"), honest)
	again, _ := replaced(Signer{Key: key}, 0, later)
	thief, _ := replaced(f.root, 1000, f.two)
	early, _ := replaced(f.root, 1000, f.one)
	bare := *f.ring
	bare.Root = key.Public()
	for _, c := range []struct {
		name  string
		ring  *Keyring
		list  []*Roster
		known *Roster
		want  *Roster
		fork  bool
	}{
		{"has seen neither", f.ring, []*Roster{f.one, f.two, honest, later, thief}, f.two, f.two, true},
		{"knows nothing but the old root", f.ring, []*Roster{f.one, f.two, honest, later, thief}, nil, f.two, true},
		{"went the honest way", &bare, []*Roster{f.one, f.two, honest, later, thief}, later, later, false},
		{"the new recovery key", &bare, []*Roster{f.one, f.two, honest, later, thief, early}, nil, later, false},
		{"from further back", f.ring, []*Roster{f.one, f.two, honest, later, early}, f.two, later, true},
		{"replaced twice by right", f.ring, []*Roster{f.one, f.two, honest, later, again}, f.two, again, false},
		{"that on the old root", f.ring, []*Roster{f.one, f.two, honest, later, again}, nil, again, false},
	} {
		known := format.Digest{}
		if c.known != nil {
			known = c.known.Digest
		}
		v, err := c.ring.Chain(c.list, known)
		if err != nil || v.Tip == nil || v.Tip.Digest != c.want.Digest || v.Forked() != c.fork {
			t.Errorf("%s: %v, fork %v, version %d", c.name, err, v.Forked(), v.Tip.Version)
		}
	}
}

// Of a file only those keys count that all the others have.
func TestKeysThatNobodyElseHas(t *testing.T) {
	f := newFamily(t)
	stranger, _, err := NewEpoch(1)
	if err != nil {
		t.Fatal(err)
	}
	later, _, err := NewEpoch(2)
	if err != nil {
		t.Fatal(err)
	}
	good := f.ring.Epochs[0]
	to := f.ring.Device.Identity
	out := f.child(f.root, revoke(1), f.two)
	believed := []*Roster{f.one, f.two, out}
	for name, c := range map[string]struct {
		change func(e *EpochKeys)
		proven int
		wrong  bool
	}{
		"the right ones":        {func(*EpochKeys) {}, 1, false},
		"another MAC key":       {func(e *EpochKeys) { e.MAC = stranger.MAC }, 0, true},
		"another data identity": {func(e *EpochKeys) { e.Data = stranger.Data }, 0, true},
		"another meta identity": {func(e *EpochKeys) { e.Meta = stranger.Meta }, 0, false},
		"none to read":          {func(e *EpochKeys) { e.Data = nil }, 1, false},
		"of an epoch to come":   {func(e *EpochKeys) { *e = later }, 0, false},
	} {
		ring := f.ring.Copy()
		c.change(&ring.Epochs[0])
		for _, by := range []Signer{f.a, f.b} { // b was shut out: what it gave before still opens what it opened
			o, err := ring.SealKeyFile(f.a.ID.String(), to.Recipient(), true, f.two.Digest, 1, by)
			if err != nil {
				t.Fatal(err)
			}
			k, err := OpenKeyFile(o.Sealed, f.a.ID.String(), to)
			if err != nil {
				t.Fatal(err)
			}
			if err := k.Vouched(nil, believed); err != nil && name == "the right ones" {
				t.Fatal(err)
			}
			proven, wrong := k.Proven(believed, out)
			if len(proven.Epochs) != c.proven || wrong != (c.wrong && by.ID == f.a.ID) {
				t.Errorf("%s: %d proven, wrong %v", name, len(proven.Epochs), wrong)
			}
			if c.proven > 0 && (proven.Epochs[0].MAC != good.MAC || proven.Epochs[0].Data != nil && proven.Epochs[0].Data.String() != good.Data.String()) {
				t.Errorf("%s: other keys", name)
			}
		}
	}
}

// A long chain costs no more than it is long.
func TestLongChain(t *testing.T) {
	f := newFamily(t)
	list := []*Roster{f.one, f.two}
	for range 400 {
		list = append(list, f.child(f.a, nil, list[len(list)-1]))
	}
	v, err := f.ring.Chain(list, f.one.Digest)
	if err != nil || v.Tip.Digest != list[len(list)-1].Digest || len(v.Believed) != len(list) {
		t.Fatalf("%v, %d believed", err, len(v.Believed))
	}
}

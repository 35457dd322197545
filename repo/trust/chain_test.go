package trust

import (
	"bytes"
	"slices"
	"testing"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// family is a repository with a root and two full devices, A (the first) and B.
type family struct {
	t    *testing.T
	ring *Keyring
	root Signer
	a, b Signer
	one  *Roster // made by the root: A
	two  *Roster // made by the root: A and B
}

func newFamily(t *testing.T) *family {
	t.Helper()
	recovery, err := crypto.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	founding, err := Found(recovery, "a", format.Full, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	key, err := crypto.RootKey(recovery)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	f := &family{t: t, ring: founding.Ring, root: Signer{Key: key}, a: founding.Ring.Device.Signer(), b: b.Signer(), one: founding.Roster}
	f.two = f.child(f.root, func(r *format.Roster) {
		r.Devices = append(r.Devices, format.Device{ID: b.ID, Name: "b", Role: format.Full, Recipient: b.Identity.Recipient().String(), Verify: b.Signing.Public()})
	}, f.one)
	return f
}

// child makes a roster on top of its parents.
func (f *family) child(by Signer, change func(*format.Roster), parents ...*Roster) *Roster {
	f.t.Helper()
	r := parents[0].Roster
	r.Devices, r.Parents = slices.Clone(r.Devices), nil
	for _, p := range parents {
		r.Parents = append(r.Parents, p.Digest)
		r.Version = max(r.Version, p.Version+1)
	}
	if change != nil {
		change(&r)
	}
	o, err := f.ring.SealRoster(&r, by)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.open(o.Sealed)
}

func (f *family) open(sealed []byte) *Roster {
	f.t.Helper()
	r, err := f.ring.OpenRoster(sealed)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// resealed is a copy of a roster under another name, which any member can make.
func (f *family) resealed(r *Roster) *Roster {
	f.t.Helper()
	plain := encoder.EncodeAll(r.opened.Body, nil)
	n := int64(len(plain))
	plain = format.AppendFrame(plain, format.FrameSignatures, r.opened.Signatures.Encode())
	plain = append(plain, format.Tail(int64(len(plain)), n, format.PaddedRecord)...)
	var b bytes.Buffer
	w, err := crypto.Seal(&b, f.ring.Epochs[0].Meta.Recipient())
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		f.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.t.Fatal(err)
	}
	return f.open(b.Bytes())
}

func revoke(device int) func(*format.Roster) {
	return func(r *format.Roster) { r.Devices[device].Revoked = true }
}

func rename(name string) func(*format.Roster) {
	return func(r *format.Roster) { r.Devices[0].Name = name }
}

func TestChain(t *testing.T) {
	f := newFamily(t)
	three := f.child(f.a, rename("a3"), f.two)
	byRoot := f.child(f.root, revoke(1), f.two)
	after := f.child(f.a, rename("later"), byRoot)
	evil := f.child(f.b, revoke(0), f.two)
	more := f.child(f.b, rename("more"), evil)
	aOutsB, bOther := f.child(f.a, revoke(1), f.two), f.child(f.b, rename("b"), f.two)
	aOther := f.child(f.a, rename("other"), f.two)
	merged := f.child(f.a, nil, aOther, bOther)
	middle := f.child(f.b, rename("b2"), bOther)
	bLater := f.child(f.b, revoke(0), middle)
	byRootLater := f.child(f.root, nil, bOther)
	outsider, err := NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		list  []*Roster
		known *Roster
		want  *Roster
		fork  bool
	}{
		{"one", []*Roster{f.one}, nil, f.one, false},
		{"a chain, from nothing", []*Roster{f.one, f.two, three}, nil, three, false},
		{"a chain, from what is known", []*Roster{f.one, f.two, three}, f.one, three, false},
		{"older ones gone", []*Roster{three}, three, three, false},
		{"an old one sealed anew doesn't bring it back", []*Roster{f.one, f.two, three, f.resealed(f.one), f.resealed(f.two)}, nil, three, false},
		{"a copy in place of the original", []*Roster{f.resealed(f.one)}, nil, nil, false},
		{"an older one put back", []*Roster{f.one, f.two}, f.two, f.two, false},
		{"root over device, with all that follows", []*Roster{f.one, f.two, byRoot, after, evil, more}, f.two, after, false},
		{"the same on a bare machine", []*Roster{f.one, f.two, byRoot, after, evil, more}, nil, after, false},
		{"who revokes the other's signer wins", []*Roster{f.one, f.two, aOutsB, bOther}, f.two, aOutsB, false},
		{"mutual revocation is a fork", []*Roster{f.one, f.two, aOutsB, evil}, f.two, f.two, true},
		{"whoever went one way goes on", []*Roster{f.one, f.two, aOutsB, evil}, aOutsB, aOutsB, true},
		{"two that don't contradict are a fork", []*Roster{f.one, f.two, aOther, bOther}, f.two, f.two, true},
		{"until somebody names both", []*Roster{f.one, f.two, aOther, bOther, merged}, f.two, merged, false},
		{"also for one side", []*Roster{f.one, f.two, aOther, bOther, merged}, aOther, merged, false},
		{"over to the winner", []*Roster{f.one, f.two, aOutsB, bOther}, bOther, aOutsB, false},
		{"over to the root's", []*Roster{f.one, f.two, byRoot, after, evil, more}, more, after, false},
		{"a side with a roster of the root wins", []*Roster{f.one, f.two, aOutsB, bOther, byRootLater}, f.two, byRootLater, false},
		{"shut out, and back behind that", []*Roster{f.one, f.two, bOther, middle, bLater, aOutsB}, bLater, bLater, true},
		{"the same before the news", []*Roster{f.one, f.two, bOther, middle, bLater, aOutsB}, f.two, f.two, true},
		{"the same on a bare machine", []*Roster{f.one, f.two, bOther, middle, bLater, aOutsB}, nil, f.two, true},
		{"a stranger's", []*Roster{f.one, f.two, f.child(outsider.Signer(), nil, f.two)}, nil, f.two, false},
		{"a revoked device's", []*Roster{f.one, f.two, byRoot, f.child(f.b, nil, byRoot)}, nil, byRoot, false},
		{"other recovery recipient, not by the root", []*Roster{f.one, f.two, f.child(f.a, func(r *format.Roster) { r.Recovery = "x" }, f.two)}, nil, f.two, false},
	} {
		known := format.Digest{}
		if c.known != nil {
			known = c.known.Digest
		}
		for range 5 { // the order must not matter
			list := slices.Clone(c.list)
			slices.Reverse(list[1:])
			v, err := f.ring.Chain(list, known)
			if err != nil || v.Forked() != c.fork {
				t.Errorf("%s: fork %v, %v", c.name, v.Forked(), err)
			}
			if c.want != nil && (v.Tip == nil || v.Tip.Digest != c.want.Digest) {
				t.Errorf("%s: another roster was believed", c.name)
			}
			c.list = list
		}
	}
}

// What a full device may not do to those before it.
func TestSuccession(t *testing.T) {
	f := newFamily(t)
	out := f.child(f.root, revoke(1), f.two)
	other, second, err := NewEpoch(2)
	if err != nil {
		t.Fatal(err)
	}
	f.ring.Add(&Keyring{Epochs: []EpochKeys{other}})
	renewed := f.child(f.a, func(r *format.Roster) { r.Epoch, r.Epochs = 2, append(slices.Clone(r.Epochs), second) }, f.two)
	for name, c := range map[string]struct {
		parent *Roster
		change func(*format.Roster)
		good   bool
	}{
		"a new name":                {f.two, rename("x"), true},
		"a new epoch":               {f.two, func(r *format.Roster) { r.Epoch, r.Epochs = 2, append(slices.Clone(r.Epochs), second) }, true},
		"a device is gone":          {f.two, func(r *format.Roster) { r.Devices = r.Devices[:1] }, false},
		"a device comes back":       {out, func(r *format.Roster) { r.Devices[1].Revoked = false }, false},
		"another recipient":         {f.two, func(r *format.Roster) { r.Devices[1].Recipient = r.Devices[0].Recipient }, false},
		"another verify key":        {f.two, func(r *format.Roster) { r.Devices[1].Verify[0] ^= 1 }, false},
		"an epoch is gone":          {renewed, func(r *format.Roster) { r.Epoch, r.Epochs = 2, r.Epochs[1:] }, false},
		"back to the epoch before":  {renewed, func(r *format.Roster) { r.Epoch = 1 }, false},
		"recipients of an epoch":    {f.two, func(r *format.Roster) { r.Epochs = slices.Clone(r.Epochs); r.Epochs[0].Data = second.Data }, false},
		"an epoch nobody described": {f.two, func(r *format.Roster) { r.Epochs = append(slices.Clone(r.Epochs), second); r.Epoch = 1 }, true},
		"a policy":                  {f.two, func(r *format.Roster) { r.Policies = []format.Policy{{Name: "prune", Value: "never"}} }, false},
		"another root":              {f.two, func(r *format.Roster) { r.Root[0] ^= 1 }, false},
		"the version before":        {f.two, func(r *format.Roster) { r.Version = f.two.Version }, false},
	} {
		r := f.child(f.a, c.change, c.parent)
		v, err := f.ring.Chain([]*Roster{f.one, f.two, out, renewed, r}, c.parent.Digest)
		if err != nil || (v.Bad[r.Digest] == nil) != c.good {
			t.Errorf("%s: %v, %v", name, v.Bad[r.Digest], err)
		}
	}
}

// The root is replaced by both roots together, and followed from before as well
// as from nothing but the new recovery key. The old one, which may have been
// stolen, says nothing any more.
func TestRootReplaced(t *testing.T) {
	f := newFamily(t)
	next, err := crypto.GenerateSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	change := func(r *format.Roster) { r.Root, r.Recovery = next.Public(), "new" }
	both := f.child(Signer{Key: f.root.Key, NewRoot: next}, change, f.two)
	later := f.child(Signer{Key: next}, rename("later"), both)
	onOld := f.child(f.root, func(r *format.Roster) { r.Version += 50 }, f.two)
	onlyOld := f.child(f.root, change, f.two)
	onlyNew := f.child(Signer{Key: next}, change, f.two)
	falseNew := f.child(Signer{Key: f.root.Key, NewRoot: f.b.Key}, change, f.two)
	byDevice := f.child(Signer{ID: f.a.ID, Key: f.a.Key, NewRoot: next}, change, f.two)
	byOldLater := f.child(f.root, rename("old"), later)
	bare := *f.ring
	bare.Root = next.Public()
	for _, c := range []struct {
		name  string
		ring  *Keyring
		list  []*Roster
		known *Roster
		want  *Roster
		bad   []*Roster
	}{
		{"from before", f.ring, []*Roster{f.one, f.two, both, later}, f.two, later, nil},
		{"from the old recovery key", f.ring, []*Roster{f.one, f.two, both, later}, nil, later, nil},
		{"from the new recovery key", &bare, []*Roster{f.one, f.two, both, later}, nil, later, nil},
		{"from what is known since", &bare, []*Roster{f.one, f.two, both, later}, both, later, nil},
		{"the old key goes another way", f.ring, []*Roster{f.one, f.two, both, later, onOld}, f.two, later, nil},
		{"that on the old key", f.ring, []*Roster{f.one, f.two, both, later, onOld}, nil, later, nil},
		{"that on the new one", &bare, []*Roster{f.one, f.two, both, later, onOld}, nil, later, []*Roster{onOld}},
		{"the old key goes on", f.ring, []*Roster{f.one, f.two, both, later, byOldLater}, f.two, later, []*Roster{byOldLater}},
		{"without the old root", f.ring, []*Roster{f.one, f.two, onlyNew}, f.two, f.two, []*Roster{onlyNew}},
		{"without the new root", f.ring, []*Roster{f.one, f.two, onlyOld}, f.two, f.two, []*Roster{onlyOld}},
		{"with another's name for the new root", f.ring, []*Roster{f.one, f.two, falseNew}, f.two, f.two, []*Roster{falseNew}},
		{"by a device", f.ring, []*Roster{f.one, f.two, byDevice}, f.two, f.two, []*Roster{byDevice}},
	} {
		known := format.Digest{}
		if c.known != nil {
			known = c.known.Digest
		}
		v, err := c.ring.Chain(c.list, known)
		if err != nil || v.Tip.Digest != c.want.Digest || v.Forked() {
			t.Errorf("%s: %v, fork %v, version %d", c.name, err, v.Forked(), v.Tip.Version)
		}
		for _, r := range c.list {
			if (v.Bad[r.Digest] != nil) != slices.Contains(c.bad, r) {
				t.Errorf("%s: version %d: %v", c.name, r.Version, v.Bad[r.Digest])
			}
		}
	}
}

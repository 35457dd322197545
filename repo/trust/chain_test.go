package trust

import (
	"bytes"
	"errors"
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
	outsider, err := NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		list  []*Roster
		known *Roster
		want  *Roster
		err   error
	}{
		{"one", []*Roster{f.one}, nil, f.one, nil},
		{"a chain, from nothing", []*Roster{f.one, f.two, three}, nil, three, nil},
		{"a chain, from what is known", []*Roster{f.one, f.two, three}, f.one, three, nil},
		{"older ones gone", []*Roster{three}, three, three, nil},
		{"an old one sealed anew doesn't bring it back", []*Roster{f.one, f.two, three, f.resealed(f.one), f.resealed(f.two)}, nil, three, nil},
		{"a copy in place of the original", []*Roster{f.resealed(f.one)}, nil, nil, nil},
		{"an older one put back", []*Roster{f.one, f.two}, f.two, f.two, nil},
		{"root over device, with all that follows", []*Roster{f.one, f.two, byRoot, after, evil, more}, f.two, after, nil},
		{"the same on a bare machine", []*Roster{f.one, f.two, byRoot, after, evil, more}, nil, after, nil},
		{"who revokes the other's signer wins", []*Roster{f.one, f.two, aOutsB, bOther}, f.two, aOutsB, nil},
		{"mutual revocation is a fork", []*Roster{f.one, f.two, aOutsB, evil}, f.two, nil, ErrFork},
		{"two that don't contradict are a fork", []*Roster{f.one, f.two, aOther, bOther}, f.two, nil, ErrFork},
		{"until somebody names both", []*Roster{f.one, f.two, aOther, bOther, merged}, f.two, merged, nil},
		{"a stranger's", []*Roster{f.one, f.two, f.child(outsider.Signer(), nil, f.two)}, nil, f.two, nil},
		{"a revoked device's", []*Roster{f.one, f.two, byRoot, f.child(f.b, nil, byRoot)}, nil, byRoot, nil},
		{"other recovery recipient, not by the root", []*Roster{f.one, f.two, f.child(f.a, func(r *format.Roster) { r.Recovery = "x" }, f.two)}, nil, f.two, nil},
	} {
		known := format.Digest{}
		if c.known != nil {
			known = c.known.Digest
		}
		for range 5 { // the order must not matter
			list := slices.Clone(c.list)
			slices.Reverse(list[1:])
			got, _, err := f.ring.Chain(list, known)
			if !errors.Is(err, c.err) || c.err == nil && err != nil {
				t.Errorf("%s: %v, want %v", c.name, err, c.err)
			}
			if c.want != nil && (got == nil || got.Digest != c.want.Digest) {
				t.Errorf("%s: another roster was believed", c.name)
			}
			c.list = list
		}
	}
}

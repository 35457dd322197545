package trust

import (
	"errors"
	"fmt"
	"slices"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Roster is a roster whose object opened; Chain tells which one to believe.
type Roster struct {
	format.Roster
	Digest format.Digest
	Sealed []byte // the object
	opened *Opened
}

// SealRoster signs and seals a roster to the meta recipient of the epoch it
// was made in.
func (k *Keyring) SealRoster(r *format.Roster, signer Signer) (Object, error) {
	epoch := k.of(r)
	if epoch == nil {
		return Object{}, ErrEpoch
	}
	sealed, err := SealRecord(format.ContextRoster, r.Encode(), signer, epoch, epoch.Meta.Recipient())
	if err != nil {
		return Object{}, err
	}
	return Object{format.Name{Kind: format.KindRoster, Version: r.Version, Digest: Digest(sealed)}, sealed}, nil
}

// OpenRoster decrypts a roster. One that asks for a newer reader is returned
// with format.ErrNewer; Vouches tells whether to heed it.
func (k *Keyring) OpenRoster(sealed []byte) (*Roster, error) {
	o, err := openMember(sealed, k.MetaIdentities()...)
	if err != nil {
		return nil, err
	}
	r, err := format.DecodeRoster(o.Body)
	if err != nil && !errors.Is(err, format.ErrNewer) {
		return nil, err
	}
	if r.Repo != k.Repo {
		return nil, ErrOtherRoot
	}
	return &Roster{*r, o.Digest, sealed, o}, err
}

// Vouches reports whether the root signed r, or a device that tip, if there is
// one, calls full, and that no side of a fork shuts out. It is how a roster that
// can't be understood is judged.
func (k *Keyring) Vouches(r, tip *Roster, sides ...*Roster) bool {
	key, signer := k.Root, r.opened.Signatures.Signer
	if !signer.IsZero() {
		if tip == nil || tip.Device(signer) == nil {
			return false
		}
		d := tip.Device(signer)
		out := func(side *Roster) bool { d := side.Device(signer); return d != nil && d.Revoked }
		if d.Role != format.Full || d.Revoked || slices.ContainsFunc(sides, out) {
			return false
		}
		key = d.Verify
	}
	return r.opened.verify(format.ContextRoster, key, k) == nil
}

// ByRoot reports whether the roster claims to be signed by the root.
func (r *Roster) ByRoot() bool { return r.byRoot() }

// Bygone reports whether a device made r that tip shuts out: it may have been
// good in its time, and counts for nothing now.
func (k *Keyring) Bygone(r, tip *Roster) bool {
	if tip == nil || r.byRoot() {
		return false
	}
	d := tip.Device(r.signer())
	return d != nil && d.Revoked && r.opened.verify(format.ContextRoster, d.Verify, k) == nil
}

// Size is about how many bytes of memory the roster takes.
func (r *Roster) Size() int {
	return len(r.Sealed) + len(r.opened.Body) + 512*(len(r.Devices)+len(r.Epochs)+len(r.Policies)+len(r.Parents))
}

// ErrNoRoster: no roster the root vouches for was found.
var ErrNoRoster = errors.New("no list of devices that the recovery key vouches for")

// ErrNoParent: the roster a roster descends from is not there, so that nobody
// can tell whether its signer was a member.
var ErrNoParent = errors.New("the list of devices before it is missing")

// ErrFork: two rosters stand side by side and neither settles the other.
var ErrFork = errors.New("two lists of devices contradict each other")

// Recipients returns what to seal to in the roster's epoch.
func (r *Roster) Recipients() (data, meta *crypto.Recipient, err error) {
	e := r.Current()
	if e == nil {
		return nil, nil, fmt.Errorf("%w: roster without recipients", format.ErrMalformed)
	}
	if data, err = crypto.ParseRecipient(e.Data); err != nil {
		return nil, nil, err
	}
	meta, err = crypto.ParseRecipient(e.Meta)
	return data, meta, err
}

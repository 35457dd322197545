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
	opened *Opened
}

// SealRoster signs and seals a roster to the meta recipient of the epoch it
// was made in.
func (k *Keyring) SealRoster(r *format.Roster, signer Signer) (Object, error) {
	epoch := k.Epoch(r.Epoch)
	if epoch == nil {
		return Object{}, ErrEpoch
	}
	sealed, err := SealRecord(format.ContextRoster, r.Encode(), signer, epoch, epoch.Meta.Recipient())
	if err != nil {
		return Object{}, err
	}
	return Object{format.Name{Kind: format.KindRoster, Version: r.Version, Digest: Digest(sealed)}, sealed}, nil
}

// OpenRoster decrypts a roster.
func (k *Keyring) OpenRoster(sealed []byte) (*Roster, error) {
	o, err := OpenRecord(sealed, k.MetaIdentities()...)
	if err != nil {
		return nil, err
	}
	r, err := format.DecodeRoster(o.Body)
	if err != nil {
		return nil, err
	}
	if r.Repo != k.Repo {
		return nil, ErrOtherRoot
	}
	return &Roster{*r, o.Digest, o}, nil
}

// ErrNoRoster: no roster the root vouches for was found.
var ErrNoRoster = errors.New("no list of devices that the recovery key vouches for")

// ErrFork: two rosters stand side by side and neither settles the other.
var ErrFork = errors.New("two lists of devices contradict each other")

// Chain finds the roster to believe among those a remote shows. known is the
// digest of the newest roster this device has accepted before, zero on a bare
// machine. Rosters that are not valid are simply not believed; each is
// returned in bad with the reason.
//
// A roster is valid when the root signed it, or when a device signed it that
// every one of its (valid) parents calls full. Only rosters that descend from
// known count; without known, those that descend from the newest one the root
// signed. Of two tips, one signed by the root wins, then one that revokes the
// other's signer; else both stand and the error is ErrFork beside the one
// with the lower digest.
func (k *Keyring) Chain(list []*Roster, known format.Digest) (tip *Roster, bad map[format.Digest]error, err error) {
	c := &chain{ring: k, all: map[format.Digest]*Roster{}, state: map[format.Digest]error{}, done: map[format.Digest]bool{}}
	for _, r := range list {
		c.all[r.Digest] = r
	}
	bad = map[format.Digest]error{}
	for _, r := range list {
		if err := c.valid(r); err != nil {
			bad[r.Digest] = err
		}
	}
	if known.IsZero() {
		if known, err = c.newestByRoot(); err != nil {
			return nil, bad, err
		}
	}
	tip, err = c.pick(known)
	return tip, bad, err
}

type chain struct {
	ring  *Keyring
	all   map[format.Digest]*Roster
	state map[format.Digest]error
	done  map[format.Digest]bool
}

// valid follows parents, which are named by digest, so there are no cycles.
func (c *chain) valid(r *Roster) error {
	if c.done[r.Digest] {
		return c.state[r.Digest]
	}
	err := c.judge(r)
	c.done[r.Digest], c.state[r.Digest] = true, err
	return err
}

func (c *chain) judge(r *Roster) error {
	if crypto.VerifyKey(r.Root) != c.ring.Root {
		return ErrOtherRoot
	}
	signer := r.opened.Signatures.Signer
	if signer.IsZero() {
		return r.opened.verify(format.ContextRoster, c.ring.Root, c.ring)
	}
	if len(r.Parents) == 0 {
		return crypto.ErrForged // the first roster is the root's
	}
	var key crypto.VerifyKey
	for _, digest := range r.Parents {
		parent := c.all[digest]
		if parent == nil {
			return fmt.Errorf("its parent %s is missing", digest)
		}
		if err := c.valid(parent); err != nil {
			return fmt.Errorf("its parent: %w", err)
		}
		d := parent.Device(signer)
		if d == nil || d.Revoked || d.Role != format.Full || r.Version <= parent.Version {
			return crypto.ErrForged
		}
		if r.Recovery != parent.Recovery || !slices.Equal(r.Policies, parent.Policies) {
			return fmt.Errorf("%w: only the recovery key may change this", crypto.ErrForged)
		}
		key = d.Verify
	}
	return r.opened.verify(format.ContextRoster, key, c.ring)
}

func (c *chain) newestByRoot() (best format.Digest, err error) {
	version := uint64(0)
	for d, r := range c.all {
		if c.valid(r) == nil && r.opened.Signatures.Signer.IsZero() && r.Version > version {
			best, version = d, r.Version
		}
	}
	if version == 0 {
		return best, ErrNoRoster
	}
	return best, nil
}

func (c *chain) pick(known format.Digest) (*Roster, error) {
	hasChild := map[format.Digest]bool{}
	var candidates []*Roster
	for _, r := range c.all {
		if c.valid(r) == nil && c.descends(r, known) {
			candidates = append(candidates, r)
			for _, p := range r.Parents {
				hasChild[p] = true
			}
		}
	}
	tips := slices.DeleteFunc(candidates, func(r *Roster) bool { return hasChild[r.Digest] })
	if len(tips) == 0 {
		return nil, ErrNoRoster
	}
	slices.SortFunc(tips, func(a, b *Roster) int { return slices.Compare(a.Digest[:], b.Digest[:]) })
	best := tips[0]
	var err error
	for _, r := range tips[1:] {
		switch {
		case beats(r, best):
			best, err = r, nil
		case !beats(best, r):
			err = ErrFork
		}
	}
	return best, err
}

func beats(a, b *Roster) bool {
	sa, sb := a.opened.Signatures.Signer, b.opened.Signatures.Signer
	if sa.IsZero() != sb.IsZero() {
		return sa.IsZero()
	}
	d := a.Device(sb)
	return d != nil && d.Revoked
}

func (c *chain) descends(r *Roster, ancestor format.Digest) bool {
	if r.Digest == ancestor {
		return true
	}
	for _, p := range r.Parents {
		if parent := c.all[p]; parent != nil && c.descends(parent, ancestor) {
			return true
		}
	}
	return false
}

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

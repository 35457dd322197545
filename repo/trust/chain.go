package trust

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Chain finds the roster to believe among those a remote shows. known is the
// digest of the newest roster this device has accepted before, zero on a bare
// machine. Rosters that are not valid are simply not believed; each is
// returned in bad with the reason.
//
// A roster is valid when the root signed it, or when a device signed it that
// every one of its (valid) parents calls full; known stays valid even if its
// parents are gone by now. From known on, or without it from the newest one the
// root signed, the way leads from child to child. Of two children of one
// parent the one the root signed wins, with all that follows it; else the one
// that revokes the other's signer; else a roster that names both. Where nothing
// settles it, the error is ErrFork beside the tip of one of them.
//
// A member can seal another's record anew, under another name. So rosters with
// the same body and signature count as one.
func (k *Keyring) Chain(list []*Roster, known format.Digest) (tip *Roster, bad map[format.Digest]error, err error) {
	c := newChain(k, list, known)
	bad = map[format.Digest]error{}
	for _, r := range list {
		if err := c.valid(c.same[r.Digest]); err != nil {
			bad[r.Digest] = err
		}
	}
	start := c.same[known]
	if known.IsZero() {
		start = c.newestByRoot()
	}
	if start == nil || c.valid(start) != nil {
		return nil, bad, ErrNoRoster
	}
	tip, err = c.follow(start)
	return tip, bad, err
}

type chain struct {
	ring  *Keyring
	same  map[format.Digest]*Roster // by the digest of any copy
	order []*Roster                 // one of each, by digest
	state map[*Roster]error
	done  map[*Roster]bool
}

func newChain(k *Keyring, list []*Roster, known format.Digest) *chain {
	c := &chain{ring: k, same: map[format.Digest]*Roster{}, state: map[*Roster]error{}, done: map[*Roster]bool{}}
	first := map[[32]byte]*Roster{}
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b *Roster) int {
		if a.Digest == known || b.Digest == known {
			return map[bool]int{true: -1, false: 1}[a.Digest == known]
		}
		return slices.Compare(a.Digest[:], b.Digest[:])
	})
	for _, r := range sorted {
		h := sha256.New()
		h.Write(r.opened.Signatures.Encode())
		h.Write(r.opened.Body)
		id := [32]byte(h.Sum(nil))
		if first[id] == nil {
			first[id] = r
			c.order = append(c.order, r)
		}
		c.same[r.Digest] = first[id]
	}
	if r := c.same[known]; r != nil {
		c.done[r] = true
	}
	return c
}

// valid follows parents, which are named by digest, so there are no cycles.
func (c *chain) valid(r *Roster) error {
	if c.done[r] {
		return c.state[r]
	}
	err := c.judge(r)
	c.done[r], c.state[r] = true, err
	return err
}

func (c *chain) judge(r *Roster) error {
	if crypto.VerifyKey(r.Root) != c.ring.Root {
		return ErrOtherRoot
	}
	if r.byRoot() {
		return r.opened.verify(format.ContextRoster, c.ring.Root, c.ring)
	}
	if len(r.Parents) == 0 {
		return crypto.ErrForged // the first roster is the root's
	}
	var key crypto.VerifyKey
	for _, digest := range r.Parents {
		parent := c.same[digest]
		if parent == nil {
			return fmt.Errorf("%w: %s", ErrNoParent, digest)
		}
		if err := c.valid(parent); err != nil {
			return fmt.Errorf("its parent: %w", err)
		}
		d := parent.Device(r.signer())
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

func (r *Roster) signer() format.DeviceID { return r.opened.Signatures.Signer }

func (r *Roster) byRoot() bool { return r.signer().IsZero() }

// newestByRoot is where a machine starts that has nothing but the recovery
// key.
func (c *chain) newestByRoot() (best *Roster) {
	for _, r := range c.order {
		if r.byRoot() && c.valid(r) == nil && (best == nil || r.Version > best.Version) {
			best = r
		}
	}
	return best
}

// follow goes from child to child to the end of the chain.
func (c *chain) follow(r *Roster) (*Roster, error) {
	var fork error
	for {
		children := c.children(r)
		if len(children) == 0 {
			return r, fork
		}
		next := settle(children)
		if next == nil {
			if next = c.merge(children); next == nil {
				next, fork = children[0], ErrFork
			}
		}
		r = next
	}
}

func (c *chain) children(parent *Roster) (list []*Roster) {
	for _, r := range c.order {
		names := func(d format.Digest) bool { return c.same[d] == parent }
		if r != parent && slices.ContainsFunc(r.Parents, names) && c.valid(r) == nil {
			list = append(list, r)
		}
	}
	return list
}

// settle returns the one roster that beats all its siblings, or nil.
func settle(list []*Roster) *Roster {
	for _, r := range list {
		wins := func(other *Roster) bool { return r == other || beats(r, other) && !beats(other, r) }
		if !slices.ContainsFunc(list, func(other *Roster) bool { return !wins(other) }) {
			return r
		}
	}
	return nil
}

func beats(a, b *Roster) bool {
	switch {
	case a.byRoot() && b.byRoot():
		return a.Version > b.Version
	case a.byRoot() || b.byRoot():
		return a.byRoot()
	}
	d := a.Device(b.signer())
	return d != nil && d.Revoked
}

// merge returns a roster that descends from all of the contested ones, or nil.
func (c *chain) merge(contested []*Roster) *Roster {
	for _, r := range c.order {
		apart := func(x *Roster) bool { return r == x || !c.descends(r, x) }
		if c.valid(r) == nil && !slices.ContainsFunc(contested, apart) {
			return r
		}
	}
	return nil
}

func (c *chain) descends(r, ancestor *Roster) bool {
	if r == ancestor {
		return true
	}
	return slices.ContainsFunc(r.Parents, func(p format.Digest) bool {
		parent := c.same[p]
		return parent != nil && c.descends(parent, ancestor)
	})
}

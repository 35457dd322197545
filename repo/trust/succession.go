package trust

import (
	"fmt"
	"slices"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

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
	own := crypto.VerifyKey(r.Root)
	switch {
	case r.opened.Signatures.Epoch != r.Epoch || r.Current() == nil:
		return fmt.Errorf("%w: not authenticated in its own epoch", crypto.ErrForged)
	case twice(&r.Roster):
		return fmt.Errorf("%w: it names a device or an epoch twice", crypto.ErrForged)
	case r.byRoot() && own == c.ring.Root && r.changesRoot():
		return c.byNewRoot(r)
	case r.byRoot() && own == c.ring.Root:
		return r.opened.verify(format.ContextRoster, own, c.ring)
	case len(r.Parents) == 0 && !r.byRoot():
		return crypto.ErrForged // the first roster is the root's
	case len(r.Parents) == 0:
		return ErrOtherRoot
	}
	var parents []*Roster
	for _, digest := range r.Parents {
		parent := c.same[digest]
		if parent == nil {
			return fmt.Errorf("%w: %s", ErrNoParent, digest)
		}
		if err := c.valid(parent); err != nil {
			return fmt.Errorf("its parent: %w", err)
		}
		if err := c.succeeds(r, parent); err != nil {
			return err
		}
		parents = append(parents, parent)
	}
	if !r.byRoot() && !follows(r, parents) {
		return fmt.Errorf("%w: it leaps ahead, or changes what only the recovery key may", crypto.ErrForged)
	}
	if r.changesRoot() {
		return c.byNewRoot(r)
	}
	return nil
}

// succeeds reports whether r may follow a valid parent.
func (c *chain) succeeds(r, parent *Roster) error {
	if r.Version <= parent.Version {
		return crypto.ErrForged
	}
	if r.byRoot() {
		if r.Root != parent.Root && !r.changesRoot() {
			return ErrOtherRoot
		}
		return r.opened.verify(format.ContextRoster, parent.Root, c.ring)
	}
	d := parent.Device(r.signer())
	if d == nil || d.Revoked || d.Role != format.Full {
		return crypto.ErrForged
	}
	if r.Root != parent.Root || r.Recovery != parent.Recovery || !slices.Equal(r.Policies, parent.Policies) {
		return fmt.Errorf("%w: only the recovery key may change this", crypto.ErrForged)
	}
	if !keeps(r, parent) {
		return fmt.Errorf("%w: it takes back what stood before", crypto.ErrForged)
	}
	return r.opened.verify(format.ContextRoster, d.Verify, c.ring)
}

// keeps reports whether nothing of the parent is lost in r: a device may be
// added, renamed, converted and revoked, but its keys stay, nobody comes back
// who was shut out, and epochs are only added.
func keeps(r, parent *Roster) bool {
	for _, p := range parent.Epochs {
		if !slices.Contains(r.Epochs, p) {
			return false
		}
	}
	for _, p := range parent.Devices {
		d := r.Device(p.ID)
		if d == nil || d.Recipient != p.Recipient || d.Verify != p.Verify || p.Revoked && !d.Revoked {
			return false
		}
	}
	return r.Epoch >= parent.Epoch && r.MinReader >= parent.MinReader
}

// twice reports whether a device or an epoch stands in a roster more than once:
// of two entries only the first would ever be shut out.
func twice(r *format.Roster) bool {
	devices, epochs := map[format.DeviceID]bool{}, map[string]bool{}
	for _, d := range r.Devices {
		if devices[d.ID] || d.ID.IsZero() {
			return true
		}
		devices[d.ID] = true
	}
	for _, e := range r.Epochs {
		if epochs[e.Meta] {
			return true
		}
		epochs[e.Meta] = true
	}
	return false
}

// follows reports whether a device's roster goes a single step beyond its
// parents: one version, at most one epoch, so that nobody can use up the
// numbers. When a device joined, and which snapshot of one that was shut out is
// the last, stays as one of the parents has it.
func follows(r *Roster, parents []*Roster) bool {
	var version, number uint64
	known := map[format.Epoch]bool{}
	for _, p := range parents {
		version = max(version, p.Version)
		for _, e := range p.Epochs {
			number, known[e] = max(number, e.Number), true
		}
	}
	fresh := 0
	for _, e := range r.Epochs {
		if known[e] {
			continue
		}
		if fresh++; fresh > 1 || e.Number != number+1 || !usable(e.Data) || !usable(e.Meta) {
			return false
		}
	}
	for i := range r.Devices {
		before := false
		same := slices.ContainsFunc(parents, func(p *Roster) bool {
			d := p.Device(r.Devices[i].ID)
			before = before || d != nil
			return d != nil && d.Since == r.Devices[i].Since && (!d.Revoked || sameHead(d.Last, r.Devices[i].Last))
		})
		if before && !same || !before && !usable(r.Devices[i].Recipient) {
			return false
		}
	}
	return r.Version == version+1
}

// usable reports whether it can be sealed to: else a single entry would keep all
// others from ever making an epoch.
func usable(recipient string) bool {
	_, err := crypto.ParseRecipient(recipient)
	return err == nil
}

func sameHead(a, b *format.Head) bool { return a == b || a != nil && b != nil && *a == *b }

// byNewRoot proves that the root which a roster changes to has signed it too.
func (c *chain) byNewRoot(r *Roster) error {
	if err := crypto.VerifyKey(r.Root).Verify(format.ContextRoster, r.opened.Body, r.opened.Signatures.NewRoot); err != nil {
		return err
	}
	return r.opened.verifyTag(format.ContextRoster, c.ring)
}

func (r *Roster) signer() format.DeviceID { return r.opened.Signatures.Signer }

func (r *Roster) byRoot() bool { return r.signer().IsZero() }

// changesRoot reports whether a roster claims to be that by which its root
// replaced the one before.
func (r *Roster) changesRoot() bool { return r.byRoot() && len(r.opened.Signatures.NewRoot) > 0 }

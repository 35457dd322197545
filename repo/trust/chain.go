package trust

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Verdict is what Chain makes of the rosters a remote shows.
type Verdict struct {
	Tip      *Roster                 // the one to believe
	Bad      map[format.Digest]error // those nobody may believe, with the reason
	Believed []*Roster               // those that are valid, and what they descend from
	Sides    []*Roster               // more than one: they contradict each other, and Tip is what was agreed before
	Back     []format.DeviceID       // were shut out when this device looked last, and belong by a side it came over to
	Guests   []format.DeviceID       // came in by one side only, when a signer of it was shut out on another
}

// Forked reports whether rosters contradict each other and nothing settles it.
func (v *Verdict) Forked() bool { return len(v.Sides) > 1 }

// Chain finds the roster to believe among those a remote shows. known is the
// digest of the newest roster this device has accepted before, zero on a bare
// machine. Rosters that are not valid are simply not believed; each is in Bad.
//
// A roster is valid when the root signed it, or when a device signed it that
// every one of its (valid) parents calls full; known stays valid even if its
// parents are gone by now. From known on, or without it from the newest one the
// root signed, the way leads from child to child. Of two children of one
// parent, each with all that follows it, the one with a roster of the root
// wins; else the one that revokes the other's signer. Where neither does, or
// each the other, they wait for a roster that names both, and until then what
// was agreed before them counts.
//
// Whoever went the way of one child goes over to another that wins. A device
// that was shut out can't win by going back behind that: its revocation follows
// the child it attacks.
//
// A member can seal another's record anew, under another name. So rosters with
// the same body and signature count as one.
func (k *Keyring) Chain(list []*Roster, known format.Digest) (v *Verdict, err error) {
	c := newChain(k, list, known)
	defer func() { c.guests(v); c.back(v, c.same[known]) }()
	v = &Verdict{Bad: map[format.Digest]error{}}
	for _, r := range list {
		if err := c.valid(c.same[r.Digest]); err != nil {
			v.Bad[r.Digest] = err
		}
	}
	c.past(v)
	start := c.same[known]
	if known.IsZero() {
		start = c.newestByRoot()
	}
	if start == nil || c.valid(start) != nil {
		return v, ErrNoRoster
	}
	v.Tip, v.Sides = c.follow(start)
	for been := map[*Roster]bool{}; len(v.Sides) == 0; {
		winner, other := c.besides(v.Tip)
		if winner == nil || been[winner] { // three may each win against the next
			if winner = cmp.Or(winner, other); winner != nil {
				v.Sides = []*Roster{v.Tip, winner}
			}
			break
		}
		been[winner] = true
		v.Tip, v.Sides = c.follow(winner)
	}
	return v, nil
}

// guests finds the devices that a merge must not let in unasked: a stolen device
// that goes back behind its revocation could admit a friend there.
func (c *chain) guests(v *Verdict) {
	for _, side := range v.Sides {
		for _, other := range v.Sides {
			shared, stolen := c.ancestors(other), false
			for r := range c.ancestors(side) {
				d := other.Device(r.signer())
				stolen = stolen || !shared[r] && d != nil && d.Revoked
			}
			for _, d := range side.Devices {
				if stolen && other.Device(d.ID) == nil {
					v.Guests = append(v.Guests, d.ID)
				}
			}
		}
	}
}

// back finds the devices whose revocation was lost by going over to a side that
// doesn't descend from it: whoever signed that may not have been shown it.
func (c *chain) back(v *Verdict, known *Roster) {
	if v.Tip == nil || known == nil || c.ancestors(v.Tip)[known] {
		return
	}
	for _, d := range known.Devices {
		if x := v.Tip.Device(d.ID); d.Revoked && x != nil && !x.Revoked {
			v.Back = append(v.Back, d.ID)
		}
	}
}

type chain struct {
	ring  *Keyring
	same  map[format.Digest]*Roster // by the digest of any copy
	order []*Roster                 // one of each, by digest
	state map[*Roster]error
	done  map[*Roster]bool
	above map[*Roster]map[*Roster]bool // what a roster descends from, itself too
}

func newChain(k *Keyring, list []*Roster, known format.Digest) *chain {
	c := &chain{ring: k, same: map[format.Digest]*Roster{}, state: map[*Roster]error{}, done: map[*Roster]bool{}, above: map[*Roster]map[*Roster]bool{}}
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

// past takes rosters off the bad ones that something valid descends from: under
// a root that was replaced since, nobody can judge them by themselves any more.
func (c *chain) past(v *Verdict) {
	believed := map[*Roster]bool{}
	for _, r := range c.order {
		if c.valid(r) != nil {
			continue
		}
		for wait := []*Roster{r}; len(wait) > 0; {
			next := wait[0]
			if wait = wait[1:]; next == nil || believed[next] {
				continue
			}
			believed[next] = true
			for _, d := range next.Parents {
				wait = append(wait, c.same[d])
			}
		}
	}
	for _, r := range c.order {
		if believed[r] {
			v.Believed = append(v.Believed, r)
		}
	}
	maps.DeleteFunc(v.Bad, func(d format.Digest, _ error) bool { return believed[c.same[d]] })
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

// newestByRoot is where a machine starts that has nothing but the recovery
// key.
func (c *chain) newestByRoot() (best *Roster) {
	for _, r := range c.order {
		if r.byRoot() && c.valid(r) == nil && (best == nil || c.overrules(r, best)) {
			best = r
		}
	}
	for _, r := range c.order {
		if r.byRoot() && c.valid(r) == nil && c.contest(r, best) {
			return c.newestBefore(r, best)
		}
	}
	return best
}

// overrules compares two rosters of the root. Of one under the pinned root and
// one under a root that replaced it, the former may be the work of whoever
// stole the key that was replaced. So may either of two that replace it by
// different ones: neither overrules the other, whatever their versions.
func (c *chain) overrules(a, b *Roster) bool {
	if x, y := a.Root != c.ring.Root, b.Root != c.ring.Root; x != y {
		return x
	}
	if a.Root != b.Root {
		return c.wasUnder(a, b.Root)
	}
	return a.Version > b.Version
}

// contest reports whether two rosters replace the pinned root by different ones.
func (c *chain) contest(a, b *Roster) bool {
	return a.Root != b.Root && a.Root != c.ring.Root && b.Root != c.ring.Root && !c.wasUnder(a, b.Root) && !c.wasUnder(b, a.Root)
}

// wasUnder reports whether a roster descends from one of that root.
func (c *chain) wasUnder(r *Roster, root [32]byte) bool {
	for x := range c.ancestors(r) {
		if x.Root == root {
			return true
		}
	}
	return false
}

// newestBefore is the newest roster of the pinned root from which both descend.
func (c *chain) newestBefore(a, b *Roster) (best *Roster) {
	for x := range c.ancestors(a) {
		if c.ancestors(b)[x] && x.byRoot() && x.Root == c.ring.Root && c.valid(x) == nil && (best == nil || x.Version > best.Version) {
			best = x
		}
	}
	return best
}

// follow goes from child to child to the end of the chain. Where children
// contradict each other it ends, and sides has them.
func (c *chain) follow(r *Roster) (tip *Roster, sides []*Roster) {
	for {
		children := c.children(r)
		if len(children) == 0 {
			return r, nil
		}
		next := c.settle(children)
		if next == nil {
			next = c.merge(children)
		}
		if next == nil {
			for _, child := range children {
				end, _ := c.follow(child)
				sides = append(sides, end)
			}
			return r, sides
		}
		r = next
	}
}

// besides looks for rosters that stand beside the way to tip: one that wins
// against it, or the end of one that contradicts it.
func (c *chain) besides(tip *Roster) (winner, other *Roster) {
	way := c.ancestors(tip)
	for _, parent := range c.order {
		if !way[parent] || parent == tip || c.valid(parent) != nil {
			continue
		}
		for _, o := range c.children(parent) {
			if way[o] {
				continue
			}
			for _, p := range c.children(parent) {
				switch {
				case !way[p] || c.beats(p, o) && !c.beats(o, p):
				case c.beats(o, p) && !c.beats(p, o):
					return o, nil
				default:
					other, _ = c.follow(o)
				}
			}
		}
	}
	return nil, other
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
func (c *chain) settle(list []*Roster) *Roster {
	for _, r := range list {
		wins := func(other *Roster) bool { return r == other || c.beats(r, other) && !c.beats(other, r) }
		if !slices.ContainsFunc(list, func(other *Roster) bool { return !wins(other) }) {
			return r
		}
	}
	return nil
}

// beats compares two siblings by themselves and by what follows them.
func (c *chain) beats(a, b *Roster) bool {
	byRoot := func(from *Roster) (best *Roster) {
		for _, r := range c.following(from) {
			if r.byRoot() && (best == nil || c.overrules(r, best)) {
				best = r
			}
		}
		return best
	}
	x, y := byRoot(a), byRoot(b)
	switch {
	case x == y && x != nil:
		return false // a roster of both
	case x != nil && y != nil:
		return c.overrules(x, y)
	case x != nil || y != nil:
		return x != nil
	}
	return slices.ContainsFunc(c.following(a), func(r *Roster) bool {
		d := r.Device(b.signer())
		return d != nil && d.Revoked
	})
}

// following returns a roster and all valid ones that descend from it.
func (c *chain) following(from *Roster) (list []*Roster) {
	for _, r := range c.order {
		if c.valid(r) == nil && c.ancestors(r)[from] {
			list = append(list, r)
		}
	}
	return list
}

// merge returns a roster that descends from all of the contested ones, or nil.
func (c *chain) merge(contested []*Roster) *Roster {
	for _, r := range c.order {
		apart := func(x *Roster) bool { return !c.ancestors(r)[x] }
		if c.valid(r) == nil && !slices.ContainsFunc(contested, apart) {
			return r
		}
	}
	return nil
}

// ancestors returns what a roster descends from, and itself.
func (c *chain) ancestors(r *Roster) map[*Roster]bool {
	if set := c.above[r]; set != nil {
		return set
	}
	set := map[*Roster]bool{r: true}
	for wait := []*Roster{r}; len(wait) > 0; {
		next := wait[0]
		wait = wait[1:]
		for _, d := range next.Parents {
			if p := c.same[d]; p != nil && !set[p] {
				set[p] = true
				wait = append(wait, p)
			}
		}
	}
	c.above[r] = set
	return set
}

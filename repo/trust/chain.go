package trust

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"

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

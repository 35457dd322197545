package trust

import (
	"slices"

	"github.com/chatkeep/chatkeep/repo/format"
)

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

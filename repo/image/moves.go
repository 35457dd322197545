package image

import (
	"bytes"
	"slices"
	"sort"
)

// parentMoves returns what the parent's layers copied from the base, for the
// blocks that are still the same; nil if there is nothing.
func (d *Delta) parentMoves() []uint32 {
	t := d.parent
	if t.moved == nil {
		return nil
	}
	moves := make([]uint32, len(d.slots))
	for i := range min(len(moves), len(t.moved)) {
		if !d.changed(i) {
			moves[i] = t.moved[i]
		}
	}
	return moves
}

// findMoves adds to the plan which changed blocks the base has elsewhere, and
// returns how many. Of the base are known the blocks that no layer has set,
// and those that layers copied.
func (d *Delta) findMoves(p *Plan) (n uint64) {
	t := d.parent
	var lost []int32 // changed blocks, by their hash
	for i := range d.slots {
		if d.changed(i) {
			lost = append(lost, int32(i))
		}
	}
	hash := func(i int32) Hash { return d.hash(int(i)) }
	slices.SortFunc(lost, func(a, b int32) int {
		x, y := hash(a), hash(b)
		return bytes.Compare(x[:], y[:])
	})
	for i := range t.hashes {
		from, ok := t.origin(i)
		if !ok {
			continue
		}
		h := t.hashes[i]
		at := sort.Search(len(lost), func(k int) bool {
			x := hash(lost[k])
			return bytes.Compare(x[:], h[:]) >= 0
		})
		if at < len(lost) && p.isMoved(int(lost[at])) {
			continue // and so are all that equal it
		}
		for ; at < len(lost) && hash(lost[at]) == h; at++ {
			if p.moves == nil {
				p.moves = make([]uint32, len(d.slots))
			}
			p.moves[lost[at]] = uint32(from) + 1
			n++
		}
	}
	return n
}

package image

// maxGroups is how many groups of layers an image may have. More would make
// the list of layers long and a restore slow.
const maxGroups = 32

// Wants returns what a delta should keep that is captured in full anyway, so
// that it need not be captured twice when a merge or a new base is due. Where
// a patch will do, KeepChanged is cheaper: nothing may have changed at all, and
// if something did, the plan asks for more.
func Wants(t *Table) Keep {
	if t == nil {
		return KeepAll
	}
	due, from := t.due(t.length, t.LayerBytes())
	switch {
	case !due:
		return KeepChanged
	case from == 1 && worn(t.length, t.base, t.literals()*BlockSize):
		return KeepAll
	}
	return Keep(from)
}

// due reports whether an image of this length with this many bytes in layers
// is to be merged, and from which group on.
//
// Too many bytes: all layers are. Too many groups: only the newest, up to the
// first that is larger than all after it, so that what seldom changes is not
// stored again every time.
func (t *Table) due(length, layers uint64) (bool, int) {
	if r := room(length, t.base); layers > r || r == 0 {
		return true, 1
	}
	if len(t.groups) < maxGroups {
		return false, 0
	}
	from := len(t.groups)
	sum := t.groups[from-1].bytes
	for from > 1 && t.groups[from-2].bytes <= sum {
		from--
		sum += t.groups[from-1].bytes
	}
	return true, from
}

// room returns how many bytes layers may have: half of the image, and so few
// that a restore reads at most one and a half times the image.
func room(length, base uint64) uint64 {
	return min(length/2, length+length/2-min(base, length+length/2))
}

// worn reports whether a new base is better than a merge of this many bytes.
// The merge makes room for (room - merged) bytes of layers and the base for
// half an image; what is cheaper per byte of room is better.
func worn(length, base, merged uint64) bool {
	r := room(length, base)
	return 3*merged > 2*r || r == 0
}

// literals counts the blocks whose bytes stand in layers.
func (t *Table) literals() (n uint64) {
	for i := range t.set {
		if _, ok := t.origin(i); !ok {
			n++
		}
	}
	return n
}

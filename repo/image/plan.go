package image

// Kind is what becomes of a delta.
type Kind int

// The kinds, the dearest last.
const (
	Unchanged Kind = iota // the parent's content stays
	Layer                 // what changed is laid upon the parent
	Merge                 // so is what the newest layers set, which are dropped
	Base                  // everything is stored anew
)

func (k Kind) String() string { return [...]string{"unchanged", "layer", "merge", "base"}[k] }

// Reason is why a new base is written.
type Reason string

// The reasons.
const (
	ReasonFirst     Reason = "first"     // there is no parent, or it is not known here
	ReasonRewritten Reason = "rewritten" // more than half changed since the parent
	ReasonWorn      Reason = "worn"      // so much changed since the base that merging is dearer
)

// Plan is what becomes of a delta.
type Plan struct {
	Kind    Kind
	Reason  Reason // Base only
	Changed uint64 // blocks that differ from the parent's
	Moved   uint64 // of these, blocks that a base has elsewhere
	// Copies says that layers copy from the base, so that Build needs to know
	// its chunks.
	Copies bool
	// Ready says that the delta has the bytes it takes. Otherwise the caller
	// captures once more, into a new delta that begins empty and keeps Needs.
	// That is simpler than reading bytes from elsewhere, and right although
	// the database moves on: the new capture is planned by itself. It ends,
	// as every round keeps more.
	Ready bool
	Needs Keep

	from  int      // Merge: the first group that is dropped
	moves []uint32 // per block, 1 + the base's block with its bytes; nil if there is none
}

// Plan says what becomes of the delta. plain says that the content is not
// encrypted, so that pages which moved can be found. The error wraps
// [ErrIncomplete].
func (d *Delta) Plan(plain bool) (*Plan, error) {
	if err := d.complete(); err != nil {
		return nil, err
	}
	p := &Plan{}
	for i := range d.slots {
		if d.changed(i) {
			p.Changed++
		}
	}
	t := d.parent
	switch {
	case t == nil:
		p.Kind, p.Reason = Base, ReasonFirst
	case p.Changed == 0 && t.length == d.length:
		p.Kind = Unchanged
	default:
		p.moves = d.parentMoves()
		if plain {
			p.Moved = d.findMoves(p)
		}
		d.choose(p)
	}
	p.Copies = d.copies(p)
	p.Needs = p.needs()
	p.Ready = p.Needs == KeepChanged || d.keepsAll(p)
	return p, nil
}

func (d *Delta) choose(p *Plan) {
	t := d.parent
	p.Kind = Layer
	step := d.literals(p) * BlockSize
	if 2*step > d.length {
		p.Kind, p.Reason = Base, ReasonRewritten
		return
	}
	// A merge that was not due before the capture waits for the next one,
	// unless a restore would read too much meanwhile.
	slack := d.length / 10
	due, from := t.due(d.length, t.LayerBytes()+step-min(step, slack))
	if !due {
		return
	}
	p.Kind, p.from = Merge, from
	if from == 1 && worn(d.length, t.base, d.literals(p)*BlockSize) {
		p.Kind, p.Reason = Base, ReasonWorn
	}
}

// literals counts the blocks whose bytes the plan's layers must hold.
func (d *Delta) literals(p *Plan) (n uint64) {
	for i := range d.slots {
		if d.written(p, i) && !p.isMoved(i) {
			n++
		}
	}
	return n
}

// copies reports whether the plan's layers hold a block that the base has
// elsewhere: one that moved now, or one that moved earlier and is merged.
func (d *Delta) copies(p *Plan) bool {
	if p.moves == nil || p.Kind != Layer && p.Kind != Merge {
		return false
	}
	for i := range d.slots {
		if p.isMoved(i) && d.written(p, i) {
			return true
		}
	}
	return false
}

// written reports whether the plan's layers set block i: one that changed or
// that layers to be dropped have set, but for zeros behind what is kept.
func (d *Delta) written(p *Plan, i int) bool {
	t := d.parent
	below := t.length
	if p.Kind == Merge {
		below = t.lengthBefore(p.from)
	}
	return d.touched(p, i) && (i < blocksOf(below) || d.hash(i) != zeroBlock(blockLength(d.length, i)))
}

// touched reports whether block i belongs to the plan's group.
func (d *Delta) touched(p *Plan, i int) bool {
	return d.changed(i) || p.Kind == Merge && int(d.parent.set[i]) >= p.from
}

func (p *Plan) isMoved(i int) bool { return p.moves != nil && p.moves[i] > 0 }

func (p *Plan) needs() Keep {
	switch p.Kind {
	case Base:
		return KeepAll
	case Merge:
		return Keep(p.from)
	}
	return KeepChanged
}

// keepsAll reports whether the delta has all bytes that the plan takes. A
// delta that kept less on purpose may have them: when everything changed, say.
func (d *Delta) keepsAll(p *Plan) bool {
	for i := range d.slots {
		if !d.kept(i) && (p.Kind == Base || d.written(p, i) && !p.isMoved(i)) {
			return false
		}
	}
	return true
}

package image

import (
	"fmt"

	"github.com/chatkeep/chatkeep/repo/format"
)

// Parent is the content on which a delta's parent table stands.
type Parent struct {
	Content *format.Content
	Base    []format.Ref // the chunks of its base in order, also where Content lists lists
}

// Store is where chunks go.
type Store struct {
	// Add stores a chunk; the data may be reused once it returns.
	Add func(kind format.ChunkKind, data []byte) (format.Ref, error)
	// Body makes of the chunks of a new base what the content lists: the same,
	// or lists of them.
	Body func(refs []format.Ref) (list []format.Ref, depth uint64, err error)
}

// Result is a content and the block table that describes it.
type Result struct {
	Content *format.Content
	Table   *Table
}

// Build stores what a plan, which must be ready, takes of the delta. Unless it
// is a first base, the parent must be that of the delta's parent table. An
// unchanged image gives the parent's content and table themselves.
func Build(d *Delta, p *Plan, parent Parent, s Store) (*Result, error) {
	if !p.Ready {
		return nil, fmt.Errorf("store image: a %v takes more blocks than were kept", p.Kind)
	}
	if d.parent != nil && (parent.Content == nil || !d.parent.Describes(parent.Content)) {
		return nil, fmt.Errorf("store image: the block table is of another content")
	}
	var r *Result
	var err error
	switch p.Kind {
	case Unchanged:
		return &Result{parent.Content, d.parent}, nil
	case Base:
		r, err = d.buildBase(s)
	default:
		r, err = d.buildLayers(p, parent, s)
	}
	if err != nil {
		return nil, fmt.Errorf("store image: %w", err)
	}
	r.Content.Image, r.Content.Length, r.Content.Proof = true, r.Table.length, r.Table.Proof()
	r.Table.of = FingerprintOf(r.Content)
	return r, nil
}

func (d *Delta) buildBase(s Store) (*Result, error) {
	var refs []format.Ref
	buf := make([]byte, min(d.length, SegmentSize))
	for at := uint64(0); at < d.length; at += SegmentSize {
		segment := buf[:min(d.length-at, SegmentSize)]
		if _, err := d.ReadAt(segment, int64(at)); err != nil {
			return nil, err
		}
		ref, err := s.Add(format.ChunkData, segment)
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	list, depth, err := s.Body(refs)
	if err != nil {
		return nil, err
	}
	t := (&Table{base: d.length}).grown(d.length)
	for i := range d.slots {
		t.hashes[i] = d.hash(i)
	}
	return &Result{&format.Content{Refs: list, Depth: depth}, t}, nil
}

func (d *Delta) buildLayers(p *Plan, parent Parent, s Store) (*Result, error) {
	w := newLayerWriter(d.length, s.Add, parent.Base)
	if err := d.writeBlocks(p, w); err != nil {
		return nil, err
	}
	if err := w.flush(); err != nil {
		return nil, err
	}
	c := *parent.Content
	t := d.parent.grown(d.length)
	below := len(t.groups)
	if p.Kind == Merge {
		below = p.from - 1
	}
	kept := t.layersBefore(below + 1)
	c.Layers = append(c.Layers[:kept:kept], w.refs...)
	t.groups = append(t.groups[:below], group{length: d.length, bytes: w.bytes, layers: uint64(len(w.refs))})
	d.mark(p, t)
	return &Result{&c, t}, nil
}

// writeBlocks writes the extents of the plan's layers.
func (d *Delta) writeBlocks(p *Plan, w *layerWriter) error {
	var b [BlockSize]byte
	for i := range d.slots {
		if !d.written(p, i) {
			continue
		}
		at, n := uint64(i)*BlockSize, blockLength(d.length, i)
		if p.isMoved(i) {
			if err := w.copy(at, uint64(n), uint64(p.moves[i]-1)*BlockSize); err != nil {
				return err
			}
			continue
		}
		if err := d.read(b[:n], int64(at)); err != nil {
			return err
		}
		if err := w.literal(at, b[:n]); err != nil {
			return err
		}
	}
	return nil
}

// mark tells the new table of the blocks that the plan's layers have set.
func (d *Delta) mark(p *Plan, t *Table) {
	own := uint8(len(t.groups))
	for i := range d.slots {
		if !d.touched(p, i) {
			continue
		}
		t.hashes[i], t.set[i] = d.hash(i), own
		if p.isMoved(i) && t.moved == nil {
			t.moved = make([]uint32, len(t.hashes))
		}
		if t.moved != nil {
			t.moved[i] = 0
			if p.moves != nil {
				t.moved[i] = p.moves[i]
			}
		}
	}
}

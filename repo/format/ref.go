package format

import "encoding/binary"

// Ref names a chunk and hints where it lies. A wrong hint costs a look in the
// index, never a wrong byte: the id proves the content.
type Ref struct {
	ID     [32]byte
	Length uint64 // bytes of the chunk
	// The hint: Stored is 0 if there is none.
	Pack   Digest
	Offset uint64 // of the zstd frame in the pack's plaintext
	Stored uint64 // bytes of the zstd frame
}

// encodeWhole writes a Ref with its pack's name in full, as a snapshot does.
func (r *Ref) encodeWhole(e *encoder) {
	e.bytes(2, r.ID[:])
	e.uint(4, r.Length)
	if r.Stored > 0 {
		e.bytes(5, r.Pack[:])
		e.uint(7, r.Offset)
		e.uint(9, r.Stored)
	}
}

func decodeWhole(b []byte) (r Ref, err error) {
	err = fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return v.fixed(r.ID[:])
		case 4:
			return setUint(&r.Length, v)
		case 5:
			return v.fixed(r.Pack[:])
		case 7:
			return setUint(&r.Offset, v)
		case 9:
			return setUint(&r.Stored, v)
		}
		return unknown(tag)
	})
	if err == nil {
		err = r.check()
	}
	return r, err
}

// check refuses what no pack can hold: readers make room for what a ref says.
func (r *Ref) check() error {
	if r.Length > MaxChunk || r.Stored > maxStored || r.Offset > 1<<32 {
		return malformed("size or place of a chunk")
	}
	return nil
}

// packTable numbers the packs that the refs of one tree chunk name. The zero
// digest stands for the pack the chunk itself lies in.
type packTable struct {
	list  []Digest
	index map[Digest]int
}

func (t *packTable) number(d Digest) uint64 {
	if i, ok := t.index[d]; ok {
		return uint64(i)
	}
	if t.index == nil {
		t.index = map[Digest]int{}
	}
	t.index[d] = len(t.list)
	t.list = append(t.list, d)
	return uint64(len(t.list) - 1)
}

// appendRef writes id, length and a hint: 0, or 1 + number of the pack in the
// table, offset and stored length.
func (t *packTable) appendRef(b []byte, r *Ref) []byte {
	b = append(b, r.ID[:]...)
	b = binary.AppendUvarint(b, r.Length)
	if r.Stored == 0 {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, 1+t.number(r.Pack))
	b = binary.AppendUvarint(b, r.Offset)
	return binary.AppendUvarint(b, r.Stored)
}

func (t *packTable) refs(list []Ref) []byte {
	var b []byte
	for i := range list {
		b = t.appendRef(b, &list[i])
	}
	return b
}

// readRefs reads refs against the pack table; a zero digest in it becomes
// self.
func readRefs(b []byte, packs []Digest, self Digest) ([]Ref, error) {
	list := make([]Ref, 0, len(b)/36)
	for len(b) > 0 {
		if len(b) < 32 {
			return nil, malformed("ref")
		}
		r := Ref{ID: [32]byte(b)}
		var pack uint64
		var err error
		b = b[32:]
		for _, dst := range []*uint64{&r.Length, &pack} {
			if *dst, b, err = uvarint(b); err != nil {
				return nil, err
			}
		}
		if pack > 0 {
			if pack > uint64(len(packs)) {
				return nil, malformed("ref beyond the pack table")
			}
			if r.Pack = packs[pack-1]; r.Pack.IsZero() {
				r.Pack = self
			}
			for _, dst := range []*uint64{&r.Offset, &r.Stored} {
				if *dst, b, err = uvarint(b); err != nil {
					return nil, err
				}
			}
			if r.Stored == 0 {
				return nil, malformed("hint")
			}
		}
		if err := r.check(); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// RefList is a chunk that lists the refs of a large file, at most MaxRefs.
type RefList struct{ Refs []Ref }

// MaxRefs is the most refs a RefList, or a Content of depth 0, may hold.
const MaxRefs = 4096

// Encode returns the chunk. Refs whose Pack is zero lie in the same pack as
// the chunk.
func (l *RefList) Encode() []byte {
	var t packTable
	refs := t.refs(l.Refs)
	var e encoder
	e.digests(4, t.list)
	e.bytes(8, refs)
	return e.b
}

// DecodeRefList reads a RefList that lies in pack self.
func DecodeRefList(b []byte, self Digest) (*RefList, error) {
	l := &RefList{}
	var packs []Digest
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 4:
			return set(&packs, v.digests)
		case 8:
			return set(&l.Refs, func() ([]Ref, error) { return readRefs(v, packs, self) })
		}
		return unknown(tag)
	})
	if err == nil && len(l.Refs) > MaxRefs {
		err = malformed("too many refs")
	}
	return l, err
}

package format

import "encoding/binary"

// MaxExtents of a layer bounds the memory of a reader.
const MaxExtents = 1 << 16

// Layer is what changed on top of a database image: its new length and the
// byte ranges that differ.
type Layer struct {
	Length  uint64     // of the image after this layer
	Sources [][32]byte // chunks that extents copy from
	Extents []Extent   // ascending, disjoint
}

// Extent is a range of the image that a layer sets.
type Extent struct {
	At, N  uint64
	Source uint64 // 0: literal bytes; k: copied from Sources[k-1]
	From   uint64 // offset in that chunk
	Bytes  []byte // Source 0: N bytes
}

// Encode returns the chunk.
func (l *Layer) Encode() []byte {
	var sources, extents, literal []byte
	for _, s := range l.Sources {
		sources = append(sources, s[:]...)
	}
	end := uint64(0)
	for _, x := range l.Extents {
		for _, n := range []uint64{x.At - end, x.N, x.Source} {
			extents = binary.AppendUvarint(extents, n)
		}
		if x.Source > 0 {
			extents = binary.AppendUvarint(extents, x.From)
		}
		literal = append(literal, x.Bytes...)
		end = x.At + x.N
	}
	var e encoder
	e.uint(2, l.Length)
	e.bytes(4, sources)
	e.bytes(6, extents)
	e.bytes(8, literal)
	return e.b
}

// DecodeLayer reads a layer. Literal bytes alias b.
func DecodeLayer(b []byte) (*Layer, error) {
	l := &Layer{}
	var extents, literal value
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return setUint(&l.Length, v)
		case 4:
			list, err := v.digests()
			for _, d := range list {
				l.Sources = append(l.Sources, d)
			}
			return err
		case 6:
			extents = v
			return nil
		case 8:
			literal = v
			return nil
		}
		return unknown(tag)
	})
	if err == nil && l.Length > 1<<62 { // so that no sum below can overflow
		err = malformed("length of an image")
	}
	if err != nil {
		return nil, err
	}
	return l, l.decodeExtents(extents, literal)
}

func (l *Layer) decodeExtents(b, literal []byte) error {
	end := uint64(0)
	for len(b) > 0 {
		var gap uint64
		var x Extent
		var err error
		for _, dst := range []*uint64{&gap, &x.N, &x.Source} {
			if *dst, b, err = uvarint(b); err != nil {
				return err
			}
		}
		x.At = end + gap
		if gap > l.Length || x.N == 0 || x.N > l.Length || x.At+x.N > l.Length || x.Source > uint64(len(l.Sources)) {
			return malformed("extent")
		}
		if x.Source > 0 {
			if x.From, b, err = uvarint(b); err != nil {
				return err
			}
		} else {
			if x.N > uint64(len(literal)) {
				return malformed("extent beyond the literal bytes")
			}
			x.Bytes, literal = literal[:x.N], literal[x.N:]
		}
		if len(l.Extents) == MaxExtents {
			return malformed("too many extents")
		}
		l.Extents = append(l.Extents, x)
		end = x.At + x.N
	}
	if len(literal) > 0 {
		return malformed("literal bytes left over")
	}
	return nil
}

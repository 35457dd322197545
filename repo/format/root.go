package format

import "strings"

// Root is the chunk a snapshot points to.
type Root struct {
	Sources []SourceTree
	Flagged []Remark
	Skipped []Remark
	Omitted uint64 // remarks beyond MaxRemarks
}

// MaxRemarks is how many flagged and how many skipped paths a Root names.
const MaxRemarks = 5000

// SourceTree is one source of a snapshot.
type SourceTree struct {
	Name  string
	Kind  string // "folder", "wechat", …
	Place string // where it lay on the device
	Tree  *Child // its top node; nil if the source is empty
	Dirs  uint64
	Files uint64
}

// Remark names a path and says what is wrong with it.
type Remark struct {
	Source, Path, Reason string
}

// Encode returns the chunk. Refs whose Pack is zero lie in the same pack as
// the chunk.
func (r *Root) Encode() []byte {
	var t packTable
	var body encoder
	for i := range r.Sources {
		body.message(6, func(e *encoder) { r.Sources[i].encode(e, &t) })
	}
	for _, m := range r.Flagged {
		body.message(7, m.encode)
	}
	for _, m := range r.Skipped {
		body.message(9, m.encode)
	}
	body.uint(11, r.Omitted)
	var head encoder
	head.digests(4, t.list)
	return append(head.b, body.b...)
}

func (s *SourceTree) encode(e *encoder, t *packTable) {
	e.string(2, s.Name)
	e.string(3, s.Kind)
	e.string(5, s.Place)
	if s.Tree != nil {
		e.message(6, func(e *encoder) { s.Tree.encode(e, t) })
	}
	e.uint(7, s.Dirs)
	e.uint(9, s.Files)
}

func (m Remark) encode(e *encoder) {
	e.string(2, m.Source)
	e.string(4, m.Path)
	e.string(6, m.Reason)
}

// DecodeRoot reads a root that lies in pack self.
func DecodeRoot(b []byte, self Digest) (*Root, error) {
	r := &Root{}
	var packs []Digest
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 4:
			return set(&packs, v.digests)
		case 6:
			if err := within(len(r.Sources)+1, maxSources, "sources"); err != nil {
				return err
			}
			s, err := decodeSource(v, packs, self)
			r.Sources = append(r.Sources, s)
			return err
		case 7:
			return appendRemark(&r.Flagged, v)
		case 9:
			return appendRemark(&r.Skipped, v)
		case 11:
			return setUint(&r.Omitted, v)
		}
		return unknown(tag)
	})
	return r, err
}

func decodeSource(b []byte, packs []Digest, self Digest) (s SourceTree, err error) {
	err = fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return setString(&s.Name, v)
		case 3:
			return setString(&s.Kind, v)
		case 5:
			return setString(&s.Place, v)
		case 6:
			c, err := decodeChild(v, packs, self)
			s.Tree = &c
			return err
		case 7:
			return setUint(&s.Dirs, v)
		case 9:
			return setUint(&s.Files, v)
		}
		return unknown(tag)
	})
	if err == nil && (!ValidPath(s.Name) || strings.Contains(s.Name, "/")) {
		err = malformed("name of a source")
	}
	return s, err
}

func appendRemark(list *[]Remark, b []byte) error {
	var m Remark
	if err := within(len(*list)+1, MaxRemarks, "remarks"); err != nil {
		return err
	}
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return setString(&m.Source, v)
		case 4:
			return setString(&m.Path, v)
		case 6:
			return setString(&m.Reason, v)
		}
		return unknown(tag)
	})
	*list = append(*list, m)
	return err
}

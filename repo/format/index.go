package format

// Index says which pack holds which chunk. It is a signed statement of one
// device about its own packs.
type Index struct {
	Repo     RepoID
	Device   DeviceID
	Replaces []Digest // index objects of the same device whose packs it repeats
	Packs    []Pack
}

// Pack describes one pack object.
type Pack struct {
	Name    Digest
	Size    uint64 // bytes of the object
	Entries []ContentsEntry
	Sums    []Sum // what a provider may report besides the name itself
}

// Sum is a checksum of a whole object.
type Sum struct {
	Algorithm string
	Value     []byte
}

// Encode returns the record's body.
func (x *Index) Encode() []byte {
	var e encoder
	e.bytes(2, x.Repo[:])
	e.bytes(4, x.Device[:])
	e.digests(8, x.Replaces)
	for i := range x.Packs {
		e.message(10, x.Packs[i].encode)
	}
	return e.b
}

func (p *Pack) encode(e *encoder) {
	e.bytes(2, p.Name[:])
	e.uint(4, p.Size)
	e.bytes(6, encodeEntries(p.Entries))
	for _, s := range p.Sums {
		e.message(7, func(e *encoder) { e.string(2, s.Algorithm); e.bytes(4, s.Value) })
	}
}

// DecodeIndex reads an index's body.
func DecodeIndex(b []byte) (*Index, error) {
	x := &Index{}
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return v.fixed(x.Repo[:])
		case 4:
			return v.fixed(x.Device[:])
		case 8:
			return set(&x.Replaces, v.digests)
		case 10:
			if len(v) < len(Digest{}) { // a name at least, so that packs are not more than bytes
				return malformed("pack")
			}
			p, err := DecodePack(v)
			if err == nil {
				x.Packs = append(x.Packs, *p)
			}
			return err
		}
		return unknown(tag)
	})
	return x, err
}

// Encode returns the pack's description alone, as an index nests it.
func (p *Pack) Encode() []byte {
	var e encoder
	p.encode(&e)
	return e.b
}

// DecodePack reads one pack's description.
func DecodePack(b []byte) (*Pack, error) {
	p := &Pack{}
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return v.fixed(p.Name[:])
		case 4:
			return setUint(&p.Size, v)
		case 6:
			return set(&p.Entries, func() ([]ContentsEntry, error) { return decodeEntries(v) })
		case 7:
			if err := within(len(p.Sums)+1, maxSums, "sums"); err != nil {
				return err
			}
			s, err := decodeSum(v)
			p.Sums = append(p.Sums, s)
			return err
		}
		return unknown(tag)
	})
	return p, err
}

func decodeSum(b []byte) (s Sum, err error) {
	err = fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return setString(&s.Algorithm, v)
		case 4:
			s.Value = append([]byte(nil), v...)
			return nil
		}
		return unknown(tag)
	})
	return s, err
}

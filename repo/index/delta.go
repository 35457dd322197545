package index

// delta holds new entries in memory. A nil delta is empty.
type delta struct {
	packs   *packTable
	entries map[[32]byte]place
}

// place is an Entry without its id.
type place struct {
	pack, offset, stored, length uint32
	kind                         uint8
}

func newDelta() *delta {
	return &delta{packs: newPackTable(), entries: map[[32]byte]place{}}
}

func (d *delta) len() int {
	if d == nil {
		return 0
	}
	return len(d.entries)
}

func (d *delta) insert(e Entry, pack [32]byte) {
	d.entries[e.ID] = place{d.packs.number(pack), e.Offset, e.Stored, e.Length, e.Kind}
}

// insertAll inserts the entries of a newer delta.
func (d *delta) insertAll(newer *delta) {
	for id, p := range newer.entries {
		d.insert(p.entry(id), newer.packs.names[p.pack])
	}
}

func (d *delta) lookup(id [32]byte) (e Entry, pack [32]byte, ok bool) {
	if d == nil {
		return e, pack, false
	}
	p, ok := d.entries[id]
	if !ok {
		return e, pack, false
	}
	return p.entry(id), d.packs.names[p.pack], true
}

func (p place) entry(id [32]byte) Entry {
	return Entry{ID: id, Pack: p.pack, Offset: p.offset, Stored: p.stored, Length: p.length, Kind: p.kind}
}

// write writes the delta as a run and opens it.
func (d *delta) write(path string) (*Run, error) {
	entries := make([]Entry, 0, len(d.entries))
	for id, p := range d.entries {
		entries = append(entries, p.entry(id))
	}
	if err := WriteRun(path, d.packs.names, entries); err != nil {
		return nil, err
	}
	return OpenRun(path)
}

package index

import "bytes"

// Merge writes the entries of runs, newest first, as one new run at path, as
// durably as [WriteRun]. Of one id, the entry of the newest run is kept.
// Entries whose pack keep refuses are left out, as if they had never been
// there; a nil keep keeps all. Packs that no entry names are left out too.
//
// It reads every run once and holds in memory one bucket of each, the new
// run's tables, and about 100 bytes per pack. On an error, such as
// [ErrDamaged] of any run, path stays as it was.
func Merge(path string, keep func(pack [32]byte) bool, runs ...*Run) error {
	m := merger{table: newPackTable()}
	most := uint64(0)
	for _, r := range runs {
		most += uint64(r.Len())
		m.sources = append(m.sources, &source{cursor: cursor{run: r}, packs: numberPacks(r, keep)})
	}
	w, err := createRun(path, most)
	if err != nil {
		return err
	}
	defer w.abort()
	if err := m.writeTo(w); err != nil {
		return err
	}
	return w.commit(m.table.names)
}

// merger is a merge under way. The runs are few, so the lowest id is found by
// looking at all of them.
type merger struct {
	sources []*source // newest first; those at their end are taken out
	table   *packTable
}

// source is one run in a merge.
type source struct {
	cursor
	packs []int32 // number in the new run by number in this one, or a mark
}

// Marks in source.packs.
const (
	unnumbered = -1 // no entry kept so far names it
	refused    = -2
)

func numberPacks(r *Run, keep func([32]byte) bool) []int32 {
	packs := make([]int32, len(r.packs))
	for i := range packs {
		packs[i] = unnumbered
		if keep != nil && !keep(r.packs[i]) {
			packs[i] = refused
		}
	}
	return packs
}

// next moves to the next entry whose pack is not refused.
func (s *source) next() (bool, error) {
	for {
		ok, err := s.cursor.next()
		if !ok || err != nil || s.packs[s.entry.Pack] != refused {
			return ok, err
		}
	}
}

func (m *merger) writeTo(w *runWriter) error {
	for i := len(m.sources) - 1; i >= 0; i-- {
		if err := m.advance(i); err != nil {
			return err
		}
	}
	for len(m.sources) > 0 {
		e := m.lowest()
		if err := w.add(&e); err != nil {
			return err
		}
		for i := len(m.sources) - 1; i >= 0; i-- {
			if m.sources[i].entry.ID != e.ID {
				continue
			}
			if err := m.advance(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// advance moves source i on, and takes it out at its end.
func (m *merger) advance(i int) error {
	ok, err := m.sources[i].next()
	if err == nil && !ok {
		m.sources = append(m.sources[:i], m.sources[i+1:]...)
	}
	return err
}

// lowest returns the newest entry of the lowest id, with its pack's number in
// the new run.
func (m *merger) lowest() Entry {
	s := m.sources[0]
	for _, other := range m.sources[1:] {
		if bytes.Compare(other.entry.ID[:], s.entry.ID[:]) < 0 {
			s = other
		}
	}
	e := s.entry
	if s.packs[e.Pack] == unnumbered {
		s.packs[e.Pack] = int32(m.table.number(s.run.packs[e.Pack]))
	}
	e.Pack = uint32(s.packs[e.Pack])
	return e
}

// packTable gives pack names numbers, from 0 in the order they are first seen.
type packTable struct {
	names   [][32]byte
	numbers map[[32]byte]uint32
}

func newPackTable() *packTable {
	return &packTable{numbers: map[[32]byte]uint32{}}
}

func (t *packTable) number(name [32]byte) uint32 {
	n, ok := t.numbers[name]
	if !ok {
		n = uint32(len(t.names))
		t.numbers[name] = n
		t.names = append(t.names, name)
	}
	return n
}

package index

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// place32 is what a look-up answers, without the run's own pack number.
type place32 struct {
	pack                   [32]byte
	offset, stored, length uint32
	kind                   uint8
}

// model is a plain map that the index must agree with.
type model map[[32]byte]place32

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func randomID(r *rand.Rand) (id [32]byte) {
	for i := 0; i < 32; i += 8 {
		binary.LittleEndian.PutUint64(id[i:], r.Uint64())
	}
	return id
}

func packName(n uint32) (name [32]byte) {
	copy(name[:], "pack")
	binary.BigEndian.PutUint32(name[28:], n)
	return name
}

func packNames(n int) (names [][32]byte) {
	for i := range n {
		names = append(names, packName(uint32(i)))
	}
	return names
}

// randomEntry returns an entry in one of the first packs.
func randomEntry(r *rand.Rand, packs int) Entry {
	return Entry{
		ID:     randomID(r),
		Pack:   r.Uint32N(uint32(packs)),
		Offset: r.Uint32(),
		Stored: r.Uint32(),
		Length: r.Uint32(),
		Kind:   uint8(r.Uint32()),
	}
}

func randomEntries(seed uint64, n, packs int) []Entry {
	r := newRand(seed)
	entries := make([]Entry, n)
	for i := range entries {
		entries[i] = randomEntry(r, packs)
	}
	return entries
}

func (m model) put(e Entry, pack [32]byte) {
	m[e.ID] = place32{pack, e.Offset, e.Stored, e.Length, e.Kind}
}

// lookup is what Run and Set have in common.
type lookup func(id [32]byte) (Entry, [32]byte, bool, error)

// compareWithModel looks up every id of m, and as many that m doesn't have.
func compareWithModel(t *testing.T, look lookup, m model) {
	t.Helper()
	r := newRand(99)
	for id, want := range m {
		e, pack, ok, err := look(id)
		got := place32{pack, e.Offset, e.Stored, e.Length, e.Kind}
		if err != nil || !ok || e.ID != id || got != want {
			t.Fatalf("lookup %x: %v, %v, %+v; want %+v", id, ok, err, got, want)
		}
		if _, _, ok, err := look(randomID(r)); ok || err != nil {
			t.Fatalf("lookup of an unknown id: %v, %v", ok, err)
		}
	}
}

// allOf reads the whole run as a model and checks the order on the way.
func allOf(t *testing.T, r *Run) model {
	t.Helper()
	m := model{}
	var last [32]byte
	err := r.All(func(e Entry) error {
		if string(e.ID[:]) < string(last[:]) {
			t.Fatalf("%x comes after %x", e.ID, last)
		}
		last = e.ID
		m.put(e, r.Packs()[e.Pack])
		return nil
	})
	if err != nil || len(m) != r.Len() {
		t.Fatalf("read %d of %d entries: %v", len(m), r.Len(), err)
	}
	return m
}

func equal(t *testing.T, got, want model) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Fatalf("%d entries differ from the %d wanted", len(got), len(want))
	}
}

// makeRun writes and opens a run that is closed when the test ends.
func makeRun(t testing.TB, path string, packs [][32]byte, entries []Entry) *Run {
	t.Helper()
	if err := WriteRun(path, packs, entries); err != nil {
		t.Fatal(err)
	}
	return openRun(t, path)
}

func openRun(t testing.TB, path string) *Run {
	t.Helper()
	r, err := OpenRun(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func inTemp(t testing.TB, name string) string { return filepath.Join(t.TempDir(), name) }

func listing(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

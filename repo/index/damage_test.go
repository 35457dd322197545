package index

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// use opens a run, looks up every entry and reads it all, and returns the
// first error.
func use(path string, entries []Entry) error {
	r, err := OpenRun(path)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, e := range entries {
		if _, _, ok, err := r.Lookup(e.ID); err != nil {
			return err
		} else if !ok {
			return errors.New("an entry is gone, silently")
		}
	}
	return r.Check()
}

func smallRun(t *testing.T) (path string, bytes []byte, entries []Entry) {
	t.Helper()
	path, entries = inTemp(t, "run"), randomEntries(1, 100, 3)
	if err := WriteRun(path, packNames(3), entries); err != nil {
		t.Fatal(err)
	}
	bytes, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := use(path, entries); err != nil {
		t.Fatal(err)
	}
	return path, bytes, entries
}

func overwrite(t *testing.T, path string, bytes []byte) {
	t.Helper()
	if err := os.WriteFile(path, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	path, bytes, entries := smallRun(t)
	for i := range bytes {
		bytes[i] ^= 1 << (i % 8)
		overwrite(t, path, bytes)
		if err := use(path, entries); !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d of %d flipped: %v", i, len(bytes), err)
		}
		bytes[i] ^= 1 << (i % 8)
	}
}

func TestEveryTruncationIsFoundOnOpen(t *testing.T) {
	path, bytes, _ := smallRun(t)
	for n := range bytes {
		overwrite(t, path, bytes[:n])
		if r, err := OpenRun(path); !errors.Is(err, ErrDamaged) {
			if err == nil {
				r.Close()
			}
			t.Fatalf("%d of %d bytes: %v", n, len(bytes), err)
		}
	}
}

func TestAdditionsAndHolesAreFoundOnOpen(t *testing.T) {
	path, bytes, entries := smallRun(t)
	middle := headerSize + 10*recordSize
	for name, torn := range map[string][]byte{
		"a byte more":       append(bytes[:len(bytes):len(bytes)], 0),
		"one record less":   append(bytes[:middle:middle], bytes[middle+recordSize:]...),
		"one record more":   append(bytes[:middle:middle], bytes[middle-recordSize:]...),
		"the footer only":   bytes[len(bytes)-footerSize:],
		"twice":             append(bytes[:len(bytes):len(bytes)], bytes...),
		"zeros, not a file": make([]byte, len(bytes)),
	} {
		overwrite(t, path, torn)
		if _, err := OpenRun(path); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	overwrite(t, path, bytes)
	if err := use(path, entries); err != nil {
		t.Fatal(err)
	}
}

// A file that shrinks while it is open is damaged, not at its end.
func TestRunCutShortWhileOpen(t *testing.T) {
	path, bytes, entries := smallRun(t)
	r := openRun(t, path)
	overwrite(t, path, bytes[:headerSize])
	if _, _, _, err := r.Lookup(entries[0].ID); !errors.Is(err, ErrDamaged) {
		t.Errorf("lookup: %v", err)
	}
	if err := r.Check(); !errors.Is(err, ErrDamaged) {
		t.Errorf("check: %v", err)
	}
}

// Check finds what has good checksums and is still wrong.
func TestCheckFindsWrongRecords(t *testing.T) {
	low, high := Entry{ID: [32]byte{1}}, Entry{ID: [32]byte{200}}
	for name, c := range map[string]struct {
		n       uint64 // entries the run is laid out for
		entries []Entry
	}{
		"order":  {2, []Entry{high, low}},
		"twice":  {2, []Entry{low, low}},
		"bucket": {64, []Entry{high, low}},
	} {
		path := inTemp(t, "run")
		writeAsGiven(t, path, c.n, c.entries)
		if err := openRun(t, path).Check(); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPackNumberBeyondTheTable(t *testing.T) {
	path := inTemp(t, "run")
	e := Entry{ID: [32]byte{1}, Pack: 1}
	w, err := createRun(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.add(&e); err != nil {
		t.Fatal(err)
	}
	w.packs = 1
	if err := w.commit(packNames(1)); err != nil {
		t.Fatal(err)
	}
	r := openRun(t, path)
	if _, _, _, err := r.Lookup(e.ID); !errors.Is(err, ErrDamaged) {
		t.Errorf("lookup: %v", err)
	}
	if err := r.Check(); !errors.Is(err, ErrDamaged) {
		t.Errorf("check: %v", err)
	}
}

func writeAsGiven(t *testing.T, path string, n uint64, entries []Entry) {
	t.Helper()
	w, err := createRun(path, n)
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		if err := w.add(&entries[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.commit(packNames(1)); err != nil {
		t.Fatal(err)
	}
}

func FuzzOpenRun(f *testing.F) {
	path := filepath.Join(f.TempDir(), "run")
	for _, n := range []int{0, 1, 100} {
		if err := WriteRun(path, packNames(3), randomEntries(1, n, 3)); err != nil {
			f.Fatal(err)
		}
		bytes, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		path := inTemp(t, "run")
		overwrite(t, path, bytes)
		if err := use(path, nil); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("got %v", err)
		}
	})
}

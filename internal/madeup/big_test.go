package madeup

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func readPages(t *testing.T, path string) (pages []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for p := range slices.Chunk(b, pageSize) {
		pages = append(pages, string(p))
	}
	return pages
}

func bigDatabase(t *testing.T, seed uint64, encrypted bool) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "big.db")
	if err := Database(path, 4<<20+5, seed, encrypted); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDatabaseCompressesAsItLooks(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		encrypted bool
		ratio     [2]float64
	}{{true, [2]float64{0.99, 1.01}}, {false, [2]float64{2.7, 3.3}}} {
		path := bigDatabase(t, 1, tt.encrypted)
		b, err := os.ReadFile(path)
		if err != nil || len(b) != 4<<20 || isPlain(b) == tt.encrypted {
			t.Fatalf("%d bytes, encrypted %v, %v", len(b), tt.encrypted, err)
		}
		ratio := float64(len(b)) / float64(len(z.EncodeAll(b, nil)))
		if ratio < tt.ratio[0] || ratio > tt.ratio[1] {
			t.Errorf("encrypted %v: compresses %.2f : 1", tt.encrypted, ratio)
		}
		again, err := os.ReadFile(bigDatabase(t, 1, tt.encrypted))
		if err != nil || !bytes.Equal(b, again) {
			t.Error("the same arguments made other bytes", err)
		}
		pages := readPages(t, path)
		slices.Sort(pages)
		if n := len(slices.Compact(pages)); n != 1024 {
			t.Errorf("%d different pages of 1024", n)
		}
	}
}

func TestMutate(t *testing.T) {
	for _, m := range []Mutation{{Pages: 104, Appended: 3, Seed: 5}, {Pages: 1, Seed: 5}, {Pages: 300, Appended: 40, Seed: 5}} {
		for _, encrypted := range []bool{true, false} {
			path := bigDatabase(t, 1, encrypted)
			inLog := bigDatabase(t, 1, encrypted)
			before := readPages(t, path)
			m.WAL = true
			logged := Mutate(inLog, m)
			m.WAL = false
			if err := Mutate(path, m); err != nil || logged != nil {
				t.Fatal(err, logged)
			}
			a, errA := StateOf(path)
			b, errB := StateOf(inLog)
			if a != b || errA != nil || errB != nil || !slices.Equal(readPages(t, inLog), before) {
				t.Error("through the log it is another database", errA, errB)
			}
			after, changed := readPages(t, path), 0
			for i, p := range after {
				if i >= len(before) || p != before[i] {
					changed++
				}
			}
			if changed != m.Pages || len(after)-len(before) != m.Appended || after[0][:16] != before[0][:16] {
				t.Errorf("%d pages changed, %d appended, want %+v", changed, len(after)-len(before), m)
			}
		}
	}
	if err := Mutate(bigDatabase(t, 1, true), Mutation{Pages: 5000}); err == nil {
		t.Error("more pages changed than there are")
	}
}

func TestVacuum(t *testing.T) {
	for _, encrypted := range []bool{true, false} {
		path := bigDatabase(t, 1, encrypted)
		before := readPages(t, path)
		if err := Vacuum(path, 2); err != nil {
			t.Fatal(err)
		}
		after, same := readPages(t, path), 0
		for i, p := range after {
			if p == before[i] {
				same++
			}
		}
		if len(after) != len(before) || after[0][:16] != before[0][:16] || same > 5 {
			t.Errorf("encrypted %v: %d pages, %d of them as before", encrypted, len(after), same)
		}
		slices.Sort(before)
		slices.Sort(after)
		if slices.Equal(before, after) == encrypted {
			t.Errorf("encrypted %v: vacuum made the same pages anew, or others", encrypted)
		}
	}
}

// A log may go on behind the page that nobody writes before the database is
// that long.
func TestLockPageIsNeverMissing(t *testing.T) {
	m, err := openMerged(bigDatabase(t, 1, true))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	p := []byte("not empty")
	if err := m.page(p, lockPage); err != nil || !bytes.Equal(p, make([]byte, len(p))) {
		t.Errorf("page %q, %v", p, err)
	}
	if err := m.page(p, lockPage-1); err == nil {
		t.Error("a page of data is missing, and nobody says so")
	}
}

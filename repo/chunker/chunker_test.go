package chunker

import (
	"math"
	"slices"
	"testing"
)

func cutsOf(t testing.TB, c *Cutter, data []byte) []int {
	t.Helper()
	return cutAll(t, func(d []byte) int { return c.Cut(d, true) }, data)
}

func TestSizesStayWithinBounds(t *testing.T) {
	lengths := cutsOf(t, New([32]byte{1}, Text), random(1, 8<<20))
	for i, n := range lengths {
		last := i == len(lengths)-1
		if n > Text.Max || n < Text.Min && !last {
			t.Errorf("chunk %d of %d has %d bytes", i, len(lengths), n)
		}
	}
}

func TestMeanIsAsPromised(t *testing.T) {
	const total = 32 << 20
	lengths := cutsOf(t, New([32]byte{2}, Text), random(2, total))
	rest := float64(Text.Avg - Text.Min)
	want := float64(Text.Min) + rest*(1-math.Exp(-float64(Text.Max-Text.Min)/rest))
	mean := float64(total) / float64(len(lengths))
	if math.Abs(mean-want) > want/10 {
		t.Errorf("mean of %d chunks is %.0f bytes, promised %.0f", len(lengths), mean, want)
	}
}

func TestOneByteRepeatedGivesMax(t *testing.T) {
	c := New([32]byte{3}, Text)
	data := make([]byte, Text.Max+1)
	for b := range 256 {
		for i := range data {
			data[i] = byte(b)
		}
		if n := c.Cut(data, true); n != Text.Max {
			t.Errorf("a run of %#02x is cut at %d, not at Max", b, n)
		}
	}
}

func TestKeysGiveUnrelatedCuts(t *testing.T) {
	data := random(4, 8<<20)
	a := ends(cutsOf(t, New([32]byte{4}, Text), data))
	b := ends(cutsOf(t, New([32]byte{15: 4}, Text), data))
	shared := 0
	for end := range a {
		if b[end] {
			shared++
		}
	}
	// The end of the data is always shared, and one cut in 48 by chance.
	if shared > len(a)/8 {
		t.Errorf("%d of %d cuts are the same under another key", shared, len(a))
	}
}

func ends(lengths []int) map[int]bool {
	at, set := 0, map[int]bool{}
	for _, n := range lengths {
		at += n
		set[at] = true
	}
	return set
}

func TestOnlyTheFirst16KeyBytesCount(t *testing.T) {
	data := random(5, 2<<20)
	a := cutsOf(t, New([32]byte{5}, Text), data)
	b := cutsOf(t, New([32]byte{0: 5, 16: 1, 31: 1}, Text), data)
	if !slices.Equal(a, b) {
		t.Error("key bytes 16–31 changed the cuts")
	}
}

func TestEditsStayLocal(t *testing.T) {
	const where = 4_000_000
	old := random(6, 8<<20)
	edits := map[string][]byte{
		"insert at the start":  slices.Concat([]byte("insertion"), old),
		"insert in the middle": slices.Insert(slices.Clone(old), where, []byte("insertion")...),
		"remove a byte":        slices.Delete(slices.Clone(old), where, where+1),
		"overwrite":            slices.Replace(slices.Clone(old), where, where+4, 1, 2, 3, 4),
		"append":               append(slices.Clone(old), "addition"...),
	}
	for name, edited := range edits {
		t.Run(name, func(t *testing.T) {
			if n := newBytes(t, old, edited); n > 3*Text.Max {
				t.Errorf("a small edit made %d bytes of new chunks", n)
			}
		})
	}
}

// newBytes returns the bytes of edited that lie in chunks old does not have.
func newBytes(t *testing.T, old, edited []byte) (n int) {
	c := New([32]byte{6}, Text)
	known := map[string]bool{}
	for _, l := range cutsOf(t, c, old) {
		known[string(old[:l])] = true
		old = old[l:]
	}
	for _, l := range cutsOf(t, c, edited) {
		if !known[string(edited[:l])] {
			n += l
		}
		edited = edited[l:]
	}
	return n
}

func TestCutAsksForMore(t *testing.T) {
	data := random(7, 4*small.Max)
	c := New([32]byte{7}, small)
	want := c.Cut(data, false)
	for n := range data[:small.Max] {
		got := c.Cut(data[:n], false)
		if n < want && got != 0 || n >= want && got != want {
			t.Fatalf("the cut at %d became %d when %d bytes were given", want, got, n)
		}
		if got := c.Cut(data[:n], true); got != min(n, want) {
			t.Fatalf("with an end after %d bytes the cut at %d became %d", n, want, got)
		}
	}
}

func TestImpossibleSizesPanic(t *testing.T) {
	for _, p := range []Params{
		{},
		{Min: 63, Avg: 4096, Max: 8192},
		{Min: 64, Avg: 64 + 1024, Max: 8192},
		{Min: 64, Avg: 4096, Max: 4095},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v was taken", p)
				}
			}()
			New([32]byte{}, p)
		}()
	}
}

func TestCutDoesNotAllocate(t *testing.T) {
	c := New([32]byte{8}, Text)
	data := random(8, Text.Max)
	if n := testing.AllocsPerRun(10, func() { c.Cut(data, true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func benchmarkCut(b *testing.B, p Params, data []byte) {
	c := New([32]byte{1}, p)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := data; len(rest) > 0; {
			rest = rest[c.Cut(rest, true):]
		}
	}
}

func BenchmarkCutMedia(b *testing.B) { benchmarkCut(b, Media, random(1, 64<<20)) }
func BenchmarkCutText(b *testing.B)  { benchmarkCut(b, Text, random(1, 64<<20)) }
func BenchmarkCutZeros(b *testing.B) { benchmarkCut(b, Media, make([]byte, 64<<20)) }

package chunker

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
)

func TestSplitCutsLikeCut(t *testing.T) {
	data := random(1, 100_000)
	c := New([32]byte{1}, small)
	want := cutsOf(t, c, data)
	readers := map[string]func(io.Reader) io.Reader{
		"plain":        func(r io.Reader) io.Reader { return r },
		"byte by byte": iotest.OneByteReader,
		"half reads":   iotest.HalfReader,
		"end with data": func(r io.Reader) io.Reader {
			return iotest.DataErrReader(r)
		},
	}
	for name, reader := range readers {
		for _, space := range []int{0, small.Max, small.Max + 1, 2 * small.Max, 5 * small.Max} {
			got, all := split(t, c, reader(bytes.NewReader(data)), make([]byte, space))
			if !slices.Equal(got, want) || !bytes.Equal(all, data) {
				t.Errorf("%s, buffer of %d: %v, want %v", name, space, got, want)
			}
		}
	}
}

func split(t *testing.T, c *Cutter, r io.Reader, buf []byte) (lengths []int, all []byte) {
	t.Helper()
	err := c.Split(r, buf, func(chunk []byte) error {
		lengths = append(lengths, len(chunk))
		all = append(all, chunk...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lengths, all
}

func TestSplitOfLittle(t *testing.T) {
	c := New([32]byte{1}, small)
	if lengths, _ := split(t, c, bytes.NewReader(nil), nil); len(lengths) != 0 {
		t.Errorf("nothing was split into %v", lengths)
	}
	for _, n := range []int{1, small.Min - 1, small.Min} {
		if lengths, _ := split(t, c, bytes.NewReader(make([]byte, n)), nil); !slices.Equal(lengths, []int{n}) {
			t.Errorf("%d bytes were split into %v", n, lengths)
		}
	}
}

// A reader that breaks off must never look like one that ended.
func TestSplitReportsReadErrors(t *testing.T) {
	data := random(1, 20_000)
	for _, want := range []error{errors.New("disk on fire"), io.ErrUnexpectedEOF} {
		r := io.MultiReader(bytes.NewReader(data), iotest.ErrReader(want))
		seen := 0
		err := New([32]byte{1}, small).Split(r, nil, func(chunk []byte) error {
			seen += len(chunk)
			return nil
		})
		if err != want || seen >= len(data) {
			t.Errorf("%d of %d bytes, then %v, want %v", seen, len(data), err, want)
		}
	}
}

func TestSplitStopsAtTheCallersError(t *testing.T) {
	want, calls := errors.New("enough"), 0
	err := New([32]byte{1}, small).Split(bytes.NewReader(random(1, 50_000)), nil, func([]byte) error {
		calls++
		return want
	})
	if err != want || calls != 1 {
		t.Errorf("%d calls, then %v", calls, err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestSplitGivesUpOnAnIdleReader(t *testing.T) {
	err := New([32]byte{1}, small).Split(idle{}, nil, func([]byte) error { return nil })
	if err != io.ErrNoProgress {
		t.Errorf("got %v", err)
	}
}

func TestSplitDoesNotAllocateWithABuffer(t *testing.T) {
	c := New([32]byte{1}, small)
	buf, r := make([]byte, 2*small.Max), bytes.NewReader(random(1, 50_000))
	n := testing.AllocsPerRun(10, func() {
		r.Seek(0, io.SeekStart)
		c.Split(r, buf, func([]byte) error { return nil })
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSplitMedia(b *testing.B) {
	c := New([32]byte{1}, Media)
	buf, r := make([]byte, 2*Media.Max), bytes.NewReader(random(1, 64<<20))
	b.SetBytes(r.Size())
	b.ReportAllocs()
	for b.Loop() {
		r.Seek(0, io.SeekStart)
		if err := c.Split(r, buf, func([]byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

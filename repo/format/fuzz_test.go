package format

import (
	"bytes"
	"errors"
	"testing"
)

func isErr(err, target error) bool { return errors.Is(err, target) }

// Whatever bytes arrive, a decoder returns a value or one of the two errors;
// and a value that decodes encodes to something that decodes to the same.
func FuzzDecoders(f *testing.F) {
	for _, c := range roundTrips {
		f.Add(c.bytes(c.value))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, c := range roundTrips {
			v, err := c.decode(b)
			if err != nil {
				if !isErr(err, ErrMalformed) && !isErr(err, ErrNewer) {
					t.Fatalf("%s: unexpected error %v", name, err)
				}
				continue
			}
			canonical := c.bytes(v)
			again, err := c.decode(canonical)
			if err != nil || !bytes.Equal(c.bytes(again), canonical) {
				t.Fatalf("%s: %+v became %+v, %v", name, v, again, err)
			}
		}
	})
}

func FuzzNames(f *testing.F) {
	f.Add("packs/0/00000000000000000000000000000000-0000000000000000000000000000000000000000000000000000000000000000.age")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseName(s); err == nil && n.String() != s {
			t.Fatalf("%q became %q", s, n.String())
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add(Tail(0, 0, PaddedRecord))
	f.Fuzz(func(t *testing.T, b []byte) {
		if body, rest, err := Split(b); err == nil {
			if len(body)+len(rest) != len(b) {
				t.Fatal("bytes were lost")
			}
			_, _ = FindFrame(rest, FrameContents)
		}
	})
}

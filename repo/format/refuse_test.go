package format

import (
	"bytes"
	"math"
	"reflect"
	"testing"
)

// Sums of what a layer says must not overflow: an extent could then lie before
// the one it follows.
func TestLayerBeyondAnyImageIsRefused(t *testing.T) {
	far := uint64(1) << 63
	for _, l := range []Layer{
		{Length: math.MaxUint64, Extents: []Extent{{At: far, N: 1, Bytes: []byte("a")}, {At: 0, N: 1, Bytes: []byte("b")}}},
		{Length: math.MaxUint64, Extents: []Extent{{At: far, N: far + 1, Source: 1}}, Sources: [][32]byte{digest(1)}},
		{Length: 1<<62 + 1},
	} {
		if got, err := DecodeLayer(l.Encode()); !isErr(err, ErrMalformed) {
			t.Errorf("read as %+v, %v", got, err)
		}
	}
	if _, err := DecodeLayer((&Layer{Length: 1 << 62}).Encode()); err != nil {
		t.Error(err)
	}
}

// A database may never have been proven consistent; what was taken of it is
// all there is.
func TestFileThatWasNeverProven(t *testing.T) {
	c := &Content{Length: 1, Refs: []Ref{{ID: digest(1), Length: 1}}}
	n := &Node{Entries: []Entry{{Path: "db", Unproven: c}}}
	if got, err := DecodeNode(n.Encode(), Digest{}); err != nil || !reflect.DeepEqual(got, n) {
		t.Fatal(got, err)
	}
	for _, e := range []Entry{{Path: "f"}, {Path: "d", Type: TypeDir, Unproven: c}, {Path: "l", Type: TypeSymlink, Target: "t", Unproven: c}} {
		if _, err := DecodeNode((&Node{Entries: []Entry{e}}).Encode(), Digest{}); !isErr(err, ErrMalformed) {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

// Anybody who can write to the remote can put a request there.
func TestRequestNamesAreHarmless(t *testing.T) {
	for _, s := range []string{"", "../x", "a/b", "A", "消息", ".", "a.b", string(bytes.Repeat([]byte("a"), 65))} {
		if n, err := ParseName("requests/" + s + ".json"); err == nil {
			t.Errorf("%q was read as %+v", s, n)
		}
	}
}

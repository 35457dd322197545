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

// A record lists no more than a reader has memory for, and a ref is no larger
// than what a pack can hold.
func TestRecordsThatListTooMuch(t *testing.T) {
	field := func(tag uint64, v []byte) []byte {
		var e encoder
		e.field(tag, v)
		return e.b
	}
	many := func(n int, b []byte) []byte { return bytes.Repeat(b, n) }
	entry := func(rest []byte) []byte {
		return field(6, append(field(2, []byte("f")), append([]byte{4, 1, 1}, rest...)...))
	}
	attribute := field(9, field(2, []byte("a")))
	source := field(6, field(2, []byte("s")))
	whole := func(length, stored, offset uint64) []byte {
		r := Ref{ID: digest(1), Length: length, Pack: digest(2), Offset: offset, Stored: stored}
		return (&Snapshot{Root: r}).Encode()
	}
	pack := field(2, many(32, []byte{1}))
	for name, c := range map[string]struct {
		decode func([]byte) error
		most   []byte
		too    []byte
	}{
		"attributes": {decodesNode, entry(many(maxXAttrs, attribute)), entry(many(maxXAttrs+1, attribute))},
		"no name":    {decodesNode, entry(attribute), entry(field(9, field(4, []byte("v"))))},
		"sources":    {decodesRoot, many(maxSources, source), many(maxSources+1, source)},
		"flagged":    {decodesRoot, many(MaxRemarks, field(7, nil)), many(MaxRemarks+1, field(7, nil))},
		"skipped":    {decodesRoot, many(MaxRemarks, field(9, nil)), many(MaxRemarks+1, field(9, nil))},
		"indexes":    {decodesSnapshot, field(16, make([]byte, 32*maxIndexes)), field(16, make([]byte, 32*(maxIndexes+1)))},
		"heads":      {decodesSnapshot, many(maxHeads, field(17, nil)), many(maxHeads+1, field(17, nil))},
		"records":    {decodesSnapshot, field(19, make([]byte, 32*maxAccepted)), field(19, make([]byte, 32*(maxAccepted+1)))},
		"sums":       {decodesIndex, field(10, append(bytes.Clone(pack), many(maxSums, field(7, nil))...)), field(10, append(bytes.Clone(pack), many(maxSums+1, field(7, nil))...))},
		"packs":      {decodesIndex, field(10, pack), field(10, nil)},
		"length":     {decodesSnapshot, whole(MaxChunk, 1, 0), whole(MaxChunk+1, 1, 0)},
		"stored":     {decodesSnapshot, whole(1, maxStored, 0), whole(1, maxStored+1, 0)},
		"offset":     {decodesSnapshot, whole(1, 1, 1<<32), whole(1, 1, 1<<32+1)},
	} {
		if err := c.decode(c.most); err != nil {
			t.Errorf("%s, as many as may be: %v", name, err)
		}
		if err := c.decode(c.too); !isErr(err, ErrMalformed) {
			t.Errorf("%s, one too many: %v", name, err)
		}
	}
	nodes := Node{Level: 1}
	for i := range maxEntries + 1 {
		nodes.Children = append(nodes.Children, Child{Last: string([]byte{'a' + byte(i>>12), 'a' + byte(i>>8&15), 'a' + byte(i>>4&15), 'a' + byte(i&15)}), Node: Ref{ID: digest(1), Length: 1}})
	}
	if err := decodesNode(nodes.Encode()); !isErr(err, ErrMalformed) {
		t.Error(err)
	}
	if nodes.Children = nodes.Children[:maxEntries]; decodesNode(nodes.Encode()) != nil {
		t.Error(decodesNode(nodes.Encode()))
	}
	if nodes.Level = maxLevel + 1; !isErr(decodesNode(nodes.Encode()), ErrMalformed) {
		t.Error("a level beyond all")
	}
}

func decodesNode(b []byte) error     { _, err := DecodeNode(b, Digest{}); return err }
func decodesRoot(b []byte) error     { _, err := DecodeRoot(b, Digest{}); return err }
func decodesSnapshot(b []byte) error { _, err := DecodeSnapshot(b); return err }
func decodesIndex(b []byte) error    { _, err := DecodeIndex(b); return err }

package format

import (
	"bytes"
	"reflect"
	"testing"
)

func digest(b byte) (d Digest) {
	for i := range d {
		d[i] = b
	}
	return d
}

func device(b byte) (d DeviceID) { copy(d[:], bytes.Repeat([]byte{b}, 16)); return d }

func repo(b byte) RepoID { return RepoID(device(b)) }

func exampleNode() *Node {
	ref := func(b byte) Ref {
		return Ref{ID: digest(b), Length: 70000, Pack: digest(9), Offset: 1 << 20, Stored: 60000}
	}
	return &Node{Entries: []Entry{
		{Path: "a", Type: TypeDir, Mode: 0o755, ModTime: 1700000000123456789, HasOwner: true, Category: "files", Captured: 3},
		{Path: "a/消息 💬.txt", Mode: 0o600, ModTime: -5, Content: &Content{Length: 140000, Refs: []Ref{ref(1), ref(2)}},
			Links: 77, XAttrs: []XAttr{{"user.note", []byte{0, 1}}}, HasOwner: true, UID: 1000, GID: 1000},
		{Path: "a-link", Type: TypeSymlink, Target: "a/\xff\n", Mode: 0o777},
		{Path: "db", Content: &Content{Image: true, Length: 5, Refs: []Ref{{ID: digest(4), Length: 5}}, Layers: []Ref{ref(5)},
			Kept: []Ref{ref(6)}, Proof: digest(8)}, Unproven: &Content{Length: 1, Depth: 1, Refs: []Ref{ref(7)}}},
	}}
}

// roundTrips is every kind of record with every field set.
var roundTrips = map[string]struct {
	value  any
	bytes  func(any) []byte
	decode func([]byte) (any, error)
}{
	"snapshot": {&Snapshot{Repo: repo(1), Roster: digest(2), Device: device(3), Seq: 1482, Previous: digest(4), Time: 1763000000000000001,
		Root: Ref{ID: digest(5), Length: 300, Pack: digest(6), Offset: 12, Stored: 200}, Index: []Digest{digest(7), digest(8)},
		Heads: []Head{{device(9), 7, digest(10)}}, Records: []Digest{digest(11)}, Partial: true,
		Counts: Counts{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, Finished: 1763000000000000002, Client: "chatkeep 0.1"},
		func(v any) []byte { return v.(*Snapshot).Encode() }, func(b []byte) (any, error) { return DecodeSnapshot(b) }},
	"roster": {&Roster{Repo: repo(1), Version: 2, Epoch: 3, Parents: []Digest{digest(1), digest(2)},
		Devices: []Device{{ID: device(1), Name: "书房", Role: BackupOnly, Recipient: "age1pq1x", Verify: digest(3), Revoked: true, Joined: 5, Since: 1, Last: &Head{device(1), 9, digest(4)}, Client: "c"}},
		Epochs:  []Epoch{{1, "d", "m"}, {3, "d3", "m3"}}, Recovery: "age1pq1r", Root: digest(5), MinReader: 1, Time: 6, Policies: []Policy{{"prune", "never"}}},
		func(v any) []byte { return v.(*Roster).Encode() }, func(b []byte) (any, error) { return DecodeRoster(b) }},
	"key file": {&KeyFile{Repo: repo(1), Holder: RecoveryHolder, Epochs: []EpochKeys{{1, digest(2), "m", "d"}, {2, digest(3), "m2", ""}}, Root: digest(4), Roster: digest(5), Time: 6},
		func(v any) []byte { return v.(*KeyFile).Encode() }, func(b []byte) (any, error) { return DecodeKeyFile(b) }},
	"secret": {&Secret{Repo: repo(1), Device: device(2), Secret: digest(3)},
		func(v any) []byte { return v.(*Secret).Encode() }, func(b []byte) (any, error) { return DecodeSecret(b) }},
	"index": {&Index{Repo: repo(1), Device: device(2), Replaces: []Digest{digest(3)}, Packs: []Pack{{Name: digest(4), Size: 5,
		Entries: []ContentsEntry{{digest(6), ChunkData, 700, 800}, {digest(7), ChunkTree, 1, 2}}, Sums: []Sum{{"md5", []byte{1}}}}}},
		func(v any) []byte { return v.(*Index).Encode() }, func(b []byte) (any, error) { return DecodeIndex(b) }},
	"record": {&Record{Repo: repo(1), Device: device(2), Seq: 3, Kind: RecordPrune, Time: 4, Snapshot: &Head{device(5), 6, digest(7)}, Note: "n",
		Owner: device(8), Live: []Digest{digest(9)}, Packs: []Digest{digest(10)}, Indexes: []Digest{digest(11)}},
		func(v any) []byte { return v.(*Record).Encode() }, func(b []byte) (any, error) { return DecodeRecord(b) }},
	"signatures": {&Signatures{Signer: device(1), Ed25519: []byte{2}, Epoch: 3, HMAC: []byte{4}},
		func(v any) []byte { return v.(*Signatures).Encode() }, func(b []byte) (any, error) { return DecodeSignatures(b) }},
	"contents": {&Contents{Device: device(1), Entries: []ContentsEntry{{digest(2), ChunkList, 3, 4}}},
		func(v any) []byte { return v.(*Contents).Encode() }, func(b []byte) (any, error) { return DecodeContents(b) }},
	"node": {exampleNode(),
		func(v any) []byte { return v.(*Node).Encode() }, func(b []byte) (any, error) { return DecodeNode(b, digest(0xEE)) }},
	"inner node": {&Node{Level: 1, Children: []Child{{"a/b", Ref{ID: digest(1), Length: 2}, 3, 4}}},
		func(v any) []byte { return v.(*Node).Encode() }, func(b []byte) (any, error) { return DecodeNode(b, digest(0xEE)) }},
	"root": {&Root{Sources: []SourceTree{{"chats", "folder", "/home/me", &Child{"z", Ref{ID: digest(1), Length: 2, Pack: digest(3), Offset: 4, Stored: 5}, 6, 7}, 8, 9}},
		Flagged: []Remark{{"chats", "a", "changing"}}, Skipped: []Remark{{"chats", "b", "unreadable"}}, Omitted: 2},
		func(v any) []byte { return v.(*Root).Encode() }, func(b []byte) (any, error) { return DecodeRoot(b, digest(0xEE)) }},
	"ref list": {&RefList{Refs: []Ref{{ID: digest(1), Length: 2}, {ID: digest(3), Length: 4, Pack: digest(5), Offset: 0, Stored: 6}}},
		func(v any) []byte { return v.(*RefList).Encode() }, func(b []byte) (any, error) { return DecodeRefList(b, digest(0xEE)) }},
	"layer": {&Layer{Length: 100, Sources: [][32]byte{digest(1)}, Extents: []Extent{{At: 3, N: 2, Bytes: []byte("ab")}, {At: 50, N: 10, Source: 1, From: 7}}},
		func(v any) []byte { return v.(*Layer).Encode() }, func(b []byte) (any, error) { return DecodeLayer(b) }},
}

func TestRecordsSurviveTheirBytes(t *testing.T) {
	for name, c := range roundTrips {
		b := c.bytes(c.value)
		got, err := c.decode(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(got, c.value) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.value)
		}
	}
}

// A future program may add fields: odd ones are skipped, even ones refused.
func TestUnknownFields(t *testing.T) {
	for name, c := range roundTrips {
		if name == "contents" || name == "layer" { // have only critical fields; covered by the even case
			continue
		}
		b := c.bytes(c.value)
		odd := append(bytes.Clone(b), 0xf1, 0x01, 1, 7) // tag 241
		if got, err := c.decode(odd); err != nil || !reflect.DeepEqual(got, c.value) {
			t.Errorf("%s: an unknown odd field: %v", name, err)
		}
		even := append(bytes.Clone(b), 0xf2, 0x01, 1, 7)
		if _, err := c.decode(even); !isErr(err, ErrNewer) {
			t.Errorf("%s: an unknown even field: %v", name, err)
		}
	}
}

func TestTruncatedRecordsAreErrors(t *testing.T) {
	for name, c := range roundTrips {
		b := c.bytes(c.value)
		whole, _ := c.decode(b)
		for n := range len(b) {
			if got, err := c.decode(b[:n]); err == nil && reflect.DeepEqual(got, whole) {
				t.Fatalf("%s: %d of %d bytes read as the whole", name, n, len(b))
			}
		}
	}
}

func TestSelfHintsBecomeThePack(t *testing.T) {
	n := &Node{Entries: []Entry{{Path: "f", Content: &Content{Length: 1, Refs: []Ref{{ID: digest(1), Length: 1, Offset: 5, Stored: 10}}}}}}
	got, err := DecodeNode(n.Encode(), digest(0xEE))
	if err != nil || got.Entries[0].Content.Refs[0].Pack != digest(0xEE) {
		t.Fatal(got, err)
	}
}

func TestLocalFieldsStayLocal(t *testing.T) {
	n := &Node{Entries: []Entry{{Path: "d", Type: TypeDir, ChangeNS: 1, Inode: 2, DiskID: 3, Sum: digest(4)}}}
	if got, err := DecodeNode(n.EncodeLocal(), Digest{}); err != nil || !reflect.DeepEqual(got, n) {
		t.Fatal(got, err)
	}
	got, err := DecodeNode(n.Encode(), Digest{})
	if err != nil || got.Entries[0].Inode != 0 {
		t.Fatal("an inode went to the remote", err)
	}
}

func TestNamesRoundTrip(t *testing.T) {
	for _, n := range []Name{
		{Kind: KindReadme}, {Kind: KindRepository}, {Kind: KindRequest, Request: "abc"},
		{Kind: KindKeys, Holder: RecoveryHolder, Digest: digest(1)}, {Kind: KindKeys, Holder: device(1).String(), Digest: digest(1)},
		{Kind: KindRoster, Version: 3, Digest: digest(1)}, {Kind: KindSecret, Device: device(2), Digest: digest(1)},
		{Kind: KindIndex, Device: device(2), Digest: digest(1)}, {Kind: KindPack, Device: device(2), Digest: digest(1)},
		{Kind: KindSnapshot, Device: device(2), Seq: 1482, Digest: digest(1)}, {Kind: KindRecord, Device: device(2), Seq: 2, Digest: digest(1)},
	} {
		s := n.String()
		if got, err := ParseName(s); err != nil || got != n {
			t.Errorf("%s: %+v %v", s, got, err)
		}
		if len(s) > 160 {
			t.Errorf("%s is %d characters long", s, len(s))
		}
	}
	for _, s := range []string{"", "x", "packs/0/../x.age", "packs/5/" + device(2).String() + "-" + digest(1).String() + ".age",
		"keys/somebody-" + digest(1).String() + ".age", "snapshots/" + device(2).String() + "/1/00000001-" + digest(1).String() + ".age"} {
		if n, err := ParseName(s); err == nil {
			t.Errorf("%q was read as %+v", s, n)
		}
	}
}

func TestPathOrderIsTheWalksOrder(t *testing.T) {
	want := []string{"a", "a/b", "a/b/c", "a/z", "a b", "a!", "b"}
	for i := range want {
		for j := range want {
			if got := ComparePaths(want[i], want[j]); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%q, %q: %d", want[i], want[j], got)
			}
		}
	}
}

func TestValidPath(t *testing.T) {
	for p, want := range map[string]bool{"a": true, "a/b": true, "a\nb\xff": true, "..a": true, "": false, "/a": false, "a/": false,
		"a//b": false, ".": false, "..": false, "a/../b": false, "a\x00": false} {
		if ValidPath(p) != want {
			t.Errorf("%q", p)
		}
	}
}

func TestPaddingHidesSizes(t *testing.T) {
	for _, n := range []int64{0, 1, 4095, 4096, 5000, 1 << 20, 9<<20 + 1, 64 << 20} {
		r, p := PaddedRecord(n), PaddedPack(n)
		if r < n || p < n || r < recordFloor || p < packFloor {
			t.Errorf("%d padded to %d and %d", n, r, p)
		}
		if n > 64<<10 && float64(r)/float64(n) > 1.12 {
			t.Errorf("%d padded to %d: too much", n, r)
		}
		tail := Tail(n, n/2, PaddedPack)
		if got := n + int64(len(tail)); got != PaddedPack(n+frameHeader+EndSize) {
			t.Errorf("tail of %d brings it to %d", n, got)
		}
		body, err := ParseEnd(tail[len(tail)-EndSize:], n+int64(len(tail)))
		if err != nil || body != n/2 {
			t.Error(body, err)
		}
	}
}

package repo

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dchest/siphash"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/words"
	"github.com/chatkeep/chatkeep/repo/chunker"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// These tests hold FORMAT.md and the code to each other: every vector block is
// checked, and every table of tags has the tags that the code writes.

// vector is one block: lines "key: value", where a line without a key goes on
// with the value before, and # starts a comment.
type vector struct {
	keys []string
	text map[string]string
}

var (
	blockRE = regexp.MustCompile("(?ms)^```vector name=(\\S+)\n(.*?)^```$")
	keyRE   = regexp.MustCompile(`^([^:"]+):(.*)$`)
)

func formatText(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func vectors(t *testing.T) map[string]vector {
	t.Helper()
	all := map[string]vector{}
	for _, m := range blockRE.FindAllStringSubmatch(formatText(t), -1) {
		v := vector{text: map[string]string{}}
		for line := range strings.Lines(m[2]) {
			line, _, _ = strings.Cut(line, "#")
			if k := keyRE.FindStringSubmatch(strings.TrimSpace(line)); k != nil {
				v.keys = append(v.keys, k[1])
				line = k[2]
			}
			if len(v.keys) == 0 {
				continue // a comment at the head
			}
			last := v.keys[len(v.keys)-1]
			v.text[last] = strings.TrimSpace(v.text[last] + " " + strings.TrimSpace(line))
		}
		all[m[1]] = v
	}
	return all
}

// bytes reads a value: hex, "text", and either of them followed by *N for N
// times.
func (v vector) bytes(t *testing.T, key string) []byte {
	t.Helper()
	var out []byte
	for _, token := range regexp.MustCompile(`"[^"]*"(\*\d+)?|\S+`).FindAllString(v.text[key], -1) {
		times := 1
		if i := strings.LastIndexByte(token, '*'); i > 0 {
			n, err := strconv.Atoi(token[i+1:])
			if err != nil {
				t.Fatalf("%s: %q", key, token)
			}
			times, token = n, token[:i]
		}
		part := []byte(strings.Trim(token, `"`))
		if token[0] != '"' {
			var err error
			if part, err = hex.DecodeString(token); err != nil {
				t.Fatalf("%s: %q: %v", key, token, err)
			}
		}
		out = append(out, bytes.Repeat(part, times)...)
	}
	return out
}

func (v vector) array(t *testing.T, key string) (a [32]byte) {
	t.Helper()
	if b := v.bytes(t, key); len(b) != 32 {
		t.Fatalf("%s is %d bytes long", key, len(b))
	}
	return [32]byte(v.bytes(t, key))
}

func of32(b byte) (d [32]byte)            { return [32]byte(bytes.Repeat([]byte{b}, 32)) }
func dig(b byte) format.Digest            { return of32(b) }
func dev(b byte) format.DeviceID          { return format.DeviceID(bytes.Repeat([]byte{b}, 16)) }
func bareRef(b byte, n uint64) format.Ref { return format.Ref{ID: of32(b), Length: n} }
func hinted(b byte, pack format.Digest) format.Ref {
	return format.Ref{ID: of32(b), Length: 700, Pack: pack, Offset: 300, Stored: 600}
}

// self is the pack that the tree chunks of the examples lie in.
var self = dig(0xee)

type example struct {
	value  any
	bytes  []byte
	decode func([]byte) (any, error)
}

// encoded makes an example of a value with its own pack named as the format
// wants it: zero for a chunk of the same pack.
func encoded[T any](value, stored *T, encode func(*T) []byte, decode func([]byte) (*T, error)) example {
	return example{value, encode(stored), func(b []byte) (any, error) { return decode(b) }}
}

func plainly[T any](value *T, encode func(*T) []byte, decode func([]byte) (*T, error)) example {
	return encoded(value, value, encode, decode)
}

func exampleLeaf(own format.Digest) *format.Node {
	file := format.Content{Length: 1400, Refs: []format.Ref{hinted(0x21, own), hinted(0x22, dig(0x41))}}
	image := format.Content{Image: true, Length: 5, Depth: 1, Refs: []format.Ref{bareRef(0x23, 5)},
		Layers: []format.Ref{bareRef(0x24, 6)}, Kept: []format.Ref{bareRef(0x25, 7)}, Proof: of32(0x51)}
	return &format.Node{Entries: []format.Entry{
		{Path: "a", Type: format.TypeDir, Mode: 0o755, ModTime: 1, HasOwner: true, UID: 1000, GID: 0, Captured: 3},
		{Path: "a/消息", Mode: 0o600, ModTime: -2, Links: 9, Category: "files", Content: &file, XAttrs: []format.XAttr{{Name: "user.n", Value: []byte{7}}}},
		{Path: "a!", Type: format.TypeSymlink, Target: "a", Mode: 0o777},
		{Path: "db", Content: &image, Unproven: &format.Content{Length: 1, Refs: []format.Ref{bareRef(0x26, 1)}}},
	}}
}

func exampleInner(own format.Digest) *format.Node {
	return &format.Node{Level: 1, Children: []format.Child{
		{Last: "a/b", Node: hinted(0x11, own), Count: 130, Bytes: 9000},
		{Last: "z", Node: hinted(0x12, dig(0x41)), Count: 4},
	}}
}

func exampleRoot(own format.Digest) *format.Root {
	return &format.Root{
		Sources: []format.SourceTree{{Name: "chats", Kind: "folder", Place: "/home/me/chats", Dirs: 2, Files: 3,
			Tree: &format.Child{Last: "z", Node: hinted(0x13, own), Count: 5, Bytes: 9000}}},
		Flagged: []format.Remark{{Source: "chats", Path: "db", Reason: "changing"}},
		Skipped: []format.Remark{{Source: "chats", Path: "x", Reason: "unreadable"}},
		Omitted: 1,
	}
}

func exampleList(own format.Digest) *format.RefList {
	return &format.RefList{Refs: []format.Ref{hinted(0x21, own), bareRef(0x22, 9)}}
}

func exampleSnapshot() *format.Snapshot {
	return &format.Snapshot{Repo: format.RepoID(dev(0x01)), Roster: dig(0x02), Device: dev(0x03), Seq: 1482, Previous: dig(0x04),
		Time: 1763000000000000001, Root: hinted(0x05, dig(0x06)), Index: []format.Digest{dig(0x07), dig(0x08)},
		Heads: []format.Head{{Device: dev(0x09), Seq: 7, Digest: dig(0x0a)}}, Records: []format.Digest{dig(0x0b)}, Partial: true,
		Counts:   format.Counts{Files: 1, Dirs: 2, Bytes: 3, New: 4, Changed: 5, Removed: 6, Read: 7, NewBytes: 8, Uploaded: 9, Objects: 10, Flagged: 11, Skipped: 12},
		ShrunkAt: 1481, Finished: 1763000000000000002, Client: "chatkeep 1"}
}

// examples are the records whose bytes FORMAT.md prints, with every field set.
func examples() map[string]example {
	head := &format.Head{Device: dev(0x01), Seq: 9, Digest: dig(0x04)}
	zero := format.Digest{}
	return map[string]example{
		"snapshot": plainly(exampleSnapshot(), (*format.Snapshot).Encode, format.DecodeSnapshot),
		"roster": plainly(&format.Roster{Repo: format.RepoID(dev(0x01)), Version: 2, Epoch: 3, Parents: []format.Digest{dig(0x02)},
			Devices: []format.Device{{ID: dev(0x03), Name: "书房", Role: format.BackupOnly, Recipient: "age1pq1x", Verify: of32(0x04), Revoked: true, Joined: 5, Since: 1, Client: "c", Last: head}},
			Epochs:  []format.Epoch{{Number: 3, Data: "age1pq1d", Meta: "age1pq1m"}}, Recovery: "age1pq1r", Root: of32(0x05), MinReader: 1, Time: 6,
			Policies: []format.Policy{{Name: "prune", Value: "never"}}}, (*format.Roster).Encode, format.DecodeRoster),
		"key-file": plainly(&format.KeyFile{Repo: format.RepoID(dev(0x01)), Holder: format.RecoveryHolder, Root: of32(0x04), Roster: dig(0x05), Time: 6,
			Epochs: []format.EpochKeys{{Number: 1, MAC: of32(0x02), Meta: "M", Data: "D"}}}, (*format.KeyFile).Encode, format.DecodeKeyFile),
		"secret": plainly(&format.Secret{Repo: format.RepoID(dev(0x01)), Device: dev(0x02), Secret: of32(0x03)}, (*format.Secret).Encode, format.DecodeSecret),
		"index": plainly(&format.Index{Repo: format.RepoID(dev(0x01)), Device: dev(0x02), Replaces: []format.Digest{dig(0x03)}, Packs: []format.Pack{{Name: dig(0x04), Size: 300_000,
			Entries: []format.ContentsEntry{{ID: of32(0x05), Kind: format.ChunkData, Stored: 600, Length: 700}, {ID: of32(0x06), Kind: format.ChunkTree, Stored: 1, Length: 2}},
			Sums:    []format.Sum{{Algorithm: "md5", Value: bytes.Repeat([]byte{7}, 16)}}}}}, (*format.Index).Encode, format.DecodeIndex),
		"record": plainly(&format.Record{Repo: format.RepoID(dev(0x01)), Device: dev(0x02), Seq: 3, Kind: format.RecordPrune, Time: 4,
			Snapshot: &format.Head{Device: dev(0x05), Seq: 6, Digest: dig(0x07)}, Note: "n", Owner: dev(0x05), Live: []format.Digest{dig(0x07)},
			Packs: []format.Digest{dig(0x08)}, Indexes: []format.Digest{dig(0x09)}}, (*format.Record).Encode, format.DecodeRecord),
		"signatures": plainly(&format.Signatures{Signer: dev(0x03), Ed25519: bytes.Repeat([]byte{1}, 64), Epoch: 1, HMAC: bytes.Repeat([]byte{2}, 32), NewRoot: bytes.Repeat([]byte{3}, 64)},
			(*format.Signatures).Encode, format.DecodeSignatures),
		"contents": plainly(&format.Contents{Device: dev(0x02), Entries: []format.ContentsEntry{{ID: of32(0x05), Kind: format.ChunkData, Stored: 600, Length: 700}}},
			(*format.Contents).Encode, format.DecodeContents),
		"layer": plainly(&format.Layer{Length: 12345, Sources: [][32]byte{of32(0x21)},
			Extents: []format.Extent{{At: 3, N: 2, Bytes: []byte("ab")}, {At: 50, N: 300, Source: 1, From: 7}}}, (*format.Layer).Encode, format.DecodeLayer),
		"leaf":       encoded(exampleLeaf(self), exampleLeaf(zero), (*format.Node).Encode, inSelf(format.DecodeNode)),
		"inner-node": encoded(exampleInner(self), exampleInner(zero), (*format.Node).Encode, inSelf(format.DecodeNode)),
		"root":       encoded(exampleRoot(self), exampleRoot(zero), (*format.Root).Encode, inSelf(format.DecodeRoot)),
		"ref-list":   encoded(exampleList(self), exampleList(zero), (*format.RefList).Encode, inSelf(format.DecodeRefList)),
	}
}

func inSelf[T any](decode func([]byte, format.Digest) (*T, error)) func([]byte) (*T, error) {
	return func(b []byte) (*T, error) { return decode(b, self) }
}

func TestFormatRecords(t *testing.T) {
	all := vectors(t)
	for name, e := range examples() {
		want := all[name].bytes(t, "bytes")
		if !bytes.Equal(e.bytes, want) {
			t.Errorf("%s: the code writes\n%x, FORMAT.md says\n%x", name, e.bytes, want)
		}
		if got, err := e.decode(want); err != nil || !reflect.DeepEqual(got, e.value) {
			t.Errorf("%s: FORMAT.md's bytes are read as\n%+v, %v, not\n%+v", name, got, err, e.value)
		}
	}
}

// Whoever adds a vector adds its check.
func TestFormatVectorsAreAllChecked(t *testing.T) {
	checked := slices.Collect(maps.Keys(examples()))
	checked = append(checked, "numbers", "names", "derivations", "fingerprints", "cut", "tree-cut", "padding", "pack-tail", "sealed", "raw-frame", "proof")
	for name := range vectors(t) {
		if !slices.Contains(checked, name) {
			t.Errorf("nobody checks the vector %s", name)
		}
	}
}

// tables says for each table of tags, by its heading, where among the examples
// such a record lies: the name of one and the tags to follow.
var tables = map[string]struct {
	example string
	paths   [][]uint64
}{
	"Signatures":       {"signatures", nil},
	"Signature":        {"signatures", [][]uint64{{3}}},
	"Snapshot":         {"snapshot", nil},
	"Whole ref":        {"snapshot", [][]uint64{{14}}},
	"Head":             {"snapshot", [][]uint64{{17}}},
	"Counts":           {"snapshot", [][]uint64{{21}}},
	"Roster":           {"roster", nil},
	"Device":           {"roster", [][]uint64{{10}}},
	"Epoch":            {"roster", [][]uint64{{12}}},
	"Policy":           {"roster", [][]uint64{{20}}},
	"Key file":         {"key-file", nil},
	"Keys of an epoch": {"key-file", [][]uint64{{6}}},
	"Secret":           {"secret", nil},
	"Index":            {"index", nil},
	"Pack":             {"index", [][]uint64{{10}}},
	"Sum":              {"index", [][]uint64{{10, 7}}},
	"Contents":         {"contents", nil},
	"Record":           {"record", nil},
	"Entry":            {"leaf", [][]uint64{{6}}},
	"Attribute":        {"leaf", [][]uint64{{6, 9}}},
	"Content":          {"leaf", [][]uint64{{6, 6}, {6, 12}}},
	"Child":            {"inner-node", [][]uint64{{8}}},
	"Root":             {"root", nil},
	"Source":           {"root", [][]uint64{{6}}},
	"Remark":           {"root", [][]uint64{{7}, {9}}},
	"RefList":          {"ref-list", nil},
	"Layer":            {"layer", nil},
}

func TestFormatTables(t *testing.T) {
	found := formatTables(t)
	all := examples()
	for heading, where := range tables {
		tags := map[uint64]bool{}
		paths := where.paths
		if paths == nil {
			paths = [][]uint64{nil}
		}
		for _, path := range paths {
			tagsAt(t, all[where.example].bytes, path, tags)
		}
		if want := slices.Sorted(maps.Keys(tags)); !slices.Equal(found[heading], want) {
			t.Errorf("%s: FORMAT.md has the tags %v, the code writes %v", heading, found[heading], want)
		}
	}
	node := map[uint64]bool{}
	tagsAt(t, all["leaf"].bytes, nil, node)
	tagsAt(t, all["inner-node"].bytes, nil, node)
	if want := slices.Sorted(maps.Keys(node)); !slices.Equal(found["Node"], want) {
		t.Errorf("Node: FORMAT.md has the tags %v, the code writes %v", found["Node"], want)
	}
	for heading := range found {
		if _, ok := tables[heading]; !ok && heading != "Node" {
			t.Errorf("nobody checks the table %s", heading)
		}
	}
}

// formatTables returns the tags of each table in FORMAT.md that has tags, by
// the bold word or the heading above it.
func formatTables(t *testing.T) map[string][]uint64 {
	t.Helper()
	found := map[string][]uint64{}
	title := ""
	titleRE, tagRE := regexp.MustCompile(`^(?:#+ |\*\*)([^*(]+?)(?:\*\*.*| \(.*)?$`), regexp.MustCompile(`^\| (\d+) \| `)
	inTags := false
	for line := range strings.Lines(formatText(t)) {
		line = strings.TrimSpace(line)
		if m := titleRE.FindStringSubmatch(line); m != nil {
			title = m[1]
		}
		if !strings.HasPrefix(line, "|") {
			inTags = false
		} else if strings.HasPrefix(line, "| tag |") {
			inTags = true
		}
		if m := tagRE.FindStringSubmatch(line); m != nil && inTags {
			tag, err := strconv.ParseUint(m[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			found[title] = append(found[title], tag)
		}
	}
	return found
}

// tagsAt collects the tags of the records that lie below b along path.
func tagsAt(t *testing.T, b []byte, path []uint64, tags map[uint64]bool) {
	t.Helper()
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		length, m := binary.Uvarint(b[n:])
		value := b[n+m:][:length]
		b = b[n+m:][length:]
		if len(path) == 0 {
			tags[tag] = true
		} else if tag == path[0] {
			tagsAt(t, value, path[1:], tags)
		}
	}
}

func TestFormatNumbers(t *testing.T) {
	v := vectors(t)["numbers"]
	for _, key := range v.keys {
		kind, text, _ := strings.Cut(key, " ")
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		got := binary.AppendUvarint(nil, uint64(n))
		if kind == "signed" {
			got = binary.AppendVarint(nil, n)
		}
		if !bytes.Equal(got, v.bytes(t, key)) {
			t.Errorf("%s is %x", key, got)
		}
	}
}

func TestFormatNames(t *testing.T) {
	v := vectors(t)["names"]
	digest, device := dig(0xab), dev(0x03)
	for key, n := range map[string]format.Name{
		"readme": {Kind: format.KindReadme}, "repository": {Kind: format.KindRepository}, "request": {Kind: format.KindRequest, Request: "89f67df3a9a17b2e12eb42"},
		"recovery keys": {Kind: format.KindKeys, Holder: format.RecoveryHolder, Digest: digest}, "keys": {Kind: format.KindKeys, Holder: device.String(), Digest: digest},
		"roster": {Kind: format.KindRoster, Version: 12, Digest: digest}, "secret": {Kind: format.KindSecret, Device: device, Digest: digest},
		"index": {Kind: format.KindIndex, Device: device, Digest: digest}, "pack": {Kind: format.KindPack, Device: device, Digest: digest},
		"snapshot": {Kind: format.KindSnapshot, Device: device, Seq: 1482, Digest: digest}, "record": {Kind: format.KindRecord, Device: device, Seq: 3, Digest: digest},
	} {
		want := strings.NewReplacer("DIGEST", digest.String(), "DEVICE", device.String()).Replace(v.text[key])
		if n.String() != want {
			t.Errorf("%s is %s, FORMAT.md says %s", key, n, want)
		}
		if got, err := format.ParseName(want); err != nil || got != n {
			t.Errorf("%s: %+v, %v", want, got, err)
		}
	}
	if len(v.keys) != 11 {
		t.Errorf("%d names", len(v.keys))
	}
}

func TestFormatDerivations(t *testing.T) {
	v := vectors(t)["derivations"]
	recovery, err := crypto.ParseIdentity(v.text["recovery key"])
	if err != nil {
		t.Fatal(err)
	}
	root, err := crypto.RootKey(recovery)
	if err != nil {
		t.Fatal(err)
	}
	secret := crypto.Secret(v.array(t, "chunk secret"))
	chunk := v.bytes(t, "chunk")
	for key, got := range map[string][32]byte{
		"root seed": [32]byte(root.Seed()), "root public key": root.Public(), "id key": secret.IDKey(), "cut key": secret.CutKey(),
		"chunk id": crypto.NewNamer(secret.IDKey()).ID(chunk),
	} {
		if want := v.array(t, key); got != want {
			t.Errorf("%s is %x, FORMAT.md says %x", key, got, want)
		}
	}
}

func TestFormatFingerprints(t *testing.T) {
	v := vectors(t)["fingerprints"]
	request := &trust.Request{Repo: format.RepoID(dev(0x01)), Device: dev(0x02), Verify: of32(0x03), Recipient: "age1pq1x"}
	for key, got := range map[string]crypto.Fingerprint{
		"repository": trust.RootFingerprint(v.array(t, "root")), "joining": request.Fingerprint(),
	} {
		if hex.EncodeToString(got[:]) != v.text[key] {
			t.Errorf("%s is %x, FORMAT.md says %s", key, got, v.text[key])
		}
		if text := strings.Join(words.Say(got, "en"), " "); text != v.text[key+" words"] {
			t.Errorf("%s is %s, FORMAT.md says %s", key, text, v.text[key+" words"])
		}
		if text := strings.Join(words.Say(got, "zh-CN"), ""); text != v.text[key+" 词"] {
			t.Errorf("%s is %s, FORMAT.md says %s", key, text, v.text[key+" 词"])
		}
	}
}

func TestFormatCut(t *testing.T) {
	v := vectors(t)["cut"]
	var sizes [3]int
	if _, err := fmt.Sscanf(v.text["text sizes"], "%d %d %d", &sizes[0], &sizes[1], &sizes[2]); err != nil || (chunker.Params{Min: sizes[0], Avg: sizes[1], Max: sizes[2]}) != chunker.Text {
		t.Fatal(sizes, err)
	}
	if _, err := fmt.Sscanf(v.text["media sizes"], "%d %d %d", &sizes[0], &sizes[1], &sizes[2]); err != nil || (chunker.Params{Min: sizes[0], Avg: sizes[1], Max: sizes[2]}) != chunker.Media {
		t.Fatal(sizes, err)
	}
	var data []byte
	for i := range 32768 {
		sum := sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(i)))
		data = append(data, sum[:]...)
	}
	var got []string
	c := chunker.New(v.array(t, "cut key"), chunker.Text)
	for len(data) > 0 {
		n := c.Cut(data, true)
		got, data = append(got, strconv.Itoa(n)), data[n:]
	}
	if s := strings.Join(got, " "); s != v.text["lengths"] {
		t.Errorf("lengths: %s", s)
	}
	for _, b := range []byte{0, 255} {
		sum := sha256.Sum256(append([]byte(v.text["gear label"]), b))
		if key := fmt.Sprintf("gear %d", b); !bytes.Equal(sum[:8], v.bytes(t, key)) {
			t.Errorf("%s is %x", key, sum[:8])
		}
	}
}

func TestFormatTreeCut(t *testing.T) {
	v := vectors(t)["tree-cut"]
	key := v.array(t, "cut key")
	c := newTreeCutter(key)
	ends := 0
	for _, k := range v.keys[1:] {
		levelText, path, _ := strings.Cut(k, " ")
		level, err := strconv.ParseUint(levelText, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		hash := siphash.Hash(binary.LittleEndian.Uint64(key[16:]), binary.LittleEndian.Uint64(key[24:]), append([]byte(path), 0, byte(level)))
		want := fmt.Sprintf("%016x", hash)
		if c.ends(level, path) {
			want += " ends"
			ends++
		}
		if v.text[k] != want {
			t.Errorf("%s: %s", k, want)
		}
	}
	if ends == 0 || ends == len(v.keys)-1 {
		t.Error("the vectors show only one of the two cases")
	}
}

func TestFormatPadding(t *testing.T) {
	v := vectors(t)["padding"]
	for _, key := range v.keys {
		n, err := strconv.ParseInt(key, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(format.PaddedRecord(n), " ", format.PaddedPack(n)); got != v.text[key] {
			t.Errorf("%s: %s", key, got)
		}
	}
}

// A pack's plaintext, from its first frame to its last.
func TestFormatPackTail(t *testing.T) {
	v := vectors(t)["pack-tail"]
	frames := v.bytes(t, "zstd frames")
	plain := slices.Concat(frames, v.bytes(t, "contents frame"), v.bytes(t, "padding frame"), v.bytes(t, "end frame"))
	if int64(len(plain)) != format.PaddedPack(0) {
		t.Errorf("%d bytes", len(plain))
	}
	body, rest, err := format.Split(plain)
	if err != nil || !bytes.Equal(body, frames) {
		t.Fatal(len(body), err)
	}
	payload, err := format.FindFrame(rest, format.FrameContents)
	if err != nil {
		t.Fatal(err)
	}
	contents, err := format.DecodeContents(payload)
	if err != nil || len(contents.Entries) != 1 || int(contents.Entries[0].Stored) != len(frames) {
		t.Fatal(contents, err)
	}
	again := format.AppendFrame(bytes.Clone(frames), format.FrameContents, contents.Encode())
	again = append(again, format.Tail(int64(len(again)), int64(len(frames)), format.PaddedPack)...)
	if !bytes.Equal(again, plain) {
		t.Error("the code writes another tail")
	}
	data, err := newDecoder().DecodeAll(plain, nil)
	if err != nil || uint32(len(data)) != contents.Entries[0].Length {
		t.Error(len(data), err)
	}
	secret := crypto.Secret(vectors(t)["derivations"].array(t, "chunk secret"))
	if err := proveChunks(body, contents.Entries, secret); err != nil {
		t.Error(err)
	}
}

func TestFormatRawFrame(t *testing.T) {
	v := vectors(t)["raw-frame"]
	if got := format.AppendRaw(nil, v.bytes(t, "data")); !bytes.Equal(got, v.bytes(t, "frame")) {
		t.Errorf("%x", got)
	}
}

// The object in testdata opens with the identity that FORMAT.md prints, and
// its signatures hold.
func TestFormatSealed(t *testing.T) {
	v := vectors(t)["sealed"]
	sealed, err := os.ReadFile(v.text["file"])
	if err != nil {
		t.Fatal(err)
	}
	name, err := format.ParseName(v.text["name"])
	if err != nil || name.Digest != trust.Digest(sealed) || fmt.Sprint(len(sealed)) != v.text["size"] {
		t.Fatal(name, len(sealed), err)
	}
	meta, err := crypto.ParseIdentity(v.text["meta identity"])
	if err != nil {
		t.Fatal(err)
	}
	opened, err := trust.OpenRecord(sealed, meta)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(opened.Body, vectors(t)["snapshot"].bytes(t, "bytes")) {
		t.Errorf("body %x", opened.Body)
	}
	key, err := crypto.SigningKeyFromSeed(v.bytes(t, "signing seed"))
	if err != nil {
		t.Fatal(err)
	}
	verify := crypto.VerifyKey(v.array(t, "verify key"))
	mac := crypto.MACKey(v.array(t, "mac key"))
	s := opened.Signatures
	if key.Public() != verify || s.Signer != name.Device || s.Epoch != 1 {
		t.Errorf("verify key %x, %+v", key.Public(), s)
	}
	if !bytes.Equal(s.Ed25519, v.bytes(t, "ed25519")) || !bytes.Equal(s.HMAC, v.bytes(t, "hmac")) {
		t.Errorf("ed25519 %x\nhmac %x", s.Ed25519, s.HMAC)
	}
	ring := &trust.Keyring{Repo: format.RepoID(dev(0x01)), Epochs: []trust.EpochKeys{{Number: 1, MAC: mac, Meta: meta}}}
	roster := &trust.Roster{Roster: format.Roster{Devices: []format.Device{{ID: name.Device, Verify: verify}}}}
	if got, err := ring.OpenSnapshot(sealed, name, roster); err != nil || !reflect.DeepEqual(got, exampleSnapshot()) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFormatProof(t *testing.T) {
	v := vectors(t)["proof"]
	sums := sha256.New()
	for b := range slices.Chunk(v.bytes(t, "image"), 4096) {
		sum := sha256.Sum256(b)
		sums.Write(sum[:])
	}
	if got := [32]byte(sums.Sum(nil)); got != v.array(t, "proof") {
		t.Errorf("%x", got)
	}
}

package snapshot

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// above puts nodes on top of a child until the tree is so many levels high, each
// with the same child in many places.
func (h *hostile) above(c *format.Child, levels, places int) *format.Child {
	for level := 1; level <= levels; level++ {
		n := format.Node{Level: uint64(min(level, 12))}
		for _, last := range numbered("z", places) {
			sub := *c
			sub.Last = last
			n.Children = append(n.Children, sub)
		}
		c = &format.Child{Last: n.Children[places-1].Last, Node: h.chunk(format.ChunkTree, n.Encode())}
	}
	return c
}

// raw is a source whose top node has these bytes.
func (h *hostile) raw(node []byte) format.SourceTree {
	return format.SourceTree{Name: "bad", Kind: "folder", Tree: &format.Child{Last: "zz", Node: h.chunk(format.ChunkTree, node)}}
}

// one is a source with one file of a content.
func (h *hostile) one(c *format.Content) format.SourceTree {
	return h.tree("bad", format.Entry{Path: "f", Mode: 0o600, Content: c})
}

// refs encodes refs by hand: id, length and a hint.
func rawRef(id [32]byte, numbers ...uint64) []byte {
	b := slices.Clone(id[:])
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// entryWith is a node with one file whose content has these fields.
func entryWith(fields ...[]byte) []byte {
	entry := append(tlv(2, []byte("f")), tlv(6, slices.Concat(fields...))...)
	return append(tlv(4, make([]byte, 32)), tlv(6, entry)...)
}

func (h *hostile) lists(n int, refs []format.Ref) (list []format.Ref) {
	return slices.Repeat([]format.Ref{h.chunk(format.ChunkList, (&format.RefList{Refs: refs}).Encode())}, n)
}

func (h *hostile) layer(l format.Layer) format.Ref { return h.chunk(format.ChunkLayer, l.Encode()) }

const (
	// of a file, and of a node
	lostFile, lostNames, noRoom, unwritten = reasonDamaged, reasonTree, CodeTargetFull, reasonWrite
)

// A member's own key signs metadata that claims far more than it holds. Each is
// refused for what it is, and the source beside it is restored.
func TestMetadataBombs(t *testing.T) {
	mib := make([]byte, 1<<20)
	for name, c := range map[string]struct {
		make   func(h *hostile) format.SourceTree
		path   string
		reason string
	}{
		"deeper than allowed": {func(h *hostile) format.SourceTree {
			return format.SourceTree{Name: "bad", Tree: h.above(h.leaf(h.file("f", "x")), 16, 1)}
		}, "bad/z000000", lostNames},
		"a node in many places": {func(h *hostile) format.SourceTree {
			return format.SourceTree{Name: "bad", Tree: h.above(h.leaf(h.file("f", "x")), 11, 100)}
		}, "bad/z000000", lostNames},
		"nothing but empty entries": {func(h *hostile) format.SourceTree { return h.raw(many(2_000_000, tlv(6, nil))) }, "bad/zz", lostNames},
		"nothing but empty children": {func(h *hostile) format.SourceTree {
			return h.raw(append(number(2, 1), many(2_000_000, tlv(8, nil))...))
		}, "bad/zz", lostNames},
		"too many entries": {func(h *hostile) format.SourceTree {
			var b []byte
			for _, p := range numbered("", 100_000) {
				b = append(b, tlv(6, append(tlv(2, []byte(p)), number(4, 1)...))...)
			}
			return h.raw(b)
		}, "bad/zz", lostNames},
		"a level beyond all": {func(h *hostile) format.SourceTree {
			c := h.leaf(h.file("f", "x"))
			n := format.Node{Level: 13, Children: []format.Child{*c}}
			return h.raw(n.Encode())
		}, "bad/zz", lostNames},
		"attributes by the million": {func(h *hostile) format.SourceTree {
			return h.raw(tlv(6, slices.Concat(tlv(2, []byte("f")), number(4, 1), many(800_000, tlv(9, tlv(2, []byte("a")))))))
		}, "bad/zz", lostNames},
		"attributes without a name": {func(h *hostile) format.SourceTree {
			return h.raw(tlv(6, slices.Concat(tlv(2, []byte("f")), number(4, 1), tlv(9, nil))))
		}, "bad/zz", lostNames},
		"a symlink's target of megabytes": {func(h *hostile) format.SourceTree {
			return h.tree("bad", format.Entry{Path: "f", Type: format.TypeSymlink, Target: strings.Repeat("a/", 1_500_000)})
		}, "bad/f", unwritten},
		"lists of the same list": {func(h *hostile) format.SourceTree {
			refs := slices.Repeat([]format.Ref{h.chunk(format.ChunkData, []byte("x"))}, format.MaxRefs)
			return h.one(&format.Content{Depth: 1, Length: 1 << 24, Refs: h.lists(format.MaxRefs, refs)})
		}, "bad/f", lostFile},
		"lists of empty chunks": {func(h *hostile) format.SourceTree {
			refs := slices.Repeat([]format.Ref{h.chunk(format.ChunkData, nil)}, format.MaxRefs)
			return h.one(&format.Content{Depth: 1, Length: 1 << 24, Refs: h.lists(format.MaxRefs, refs)})
		}, "bad/f", lostFile},
		"more than its length": {func(h *hostile) format.SourceTree {
			refs := slices.Repeat([]format.Ref{h.chunk(format.ChunkData, mib)}, format.MaxRefs)
			return h.one(&format.Content{Depth: 1, Length: 5, Refs: h.lists(format.MaxRefs, refs)})
		}, "bad/f", lostFile},
		"more than its length, in one list": {func(h *hostile) format.SourceTree {
			return h.one(&format.Content{Length: 5, Refs: slices.Repeat([]format.Ref{h.chunk(format.ChunkData, mib)}, format.MaxRefs)})
		}, "bad/f", lostFile},
		"less than its length": {func(h *hostile) format.SourceTree {
			return h.one(&format.Content{Length: 2 << 20, Refs: []format.Ref{h.chunk(format.ChunkData, mib)}})
		}, "bad/f", lostFile},
		"a file larger than any disk": {func(h *hostile) format.SourceTree {
			refs := slices.Repeat([]format.Ref{h.chunk(format.ChunkData, make([]byte, 4<<20))}, format.MaxRefs)
			return h.one(&format.Content{Depth: 1, Length: 1 << 46, Refs: h.lists(format.MaxRefs, refs)})
		}, "bad/f", noRoom},
		"an image larger than any disk": {func(h *hostile) format.SourceTree {
			return h.one(&format.Content{Image: true, Length: 1 << 62, Layers: []format.Ref{h.layer(format.Layer{Length: 1 << 62})}})
		}, "bad/f", noRoom},
		"a layer larger than any disk": {func(h *hostile) format.SourceTree {
			return h.one(&format.Content{Image: true, Length: 1, Layers: []format.Ref{h.layer(format.Layer{Length: 1 << 62}), h.layer(format.Layer{Length: 1})}})
		}, "bad/f", noRoom},
		"layers that write for ever": {func(h *hostile) format.SourceTree {
			base := h.chunk(format.ChunkData, make([]byte, 4<<20))
			l := format.Layer{Length: 1 << 28, Sources: [][32]byte{base.ID}}
			for at := uint64(0); at < l.Length; at += base.Length {
				l.Extents = append(l.Extents, format.Extent{At: at, N: base.Length, Source: 1})
			}
			return h.one(&format.Content{Image: true, Length: l.Length, Refs: []format.Ref{base}, Layers: slices.Repeat([]format.Ref{h.layer(l)}, 4000)})
		}, "bad/f", lostFile},
		"extents that overlap": {func(h *hostile) format.SourceTree {
			l := format.Layer{Length: 10, Extents: []format.Extent{{At: 2, N: 2, Bytes: []byte("ab")}, {At: 3, N: 2, Bytes: []byte("cd")}}}
			return h.one(&format.Content{Image: true, Length: 10, Layers: []format.Ref{h.layer(l)}})
		}, "bad/f", lostFile},
		"a ref of terabytes": {func(h *hostile) format.SourceTree {
			return h.raw(entryWith(number(4, 1), tlv(8, rawRef([32]byte{1}, 1<<42, 0))))
		}, "bad/zz", lostNames},
		"a hint of gigabytes": {func(h *hostile) format.SourceTree {
			return h.raw(entryWith(number(4, 1), tlv(8, rawRef([32]byte{1}, 1, 1, 0, 1<<31))))
		}, "bad/zz", lostNames},
		"a hint beyond any pack": {func(h *hostile) format.SourceTree {
			return h.raw(entryWith(number(4, 1), tlv(8, rawRef([32]byte{1}, 1, 1, math.MaxUint64, 1))))
		}, "bad/zz", lostNames},
		"a ref whose length lies": {func(h *hostile) format.SourceTree {
			ref := h.chunk(format.ChunkData, []byte("four"))
			ref.Length = 3 << 20
			return h.one(&format.Content{Length: ref.Length, Refs: []format.Ref{ref}})
		}, "bad/f", lostFile},
		"a frame that unpacks to a gigabyte": {func(h *hostile) format.SourceTree {
			return h.one(&format.Content{Length: 100, Refs: []format.Ref{h.frame(format.ChunkData, []byte("bomb"), gigabyte(), 100)}})
		}, "bad/f", lostFile},
		"a frame that declares an exabyte": {func(h *hostile) format.SourceTree {
			return h.one(&format.Content{Length: 100, Refs: []format.Ref{h.frame(format.ChunkData, []byte("bomb"), exabyte, 100)}})
		}, "bad/f", lostFile},
		"a frame with a window of gigabytes": {func(h *hostile) format.SourceTree {
			return h.one(&format.Content{Length: 100, Refs: []format.Ref{h.frame(format.ChunkData, []byte("bomb"), wideWindow, 100)}})
		}, "bad/f", lostFile},
		"a node in the place of a list": {func(h *hostile) format.SourceTree {
			return h.one(&format.Content{Depth: 1, Length: 100, Refs: []format.Ref{h.leaf(h.file("f", "x")).Node}})
		}, "bad/f", lostFile},
		"a list of lists": {func(h *hostile) format.SourceTree {
			inner := h.lists(1, []format.Ref{h.chunk(format.ChunkData, []byte("x"))})
			return h.one(&format.Content{Depth: 1, Length: 1, Refs: h.lists(1, inner)})
		}, "bad/f", lostFile},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t)
			h.publish(c.make(h), h.tree("good", h.file("good.txt", "good")))
			out, to := h.restores(RestoreOptions{})
			if len(out.Failed) == 0 || out.Failed[0].Path != c.path || len(out.Failed) > 100 {
				t.Errorf("%d failed: %v", len(out.Failed), out.Failed)
			}
			for _, f := range out.Failed {
				if f.Reason != c.reason || f.Damaged != (c.reason == lostFile || c.reason == lostNames) {
					t.Errorf("%+v", f)
				}
			}
			if b, err := os.ReadFile(filepath.Join(to, "good", "good.txt")); err != nil || string(b) != "good" {
				t.Errorf("%q %v", b, err)
			}
			if list, _ := os.ReadDir(filepath.Join(to, "bad")); len(list) > 0 {
				t.Errorf("left behind: %v", list)
			}
			if name != "a file larger than any disk" && c.reason != noRoom { // whose proof takes the disk
				h.bounded(func(ctx context.Context) {
					rep, err := h.bare().Check(ctx, repo.CheckOptions{Data: 100})
					h.must(err)
					if rep.OK() && c.reason != unwritten {
						t.Error("the check finds nothing")
					}
				})
			}
		})
	}
}

// gigabyte is a small zstd frame of a gigabyte of zeros.
func gigabyte() []byte {
	var b []byte
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithSingleSegment(false))
	if err != nil {
		panic(err) // only for impossible options
	}
	zeros := make([]byte, 16<<20)
	for range 64 {
		b = enc.EncodeAll(zeros, b)
	}
	return b
}

var (
	// Frame headers written by hand: descriptor, window, content size; then one
	// block of a byte repeated a hundred times.
	exabyte    = []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x23, 0x03, 0, 'x'}
	wideWindow = []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x23, 0x03, 0, 'x'}
)

// The top of a snapshot may be hostile too. Then nothing can be restored, which
// is said as what it is.
func TestRootBombs(t *testing.T) {
	remark := tlv(7, nil)
	for name, root := range map[string][]byte{
		"remarks by the million":               many(2_000_000, remark),
		"sources by the hundreds of thousands": many(400_000, tlv(6, tlv(2, []byte("s")))),
		"a source called ..":                   (&format.Root{Sources: []format.SourceTree{{Name: ".."}}}).Encode(),
		"a source called a/b":                  (&format.Root{Sources: []format.SourceTree{{Name: "a/b"}}}).Encode(),
		"no root at all":                       []byte("hello"),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t)
			h.publishRoot(root)
			h.bounded(func(ctx context.Context) {
				r := h.bare()
				s, err := r.Find(ctx, repo.Latest)
				h.must(err)
				to := filepath.Join(t.TempDir(), "restored")
				_, err = Restore(ctx, r, s, RestoreOptions{To: to})
				h.wantCode(err, repo.CodeDamaged)
				if _, err := os.Lstat(to); err == nil {
					t.Error("something was made")
				}
			})
		})
	}
}

// record signs a body as this device and seals it, whatever it holds.
func (p *place) record(context string, packed func(body []byte) []byte, body []byte, kind format.Kind, seq uint64) format.Name {
	p.t.Helper()
	k := p.ring()
	data, meta, err := p.roster().Recipients()
	p.must(err)
	to := meta
	if kind == format.KindIndex {
		to = data
	}
	epoch := &k.Epochs[len(k.Epochs)-1]
	sealed, err := trust.SealRecord(context, body, k.Device.Signer(), epoch, to)
	if packed != nil {
		sigs := format.Signatures{Signer: k.Device.ID, Ed25519: k.Device.Signing.Sign(context, body), Epoch: epoch.Number, HMAC: epoch.MAC.Sum(context, body)}
		frames := packed(body)
		plain := format.AppendFrame(slices.Clone(frames), format.FrameSignatures, sigs.Encode())
		plain = append(plain, format.Tail(int64(len(plain)), int64(len(frames)), format.PaddedRecord)...)
		sealed = p.taken().seal(plain, to)
	}
	p.must(err)
	n := format.Name{Kind: kind, Device: k.Device.ID, Seq: seq, Digest: trust.Digest(sealed)}
	p.memory.SetBytes(object(n), sealed)
	return n
}

// A newer snapshot that is a bomb is an alarm, and the one before it is what is
// there.
func TestSnapshotBombs(t *testing.T) {
	base := backedUp(t, format.Full)
	k := base.ring()
	head := func(rest ...[]byte) []byte {
		return slices.Concat(append([][]byte{tlv(2, k.Repo[:]), tlv(4, make([]byte, 32)), tlv(6, k.Device.ID[:]), number(8, 2)}, rest...)...)
	}
	whole := tlv(14, slices.Concat(tlv(2, make([]byte, 32)), number(4, 1<<40)))
	far := tlv(14, slices.Concat(tlv(2, make([]byte, 32)), number(4, 100), tlv(5, many(32, []byte{1})), number(7, 1<<63), number(9, 100)))
	for name, c := range map[string]struct {
		body   []byte
		packed func([]byte) []byte
	}{
		"a million heads":              {head(many(1_000_000, tlv(17, nil))), nil},
		"two million indexes":          {head(tlv(16, make([]byte, 32*1_900_000))), nil},
		"two million records":          {head(tlv(19, make([]byte, 32*1_900_000))), nil},
		"a root of a terabyte":         {head(whole), nil},
		"a root beyond the end of all": {head(far), nil},
		"unpacks to a gigabyte":        {nil, func([]byte) []byte { return gigabyte() }},
		"declares an exabyte":          {nil, func([]byte) []byte { return exabyte }},
		"a window of gigabytes":        {nil, func([]byte) []byte { return wideWindow }},
		"fields without end":           {many(30_000_000, tlv(255, nil)[:3]), nil},
		"text instead of a record":     {[]byte("hello"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := base.twin(t)
			n := p.record(format.ContextSnapshot, c.packed, c.body, format.KindSnapshot, 2)
			p.bounded(func(ctx context.Context) {
				r := p.bare()
				out, dir, err := p.restore(r, "laptop/latest")
				p.must(err)
				p.intact(dir, p.failures(out)...)
				if len(out.Failed) > 0 {
					t.Error(out.Failed)
				}
				if a := p.wantAlarm(r.Alarms(), repo.CodeDamaged); a.Object != n.String() {
					t.Errorf("%+v", a)
				}
			})
		})
	}
}

// An index that lists millions of nothings, or chunks of gigabytes, is damaged,
// and the chunks are found by their hints.
func TestIndexBombs(t *testing.T) {
	base := backedUp(t, format.Full)
	k := base.ring()
	prefix := slices.Concat(tlv(2, k.Repo[:]), tlv(4, k.Device.ID[:]))
	pack := func(rest ...[]byte) []byte {
		return tlv(10, slices.Concat(append([][]byte{tlv(2, make([]byte, 32))}, rest...)...))
	}
	for name, body := range map[string][]byte{
		"packs of nothing": slices.Concat(prefix, many(10_000_000, tlv(10, nil))),
		"sums of nothing":  slices.Concat(prefix, pack(many(10_000_000, tlv(7, nil)))),
		"huge chunks":      slices.Concat(prefix, pack(tlv(6, slices.Concat(make([]byte, 32), []byte{1}, binary.AppendUvarint(nil, 1<<31), binary.AppendUvarint(nil, 1<<31))))),
	} {
		t.Run(name, func(t *testing.T) {
			p := base.twin(t)
			n := p.record(format.ContextIndex, nil, body, format.KindIndex, 0)
			first, err := p.bare().Find(background, repo.Latest)
			p.must(err)
			p.sealed(func(s *format.Snapshot) {
				*s = first.Snapshot
				s.Seq, s.Previous, s.Index = 2, first.Name.Digest, append(slices.Clone(s.Index), n.Digest)
			})
			p.bounded(func(ctx context.Context) {
				rep, err := p.bare().Check(ctx, repo.CheckOptions{})
				p.must(err)
				if !slices.ContainsFunc(rep.Bad, func(b repo.Bad) bool { return b.Object == n.String() && b.Reason == string(repo.CodeDamaged) }) {
					t.Errorf("%+v", rep.Bad)
				}
				out, dir, err := p.restore(p.bare(), "latest")
				p.must(err)
				p.intact(dir, p.failures(out)...)
			})
		})
	}
}

// Thousands of small objects under good names cost time, a request each, and
// nothing else.
func TestFloodOfObjects(t *testing.T) {
	const n = 1500
	p := backedUp(t, format.Full)
	k := p.ring()
	kinds := map[string]func(i uint64) format.Name{
		"rosters": func(i uint64) format.Name { return format.Name{Kind: format.KindRoster, Version: i + 2} },
		"snapshots": func(i uint64) format.Name {
			return format.Name{Kind: format.KindSnapshot, Device: k.Device.ID, Seq: i + 2}
		},
		"keys":    func(uint64) format.Name { return format.Name{Kind: format.KindKeys, Holder: format.RecoveryHolder} },
		"secrets": func(uint64) format.Name { return format.Name{Kind: format.KindSecret, Device: k.Device.ID} },
		"records": func(i uint64) format.Name {
			return format.Name{Kind: format.KindRecord, Device: k.Device.ID, Seq: i + 1}
		},
	}
	for what, name := range kinds {
		t.Run(what, func(t *testing.T) {
			q := p.twin(t)
			for i := range uint64(n) {
				b := []byte(fmt.Sprint(what, i))
				o := name(i)
				o.Digest = trust.Digest(b)
				q.memory.SetBytes(object(o), b)
			}
			q.bounded(func(context.Context) {
				for _, open := range []func() *repo.Repo{q.open, q.bare} {
					out, dir, err := q.restore(open(), "laptop/latest")
					q.must(err)
					q.intact(dir, q.failures(out)...)
				}
				if rep := q.report(q.bare(), 0); len(rep.Bad)+len(rep.Alarms) < n {
					t.Errorf("only %d are named", len(rep.Bad)+len(rep.Alarms))
				}
			})
		})
	}
}

package snapshot

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// hostile makes signed snapshots of whatever it likes: somebody holds the keys of
// a member. Chunks go into packs made by hand, which an index lists.
type hostile struct {
	*place
	namer   *crypto.Namer
	frames  []byte
	entries []format.ContentsEntry
	known   map[[32]byte]bool
}

func newHostile(t *testing.T) *hostile {
	p := newPlace(t, format.Full)
	return p.taken()
}

// taken is what the thief of a device's keys can do.
func (p *place) taken() *hostile {
	return &hostile{place: p, namer: crypto.NewNamer(p.ring().Device.Secret.IDKey()), known: map[[32]byte]bool{}}
}

var squeeze, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))

// chunk stores a chunk and returns a ref to it without a hint.
func (h *hostile) chunk(kind format.ChunkKind, data []byte) format.Ref {
	return h.frame(kind, data, squeeze.EncodeAll(data, nil), len(data))
}

// frame stores a chunk in a frame that need not hold it.
func (h *hostile) frame(kind format.ChunkKind, data, frame []byte, length int) format.Ref {
	id := h.namer.ID(data)
	if !h.known[id] {
		h.known[id] = true
		h.frames = append(h.frames, frame...)
		h.entries = append(h.entries, format.ContentsEntry{ID: id, Kind: kind, Stored: uint32(len(frame)), Length: uint32(length)})
	}
	return format.Ref{ID: id, Length: uint64(length)}
}

// file is the entry of a small plain file.
func (h *hostile) file(path, content string) format.Entry {
	e := format.Entry{Path: path, Mode: 0o644, ModTime: 1, Content: &format.Content{Length: uint64(len(content))}}
	if content != "" {
		e.Content.Refs = []format.Ref{h.chunk(format.ChunkData, []byte(content))}
	}
	return e
}

// leaf stores a node of entries and returns what a node above says of it.
func (h *hostile) leaf(entries ...format.Entry) *format.Child {
	n := format.Node{Entries: entries}
	return &format.Child{Last: entries[len(entries)-1].Path, Node: h.chunk(format.ChunkTree, n.Encode()), Count: uint64(len(entries))}
}

// tree is a source with these entries.
func (h *hostile) tree(name string, entries ...format.Entry) format.SourceTree {
	return format.SourceTree{Name: name, Kind: "folder", Tree: h.leaf(entries...)}
}

// publish puts a snapshot of the sources, the next one of this device.
func (h *hostile) publish(sources ...format.SourceTree) {
	h.publishRoot((&format.Root{Sources: sources}).Encode())
}

func (h *hostile) publishRoot(root []byte) {
	h.t.Helper()
	top := h.chunk(format.ChunkTree, root)
	k := h.ring()
	plain := format.AppendFrame(bytes.Clone(h.frames), format.FrameContents, (&format.Contents{Device: k.Device.ID, Entries: h.entries}).Encode())
	plain = append(plain, format.Tail(int64(len(plain)), int64(len(h.frames)), format.PaddedPack)...)
	data, _, err := h.roster().Recipients()
	h.must(err)
	sealed := h.seal(plain, data)
	pack := format.Pack{Name: trust.Digest(sealed), Size: uint64(len(sealed)), Entries: h.entries}
	h.memory.SetBytes(object(format.Name{Kind: format.KindPack, Device: k.Device.ID, Digest: pack.Name}), sealed)
	index, err := k.SealIndex(&format.Index{Repo: k.Repo, Device: k.Device.ID, Packs: []format.Pack{pack}}, h.roster())
	h.must(err)
	h.put(index)
	h.sealed(func(s *format.Snapshot) {
		s.Seq, s.Roster, s.Time, s.Root, s.Index = 1, h.roster().Digest, 1, top, []format.Digest{index.Name.Digest}
	})
}

func (h *hostile) seal(plain []byte, to ...*crypto.Recipient) []byte {
	h.t.Helper()
	var b bytes.Buffer
	w, err := crypto.Seal(&b, to...)
	h.must(err)
	_, err = w.Write(plain)
	h.must(err)
	h.must(w.Close())
	return b.Bytes()
}

// restores brings the snapshot back on a machine with the recovery key alone,
// within bounds of memory and time, and leaves nothing half-written.
func (h *hostile) restores(o RestoreOptions) (out *Restored, to string) {
	h.t.Helper()
	if o.To == "" {
		o.To = filepath.Join(h.t.TempDir(), "restored")
	}
	h.bounded(func(ctx context.Context) {
		r := h.bare()
		s, err := r.Find(ctx, repo.Latest)
		h.must(err)
		out, err = Restore(ctx, r, s, o)
		h.must(err)
	})
	h.noTemp(o.To)
	return out, o.To
}

// Bounds of what an attack may cost. They are far above what any costs now, and
// far below what those cost that find no bound.
const (
	attackMemory = 512 << 20 // bytes allocated, in all and not at once
	attackTime   = 3 * time.Minute
)

func (p *place) bounded(what func(context.Context)) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(background, attackTime)
	defer cancel()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	what(ctx)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > attackMemory {
		p.t.Errorf("%d MiB were allocated", n>>20)
	}
}

// tlv is one field of a record, written by hand.
func tlv(tag uint64, value []byte) []byte {
	b := binary.AppendUvarint(nil, tag)
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

func number(tag, n uint64) []byte { return tlv(tag, binary.AppendUvarint(nil, n)) }

// many is n copies of b.
func many(n int, b []byte) []byte { return bytes.Repeat(b, n) }

func failedAs(out *Restored) map[string]string {
	m := map[string]string{}
	for _, f := range out.Failed {
		m[f.Path] = f.Reason
	}
	return m
}

func numbered(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s%06d", prefix, i)
	}
	return list
}

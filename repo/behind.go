package repo

import (
	"context"
	"slices"
	"sync"

	"github.com/chatkeep/chatkeep/repo/format"
)

// A snapshot's root is written last, its nodes just before. So whoever reads a
// tree chunk reads what lies before it too, and finds the next ones there: one
// request leads from the top to most leaves.
const behindBytes = 128 << 10

// behind holds the stretches that were read last for a tree, newest first. A
// tree that changed a little lies in several packs and goes to and fro.
type behind struct {
	mu        sync.Mutex
	stretches []stretch
}

// stretch is a part of a pack's plaintext.
type stretch struct {
	pack  format.Digest
	start uint64
	plain []byte
}

// maxStretches bounds the memory of one Reader to 1 MiB.
const maxStretches = 4

// frame returns a chunk's frame if it lies in a stretch.
func (b *behind) frame(r *format.Ref) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.stretches {
		if r.Stored > 0 && r.Pack == s.pack && r.Offset >= s.start && r.Offset+r.Stored <= s.start+uint64(len(s.plain)) {
			return slices.Clone(s.plain[r.Offset-s.start:][:r.Stored])
		}
	}
	return nil
}

func (b *behind) keep(pack format.Digest, start uint64, plain []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stretches = slices.Insert(b.stretches, 0, stretch{pack, start, slices.Clone(plain)})
	b.stretches = b.stretches[:min(len(b.stretches), maxStretches)]
}

// treeChunk reads one chunk of a tree by way of the stretch. It returns nil if
// that does not work out; then the chunk is read like any other.
func (rd *Reader) treeChunk(ctx context.Context, r format.Ref) []byte {
	sp := rd.spaces.Get().(*space)
	defer rd.spaces.Put(sp)
	frame := rd.behind.frame(&r)
	if frame == nil {
		if r.Stored == 0 || r.Stored > behindBytes {
			return nil
		}
		start := r.Offset - min(r.Offset, behindBytes)
		plain, err := rd.plain(ctx, r.Pack, int64(start), int64(r.Offset-start+r.Stored), sp)
		if err != nil {
			return nil
		}
		rd.behind.keep(r.Pack, start, plain)
		frame = rd.behind.frame(&r)
	}
	data, err := rd.unpack(frame, &r, sp)
	if err != nil {
		return nil
	}
	return slices.Clone(data)
}

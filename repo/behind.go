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
const behindBytes = 256 << 10

// behind is the stretch of one pack that was read last for a tree.
type behind struct {
	mu    sync.Mutex
	pack  format.Digest
	start uint64
	plain []byte
}

// frame returns a chunk's frame if it lies in the stretch.
func (b *behind) frame(r *format.Ref) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Stored == 0 || r.Pack != b.pack || r.Offset < b.start || r.Offset+r.Stored > b.start+uint64(len(b.plain)) {
		return nil
	}
	return slices.Clone(b.plain[r.Offset-b.start:][:r.Stored])
}

func (b *behind) keep(pack format.Digest, start uint64, plain []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pack, b.start, b.plain = pack, start, slices.Clone(plain)
}

// treeChunk reads one chunk of a tree by way of the stretch. It returns nil if
// that does not work out; then the chunk is read like any other.
func (rd *Reader) treeChunk(ctx context.Context, r format.Ref) []byte {
	sp := rd.spaces.Get().(*space)
	defer rd.spaces.Put(sp)
	frame := rd.behind.frame(&r)
	if frame == nil {
		if r.Stored == 0 || r.Offset < wholeBelow || r.Stored > behindBytes {
			return nil // near the start, the pack's first bytes do the same
		}
		start := r.Offset - behindBytes
		plain, err := rd.plain(ctx, r.Pack, int64(start), int64(behindBytes+r.Stored), sp)
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

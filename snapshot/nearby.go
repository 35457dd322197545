package snapshot

import (
	"os"

	"github.com/chatkeep/chatkeep/repo/format"
)

// nearby is an older copy of a file on this computer. What it still holds need
// not come from the remote: each chunk is proven by its id.
type nearby struct {
	full string
	at   map[[32]byte]int64 // where its chunks lie
}

// newNearby is a copy that was made of the chunks refs; nil if there are none.
func newNearby(full string, refs []format.Ref) *nearby {
	if len(refs) == 0 {
		return nil
	}
	n, at := &nearby{full, make(map[[32]byte]int64, len(refs))}, int64(0)
	for i := range refs {
		n.at[refs[i].ID] = at
		at += int64(refs[i].Length)
	}
	return n
}

// place says where a chunk may lie in the copy.
func (n *nearby) place(r *format.Ref) int64 {
	if n == nil {
		return -1
	}
	if at, ok := n.at[r.ID]; ok {
		return at
	}
	return -1
}

// fromNear takes a piece from the older copy, and reports whether that worked.
func (b *batch) fromNear(p piece) bool {
	if p.near < 0 {
		return false
	}
	data, err := b.readNear(&p)
	if err != nil || !b.rs.rd.ProvesChunk(data, &p.ref) {
		return false
	}
	if err := b.writeAt(&p, data); err != nil {
		b.failed(p.file, err)
	}
	return true
}

func (b *batch) readNear(p *piece) ([]byte, error) {
	f, err := b.openNear(p.file.near.full)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, p.ref.Length)
	_, err = f.ReadAt(data, p.near)
	return data, err
}

func (b *batch) openNear(full string) (*os.File, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rs.openRegular(full)
}

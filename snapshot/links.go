package snapshot

import (
	"encoding/binary"
	"hash/fnv"

	"github.com/chatkeep/chatkeep/sources"
)

type linkKey struct{ device, inode uint64 }

// link recognises a second name of a file that was seen already. The group's
// number comes from its first path, so that it stays the same from snapshot to
// snapshot.
func (p *pipeline) link(it *item) {
	if it.seen.Type != sources.File || it.seen.Links < 2 || it.seen.Inode == 0 {
		return
	}
	key := linkKey{it.seen.Device, it.seen.Inode}
	first := p.links[key]
	if first == nil {
		p.links[key] = it
		it.entry.Links = linkGroup(it.seen.Path)
		return
	}
	it.entry.Links, it.sameAs = linkGroup(first.seen.Path), first // first.entry may be a worker's by now
}

func linkGroup(path string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(path))
	return max(1, binary.BigEndian.Uint64(h.Sum(nil)))
}

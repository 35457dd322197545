package repo

import (
	"io"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Proves reports whether src holds exactly the bytes of the chunks, in order.
// Nothing is read from the remote: the ids tell.
func (rd *Reader) Proves(src io.Reader, refs []format.Ref) bool {
	namer := rd.namers.Get().(*crypto.Namer)
	defer rd.namers.Put(namer)
	sp := rd.spaces.Get().(*space)
	defer rd.spaces.Put(sp)
	for _, r := range refs {
		if r.Length > MaxChunk {
			return false
		}
		sp.chunk = sized(sp.chunk, int(r.Length))
		if _, err := io.ReadFull(src, sp.chunk); err != nil || namer.ID(sp.chunk) != r.ID {
			return false
		}
	}
	n, err := src.Read(make([]byte, 1))
	return n == 0 && err == io.EOF
}

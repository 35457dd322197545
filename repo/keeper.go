package repo

import (
	"context"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Keeper keeps the chunks of trees on this computer, so that the next reader
// of a similar tree asks the remote only for what differs: chunks are named by
// what they hold. It may lose any of them, and need not be trusted.
type Keeper interface {
	// Kept returns a chunk, or nil. It is proven by whoever asked.
	Kept(id [32]byte) []byte
	// Keep is told of a chunk that was read. data is not changed any more.
	Keep(id [32]byte, data []byte)
}

// KeepTree lets the Reader look for the chunks of trees in k first, and hand it
// those it had to read.
func (rd *Reader) KeepTree(k Keeper) { rd.keeper = k }

// kept returns a tree chunk that the keeper has, or nil.
func (rd *Reader) kept(ref *format.Ref) []byte {
	if rd.keeper == nil {
		return nil
	}
	data := rd.keeper.Kept(ref.ID)
	if data == nil || !rd.ProvesChunk(data, ref) {
		return nil
	}
	return data
}

func (rd *Reader) keep(ref *format.Ref, data []byte) {
	if rd.keeper != nil {
		rd.keeper.Keep(ref.ID, data)
	}
}

// ProvesChunk reports whether data is the chunk, by its id.
func (rd *Reader) ProvesChunk(data []byte, ref *format.Ref) bool {
	namer := rd.namers.Get().(*crypto.Namer)
	defer rd.namers.Put(namer)
	return uint64(len(data)) == ref.Length && namer.ID(data) == ref.ID
}

// KeptRefs is DataRefs as far as the keeper has the lists; nothing is read from
// the remote. Without them it returns nil. The refs may lack their places.
func (rd *Reader) KeptRefs(c *format.Content) (refs []format.Ref) {
	if c.Depth == 0 {
		return c.Refs
	}
	for i := range c.Refs {
		data := rd.kept(&c.Refs[i])
		if data == nil {
			return nil
		}
		l, err := format.DecodeRefList(data, c.Refs[i].Pack)
		if err != nil {
			return nil
		}
		refs = append(refs, l.Refs...)
	}
	return refs
}

// Chunk returns one chunk, one of a tree.
func (rd *Reader) Chunk(ctx context.Context, ref format.Ref) ([]byte, error) {
	if data := rd.kept(&ref); data != nil {
		return data, nil
	}
	data, err := rd.readChunk(ctx, ref)
	if err == nil {
		rd.keep(&ref, data)
	}
	return data, err
}

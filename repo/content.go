package repo

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/chatkeep/chatkeep/repo/format"
)

// inlineRefs is how many chunks an entry lists itself; a longer list goes into
// chunks of its own, so that leaves stay small.
const inlineRefs = 24

// leastChunk is what chunks of a file have at least, on average; writers cut at
// 16 KiB and more.
const leastChunk = 4 << 10

// LongSum returns a digest of a file's chunk ids if there are so many that the
// file's content record doesn't list them itself, and zero otherwise. Such
// records can't be compared: their lists say where chunks lie.
func LongSum(refs []format.Ref) format.Digest {
	if len(refs) <= inlineRefs {
		return format.Digest{}
	}
	h := sha256.New()
	for i := range refs {
		h.Write(refs[i].ID[:])
	}
	return format.Digest(h.Sum(nil))
}

// AddContent makes the content record of a file from its chunks in order.
func (k *Worker) AddContent(refs []format.Ref) (c *format.Content, err error) {
	c = &format.Content{}
	for _, r := range refs {
		c.Length += r.Length
	}
	c.Refs, c.Depth, err = k.AddRefs(refs)
	return c, err
}

// AddRefs returns what a content lists for chunks in order: those themselves,
// or, where there are many, lists of them, which it stores.
func (k *Worker) AddRefs(refs []format.Ref) (list []format.Ref, depth uint64, err error) {
	if len(refs) <= inlineRefs {
		return refs, 0, nil
	}
	for len(refs) > 0 {
		part := refs[:min(len(refs), format.MaxRefs)]
		refs = refs[len(part):]
		ref, err := k.AddNode(format.ChunkList, func(resolve func(format.Digest) format.Digest) []byte {
			return (&format.RefList{Refs: resolveRefs(part, resolve)}).Encode()
		})
		if err != nil {
			return nil, 0, err
		}
		list = append(list, ref)
	}
	if len(list) > format.MaxRefs {
		return nil, 0, fmt.Errorf("store file: %d chunks are too many", len(list)*format.MaxRefs)
	}
	return list, 1, nil
}

// DataRefs returns the chunks of a file's bytes in order, reading lists where
// the content has them. Chunks far smaller than any writer makes are refused, and
// of a plain file more bytes than it has: lists may name a chunk again and again,
// and a few of them would be more than memory holds.
func (rd *Reader) DataRefs(ctx context.Context, c *format.Content) ([]format.Ref, error) {
	if c.Depth == 0 {
		return c.Refs, nil
	}
	var refs []format.Ref
	sum := uint64(0)
	for _, list := range c.Refs {
		data, err := rd.Chunk(ctx, list)
		if err != nil {
			return nil, err
		}
		l, err := format.DecodeRefList(data, rd.packOf(ctx, list))
		if err != nil {
			return nil, err
		}
		for i := range l.Refs {
			sum += l.Refs[i].Length
		}
		refs = append(refs, l.Refs...)
		if !c.Image && sum > c.Length || uint64(len(refs)) > format.MaxRefs+sum/leastChunk {
			return nil, fmt.Errorf("%w: a file's chunks don't add up", format.ErrMalformed)
		}
	}
	return refs, nil
}

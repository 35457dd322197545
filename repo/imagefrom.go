package repo

import (
	"context"
	"io"
	"os"
	"slices"

	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/image"
)

// ImageFrom is Image where an older state of the database lies on this
// computer: old is that file, and was what it held. What the new one has in
// common with it is not read from the remote. That old is what was says needs
// no proof: the new image is proven as a whole, and else made from its base.
func (rd *Reader) ImageFrom(ctx context.Context, c *format.Content, old *os.File, was *format.Content, dst *os.File, dir string) error {
	body, err := rd.DataRefs(ctx, c)
	if err != nil {
		return farError(err)
	}
	f := rd.nearFetch(body, old)
	if sameBase(was, c) {
		err := copyOver(ctx, dst, old, int64(was.Length))
		if err == nil {
			err = image.Update(ctx, c, body, sameLayers(was, c), was.Length, dst, f.fetch, dir)
		}
		if err == nil || ctx.Err() != nil || OutOfReach(err) {
			return err
		}
	}
	if err := dst.Truncate(0); err != nil { // so that its room is free
		return err
	}
	return image.Apply(ctx, c, body, dst, f.fetch, dir)
}

// sameBase reports whether two images begin with the same base.
func sameBase(a, b *format.Content) bool {
	return a.Image && b.Image && a.Depth == b.Depth && slices.EqualFunc(a.Refs, b.Refs, sameChunk)
}

func sameChunk(a, b format.Ref) bool { return a.ID == b.ID }

// sameLayers counts the first layers that two images have in common.
func sameLayers(a, b *format.Content) int {
	n := 0
	for n < len(a.Layers) && n < len(b.Layers) && a.Layers[n].ID == b.Layers[n].ID {
		n++
	}
	return n
}

// copyStep is how much is copied between two looks at whether it is still
// wanted.
const copyStep = 64 << 20

// copyOver makes dst a copy of the first n bytes of src. Where the file system
// can, they share what they have in common.
func copyOver(ctx context.Context, dst, src *os.File, n int64) error {
	if err := dst.Truncate(0); err != nil {
		return err
	}
	for _, f := range []*os.File{dst, src} {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	for n > 0 && ctx.Err() == nil {
		did, err := io.Copy(dst, io.LimitReader(src, min(n, copyStep)))
		if err != nil {
			return err
		}
		if did == 0 {
			return io.ErrUnexpectedEOF
		}
		n -= did
	}
	return ctx.Err()
}

// nearFetch fetches chunks of a base from a file that may still have them at
// their place, and from the remote else.
type nearFetch struct {
	rd  *Reader
	old io.ReaderAt
	at  map[[32]byte]int64
}

func (rd *Reader) nearFetch(body []format.Ref, old io.ReaderAt) *nearFetch {
	n, at := &nearFetch{rd, old, make(map[[32]byte]int64, len(body))}, int64(0)
	for i := range body {
		n.at[body[i].ID] = at
		at += int64(body[i].Length)
	}
	return n
}

func (n *nearFetch) fetch(ctx context.Context, refs []format.Ref, got func(i int, data []byte, err error)) {
	var far []format.Ref
	var places []int // of far in refs
	var buf []byte
	for i := range refs {
		at, ok := n.at[refs[i].ID]
		if ok && ctx.Err() == nil && refs[i].Length <= MaxChunk {
			buf = sized(buf, int(refs[i].Length))
			if _, err := n.old.ReadAt(buf, at); err == nil && n.rd.ProvesChunk(buf, &refs[i]) {
				got(i, buf, nil)
				continue
			}
		}
		far, places = append(far, refs[i]), append(places, i)
	}
	n.rd.Chunks(ctx, far, func(i int, data []byte, err error) { got(places[i], data, farError(err)) })
}

package image

import (
	"context"
	"fmt"
	"io"

	"github.com/chatkeep/chatkeep/repo/format"
)

// File is where an image is laid.
type File interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
}

// Fetch reads chunks and proves them by their ids. It calls got once for each
// ref with its place in refs, in any order, never twice at a time, and with
// bytes that are valid during the call.
type Fetch func(ctx context.Context, refs []format.Ref, got func(i int, data []byte, err error))

// Apply lays an image into dst: restore, verify and pull are this. body are
// the chunks of the content's base in order. dir is a private folder for a
// temporary file, which holds the layers and the chunks that they copy from, on
// dst's own disk: what the image claims must fit on it.
// Each chunk is fetched once, at most one is in memory.
//
// When it returns nil, dst has the content's length and proof. Otherwise what
// dst holds means nothing: the error names the chunk that could not be had, or
// wraps format.ErrMalformed, [ErrProof] or [ErrRoom].
func Apply(ctx context.Context, c *format.Content, body []format.Ref, dst File, fetch Fetch, dir string) error {
	file, err := newSpill(dir)
	if err != nil {
		return fmt.Errorf("lay image: %w", err)
	}
	defer file.Close()
	a := &applier{c: c, body: body, dst: dst, fetch: fetch, spool: spool{file: file}, free: func() (uint64, bool) { return freeAt(dir) }}
	if err := a.run(ctx); err != nil {
		return fmt.Errorf("lay image: %w", err)
	}
	return nil
}

type applier struct {
	c     *format.Content
	body  []format.Ref
	dst   File
	fetch Fetch
	spool spool
	free  func() (bytes uint64, known bool) // where dst is
}

// run fetches the layers first, as they tell which chunks of the base they
// copy from; those are put aside while the base is laid, since what is laid is
// soon written over.
func (a *applier) run(ctx context.Context) error {
	if err := a.fetchLayers(ctx); err != nil {
		return err
	}
	if err := a.findSources(); err != nil {
		return err
	}
	if err := a.layBase(ctx); err != nil {
		return err
	}
	return a.layLayers(ctx)
}

// each fetches refs and hands their bytes to use. After an error, what is on
// its way is not waited for.
func (a *applier) each(ctx context.Context, refs []format.Ref, what string, use func(i int, data []byte) error) error {
	if len(refs) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	left := len(refs)
	a.fetch(ctx, refs, func(i int, data []byte, err error) {
		if left--; failed != nil {
			return
		}
		if err == nil && uint64(len(data)) != refs[i].Length {
			err = fmt.Errorf("%w: a chunk of %d bytes, not %d", format.ErrMalformed, len(data), refs[i].Length)
		}
		if err == nil {
			err = use(i, data)
		}
		if err != nil {
			failed = fmt.Errorf("%s %d of %d: %w", what, i+1, len(refs), err)
			cancel()
		}
	})
	if failed == nil && left > 0 {
		if failed = context.Cause(ctx); failed == nil {
			failed = fmt.Errorf("%d of %d chunks did not come", left, len(refs))
		}
	}
	return failed
}

func (a *applier) fetchLayers(ctx context.Context) error {
	a.spool.layers = make([]span, len(a.c.Layers))
	return a.each(ctx, a.c.Layers, "layer", func(i int, data []byte) (err error) {
		a.spool.layers[i], err = a.spool.put(data)
		return err
	})
}

// findSources notes which chunks layers copy from, and refuses layers that
// can't come to a good end.
func (a *applier) findSources() error {
	own := map[[32]byte]uint64{}
	for _, list := range [][]format.Ref{a.body, a.c.Kept} {
		for i := range list {
			own[list[i].ID] = list[i].Length
		}
	}
	a.spool.sources = map[[32]byte]span{}
	claims := make([]claim, len(a.c.Layers))
	for i := range a.c.Layers {
		l, err := a.spool.layer(i)
		if err == nil {
			claims[i], err = claimOf(l), a.judge(l, own)
		}
		if err == nil && i == len(a.c.Layers)-1 && l.Length != a.c.Length {
			err = fmt.Errorf("%w: it makes %d bytes of an image of %d", format.ErrMalformed, l.Length, a.c.Length)
		}
		if err != nil {
			return fmt.Errorf("layer %d of %d: %w", i+1, len(a.c.Layers), err)
		}
	}
	return a.fits(claims)
}

// judge refuses a layer that copies from elsewhere than the content's own
// chunks, whose lengths own tells.
func (a *applier) judge(l *format.Layer, own map[[32]byte]uint64) error {
	for _, id := range l.Sources {
		if _, ok := own[id]; !ok {
			return fmt.Errorf("%w: it copies from a chunk that the content does not list", format.ErrMalformed)
		}
		a.spool.sources[id] = span{}
	}
	for i := range l.Extents {
		x := &l.Extents[i]
		if x.Source == 0 {
			continue
		}
		if n := own[l.Sources[x.Source-1]]; x.From > n || x.N > n-x.From {
			return fmt.Errorf("%w: it copies what is beyond a chunk's end", format.ErrMalformed)
		}
	}
	return nil
}

// layBase writes the base, and puts aside what layers copy from.
func (a *applier) layBase(ctx context.Context) error {
	start := make([]int64, len(a.body)+1)
	for i := range a.body {
		start[i+1] = start[i] + int64(a.body[i].Length)
	}
	if err := a.dst.Truncate(0); err != nil {
		return err
	}
	if err := a.dst.Truncate(start[len(a.body)]); err != nil {
		return err
	}
	err := a.each(ctx, a.body, "segment", func(i int, data []byte) error {
		if err := a.spool.source(a.body[i].ID, data); err != nil {
			return err
		}
		_, err := a.dst.WriteAt(data, start[i])
		return err
	})
	if err != nil {
		return err
	}
	var kept []format.Ref
	for _, r := range a.c.Kept {
		if a.spool.lacks(r.ID) {
			kept = append(kept, r)
		}
	}
	return a.each(ctx, kept, "kept chunk", func(i int, data []byte) error {
		return a.spool.source(kept[i].ID, data)
	})
}

func (a *applier) layLayer(i int) error {
	l, err := a.spool.layer(i)
	if err != nil {
		return err
	}
	if err := a.dst.Truncate(int64(l.Length)); err != nil {
		return err
	}
	dst := newGather(a.dst)
	for k := range l.Extents {
		x := &l.Extents[k]
		if x.Source == 0 {
			_, err = dst.WriteAt(x.Bytes, int64(x.At))
		} else {
			err = a.spool.copy(dst, x, l.Sources[x.Source-1])
		}
		if err != nil {
			return err
		}
	}
	return dst.flush()
}

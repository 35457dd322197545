package image

import (
	"context"
	"fmt"
	"io"

	"github.com/chatkeep/chatkeep/repo/format"
)

// Update lays the layers of a content from the have-th on over dst, which holds
// an older image with the same base and the same first layers. That older image
// may have had other layers on top: where they were merged, the layer that
// replaced them sets every block they set.
//
// there is how many bytes dst has on the disk already. The proof decides. When Update returns nil, dst is what [Apply] would make of
// it; after an error that wraps [ErrProof], Apply still can.
func Update(ctx context.Context, c *format.Content, body []format.Ref, have int, there uint64, dst File, fetch Fetch, dir string) error {
	file, err := newSpill(dir)
	if err != nil {
		return fmt.Errorf("update image: %w", err)
	}
	defer file.Close()
	newer := *c
	newer.Layers = c.Layers[have:]
	a := &applier{c: &newer, body: body, dst: dst, fetch: fetch, spool: spool{file: file}, free: func() (uint64, bool) {
		free, known := freeAt(dir)
		return free + there, known
	}}
	if err := a.update(ctx); err != nil {
		return fmt.Errorf("update image: %w", err)
	}
	return nil
}

func (a *applier) update(ctx context.Context) error {
	if err := a.fetchLayers(ctx); err != nil {
		return err
	}
	if err := a.findSources(); err != nil {
		return err
	}
	if err := a.fetchSources(ctx); err != nil {
		return err
	}
	return a.layLayers(ctx)
}

// fetchSources brings the chunks that layers copy from, and nothing else of the
// base.
func (a *applier) fetchSources(ctx context.Context) error {
	var want []format.Ref
	asked := map[[32]byte]bool{}
	for _, list := range [][]format.Ref{a.body, a.c.Kept} {
		for _, r := range list {
			if a.spool.lacks(r.ID) && !asked[r.ID] {
				asked[r.ID] = true
				want = append(want, r)
			}
		}
	}
	return a.each(ctx, want, "copied chunk", func(i int, data []byte) error {
		return a.spool.source(want[i].ID, data)
	})
}

// layLayers lays all layers and proves what came of it.
func (a *applier) layLayers(ctx context.Context) error {
	for i := range a.c.Layers {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := a.layLayer(i); err != nil {
			return fmt.Errorf("layer %d of %d: %w", i+1, len(a.c.Layers), err)
		}
	}
	// Reading one byte more tells whether the file is longer.
	return Prove(ctx, io.NewSectionReader(a.dst, 0, int64(a.c.Length)+1), a.c.Length, a.c.Proof)
}

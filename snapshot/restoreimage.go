package snapshot

import (
	"context"
	"fmt"
	"os"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/image"
)

// addImage takes a database in. It is laid at once: its layers come one after
// the other, and its proof needs all of it.
func (b *batch) addImage(ctx context.Context, full string, e *format.Entry) error {
	c := e.Content
	if b.there(full, e, func(f *os.File) bool { return image.Prove(ctx, f, c.Length, c.Proof) == nil }) {
		return nil
	}
	if err := b.write(ctx); err != nil { // what waits in memory goes first
		return err
	}
	t := &target{full: full, entry: *e}
	b.whole = append(b.whole, t)
	f, err := b.open(t)
	if err == nil {
		err = b.rs.rd.Image(ctx, c, f, b.rs.opt.To)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if repo.OutOfReach(err) {
		return fmt.Errorf("restore: %w", err)
	}
	if err != nil {
		b.failed(t, err)
		return nil
	}
	b.rs.meter.add(0, c.Length)
	return nil
}

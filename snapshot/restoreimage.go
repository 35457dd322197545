package snapshot

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/image"
)

// logSuffixes are those of the files in which an engine keeps what is not in the
// database yet, or what was before.
var logSuffixes = []string{"-wal", "-shm", journalSuffix}

func isLog(full string) bool {
	return slices.ContainsFunc(logSuffixes, func(suffix string) bool { return strings.HasSuffix(full, suffix) })
}

// clearLogs makes sure that no log of another database lies beside a restored
// one: an engine would lay it upon it.
func (rs *restorer) clearLogs(full string) error {
	for _, suffix := range logSuffixes {
		if rs.logs[full+suffix] {
			continue
		}
		if err := rs.vacate(full + suffix); err != nil {
			return err
		}
	}
	return nil
}

// addImage takes a database in. It is laid at once: its layers come one after
// the other, and its proof needs all of it.
func (b *batch) addImage(ctx context.Context, full string, e *format.Entry) error {
	c := e.Content
	if b.there(full, e, func(f *os.File) bool { return image.Prove(ctx, f, c.Length, c.Proof) == nil }) {
		if b.rs.opt.Overwrite {
			if err := b.rs.clearLogs(full); err != nil {
				b.rs.fail(full, reasonWrite, err)
			}
		}
		return nil
	}
	return b.lay(ctx, &target{full: full, entry: *e}, func(f *os.File) error { return b.rs.rd.Image(ctx, c, f, b.rs.opt.To) })
}

// lay makes a database by fill, whatever stands under its name.
func (b *batch) lay(ctx context.Context, t *target, fill func(*os.File) error) error {
	if err := b.write(ctx); err != nil { // what waits in memory goes first
		return err
	}
	b.whole = append(b.whole, t)
	f, err := b.open(t)
	if err == nil {
		err = fill(f)
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
	b.rs.meter.add(0, t.entry.Content.Length)
	return nil
}

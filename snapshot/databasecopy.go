package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/image"
	"github.com/chatkeep/chatkeep/sources"
)

// fullEvery is how often a database is read whole, even if its log tells what
// changed.
const fullEvery = 24 * time.Hour

// usable is the parent's content, if something can be laid upon it.
func (c *captures) usable(d *captured) *format.Content {
	if d.parent == nil || d.parent.Content == nil || !d.parent.Content.Image {
		return nil
	}
	if w := c.stage.writer; anyLost(w, d.parent.Content) {
		return nil
	}
	return d.parent.Content
}

// capture copies a database, once more if what becomes of it takes blocks that
// the first copy didn't keep.
func (c *captures) capture(ctx context.Context, d *captured) {
	var table *image.Table
	var mark image.Mark
	if d.base = c.usable(d); d.base != nil {
		mark, _ = c.tables.Mark(d.database(), d.base)
		if c.unchanged(ctx, d, mark) {
			return
		}
		if table = c.tables.Load(d.database(), d.base); table == nil {
			mark = image.Mark{}
			table, d.fatal = c.rebuild(ctx, d, d.base)
		}
	}
	if d.fatal != nil {
		return
	}
	keep := image.Wants(table)
	if len(mark.Mark) > 0 {
		keep = image.KeepChanged // maybe nothing changed
	}
	for {
		since := mark.Mark
		if keep.Full() {
			since = nil
		}
		d.full = since == nil || due(mark)
		again, err := c.once(ctx, d, table, keep, since)
		switch {
		case ctx.Err() != nil:
			d.fatal = ctx.Err()
		case c.isOurs(err) && errors.Is(err, fs.ErrNotExist):
			continue // the cache was removed under our feet
		case c.isOurs(err) || errors.Is(err, errStore):
			d.fatal = fmt.Errorf("back up %s: %w", d.account, repo.LocalError(err))
		case errors.Is(err, fs.ErrNotExist):
			d.gone = true
		case errors.Is(err, image.ErrIncomplete) && since != nil:
			mark = image.Mark{}
			continue
		case errors.Is(err, errNoCopy):
			table, mark, keep = nil, image.Mark{}, image.KeepAll
			continue
		case err != nil:
			d.err = err
		case again:
			keep = d.plan.Needs
			continue
		}
		return
	}
}

// due reports whether a database is to be read whole. A clock may have been far
// ahead.
func due(m image.Mark) bool { return time.Since(m.Compared).Abs() > fullEvery }

// unchanged reports whether nothing was written since the parent. That needs no
// block table.
func (c *captures) unchanged(ctx context.Context, d *captured, m image.Mark) bool {
	if len(m.Mark) == 0 || due(m) {
		return false
	}
	got, err := d.view.Capture(ctx, d.entry, untouched{}, sources.CaptureOptions{Since: m.Mark, Dir: c.dir})
	if err != nil {
		return false // the capture that follows says why
	}
	d.got = got // closed by that capture, if there is one
	return got.Same
}

// untouched is a target that refuses to be written: the copy must be what it
// was.
type untouched struct{}

var errTouched = errors.New("the database changed")

func (untouched) WriteAt([]byte, int64) (int, error) { return 0, errTouched }
func (untouched) Hold([]byte, int64) error           { return errTouched }
func (untouched) ReadAt([]byte, int64) (int, error)  { return 0, errTouched }
func (untouched) Truncate(int64) error               { return errTouched }

// isOurs reports whether an error is one of our temporary files, rather than of
// the database.
func (c *captures) isOurs(err error) bool {
	var at *fs.PathError
	return errors.As(err, &at) && (at.Path == c.dir || filepath.Dir(at.Path) == c.dir)
}

// once makes one capture and plans what becomes of it. again says that the
// plan needs more than was kept.
func (c *captures) once(ctx context.Context, d *captured, table *image.Table, keep image.Keep, since []byte) (again bool, err error) {
	if err := d.close(); err != nil {
		return false, err
	}
	d.got, d.plan = nil, nil
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return false, err
	}
	delta, err := image.NewDelta(image.DeltaOptions{Parent: table, Patch: since != nil, Keep: keep, Dir: c.dir})
	if err != nil {
		return false, err
	}
	got, err := d.view.Capture(ctx, d.entry, delta, sources.CaptureOptions{Since: since, Full: d.full, Dir: c.dir})
	if err != nil {
		return false, errors.Join(err, delta.Close())
	}
	d.got, d.delta = got, delta
	if got.Same {
		return false, d.dropDelta()
	}
	d.full = !got.Patched
	if d.plan, err = c.plan(ctx, d, got.Plain); err != nil {
		return false, err
	}
	return !d.plan.Ready, nil
}

// errNoCopy: the image has pages that moved, and where to can't be told without
// the chunks of its base, which are not known here.
var errNoCopy = errors.New("pages moved, and the base can't be read here")

// plan says what becomes of a capture. Where pages moved, the chunks of the base
// are needed; a device that can't read which they are stores the pages anew.
func (c *captures) plan(ctx context.Context, d *captured, plain bool) (*image.Plan, error) {
	p, err := d.delta.Plan(plain)
	if err != nil || !p.Copies || d.base.Depth == 0 || d.refs != nil {
		return p, err
	}
	if d.refs, err = c.stage.headRefs(ctx, d.base); err != nil {
		return nil, storeError{err}
	}
	if d.refs == nil {
		if p, err = d.delta.Plan(false); err == nil && p.Copies {
			err = errNoCopy
		}
	}
	return p, err
}

func (d *captured) dropDelta() error {
	err := d.delta.Close()
	d.delta = nil
	return err
}

// rebuild makes the block table of what the last snapshot holds from the remote,
// where this device has lost its own. Downloading costs less than a new base.
// nil, without an error, if it can't be had.
func (c *captures) rebuild(ctx context.Context, d *captured, base *format.Content) (*image.Table, error) {
	rd, err := c.stage.writer.HeadReader(ctx)
	if rd == nil || err != nil || c.stage.opt.DryRun {
		return nil, err
	}
	defer rd.Close()
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(c.dir, "image-*")
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = f.Close() // it goes
		_ = os.Remove(f.Name())
	}()
	if err := rd.Image(ctx, base, f, c.dir); err != nil {
		if repo.Damage(err) {
			err = nil
		}
		return nil, err
	}
	refs, err := rd.DataRefs(ctx, base)
	if err != nil {
		return nil, err
	}
	length := uint64(0)
	for _, r := range refs {
		length += r.Length
	}
	table, err := image.Rebuild(ctx, base, length, f)
	if err != nil {
		return nil, err
	}
	return table, c.tables.Save(d.database(), base, table, nil)
}

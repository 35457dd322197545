package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/image"
	"github.com/chatkeep/chatkeep/sources"
)

// captures are the databases of one stage: taken once, however many passes it
// makes.
type captures struct {
	stage  *stage
	tables *image.Tables
	dir    string
	mu     sync.Mutex
	done   map[string]map[string]*captured // by account and path
	found  []*captured                     // by the walk, after the round
}

// captured is what became of one database.
type captured struct {
	account string
	view    sources.Databases
	entry   sources.Entry
	parent  *format.Entry // in the last snapshot; nil if it was not there

	got   *sources.Captured
	delta *image.Delta // nil once stored, and if nothing changed
	plan  *image.Plan
	full  bool  // everything was read
	gone  bool  // the database vanished
	err   error // it could not be read
	fatal error // ends the backup

	content *format.Content // proven or not, as got says
	journal *format.Content // that belongs to it
}

// fullEvery is how often a database is read whole, even if its log tells what
// changed.
const fullEvery = 24 * time.Hour

// heldBytes is how much the captures that wait to be sent may take on disk.
// The round goes on ahead of a slow remote until then.
const heldBytes = 1 << 30

func newCaptures(s *stage) (*captures, error) {
	dir, err := s.writer.Scratch()
	if err != nil {
		return nil, err
	}
	tables, err := image.OpenTables(s.writer.ImageTables())
	return &captures{stage: s, tables: tables, dir: dir, done: map[string]map[string]*captured{}}, err
}

// of returns the databases of an account, by path.
func (c *captures) of(account string) map[string]*captured { return c.done[account] }

// round captures what the pass admits and no earlier pass has, in the order of
// priority, and stores it.
func (c *captures) round(ctx context.Context, t *taker, list []opened) error {
	var todo []*captured
	for _, a := range list {
		view, ok := a.view.(sources.Databases)
		if !ok {
			continue
		}
		found, err := view.Databases(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			continue // the walk says what is wrong
		}
		wanted, err := c.wanted(ctx, t, a.Name(), view, found)
		if err != nil {
			return err
		}
		todo = append(todo, wanted...)
	}
	slices.SortStableFunc(todo, func(a, b *captured) int { return a.entry.Priority - b.entry.Priority })
	return c.run(ctx, t, todo)
}

// wanted picks the databases to capture, with their entries in the parent.
func (c *captures) wanted(ctx context.Context, t *taker, account string, view sources.Databases, found []sources.Entry) (list []*captured, err error) {
	done := c.done[account]
	if done == nil {
		done = map[string]*captured{}
		c.done[account] = done
	}
	byPath := map[string]*captured{}
	for _, e := range found {
		if done[e.Path] == nil && e.Priority <= t.limit.level {
			d := &captured{account: account, view: view, entry: e}
			list, byPath[e.Path] = append(list, d), d
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	err = c.stage.headEntries(ctx, account, slices.Collect(maps.Keys(byPath)), func(e *format.Entry) {
		if d := byPath[e.Path]; d != nil {
			d.parent = e
		}
	})
	return list, err
}

// run captures ahead, and stores what is captured in the same order.
func (c *captures) run(ctx context.Context, t *taker, todo []*captured) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan *captured, len(todo))
	held := newBudget(heldBytes)
	go func() {
		defer close(ready)
		for _, d := range todo {
			if !held.wait(ctx) {
				return
			}
			c.capture(ctx, d)
			held.add(d.heldBytes())
			ready <- d
		}
	}()
	worker, err := t.writer.Worker(), error(nil)
	for d := range ready {
		n := d.heldBytes()
		if err == nil {
			err = c.store(ctx, t, worker, d)
		}
		err = errors.Join(err, d.close())
		held.add(-n)
		if err != nil {
			cancel()
		} else {
			c.done[d.account][d.entry.Path] = d
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// late captures a database that came to be after the round.
func (c *captures) late(ctx context.Context, worker *repo.Worker, p *pipeline, it *item) {
	view, ok := p.view.(sources.Databases)
	if !ok {
		it.skipped = string(sources.Unreadable)
		return
	}
	d := &captured{account: p.name, view: view, entry: it.seen}
	if it.parent != nil {
		d.parent = &it.parent.Entry
	}
	c.capture(ctx, d)
	if d.got != nil && d.got.Journal != nil {
		d.got.Proven = false // its journal's place in the tree may have passed
	}
	err := c.store(ctx, p.t, worker, d)
	if it.err = errors.Join(err, d.close()); it.err == nil {
		c.mu.Lock()
		c.found = append(c.found, d)
		c.mu.Unlock()
		p.fill(it, d)
	}
}

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

func (d *captured) database() image.Database {
	return image.Database{Source: d.account, Path: d.entry.Path}
}

func (d *captured) heldBytes() int64 {
	if d.delta == nil {
		return 0
	}
	return int64(d.plan.Changed) * image.BlockSize
}

func (d *captured) close() (err error) {
	if d.delta != nil {
		err = d.delta.Close()
		d.delta = nil
	}
	if d.got != nil && d.got.Journal != nil {
		err = errors.Join(err, d.got.Journal.Close())
		d.got.Journal = nil
	}
	return err
}

// capture copies a database, once more if what becomes of it takes blocks that
// the first copy didn't keep.
func (c *captures) capture(ctx context.Context, d *captured) {
	base := c.usable(d)
	var table *image.Table
	var mark image.Mark
	if base != nil {
		if table = c.tables.Load(d.database(), base); table != nil {
			mark, _ = c.tables.Mark(d.database(), base)
		} else {
			table, d.fatal = c.rebuild(ctx, d, base)
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
		d.full = since == nil || time.Since(mark.Compared) > fullEvery
		again, err := c.once(ctx, d, table, keep, since)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			d.gone = true
		case errors.Is(err, image.ErrIncomplete):
			mark = image.Mark{}
			continue
		case ctx.Err() != nil:
			d.fatal = ctx.Err()
		case err != nil:
			d.err = err
		case again:
			keep = d.plan.Needs
			continue
		}
		return
	}
}

// once makes one capture and plans what becomes of it. again says that the
// plan needs more than was kept.
func (c *captures) once(ctx context.Context, d *captured, table *image.Table, keep image.Keep, since []byte) (again bool, err error) {
	if err := d.close(); err != nil {
		return false, err
	}
	d.got, d.plan = nil, nil
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
	if d.plan, err = delta.Plan(got.Plain); err != nil {
		return false, err
	}
	return !d.plan.Ready, nil
}

func (d *captured) dropDelta() error {
	err := d.delta.Close()
	d.delta = nil
	return err
}

// store sends what is new of a captured database. The error ends the backup.
func (c *captures) store(ctx context.Context, t *taker, worker *repo.Worker, d *captured) error {
	switch {
	case d.fatal != nil:
		return d.fatal
	case d.gone || d.err != nil:
		return nil
	case d.got.Same:
		d.content = d.parent.Content
		return c.keepMark(d)
	}
	base := c.usable(d)
	parent, err := c.parentOf(ctx, t, d, base)
	if err != nil {
		return err
	}
	built, err := image.Build(d.delta, d.plan, parent, image.Store{Add: worker.Add, Body: worker.AddRefs})
	if err != nil {
		return fmt.Errorf("back up %s: %w", d.account, err)
	}
	d.content = built.Content
	t.meter.add(0, uint64(d.got.Size))
	if !d.got.Proven {
		return nil
	}
	if d.got.Journal != nil {
		if err := c.storeJournal(ctx, t, d); err != nil {
			return err
		}
	}
	if c.stage.opt.DryRun {
		return nil
	}
	if d.plan.Kind != image.Unchanged {
		if err := c.tables.Save(d.database(), d.content, built.Table, base); err != nil {
			return err
		}
	}
	return c.keepMark(d)
}

// parentOf is what the image is laid upon. Where pages moved, the chunks of the
// base are needed too; a device that can't read those stores the pages anew.
func (c *captures) parentOf(ctx context.Context, t *taker, d *captured, base *format.Content) (image.Parent, error) {
	if base == nil || d.plan.Kind == image.Base && d.plan.Reason == image.ReasonFirst {
		return image.Parent{Content: base}, nil
	}
	p := image.Parent{Content: base, Base: base.Refs}
	if d.plan.Moved == 0 || base.Depth == 0 {
		return p, nil
	}
	var err error
	if p.Base, err = c.stage.headRefs(ctx, base); err != nil || p.Base != nil {
		return p, err
	}
	d.plan, err = d.delta.Plan(false)
	if err == nil && !d.plan.Ready {
		err = fmt.Errorf("back up %s: pages moved, and the base can't be read here", d.account)
	}
	return p, err
}

// keepMark notes what the next capture has to know. It speaks of the content
// alone, so it may be kept before that is published.
func (c *captures) keepMark(d *captured) error {
	if c.stage.opt.DryRun || !d.got.Proven || d.got.Mark == nil {
		return nil
	}
	old, _ := c.tables.Mark(d.database(), d.content)
	mark := image.Mark{Mark: d.got.Mark, Compared: old.Compared}
	if d.full {
		mark.Compared = time.Now()
	}
	return c.tables.SetMark(d.database(), d.content, mark)
}

func (c *captures) storeJournal(ctx context.Context, t *taker, d *captured) error {
	k := newCapturer(t, d.view)
	refs, _, err := k.read(ctx, d.got.Journal)
	if err != nil {
		return fmt.Errorf("back up %s: read journal: %w", d.account, err)
	}
	d.journal, err = k.worker.AddContent(refs)
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

// published makes the tables of what is on the remote now the ones to go on
// from, and forgets those of databases that are gone.
func (c *captures) published() error {
	var list []image.Database
	err := c.each(func(d *captured) error {
		list = append(list, d.database())
		if d.content == nil || !d.got.Proven {
			return nil
		}
		return c.tables.Commit(d.database(), d.content)
	})
	if err != nil || c.stage.left.any() || len(c.stage.opt.Only) > 0 {
		return err
	}
	return c.tables.Tidy(list)
}

// anew lists the databases of which all was sent although some of it was there.
func (c *captures) anew() (list []format.Remark) {
	_ = c.each(func(d *captured) error {
		if d.plan != nil && d.plan.Kind == image.Base && d.plan.Reason != image.ReasonFirst {
			list = append(list, format.Remark{Source: d.account, Path: d.entry.Path, Reason: string(d.plan.Reason)})
		}
		return nil
	})
	return list
}

func (c *captures) each(fn func(*captured) error) error {
	for _, account := range c.done {
		for _, d := range account {
			if err := fn(d); err != nil {
				return err
			}
		}
	}
	for _, d := range c.found {
		if err := fn(d); err != nil {
			return err
		}
	}
	return nil
}

// close drops the temporary folder.
func (c *captures) close() error { return os.RemoveAll(c.dir) }

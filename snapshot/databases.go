package snapshot

import (
	"context"
	"errors"
	"fmt"
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
	found  []*captured                     // by the walk, after the round of this pass
	blind  bool                            // some could not be listed
}

// captured is what became of one database.
type captured struct {
	account string
	view    sources.Databases
	entry   sources.Entry
	parent  *format.Entry // in the last snapshot; nil if it was not there

	base  *format.Content // what the image is laid upon, nil for nothing
	refs  []format.Ref    // the chunks of the base's bytes, if the plan copies from them
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

// heldBytes is how much the captures that wait to be sent may take on disk, or
// a hundredth of it in memory. The round goes on ahead of a slow remote until
// then.
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

// keep notes a database that is stored, instead of what was known of it.
func (c *captures) keep(d *captured) {
	if c.done[d.account] == nil {
		c.done[d.account] = map[string]*captured{}
	}
	c.done[d.account][d.entry.Path] = d
}

// round captures what the pass admits and no earlier pass has, in the order of
// priority, and stores it.
func (c *captures) round(ctx context.Context, t *taker, list []opened) error {
	for _, d := range c.found {
		c.keep(d)
	}
	c.found = nil
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
			c.blind = true // the walk says what is wrong
			continue
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
	byPath := map[string]*captured{}
	for _, e := range found {
		if done[e.Path] == nil && e.Priority <= t.limit.level && t.limit.admits(e.Category) {
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
			c.keep(d)
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

func (d *captured) database() image.Database {
	return image.Database{Source: d.account, Path: d.entry.Path}
}

func (d *captured) heldBytes() int64 {
	if d.delta == nil || d.plan == nil {
		return 0
	}
	tables := d.got.Size / 4 // a hundredth of the size, in memory
	return int64(d.plan.Changed)*image.BlockSize + tables
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
	parent := image.Parent{Content: d.base, Base: d.refs}
	if d.base != nil && d.base.Depth == 0 {
		parent.Base = d.base.Refs
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
		if err := c.tables.Save(d.database(), d.content, built.Table, d.base); err != nil {
			return err
		}
	}
	return c.keepMark(d)
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

// published makes the tables of what is on the remote now the ones to go on
// from. If the pass saw all databases, it forgets those of the others.
func (c *captures) published(sawAll bool) error {
	var list []image.Database
	err := c.each(func(d *captured) error {
		list = append(list, d.database())
		if d.content == nil || !d.got.Proven {
			return nil
		}
		return c.tables.Commit(d.database(), d.content)
	})
	if err != nil || c.blind || !sawAll {
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

package snapshot

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// ahead is how many items may be between the walk and the tree.
const ahead = 512

// account takes one account.
func (t *taker) account(ctx context.Context, a sources.Account, view sources.View) error {
	old := t.writer.Parent(a.Name())
	b, err := t.listing.Source(t.writer.Worker(), a.Name(), old)
	if err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &pipeline{t: t, view: view, name: a.Name(), root: realPath(a.Root()), databases: t.stage.databases.of(a.Name()),
		items: make(chan *item, ahead), jobs: make(chan *item, ahead), links: map[linkKey]*item{}, sizes: newSizes()}
	p.start(inner, old)
	src := format.SourceTree{Name: a.Name(), Kind: a.Kind(), Place: a.Root()}
	counts, flagged, skipped := t.counts, t.flagged, t.skipped
	err = p.consume(inner, b, &src)
	cancel()
	p.wait()
	if err == nil {
		err = p.walkErr
	}
	if err == nil && !p.left.none() {
		t.blind, err = t.isBlind(ctx, a.Name(), p.parent)
	}
	if err == nil && t.blind && p.left.held.Files > 0 {
		err = heldBlind(a.Name())
	}
	if err == nil && src.Files+src.Dirs == 0 && p.left.none() && len(p.waiting) == 0 {
		var emptied bool
		if emptied, err = t.emptied(ctx, a.Name(), old); emptied {
			err = emptyError(a.Name())
		}
	}
	if err != nil {
		t.counts, t.flagged, t.skipped = counts, flagged, skipped // it keeps its old state
		return errors.Join(err, t.listing.Drop(b))
	}
	t.joins(p)
	return t.endSource(b, src)
}

// joins counts a finished account in.
func (t *taker) joins(p *pipeline) {
	t.counts.Removed += p.removed
	t.skipped = append(t.skipped, p.skipped...)
	t.waiting = append(t.waiting, p.waiting...)
	t.left.join(p.left)
	maps.Copy(t.sizes.before, p.sizes.before)
	maps.Copy(t.sizes.after, p.sizes.after)
}

// realPath resolves symlinks, if the path is there.
func realPath(p string) string {
	if real, err := filepath.EvalSymlinks(p); err == nil {
		return real
	}
	return p
}

// pipeline is walk → workers → tree for one account.
type pipeline struct {
	t       *taker
	view    sources.View
	name    string
	root    string
	items   chan *item
	jobs    chan *item
	group   sync.WaitGroup
	links   map[linkKey]*item // walk only
	parent  *matcher          // walk only
	skipped []format.Remark   // walk only, until wait
	walkErr error             // likewise
	removed uint64
	waiting []format.Remark // consume only
	left    leftover        // likewise
	sizes   sizes           // before: walk only; after: consume only

	databases map[string]*captured // by path; nil for an account without any
	pending   []pendingJournal     // walk only
}

func (p *pipeline) start(ctx context.Context, old *repo.ListedSource) {
	p.parent = newMatcher(old, func(e *format.Entry) { p.sizes.before[group{p.name, e.Category}] += lengthOf(e) })
	p.group.Add(1)
	go func() {
		defer p.group.Done()
		defer close(p.items)
		defer close(p.jobs)
		p.walkErr = p.view.Walk(ctx, func(e sources.Entry) error { return p.walked(ctx, e) }, func(s sources.Skipped) { p.skip(ctx, s) })
		if p.walkErr == nil {
			p.walkErr = p.journals(ctx, "")
		}
		p.removed = p.parent.finish()
	}()
	for range p.t.opt.Workers {
		p.group.Add(1)
		go func() {
			defer p.group.Done()
			c := newCapturer(p.t, p.view)
			for it := range p.jobs {
				p.read(ctx, c, it)
				close(it.done)
			}
		}()
	}
}

// read stores an item, if there is time and room for it.
func (p *pipeline) read(ctx context.Context, c *capturer, it *item) {
	if p.t.timeIsUp() {
		it.leave()
		return
	}
	c.space = p.t.limit.room.begin(it.seen.Size, it.parent != nil, p.t.writer.Stats(), p.t.stage.packSize())
	if c.space == nil {
		it.leave()
		return
	}
	defer c.space.end()
	if it.seen.Database {
		p.t.stage.databases.late(ctx, c.worker, p, it)
	} else {
		c.capture(ctx, it)
	}
}

func (p *pipeline) wait() { p.group.Wait() }

// skip notes what the walk says is not kept, or waits.
func (p *pipeline) skip(ctx context.Context, s sources.Skipped) {
	if p.own(s.Path) {
		return
	}
	m := format.Remark{Source: p.name, Path: s.Path, Reason: string(s.Reason)}
	if s.Reason != sources.Waiting {
		p.skipped = append(p.skipped, m)
		return
	}
	if p.journals(ctx, s.Path) != nil || p.send(ctx, &item{seen: sources.Entry{Path: s.Path}, waiting: true, gone: true}) != nil {
		return // the walk ends for the same reason
	}
	for old := p.parent.within(s.Path); old != nil; old = p.parent.within(s.Path) {
		it := &item{seen: sources.Entry{Path: old.Path, Size: int64(lengthOf(&old.Entry))}, parent: old, old: old, entry: old.Entry, stays: true}
		if p.send(ctx, it) != nil {
			return
		}
	}
}

// own reports whether a path is chatkeep's own state or cache.
func (p *pipeline) own(path string) bool {
	if len(p.t.opt.Own) == 0 {
		return false
	}
	full := filepath.Join(p.root, filepath.FromSlash(path))
	for _, dir := range p.t.opt.Own {
		if full == dir || strings.HasPrefix(full, dir+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// walked turns what the walk saw into an item and sends it on.
func (p *pipeline) walked(ctx context.Context, e sources.Entry) error {
	if p.own(e.Path) {
		return nil
	}
	if err := p.journals(ctx, e.Path); err != nil {
		return err
	}
	if e.JournalOf != "" {
		return nil // a database's capture says whether it belongs to it
	}
	it := &item{seen: e, entry: entryOf(e)}
	if e.Database {
		it.parent = p.parent.find(e.Path)
		p.database(it)
	} else {
		p.link(it)
		p.match(it)
	}
	if it.old == nil && e.Type == sources.File && it.sameAs == nil && !it.settled {
		p.choose(it)
	}
	return p.send(ctx, it)
}

// choose decides whether a file is read now.
func (p *pipeline) choose(it *item) {
	switch {
	case it.seen.Priority > p.t.limit.level, !p.t.limit.admits(it.seen.Category):
		it.leave()
	case !p.settled(&it.seen) || p.restless(it):
		it.wait()
	default:
		it.done = make(chan struct{})
	}
}

// send hands an item to the workers, if it is to be read, and to the tree.
func (p *pipeline) send(ctx context.Context, it *item) error {
	if it.done != nil {
		select {
		case p.jobs <- it:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case p.items <- it:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

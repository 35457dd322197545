package snapshot

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// item is one entry on its way from the walk to the tree. Items are made and
// consumed in tree order; between, workers fill in the content of those that
// changed, several at a time.
type item struct {
	seen    sources.Entry
	entry   format.Entry
	old     *repo.Listed  // carried over unchanged, if set
	parent  *repo.Listed  // the path in the parent, if it was there
	was     *format.Entry // likewise for a database, also where the listing is lost
	sameAs  *item         // another name of this file, earlier in the order
	done    chan struct{}
	gone    bool   // vanished since it was seen, or left out of this pass
	left    bool   // not taken in before the next stage
	waiting bool   // not taken in before the next backup
	stays   bool   // it is as the last snapshot has it, without a look
	of      *item  // the database whose journal this is, as the last snapshot has it
	settled bool   // everything about it is known
	flagged string // reason, if the content may not be of one moment
	skipped string // reason, if there is no content at all
	read    uint64
	err     error // ends the backup
}

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
	if err == nil && p.left.any() {
		t.blind, err = t.isBlind(ctx, a.Name(), p.parent)
	}
	if err == nil && src.Files+src.Dirs == 0 && !p.left.any() && len(p.waiting) == 0 {
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

type linkKey struct{ device, inode uint64 }

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
				switch {
				case p.t.timeIsUp():
					it.leave()
				case it.seen.Database:
					p.t.stage.databases.late(ctx, c.worker, p, it)
				default:
					c.capture(ctx, it)
				}
				close(it.done)
			}
		}()
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
	case it.seen.Priority > p.t.limit.level:
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

// entryOf is what is kept of an entry besides its content.
func entryOf(e sources.Entry) format.Entry {
	return format.Entry{
		Path: e.Path, Type: format.EntryType(e.Type), Mode: e.Mode & 0o7777, ModTime: e.ModTime.UnixNano(),
		HasOwner: e.HasOwner, UID: e.UID, GID: e.GID, Target: e.Target, Category: e.Category,
		ChangeNS: e.ChangeNS, Inode: e.Inode, DiskID: e.Device,
	}
}

// link recognises a second name of a file that was seen already. The group's
// number comes from its first path, so that it stays the same from snapshot to
// snapshot.
func (p *pipeline) link(it *item) {
	if it.seen.Type != sources.File || it.seen.Links < 2 || it.seen.Inode == 0 {
		return
	}
	key := linkKey{it.seen.Device, it.seen.Inode}
	first := p.links[key]
	if first == nil {
		p.links[key] = it
		it.entry.Links = linkGroup(it.seen.Path)
		return
	}
	it.entry.Links, it.sameAs = linkGroup(first.seen.Path), first // first.entry may be a worker's by now
}

func linkGroup(path string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(path))
	return max(1, binary.BigEndian.Uint64(h.Sum(nil)))
}

// match finds the entry in the parent, and carries it over if nothing of it
// was touched since.
func (p *pipeline) match(it *item) {
	old := p.parent.find(it.entry.Path)
	if old == nil {
		return
	}
	it.parent = old
	if p.t.untouched(old, &it.entry, it.seen) {
		it.carry()
		it.sameAs = nil
	}
}

// carry takes everything but the local fields from the parent.
func (it *item) carry() {
	change, inode, disk := it.entry.ChangeNS, it.entry.Inode, it.entry.DiskID
	it.old, it.entry = it.parent, it.parent.Entry // with its Sum
	it.entry.ChangeNS, it.entry.Inode, it.entry.DiskID = change, inode, disk
}

// unchanged reports whether an entry that was read again is, after all, what
// the parent has.
func (p *pipeline) unchanged(it *item) bool {
	old := it.parent
	return old != nil && sameAttributes(&old.Entry, &it.entry) && sameXAttrs(old.XAttrs, it.entry.XAttrs) &&
		old.Unproven == nil && it.entry.Unproven == nil && sameContent(old.Content, it.entry.Content) && (old.Content == nil || !p.t.lost(old.Content))
}

func sameXAttrs(a, b []format.XAttr) bool {
	return slices.EqualFunc(a, b, func(a, b format.XAttr) bool { return a.Name == b.Name && bytes.Equal(a.Value, b.Value) })
}

// sameContent compares what chunks two contents are made of, not where those
// lie.
func sameContent(a, b *format.Content) bool {
	if a == nil || b == nil {
		return a == b
	}
	same := func(a, b []format.Ref) bool {
		return slices.EqualFunc(a, b, func(a, b format.Ref) bool { return a.ID == b.ID })
	}
	return a.Image == b.Image && a.Length == b.Length && a.Depth == b.Depth &&
		same(a.Refs, b.Refs) && same(a.Layers, b.Layers) && same(a.Kept, b.Kept)
}

// consume adds items to the tree as they become ready, in order.
func (p *pipeline) consume(ctx context.Context, b *repo.TreeBuilder, src *format.SourceTree) error {
	for it := range p.items {
		if it.done != nil {
			<-it.done
		}
		if it.sameAs != nil {
			p.share(ctx, it)
		}
		if it.err != nil {
			return it.err
		}
		if it.of != nil && !it.of.isOld() {
			it.gone = true
			p.t.counts.Removed++
		}
		if err := p.add(b, src, it); err != nil {
			return err
		}
	}
	return nil
}

func (p *pipeline) add(b *repo.TreeBuilder, src *format.SourceTree, it *item) error {
	t := p.t
	t.counts.Read += it.read
	if it.left {
		p.left.add(t.limit, &it.seen)
	}
	if it.waiting {
		p.waiting = append(p.waiting, format.Remark{Source: p.name, Path: it.seen.Path, Reason: string(sources.Waiting)})
	}
	switch {
	case it.gone:
		if it.left || it.waiting { // it is there, and no sign that something shrank
			p.sizes.after[group{p.name, it.seen.Category}] += uint64(it.seen.Size)
		}
		return nil
	case it.skipped != "":
		t.skipped = append(t.skipped, format.Remark{Source: p.name, Path: it.seen.Path, Reason: it.skipped})
		if !it.stays {
			return nil
		}
	case it.flagged != "":
		t.flagged = append(t.flagged, format.Remark{Source: p.name, Path: it.entry.Path, Reason: it.flagged})
		it.entry.ChangeNS, it.entry.Inode = 0, 0 // never carried over: it is read again next time
	}
	if it.old != nil || it.stays {
		t.meter.pass(uint64(it.seen.Size))
	} else {
		p.fresh(it)
	}
	if it.stays || it.entry.Unproven != nil {
		t.owe(&it.entry)
	}
	t.count(src, &it.entry)
	p.sizes.after[group{p.name, it.entry.Category}] += lengthOf(&it.entry)
	if err := b.Add(it.entry, it.old); err != nil {
		return fmt.Errorf("back up %s: %w", p.name, err)
	}
	return nil
}

// fresh settles an entry that was not carried over unseen.
func (p *pipeline) fresh(it *item) {
	if it.seen.Type != sources.File || it.sameAs != nil || it.seen.Database {
		it.entry.XAttrs = xattrsOf(p.view, it.seen)
	}
	if p.unchanged(it) {
		it.carry()
		return
	}
	if it.entry.Unproven == nil {
		it.entry.Captured = p.t.seq
	}
	if it.was != nil && shrunk(lengthOf(it.was), lengthOf(&it.entry)) {
		p.t.flagged = append(p.t.flagged, format.Remark{Source: p.name, Path: it.entry.Path, Reason: ReasonShrunk})
	}
	switch {
	case it.entry.Type == format.TypeDir:
	case it.parent != nil && it.parent.Type == format.TypeFile && it.entry.Type == format.TypeFile:
		p.t.counts.Changed++
	default:
		p.t.counts.New++
	}
}

// share takes the content of another name of the same file, or reads it if
// that name could not be read.
func (p *pipeline) share(ctx context.Context, it *item) {
	first := it.sameAs
	if first.left || first.waiting {
		it.stay()
		return
	}
	if first.gone || first.skipped != "" {
		it.sameAs = nil
		newCapturer(p.t, p.view).capture(ctx, it)
		return
	}
	it.flagged = first.flagged
	it.entry.Content, it.entry.Sum, it.entry.ModTime = first.entry.Content, first.entry.Sum, first.entry.ModTime
	it.entry.ChangeNS = first.entry.ChangeNS
}

func xattrsOf(view sources.View, e sources.Entry) []format.XAttr {
	return keepXAttrs(view.XAttrs(e))
}

// keepXAttrs takes what a source told. A file system that refuses to tell has
// none: the content matters more.
func keepXAttrs(list []sources.XAttr, err error) []format.XAttr {
	if err != nil {
		return nil
	}
	var out []format.XAttr
	for _, a := range list {
		out = append(out, format.XAttr{Name: a.Name, Value: a.Value})
	}
	return out
}

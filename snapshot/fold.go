package snapshot

import (
	"context"
	"fmt"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

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
	if at := it.seen.ModTime; it.seen.Type == sources.File && at.After(t.newest[it.seen.Category]) {
		t.newest[it.seen.Category] = at
	}
	if it.left {
		p.left.add(t.limit, &it.seen)
	}
	if it.seen.Database && (it.skipped != "" || it.flagged != "") {
		p.left.lacks = true
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

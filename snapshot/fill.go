package snapshot

import (
	"context"
	"slices"

	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// What a capture made of a database comes into the tree where the walk meets
// the file.

// database gives an item what the round captured for it, if it did.
func (p *pipeline) database(it *item) {
	if d := p.databases[it.seen.Path]; d != nil {
		it.settled = true
		p.fill(it, d)
	}
}

// fill turns a capture into an entry.
func (p *pipeline) fill(it *item, d *captured) {
	switch {
	case d.gone:
		it.gone = true
		return
	case d.err != nil:
		it.skipped = string(sources.Unreadable)
		if it.parent != nil {
			it.old, it.entry = it.parent, it.parent.Entry
		}
		return
	}
	it.read += uint64(d.got.Read)
	it.entry.ModTime = d.got.ModTime.UnixNano()
	if d.got.Proven {
		it.entry.Content = d.content
		return
	}
	it.flagged = string(sources.Torn)
	it.entry.Unproven = d.content
	if it.parent != nil && it.parent.Content != nil {
		it.entry.Content, it.entry.Captured = it.parent.Content, it.parent.Captured
	}
}

// pendingJournals are the journals that belong to captured databases, in tree
// order.
func pendingJournals(databases map[string]*captured) (list []*captured) {
	for _, d := range databases {
		if d.journal != nil {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b *captured) int { return format.ComparePaths(a.journalPath(), b.journalPath()) })
	return list
}

func (d *captured) journalPath() string { return d.entry.Path + "-journal" }

// journals puts the journals into the tree that come before a path, or all
// that are left. The app may have removed the file since; the copy needs it.
func (p *pipeline) journals(ctx context.Context, before string) error {
	for len(p.pending) > 0 && (before == "" || format.ComparePaths(p.pending[0].journalPath(), before) <= 0) {
		d := p.pending[0]
		p.pending = p.pending[1:]
		seen := d.entry
		seen.Path, seen.Database, seen.Inode, seen.ChangeNS, seen.Links = d.journalPath(), false, 0, 0, 0
		it := &item{seen: seen, entry: entryOf(seen), settled: true, parent: p.parent.find(d.journalPath())}
		it.entry.Content, it.entry.ModTime = d.journal, d.got.ModTime.UnixNano()
		if err := p.send(ctx, it); err != nil {
			return err
		}
	}
	return nil
}

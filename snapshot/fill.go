package snapshot

import (
	"context"
	"slices"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// What a capture made of a database comes into the tree where the walk meets
// the file.

// database gives an item what the round captured for it, if it did. One that
// was gone for a moment, as an app replaces it, is captured now.
func (p *pipeline) database(it *item) {
	d := p.databases[it.seen.Path]
	if d != nil && !d.gone {
		it.settled = true
		p.fill(it, d)
	}
	p.expectJournal(it, d)
}

// fill turns a capture into an entry.
func (p *pipeline) fill(it *item, d *captured) {
	switch {
	case d.gone:
		it.gone = true
		return
	case d.err != nil:
		it.skipped = string(sources.Unreadable)
		if d.parent != nil && d.parent.Type == format.TypeFile {
			it.old, it.entry, it.stays = it.parent, *d.parent, true
		}
		return
	}
	it.was = d.parent
	it.read += uint64(d.got.Read)
	it.entry.ModTime = d.got.ModTime.UnixNano()
	if d.got.Proven {
		it.entry.Content = d.content
		return
	}
	it.flagged = string(sources.Torn)
	it.entry.Unproven = d.content
	if d.parent != nil && d.parent.Content != nil {
		it.entry.Content, it.entry.Captured = d.parent.Content, d.parent.Captured
	}
}

// isOld reports whether the proven content of a database is the one that the
// last snapshot has.
func (it *item) isOld() bool { return it.stays || it.entry.Unproven != nil }

// pendingJournal is the journal of a database that the walk has passed, for
// whose own place in the tree it is too early.
type pendingJournal struct {
	path string
	of   *item
	d    *captured // of the database; nil if the round didn't capture it
}

const journalSuffix = "-journal"

func journalOf(database string) string { return database + journalSuffix }

func (p *pipeline) expectJournal(it *item, d *captured) {
	p.pending = append(p.pending, pendingJournal{journalOf(it.seen.Path), it, d})
	slices.SortFunc(p.pending, func(a, b pendingJournal) int { return format.ComparePaths(a.path, b.path) })
}

// journals puts the journals into the tree that come before a path, or all
// that are left. The app may have removed the file since; the copy needs it.
func (p *pipeline) journals(ctx context.Context, before string) error {
	for len(p.pending) > 0 && (before == "" || format.ComparePaths(p.pending[0].path, before) <= 0) {
		j := p.pending[0]
		p.pending = p.pending[1:]
		old := p.parent.find(j.path)
		var it *item
		switch {
		case j.d != nil && j.d.journal != nil:
			it = j.item(old)
		case old != nil && old.Type == format.TypeFile:
			// It belongs to the content that the last snapshot has.
			it = &item{seen: sources.Entry{Path: j.path}, of: j.of, parent: old, old: old, entry: old.Entry, stays: true}
		default:
			continue
		}
		if err := p.send(ctx, it); err != nil {
			return err
		}
	}
	return nil
}

// item is the entry of a journal that was captured with its database.
func (j *pendingJournal) item(old *repo.Listed) *item {
	seen := j.d.entry
	seen.Path, seen.Database, seen.Inode, seen.ChangeNS, seen.Links = j.path, false, 0, 0, 0
	it := &item{seen: seen, entry: entryOf(seen), settled: true, parent: old}
	it.entry.Content, it.entry.ModTime = j.d.journal, j.d.got.ModTime.UnixNano()
	return it
}

package snapshot

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// matcher reads the parent's entries alongside a walk; both come in tree
// order, so each is read once and nothing is kept in memory.
type matcher struct {
	src     *repo.ListedSource
	list    *repo.ListingReader // nil without a parent
	next    *repo.Listed
	removed uint64 // files of the parent that the walk did not meet
	met     func(*format.Entry)
}

// newMatcher begins with a source's parent, nil for none. met is told of each
// of its entries as it is passed.
func newMatcher(old *repo.ListedSource, met func(*format.Entry)) *matcher {
	m := &matcher{src: old, met: met}
	if old != nil {
		m.list = old.Open()
		m.next = m.list.Next()
	}
	return m
}

// find returns the parent's entry of a path, or nil. Paths must ascend.
func (m *matcher) find(path string) *repo.Listed {
	for m.next != nil && format.ComparePaths(m.next.Path, path) < 0 {
		m.pass()
	}
	if m.next == nil || m.next.Path != path {
		return nil
	}
	return m.take()
}

// take returns the next entry and goes on.
func (m *matcher) take() *repo.Listed {
	found := m.next
	m.met(&found.Entry)
	m.next = m.list.Next()
	return found
}

func (m *matcher) pass() {
	if m.take().Type != format.TypeDir {
		m.removed++
	}
}

// within goes to a path and returns the entries of it and of all below it, one
// at a time, then nil.
func (m *matcher) within(path string) *repo.Listed {
	for m.next != nil && format.ComparePaths(m.next.Path, path) < 0 && !strings.HasPrefix(m.next.Path, path+"/") {
		m.pass()
	}
	if m.next == nil || m.next.Path != path && !strings.HasPrefix(m.next.Path, path+"/") {
		return nil
	}
	return m.take()
}

// finish reads the rest and returns how many files are gone.
func (m *matcher) finish() uint64 {
	for m.next != nil {
		m.pass()
	}
	if m.list != nil {
		_ = m.list.Close() // only read
	}
	return m.removed
}

// isBlind reports whether the last snapshot may hold more of an account than
// its listing, now read to the end, told. What a pass left would be missing then
// instead of standing as it was.
func (t *taker) isBlind(ctx context.Context, account string, m *matcher) (bool, error) {
	if m.list != nil {
		return t.blind || m.list.Leaves() < m.src.Leaves, nil
	}
	src, known, err := t.writer.HeadSource(ctx, account)
	return t.blind || !known || src != nil && src.Tree != nil, err
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

// unchanged reports whether an entry that was read again is, after all, what
// the parent has.
func (p *pipeline) unchanged(it *item) bool {
	old := it.parent
	return old != nil && sameAttributes(&old.Entry, &it.entry) && sameXAttrs(old.XAttrs, it.entry.XAttrs) &&
		old.Unproven == nil && it.entry.Unproven == nil && sameContent(old.Content, it.entry.Content) && (old.Content == nil || !p.t.lost(old.Content))
}

// tick is how coarse a file system's change times may be: a write within one
// tick of a read can leave the time as it was.
const tick = 20 * time.Millisecond

// untouched reports whether an entry needs no reading: everything that the
// system says of it is as it was, it was not written while the parent was
// being made, and its content is still on the remote.
func (t *taker) untouched(old *repo.Listed, now *format.Entry, seen sources.Entry) bool {
	if !sameAttributes(&old.Entry, now) || old.ChangeNS != now.ChangeNS || old.Inode != now.Inode {
		return false
	}
	if now.Type != format.TypeFile {
		return true
	}
	if old.Content == nil || old.Unproven != nil || old.Content.Length != uint64(seen.Size) {
		return false
	}
	if head := t.writer.Head(); head != nil && now.ChangeNS >= head.Time-int64(tick) {
		return false
	}
	return !anyLost(t.writer, old.Content)
}

// sameAttributes compares all but the content, the extended attributes and what
// only this device knows.
func sameAttributes(a, b *format.Entry) bool {
	return a.Type == b.Type && a.Mode == b.Mode && a.ModTime == b.ModTime && a.Target == b.Target &&
		a.HasOwner == b.HasOwner && a.UID == b.UID && a.GID == b.GID && a.Links == b.Links && a.Category == b.Category
}

// lost reports whether something that the content itself names is lost.
func (t *taker) lost(c *format.Content) bool { return namesLost(t.writer, c) }

// anyLost reports whether a chunk of the content may be lost. What a list of
// chunks names is not known here.
func anyLost(w *repo.Writer, c *format.Content) bool {
	return c.Depth > 0 && w.AnyLost() || namesLost(w, c)
}

func namesLost(w *repo.Writer, c *format.Content) bool {
	for _, list := range [][]format.Ref{c.Refs, c.Layers, c.Kept} {
		for _, r := range list {
			if w.Lost(r) {
				return true
			}
		}
	}
	return false
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

package snapshot

import (
	"context"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// headEntries tells of the entries with these paths in the last snapshot, and
// maybe of others: from the listing, or, where that is lost or damaged, from the
// remote.
func (s *stage) headEntries(ctx context.Context, account string, paths []string, tell func(*format.Entry)) error {
	if old := s.writer.Parent(account); old != nil {
		l := old.Open()
		for e := l.Next(); e != nil; e = l.Next() {
			tell(&e.Entry)
		}
		if err := l.Close(); err != nil || l.Leaves() == old.Leaves {
			return err
		}
	}
	rd, err := s.writer.HeadReader(ctx)
	if rd == nil || err != nil {
		return err
	}
	defer rd.Close()
	root, err := rd.Root(ctx)
	if err != nil {
		return damageIsNone(err)
	}
	for _, src := range root.Sources {
		if src.Name != account {
			continue
		}
		return rd.Walk(ctx, src, paths, func(e *format.Entry, err error) error {
			if err == nil {
				tell(e)
			}
			return damageIsNone(err)
		})
	}
	return nil
}

// headRefs returns the chunks of a content's bytes; nil if this device can't
// read their list.
func (s *stage) headRefs(ctx context.Context, c *format.Content) ([]format.Ref, error) {
	rd, err := s.writer.HeadReader(ctx)
	if rd == nil || err != nil {
		return nil, err
	}
	defer rd.Close()
	refs, err := rd.DataRefs(ctx, c)
	return refs, damageIsNone(err)
}

// damageIsNone passes only errors on that say nothing about what is on the
// remote.
func damageIsNone(err error) error {
	if repo.Damage(err) {
		return nil
	}
	return err
}

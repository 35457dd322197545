package snapshot

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/repo/format"
)

// Reasons of flags for what lost more than half of its bytes. The path is the
// database's, or the name of the category.
const (
	ReasonShrunk         = "shrunk"
	ReasonShrunkCategory = "shrunk_category"
)

// shrinkFrom is the size from which shrinking is worth an alarm, in bytes.
// What is smaller comes and goes.
const shrinkFrom = 256 << 10

// shrunk reports whether so much is gone that a person should look.
func shrunk(before, after uint64) bool { return before >= shrinkFrom && after < before/2 }

// sizes compares categories with the last snapshot.
type sizes struct {
	before, after map[group]uint64
}

// group is a category of a source.
type group struct{ source, category string }

func newSizes() sizes { return sizes{map[group]uint64{}, map[group]uint64{}} }

// lengthOf is how many bytes an entry holds.
func lengthOf(e *format.Entry) uint64 {
	switch {
	case e.Content != nil:
		return e.Content.Length
	case e.Unproven != nil:
		return e.Unproven.Length
	}
	return 0
}

// shrunk lists the categories of which less than half is left.
func (z *sizes) shrunk(leftOut []string) (list []format.Remark) {
	for g, before := range z.before {
		if shrunk(before, z.after[g]) && !slices.Contains(leftOut, g.category) {
			list = append(list, format.Remark{Source: g.source, Path: g.category, Reason: ReasonShrunkCategory})
		}
	}
	slices.SortFunc(list, func(a, b format.Remark) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.Path, b.Path))
	})
	return list
}

// shrinking is what a snapshot says of what shrank.
type shrinking struct {
	at        uint64          // format.Snapshot.ShrunkAt
	confirmed []format.Digest // the statement that ended an alarm
}

// shrink flags what shrank, and takes along what an earlier snapshot flagged
// until somebody has confirmed it: a loss that goes unnoticed would soon be
// all that is left.
func (t *taker) shrink(ctx context.Context) (s shrinking, err error) {
	t.flagged = append(t.flagged, t.sizes.shrunk(t.opt.LeftOut)...)
	if slices.ContainsFunc(t.flagged, isShrink) {
		s.at = t.seq
	}
	head := t.writer.Head()
	if head == nil || head.ShrunkAt == 0 {
		return s, nil
	}
	confirmed, err := t.stage.repo.ShrinkConfirmed(ctx, head)
	if err != nil {
		return s, err
	}
	if confirmed != nil {
		s.confirmed = []format.Digest{confirmed.Name.Digest}
		return s, nil
	}
	s.at = max(s.at, head.ShrunkAt)
	root, err := t.writer.HeadRoot(ctx)
	if root == nil || err != nil {
		return s, err
	}
	for _, m := range root.Flagged {
		if isShrink(m) && !slices.Contains(t.flagged, m) {
			t.flagged = append(t.flagged, m)
		}
	}
	return s, nil
}

func isShrink(m format.Remark) bool {
	return m.Reason == ReasonShrunk || m.Reason == ReasonShrunkCategory
}

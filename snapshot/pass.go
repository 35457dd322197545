package snapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// taker is one pass over the accounts, which becomes a snapshot.
type taker struct {
	stage   *stage
	writer  *repo.Writer
	listing *repo.Listing
	opt     TakeOptions
	start   time.Time
	seq     uint64
	limit   limit
	left    leftover

	blind bool // of an account, not all is known that the last snapshot holds
	kept  bool // an account keeps the state of the last snapshot

	root    format.Root
	counts  format.Counts
	skipped []format.Remark
	flagged []format.Remark
	waiting []format.Remark
	sizes   sizes
	newest  map[string]time.Time // by category
	meter   meter
}

// newTaker begins a pass.
func (s *stage) newTaker(l limit) (*taker, error) {
	list, err := s.writer.NewListing()
	if err != nil {
		return nil, err
	}
	return &taker{stage: s, writer: s.writer, listing: list, opt: s.opt, start: s.opt.Now(), seq: s.writer.NextSeq(), limit: l, sizes: newSizes(), newest: map[string]time.Time{}}, nil
}

// opened is an account with the look at it that this pass takes.
type opened struct {
	sources.Account
	view sources.View // nil: it keeps the state of the last snapshot
	err  error        // why it can't be looked at
}

// all takes every account: first the databases of all of them, in one short
// round, so that what a message refers to is still to come; then the files.
func (t *taker) all(ctx context.Context, accounts []sources.Account) (err error) {
	missed, err := t.missed(ctx, accounts)
	if err != nil {
		return err
	}
	list := append(t.open(ctx, accounts), missed...)
	defer func() {
		for _, a := range list {
			if a.view != nil {
				err = errors.Join(err, a.view.Close())
			}
		}
	}()
	if !slices.ContainsFunc(list, func(a opened) bool { _, ok := a.view.(sources.Databases); return ok }) {
		t.limit.level = allLevels // nothing matters more than the rest
	}
	if err := t.stage.databases.round(ctx, t, list); err != nil {
		return err
	}
	return t.files(ctx, list)
}

func (t *taker) open(ctx context.Context, accounts []sources.Account) (list []opened) {
	for _, a := range accounts {
		o := opened{Account: a}
		if len(t.opt.Only) == 0 || slices.Contains(t.opt.Only, a.Name()) {
			if o.view, o.err = a.View(ctx); o.err != nil {
				o.view = nil
			}
		}
		list = append(list, o)
	}
	return list
}

// files takes the accounts one after the other.
func (t *taker) files(ctx context.Context, list []opened) error {
	var refused error
	kept := 0
	for _, a := range list {
		if a.view == nil && a.err == nil {
			if err := t.keepOld(ctx, a); err != nil {
				return err
			}
			continue
		}
		err := a.err
		if err == nil {
			err = t.account(ctx, a, a.view)
		}
		if errors.Is(err, sources.ErrVanished) || errors.Is(err, sources.ErrEmpty) {
			refused = err
			t.skipped = append(t.skipped, format.Remark{Source: a.Name(), Path: ".", Reason: whyKept(err)})
			t.left.lacks = true
			if err := t.keepOld(ctx, a); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		kept++
	}
	if kept == 0 && refused != nil {
		return refused
	}
	return nil
}

// publish stores the top of the tree and the snapshot.
func (t *taker) publish(ctx context.Context) (*Taken, error) {
	shrink, err := t.shrink(ctx)
	if err != nil {
		return nil, err
	}
	t.remarks()
	worker := t.writer.Worker()
	root, err := t.listing.Root(worker, &t.root)
	if err != nil {
		return nil, err
	}
	taken := &Taken{Flagged: t.flagged, Skipped: t.skipped, Waiting: t.waiting, Newest: t.newest, Anew: t.stage.databases.anew()}
	if t.opt.DryRun {
		taken.Counts = t.counts
		stats := t.writer.Stats()
		taken.Counts.NewBytes, taken.Counts.Uploaded = stats.NewBytes.Load(), t.writer.Estimate()
		return taken, nil
	}
	if err := t.writer.Flush(); err != nil {
		return nil, err
	}
	head := t.writer.Head()
	partial := !t.left.none() || t.kept && head != nil && head.Partial
	s := &format.Snapshot{Time: t.start.UnixNano(), Root: root, Counts: t.counts, Partial: partial, ShrunkAt: shrink.at, Records: shrink.confirmed}
	taken.Snapshot, err = t.writer.Publish(ctx, s, t.listing.Seal)
	if err != nil {
		return nil, err
	}
	taken.Counts = s.Counts
	stats := t.writer.Stats()
	taken.Counts.Uploaded, taken.Counts.Objects = stats.Uploaded.Load(), stats.Objects.Load()
	return taken, t.listing.Tidy(taken.Snapshot.Name)
}

// remarks puts what was flagged and skipped into the root, as far as there is
// room: first of all what shrank, which later snapshots say again.
func (t *taker) remarks() {
	slices.SortStableFunc(t.flagged, func(a, b format.Remark) int { return rank(a) - rank(b) })
	t.counts.Flagged, t.counts.Skipped = uint64(len(t.flagged)), uint64(len(t.skipped))
	missing := slices.Concat(t.skipped, t.waiting)
	t.root.Flagged, t.root.Skipped = cut(t.flagged), cut(missing)
	t.root.Omitted = uint64(len(t.flagged) - len(t.root.Flagged) + len(missing) - len(t.root.Skipped))
}

func rank(m format.Remark) int {
	if isShrink(m) {
		return 0
	}
	return 1
}

func cut(list []format.Remark) []format.Remark {
	return list[:min(len(list), format.MaxRemarks)]
}

// whyKept is the reason why a source keeps its last state.
func whyKept(cause error) string {
	if errors.Is(cause, sources.ErrEmpty) {
		return ReasonEmpty
	}
	return ReasonVanished
}

// keepOld carries the last state of a source over.
func (t *taker) keepOld(ctx context.Context, a sources.Account) error {
	t.kept = true
	old := t.writer.Parent(a.Name())
	if old == nil || old.Leaves == 0 {
		return t.keepTree(ctx, a)
	}
	b, err := t.listing.Source(t.writer.Worker(), a.Name(), old)
	if err != nil {
		return err
	}
	src := format.SourceTree{Name: a.Name(), Kind: a.Kind(), Place: a.Root()}
	counts := t.counts
	l := old.Open()
	for e := l.Next(); e != nil && err == nil; e = l.Next() {
		err = b.Add(e.Entry, e)
		t.owe(&e.Entry)
		t.count(&src, &e.Entry)
	}
	if err = errors.Join(err, l.Close()); err != nil {
		return err
	}
	if l.Leaves() < old.Leaves {
		t.counts = counts
		return errors.Join(t.listing.Drop(b), t.keepTree(ctx, a))
	}
	return t.endSource(b, src)
}

// keepTree carries the last state of a source over as the tree it is, where
// the listing of its entries is damaged or gone.
func (t *taker) keepTree(ctx context.Context, a sources.Account) error {
	src, _, err := t.writer.HeadSource(ctx, a.Name())
	if err != nil || src == nil || src.Tree == nil {
		return err
	}
	b, err := t.listing.Source(t.writer.Worker(), a.Name(), nil)
	if err != nil {
		return err
	}
	t.writer.Owe(nil)
	t.counts.Files, t.counts.Dirs, t.counts.Bytes = t.counts.Files+src.Files, t.counts.Dirs+src.Dirs, t.counts.Bytes+src.Tree.Bytes
	t.root.Sources = append(t.root.Sources, *src)
	return t.listing.Done(b, src.Tree)
}

func (t *taker) endSource(b *repo.TreeBuilder, src format.SourceTree) (err error) {
	if src.Tree, err = b.Finish(); err != nil {
		return err
	}
	t.root.Sources = append(t.root.Sources, src)
	return t.listing.Done(b, src.Tree)
}

// owe notes what is kept of an entry without a look at the file.
func (t *taker) owe(e *format.Entry) {
	for _, c := range []*format.Content{e.Content, e.Unproven} {
		if c != nil {
			t.writer.Owe(c)
		}
	}
}

// count adds an entry to the figures of the snapshot.
func (t *taker) count(src *format.SourceTree, e *format.Entry) {
	switch e.Type {
	case format.TypeDir:
		src.Dirs++
		t.counts.Dirs++
	default:
		src.Files++
		t.counts.Files++
		if e.Content != nil {
			t.counts.Bytes += e.Content.Length
		}
	}
}

// emptied reports whether an account without a single entry had some before.
func (t *taker) emptied(ctx context.Context, name string, old *repo.ListedSource) (bool, error) {
	if t.opt.AllowEmpty {
		return false, nil
	}
	if old != nil {
		return old.Tree != nil, nil
	}
	src, known, err := t.writer.HeadSource(ctx, name)
	if known || err != nil {
		return src != nil && src.Tree != nil, err
	}
	return t.writer.Head().Counts.Files > 0, nil // all that is known are the counts
}

func emptyError(name string) error {
	return hint.New("source_empty", fmt.Errorf("back up %s: %w", name, sources.ErrEmpty), "source", name)
}

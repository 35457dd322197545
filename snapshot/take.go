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

// TakeOptions tune a backup.
type TakeOptions struct {
	// AllowEmpty accepts a source that is suddenly empty.
	AllowEmpty bool
	// Only are the accounts to look at; the others keep the state of the last
	// snapshot. None: all.
	Only []string
	// Own are folders of chatkeep itself (state, cache): never part of a
	// backup.
	Own []string
	// Workers read files at a time; 0: 2.
	Workers int
	// Progress, if not nil, is called from time to time, from one goroutine at
	// a time. It makes Take look at all files once more, to know the total.
	Progress func(Progress)
	// DryRun stores nothing. The Writer must be one for a dry run too.
	DryRun bool
}

// Progress is how far a backup is.
type Progress struct {
	Files, TotalFiles uint64
	Bytes, TotalBytes uint64
}

// Taken is what a backup did.
type Taken struct {
	Snapshot *repo.Snapshot // nil after a dry run
	Counts   format.Counts
	Flagged  []format.Remark
	Skipped  []format.Remark
	Seconds  float64
}

// Reasons in remarks besides those of package sources.
const (
	ReasonVanished = "source_vanished" // the source's folder is gone; its last state is kept
	ReasonEmpty    = "source_empty"    // it is suddenly empty; its last state is kept
)

// Take makes one snapshot of the accounts and publishes it. What could not be
// read is named in the result and in the snapshot. An account whose folder is
// gone or suddenly empty keeps the state of the last snapshot and is named as
// skipped; if that is so of all accounts, the error wraps sources.ErrVanished
// or sources.ErrEmpty and nothing is published.
//
// The Writer is used up. When ctx ends, Take returns soon with its error;
// what has arrived on the remote by then is not sent again.
func Take(ctx context.Context, w *repo.Writer, accounts []sources.Account, o TakeOptions) (*Taken, error) {
	if o.Workers == 0 {
		o.Workers = 2
	}
	start := time.Now()
	list, err := w.NewListing()
	if err != nil {
		return nil, err
	}
	t := &taker{writer: w, listing: list, opt: o, start: start, seq: w.NextSeq()}
	if err := t.total(ctx, accounts); err != nil {
		return nil, err
	}
	if err := t.accounts(ctx, accounts); err != nil {
		return nil, err
	}
	return t.publish(ctx)
}

type taker struct {
	writer  *repo.Writer
	listing *repo.Listing
	opt     TakeOptions
	start   time.Time
	seq     uint64
	root    format.Root
	counts  format.Counts
	skipped []format.Remark
	flagged []format.Remark
	meter   meter
}

func (t *taker) accounts(ctx context.Context, accounts []sources.Account) error {
	var refused error
	kept := 0
	for _, a := range accounts {
		if len(t.opt.Only) > 0 && !slices.Contains(t.opt.Only, a.Name()) {
			if err := t.keepOld(ctx, a); err != nil {
				return err
			}
			continue
		}
		err := t.account(ctx, a)
		if errors.Is(err, sources.ErrVanished) || errors.Is(err, sources.ErrEmpty) {
			refused = err
			t.skipped = append(t.skipped, format.Remark{Source: a.Name(), Path: ".", Reason: whyKept(err)})
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
	t.remarks()
	worker := t.writer.Worker()
	root, err := t.listing.Root(worker, &t.root)
	if err != nil {
		return nil, err
	}
	taken := &Taken{Flagged: t.flagged, Skipped: t.skipped}
	if t.opt.DryRun {
		taken.Counts = t.counts
		stats := t.writer.Stats()
		taken.Counts.NewBytes, taken.Counts.Uploaded = stats.NewBytes.Load(), t.writer.Estimate()
		taken.Seconds = time.Since(t.start).Seconds()
		return taken, nil
	}
	if err := t.writer.Flush(); err != nil {
		return nil, err
	}
	s := &format.Snapshot{Time: t.start.UnixNano(), Root: root, Counts: t.counts}
	taken.Snapshot, err = t.writer.Publish(ctx, s, t.listing.Seal)
	if err != nil {
		return nil, err
	}
	taken.Counts = s.Counts
	stats := t.writer.Stats()
	taken.Counts.Uploaded, taken.Counts.Objects = stats.Uploaded.Load(), stats.Objects.Load()
	taken.Seconds = time.Since(t.start).Seconds()
	return taken, t.listing.Tidy(taken.Snapshot.Name)
}

// remarks puts what was flagged and skipped into the root, as far as there is
// room.
func (t *taker) remarks() {
	t.counts.Flagged, t.counts.Skipped = uint64(len(t.flagged)), uint64(len(t.skipped))
	t.root.Flagged, t.root.Skipped = cut(t.flagged), cut(t.skipped)
	t.root.Omitted = uint64(len(t.flagged) - len(t.root.Flagged) + len(t.skipped) - len(t.root.Skipped))
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

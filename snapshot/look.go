package snapshot

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// View looks into one snapshot.
type View struct {
	Snapshot *repo.Snapshot
	Root     *format.Root
	Seen     int // entries that Walk has passed on
	rd       *repo.Reader
}

// OpenView opens the snapshot that spec means.
func OpenView(ctx context.Context, r *repo.Repo, spec string) (*View, error) {
	s, err := r.Find(ctx, spec)
	if err != nil {
		return nil, err
	}
	return openView(ctx, r, s)
}

func openView(ctx context.Context, r *repo.Repo, s *repo.Snapshot) (*View, error) {
	rd, err := r.NewReader(ctx, s)
	if err != nil {
		return nil, err
	}
	root, err := rd.Root(ctx)
	if err != nil {
		return nil, err
	}
	return &View{Snapshot: s, Root: root, rd: rd}, nil
}

// Close ends the look.
func (v *View) Close() error { return v.rd.Close() }

// Walk calls fn for each entry within a path (source or source/path; empty for
// all), by its full path. A part of the tree that can't be read is passed on
// with its error.
func (v *View) Walk(ctx context.Context, within string, fn func(full string, e *format.Entry, err error) error) error {
	source, rest, _ := strings.Cut(within, "/")
	for _, s := range v.Root.Sources {
		if within != "" && s.Name != source {
			continue
		}
		var only []string
		if rest != "" {
			only = []string{rest}
		}
		err := v.rd.Walk(ctx, s, only, func(e *format.Entry, err error) error {
			v.Seen++
			return fn(path.Join(s.Name, e.Path), e, err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Version is one state of a path and the snapshots that hold it.
type Version struct {
	Path        string
	Device      format.DeviceID
	First, Last uint64
	Entry       format.Entry
}

// Find looks for a glob in all snapshots. Each state of a path is told once,
// with the first and the last snapshot in a row that hold it. lost is told of
// names that can't be read.
func Find(ctx context.Context, r *repo.Repo, glob string, lost func(full string, err error) error) ([]Version, error) {
	list, err := r.Snapshots(ctx, format.DeviceID{})
	if err != nil {
		return nil, err
	}
	var found []Version
	open := map[string]int{} // device and path → place of its newest version
	for _, s := range list {
		err := findIn(ctx, r, s, glob, lost, func(full string, e *format.Entry) {
			key := s.Device.String() + "/" + full
			if i, ok := open[key]; ok && sameState(&found[i].Entry, e) {
				found[i].Last = s.Seq
				return
			}
			open[key] = len(found)
			found = append(found, Version{full, s.Device, s.Seq, s.Seq, *e})
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(found, func(a, b Version) int { return format.ComparePaths(a.Path, b.Path) })
	return found, nil
}

func findIn(ctx context.Context, r *repo.Repo, s *repo.Snapshot, glob string, lost func(string, error) error, hit func(string, *format.Entry)) error {
	v, err := openView(ctx, r, s)
	if repo.Damage(err) {
		return lost(s.Name.String(), err)
	}
	if err != nil {
		return err
	}
	defer v.Close()
	return v.Walk(ctx, "", func(full string, e *format.Entry, err error) error {
		if err != nil {
			return lost(full, err)
		}
		if matchesItself(glob, full) {
			hit(full, e)
		}
		return nil
	})
}

func sameState(a, b *format.Entry) bool {
	return sameAttributes(a, b) && sameContents(a, b)
}

// sameContents compares what was proven, and what was not.
func sameContents(a, b *format.Entry) bool {
	return sameContent(a.Content, b.Content) && sameContent(a.Unproven, b.Unproven)
}

// Change is what happened to a path.
type Change string

// The changes.
const (
	Added      Change = "added"
	Removed    Change = "removed"
	Modified   Change = "changed"
	Attributes Change = "attributes" // mode, time or owner, not the content
)

// Difference is one path that two snapshots hold differently.
type Difference struct {
	Path          string
	Change        Change
	Before, After uint64 // bytes
	Err           error  // names around this path can't be read
}

// Diff tells what changed from one snapshot to another, in tree order per
// source.
func Diff(ctx context.Context, r *repo.Repo, from, to string, tell func(Difference) error) error {
	a, err := OpenView(ctx, r, from)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := OpenView(ctx, r, to)
	if err != nil {
		return err
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	old, now := a.stream(ctx), b.stream(ctx)
	x, y := <-old, <-now
	for x != nil || y != nil {
		var err error
		switch c := compareSeen(x, y); {
		case c < 0:
			err = tell(x.difference(Removed, x.bytes(), 0))
			x = <-old
		case c > 0:
			err = tell(y.difference(Added, 0, y.bytes()))
			y = <-now
		default:
			if d, differs := compareEntries(x, y); differs {
				err = tell(d)
			}
			x, y = <-old, <-now
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// seen is an entry on its way from a walk to a comparison.
type seen struct {
	full  string
	entry format.Entry
	err   error
}

func (s *seen) bytes() uint64 { return lengthOf(&s.entry) }

func (s *seen) difference(c Change, before, after uint64) Difference {
	return Difference{Path: s.full, Change: c, Before: before, After: after, Err: s.err}
}

// stream walks in a goroutine of its own. The channel closes at the end, or
// early when ctx ends.
func (v *View) stream(ctx context.Context) <-chan *seen {
	out := make(chan *seen, 64)
	slices.SortFunc(v.Root.Sources, func(a, b format.SourceTree) int { return strings.Compare(a.Name, b.Name) })
	go func() {
		defer close(out)
		send := func(s *seen) error {
			select {
			case out <- s:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := v.Walk(ctx, "", func(full string, e *format.Entry, err error) error { return send(&seen{full, *e, err}) })
		if err != nil && ctx.Err() == nil {
			_ = send(&seen{full: "~", err: err}) // ctx has ended meanwhile
		}
	}()
	return out
}

func compareSeen(x, y *seen) int {
	switch {
	case x == nil:
		return 1
	case y == nil:
		return -1
	}
	return format.ComparePaths(x.full, y.full)
}

func compareEntries(x, y *seen) (Difference, bool) {
	d := y.difference(Modified, x.bytes(), y.bytes())
	switch {
	case x.err != nil || y.err != nil:
		if d.Err == nil {
			d.Err = x.err
		}
		return d, true
	case x.entry.Type != y.entry.Type || x.entry.Target != y.entry.Target || !sameContents(&x.entry, &y.entry):
		return d, true
	case !sameAttributes(&x.entry, &y.entry):
		d.Change = Attributes
		return d, true
	}
	return d, false
}

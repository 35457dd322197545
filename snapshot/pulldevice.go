package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// pulling is one device's part of a pull.
type pulling struct {
	*pull
	mem     *pullDevice
	head    *repo.Snapshot
	done    *PulledDevice
	dir     *os.Root // its folder
	rd      *repo.Reader
	rs      *restorer
	sources []*pullingSource
	lost    bool // given up: its tree or its folder can't be read
}

// survey finds out what there is to do.
func (d *pulling) survey(ctx context.Context) error {
	if err := d.openDir(); err != nil {
		return err
	}
	d.rs = newRestorer(nil, d.dir, RestoreOptions{To: d.folder.dir, Workers: d.opt.Workers, Overwrite: true, rules: d.folder.rules})
	d.rs.way, d.rs.meter = &pullWay{d}, &d.pull.meter
	if err := d.fold(); err != nil {
		return err
	}
	if !d.unclean {
		if done, err := d.untouched(ctx); done || err != nil {
			return err
		}
	}
	if err := d.openTree(ctx); err != nil {
		return err
	}
	for _, s := range d.sources {
		if err := s.survey(ctx); err != nil {
			return err
		}
	}
	return nil
}

// openDir opens the device's folder, which it makes if need be. A symlink there
// is not followed.
func (d *pulling) openDir() error {
	err := d.root.Mkdir(d.mem.Folder, 0o755)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("pull: %w", err)
	}
	info, err := d.root.Lstat(d.mem.Folder)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	if !info.IsDir() {
		return existsError(d.mem.Folder)
	}
	if d.dir, err = d.root.OpenRoot(d.mem.Folder); err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	return d.folder.sweep(d.dir)
}

// fold takes in what earlier pulls noted and did not bring to an end.
func (d *pulling) fold() error {
	for _, m := range d.mem.Sources {
		if _, err := d.foldSource(m.Name); err != nil {
			return err
		}
	}
	return nil
}

// foldSource reports whether everything that was noted is there.
func (d *pulling) foldSource(name string) (whole bool, err error) {
	dir := d.folder.sourceDir(d.mem.ID, name)
	there := func(r *pullRecord) bool { return d.standing(path.Join(name, r.entry.Path), r) == ours }
	whole, err = foldJournal(path.Join(dir, "list"), path.Join(dir, "journal"), there)
	if err != nil {
		return false, fmt.Errorf("pull: %w", err)
	}
	return whole, nil
}

// openTree reads what the snapshot holds at the top.
func (d *pulling) openTree(ctx context.Context) error {
	rd, err := d.repo.NewReader(ctx, d.head)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	d.rd, d.rs.rd = rd, rd
	root, err := rd.Root(ctx)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	for _, src := range root.Sources {
		d.mem.source(src.Name)
	}
	d.mem.Listed = treeOf(d.head)
	for _, m := range d.mem.Sources {
		if !d.chosenSource(m.Name) {
			continue
		}
		src := format.SourceTree{Name: m.Name} // of one that is gone
		i := slices.IndexFunc(root.Sources, func(s format.SourceTree) bool { return s.Name == m.Name })
		if i >= 0 {
			src = root.Sources[i]
		}
		s := newPullingSource(d, m, src)
		s.present = i >= 0
		s.shrunk = slices.ContainsFunc(root.Flagged, func(r format.Remark) bool { return r.Source == m.Name && isShrink(r) })
		d.sources = append(d.sources, s)
		if err := s.open(); err != nil {
			return err
		}
	}
	return nil
}

// work brings what has this rank.
func (d *pulling) work(ctx context.Context, rank int) error {
	for _, s := range d.sources {
		if !s.ranks[rank] {
			continue
		}
		if err := d.begin(); err != nil {
			return err
		}
		if err := s.work(ctx, rank); err != nil {
			return err
		}
	}
	return d.flush(ctx)
}

// flush gives everything its name that waits for it.
func (d *pulling) flush(ctx context.Context) error {
	if d.rs == nil {
		return nil
	}
	if err := d.rs.batch.end(ctx); err != nil {
		return err
	}
	return d.full()
}

// full ends the pull where the disk is full: nothing that comes would fit.
func (d *pulling) full() error {
	for _, f := range d.rs.out.Failed {
		if isFull(f.Err) {
			return fullError(d.folder.dir, f.Err)
		}
	}
	return nil
}

// finish makes links, sets folders right and brings what was noted into the
// lists.
func (d *pulling) finish(ctx context.Context) error {
	for _, s := range d.sources {
		if err := s.finish(ctx); err != nil {
			return err
		}
	}
	if d.rs != nil && d.busy {
		if err := syncAll(d.folder.dir); err != nil {
			return fmt.Errorf("pull: sync %s: %w", d.folder.dir, err)
		}
	}
	for _, s := range d.sources {
		if err := s.conclude(); err != nil {
			return err
		}
	}
	return nil
}

// collect adds what was done to what is told.
func (d *pulling) collect() {
	if d.rd != nil {
		d.out.Downloaded += d.rd.Downloaded.Load()
	}
	if d.rs == nil {
		return
	}
	o := &d.rs.out
	d.out.Files, d.out.Bytes = d.out.Files+o.Files, d.out.Bytes+o.Bytes
	for _, f := range o.Failed {
		f.Path = path.Join(d.mem.Folder, f.Path)
		d.out.Failed = append(d.out.Failed, f)
	}
	for _, list := range []struct{ to, from *[]string }{{&d.out.Older, &o.Older}, {&d.out.Torn, &o.Torn}} {
		for _, p := range *list.from {
			*list.to = append(*list.to, path.Join(d.mem.Folder, p))
		}
	}
}

// close gives up what the device holds open, and removes files that did not get
// their name.
func (d *pulling) close() error {
	var errs []error
	if d.rs != nil {
		d.rs.batch.abort()
		d.rs.near.close()
	}
	for _, s := range d.sources {
		errs = append(errs, s.close())
	}
	if d.rd != nil {
		errs = append(errs, d.rd.Close())
	}
	if d.dir != nil {
		errs = append(errs, d.dir.Close())
	}
	return errors.Join(errs...)
}

// makeSourceDir makes the folder in the memory for a source.
func (d *pulling) makeSourceDir(name string) (string, error) {
	dir := d.folder.sourceDir(d.mem.ID, name)
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("pull: %w", err)
	}
	return dir, nil
}

package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// restorer holds what one restore knows.
type restorer struct {
	rd      *repo.Reader
	dir     *os.Root
	near    folders // of dir; for one goroutine at a time, which batch.mu sees to
	opt     RestoreOptions
	out     Restored
	matched uint64
	batch   *batch
	links   map[uint64]laterLink // link group → its first file, of the present source
	later   []laterLink
	folders []folderMeta // deepest last; set once everything is in them
	made    map[string]bool
	without map[string]bool // journals that don't belong to what is restored
	logs    map[string]bool // files called like a database's logs that are restored
	meter   *meter
	rules   *targetRules
	names   *namesakes
	way     way
}

// laterLink is another name of a restored file.
type laterLink struct {
	from, to string
	entry    format.Entry
}

type folderMeta struct {
	path  string
	entry format.Entry
}

func newRestorer(rd *repo.Reader, dir *os.Root, o RestoreOptions) *restorer {
	if o.Workers == 0 {
		o.Workers = 2
	}
	if o.rules == nil {
		o.rules = &realRules
	}
	rs := &restorer{meter: &meter{}, rd: rd, dir: dir, rules: o.rules, names: newNamesakes(o.rules.probe(dir)), near: folders{top: dir}, opt: o, made: map[string]bool{}, without: map[string]bool{}, logs: map[string]bool{}}
	rs.meter.tell = o.Progress
	rs.batch, rs.way = newBatch(rs), restoring{rs}
	return rs
}

// source restores one source of the snapshot.
func (rs *restorer) source(ctx context.Context, src format.SourceTree) error {
	rs.links = map[uint64]laterLink{}
	if rs.opt.Progress != nil && src.Tree != nil {
		rs.meter.now.TotalFiles += src.Tree.Count
		rs.meter.now.TotalBytes += src.Tree.Bytes
	}
	all := len(rs.opt.Include) == 0 && len(rs.opt.Categories) == 0
	if all {
		if done, err := rs.top(ctx, src.Name); done || err != nil {
			return err
		}
	}
	within, some := rs.within(src.Name)
	if !some {
		return nil
	}
	return rs.rd.Walk(ctx, src, within, func(e *format.Entry, err error) error {
		full := path.Join(src.Name, e.Path)
		if err != nil && !repo.Damage(err) {
			return fmt.Errorf("restore: %w", err)
		}
		if err != nil {
			rs.fail(full, reasonTree, err)
			return nil
		}
		if !rs.chosen(full, e) {
			return nil
		}
		rs.matched++
		return rs.entry(ctx, full, e)
	})
}

// within returns the parts of a source that can hold what the options ask for,
// none for all of it, and whether there are any. Only plain paths narrow it
// down; then the rest of the tree is not even read.
func (rs *restorer) within(source string) (parts []string, some bool) {
	for _, g := range rs.opt.Include {
		g = strings.Trim(g, "/")
		if !strings.Contains(g, "/") || strings.ContainsAny(g, `*?[]{}\`) {
			return nil, true
		}
		if name, rest, _ := strings.Cut(g, "/"); name == source {
			parts = append(parts, rest, journalOf(rest))
		}
	}
	return parts, len(rs.opt.Include) == 0 || len(parts) > 0
}

// chosen reports whether the options ask for an entry. Folders come along with
// what is in them, and journals with their databases, which are torn without.
func (rs *restorer) chosen(full string, e *format.Entry) bool {
	if len(rs.opt.Categories) > 0 && !slices.Contains(rs.opt.Categories, e.Category) {
		return false
	}
	if len(rs.opt.Include) == 0 {
		return len(rs.opt.Categories) == 0 || e.Type != format.TypeDir
	}
	for _, g := range rs.opt.Include {
		if Matches(g, full) || e.Type == format.TypeFile && Matches(g, strings.TrimSuffix(full, journalSuffix)) {
			return true
		}
	}
	return false
}

// Matches reports whether a glob means the path source/…: the path itself, a
// folder above it, or, for a glob without a slash, its last name.
func Matches(glob, full string) bool {
	glob = strings.Trim(glob, "/") // as ls shows folders, and as people type paths
	for p := full; p != "." && p != "/"; p = path.Dir(p) {
		if matchesItself(glob, p) {
			return true
		}
	}
	return false
}

// matchesItself is Matches without the folders above.
func matchesItself(glob, full string) bool {
	if !strings.Contains(glob, "/") {
		full = path.Base(full)
	}
	ok, err := doublestar.Match(glob, full)
	return ok && err == nil
}

func (rs *restorer) entry(ctx context.Context, full string, e *format.Entry) error {
	rs.choose(full, e)
	if rs.without[full] {
		return nil
	}
	if ends, err := rs.checkName(ctx, full, e.Type == format.TypeDir); ends != nil {
		return ends
	} else if err != nil {
		rs.fail(full, reasonWrite, err)
		return nil
	}
	if isLog(full) {
		rs.logs[full] = true
	}
	if err := rs.folder(path.Dir(full)); err != nil {
		rs.fail(full, reasonWrite, err)
		return nil
	}
	switch e.Type {
	case format.TypeDir:
		if err := rs.folder(full); err != nil {
			rs.fail(full, reasonWrite, err)
			return nil
		}
		rs.folders = append(rs.folders, folderMeta{full, *e})
		return nil
	case format.TypeSymlink:
		rs.symlink(full, e)
		return nil
	}
	if err := rs.fits(full, e.Content); err != nil {
		rs.fail(full, reasonWrite, err)
		return nil
	}
	if e.Links != 0 {
		first, ok := rs.links[e.Links]
		if ok && sameContent(first.entry.Content, e.Content) {
			rs.later = append(rs.later, laterLink{first.to, full, *e})
			return nil
		}
		if !ok {
			rs.links[e.Links] = laterLink{to: full, entry: *e}
		}
	}
	return rs.batch.add(ctx, full, e)
}

// choose settles which content of a database comes back: the last proven one,
// unless the user wants the newer one or there is no other.
func (rs *restorer) choose(full string, e *format.Entry) {
	switch {
	case e.Unproven == nil:
	case e.Content == nil || rs.opt.Unproven:
		e.Content = e.Unproven
		rs.without[journalOf(full)] = true // it is of the proven one
		rs.out.Torn = append(rs.out.Torn, full)
	default:
		rs.out.Older = append(rs.out.Older, full)
	}
}

// folder makes a folder below To. A symlink in the way is not followed.
func (rs *restorer) folder(p string) error {
	if p == "." || rs.made[p] {
		return nil
	}
	if err := rs.folder(path.Dir(p)); err != nil {
		return err
	}
	err := rs.dir.Mkdir(p, 0o700)
	if errors.Is(err, fs.ErrExist) {
		info, serr := rs.dir.Lstat(p)
		switch {
		case serr != nil:
			return serr
		case !info.IsDir():
			return hint.New(CodeFileExists, fmt.Errorf("make folder %s: something else has its name", p), "path", p)
		}
		err = nil
	}
	if err != nil {
		return fmt.Errorf("make folder %s: %w", p, err)
	}
	rs.made[p] = true
	return nil
}

func (rs *restorer) symlink(full string, e *format.Entry) {
	if rs.linkThere(full, e) {
		rs.out.Files++
		return
	}
	err := rs.vacate(full)
	if err == nil {
		err = rs.dir.Symlink(e.Target, full)
	}
	if err == nil {
		err = rs.setLinkMeta(full, e)
	}
	if err != nil {
		rs.fail(full, reasonWrite, err)
		return
	}
	rs.out.Files++
}

// taken reports whether a name is taken by something of which is says so.
func (rs *restorer) taken(full string, is func(os.FileInfo) bool) bool {
	dir, name, err := rs.near.of(full)
	if err != nil {
		return false // writing will say what is wrong
	}
	info, err := dir.Lstat(name)
	return err == nil && is(info)
}

// vacate makes sure that a name is free, or frees it if the user said so.
func (rs *restorer) vacate(full string) error {
	info, err := rs.dir.Lstat(full)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !rs.opt.Overwrite || info.IsDir() {
		return existsError(full)
	}
	return rs.dir.Remove(full)
}

func existsError(full string) error {
	return hint.New(CodeFileExists, fmt.Errorf("write %s: %w", full, fs.ErrExist), "path", full)
}

func (rs *restorer) fail(full, reason string, err error) {
	damaged := repo.Damage(err)
	if reason != reasonTree {
		reason = reasonOf(err, reason)
	}
	rs.batch.mu.Lock()
	defer rs.batch.mu.Unlock()
	rs.out.Failed = append(rs.out.Failed, Failure{full, reason, err, damaged})
}

// finish writes what is still waiting: the last files, links to them, and the
// folders' times, which writing into them would have changed.
func (rs *restorer) finish(ctx context.Context) error {
	if err := rs.settle(ctx); err != nil {
		return err
	}
	for _, f := range slices.Backward(rs.folders) {
		if err := rs.setMeta(f.path, &f.entry); err != nil {
			rs.fail(f.path, reasonWrite, err)
		}
	}
	if err := syncAll(rs.opt.To); err != nil {
		return fmt.Errorf("restore: sync %s: %w", rs.opt.To, err)
	}
	slices.SortStableFunc(rs.out.Failed, func(a, b Failure) int { return format.ComparePaths(a.Path, b.Path) })
	return nil
}

// settle gives everything its name that is waiting for it.
func (rs *restorer) settle(ctx context.Context) error {
	if err := rs.batch.end(ctx); err != nil {
		return err
	}
	for len(rs.later) > 0 {
		if err := rs.hardLinks(ctx); err != nil {
			return err
		}
	}
	return nil
}

// hardLinks makes the links that wait. Where the file itself failed, the first
// of its other names becomes the file, and the others wait once more.
func (rs *restorer) hardLinks(ctx context.Context) error {
	links := rs.later
	rs.later = nil
	failed := map[string]bool{}
	for _, f := range rs.out.Failed {
		failed[f.Path] = true
	}
	instead := map[string]string{}
	for _, l := range links {
		to, ok := instead[l.from]
		switch {
		case !failed[l.from]:
			rs.hardLink(l)
		case ok:
			rs.later = append(rs.later, laterLink{to, l.to, l.entry})
		default:
			instead[l.from] = l.to
			if err := rs.batch.add(ctx, l.to, &l.entry); err != nil {
				return err
			}
		}
	}
	return rs.batch.end(ctx)
}

func (rs *restorer) hardLink(l laterLink) {
	if rs.sameThere(l.from, l.to) {
		rs.out.Files++
		return
	}
	err := rs.vacate(l.to)
	if err == nil {
		err = rs.dir.Link(l.from, l.to)
	}
	if err != nil {
		rs.fail(l.to, reasonWrite, err)
		return
	}
	rs.out.Files++
}

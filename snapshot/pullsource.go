package snapshot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// pullingSource is one source's part of a pull. Its tree and the list of what
// pull has put here stand in the same order, so they are gone through side by
// side, several times: once to see what there is to do, and once for each rank
// that has something.
type pullingSource struct {
	*pulling
	name    string
	tree    format.SourceTree
	present bool // the snapshot has it
	mem     *pullSource
	done    *PulledSource
	list    *pullList
	journal pullJournal
	nodes   *pullNodes

	ranks    map[int]bool           // those with something to do
	newBytes uint64                 // of files that are not there
	largest  uint64                 // of those that are replaced
	treeLogs map[string]bool        // names like a database's logs that the tree has
	dirs     []folderMeta           // in tree order
	links    map[uint64]laterLink   // link group → the first file of it
	later    []laterPull            // other names of files, made when all files are there
	linked   map[int]bool           // ranks that have files with several names
	relink   bool                   // one of those needs something
	replaced map[string]*pullRecord // files that pull wrote where the tree has a folder now
	rivals   map[string]bool        // names that the target may take for one that comes before
	holes    bool                   // parts of the tree can't be read
	shrunk   bool                   // it may have lost something, which nobody has confirmed
	failed   map[string]bool        // names that were given up
	gone     bool                   // the list has what the source has no more
	touched  bool
}

// laterPull is another name of a file, and what is remembered of it.
type laterPull struct {
	laterLink
	rec *pullRecord
}

func newPullingSource(d *pulling, m *pullSource, tree format.SourceTree) *pullingSource {
	s := &pullingSource{pulling: d, name: m.Name, tree: tree, mem: m, ranks: map[int]bool{}, treeLogs: map[string]bool{}, failed: map[string]bool{},
		links: map[uint64]laterLink{}, linked: map[int]bool{}, replaced: map[string]*pullRecord{}, rivals: map[string]bool{}}
	s.done = &PulledSource{Source: m.Name, Snapshot: d.head.Name.Digest, Sequence: d.head.Seq, Time: d.head.Time}
	d.done.Sources = append(d.done.Sources, s.done)
	return s
}

func (s *pullingSource) open() error {
	dir, err := s.makeSourceDir(s.name)
	if err != nil {
		return err
	}
	if _, err := s.foldSource(s.name); err != nil { // one that was forgotten meanwhile
		return err
	}
	if s.list, err = openPullList(filepath.Join(dir, "list")); err != nil {
		return err
	}
	s.journal.path = filepath.Join(dir, "journal")
	s.nodes, err = openPullNodes(filepath.Join(dir, "nodes"), s.folder.memory("tmp"))
	return err
}

func (s *pullingSource) close() error {
	err := s.journal.close()
	if s.nodes != nil {
		err = errors.Join(s.nodes.save(), s.nodes.close(), err)
	}
	return err
}

// both goes through tree and list side by side. Of what only one of them has,
// the other is nil.
func (s *pullingSource) both(ctx context.Context, fn func(full string, e *format.Entry, rec *pullRecord) error) (err error) {
	in, err := s.list.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	s.rd.KeepTree(s.nodes)
	only := func(rec *pullRecord) error { return fn(path.Join(s.name, rec.entry.Path), nil, rec) }
	err = s.rd.Walk(ctx, s.tree, nil, func(e *format.Entry, lost error) error {
		if lost != nil {
			return s.hole(e.Path, lost)
		}
		for rec := in.peek(); rec != nil && format.ComparePaths(rec.entry.Path, e.Path) < 0; rec = in.peek() {
			if err := only(in.next()); err != nil {
				return err
			}
		}
		var rec *pullRecord
		if next := in.peek(); next != nil && next.entry.Path == e.Path {
			rec = in.next()
		}
		return fn(path.Join(s.name, e.Path), e, rec)
	})
	for rec := in.next(); rec != nil && err == nil; rec = in.next() {
		err = only(rec)
	}
	return err
}

// hole notes that names around a path can't be read.
func (s *pullingSource) hole(p string, err error) error {
	if !repo.Damage(err) {
		return fmt.Errorf("pull: %w", err)
	}
	full := path.Join(s.name, p)
	if s.holes = true; !s.failed[full] {
		s.failed[full] = true
		s.rs.fail(full, reasonTree, err)
	}
	return nil
}

// survey looks at every name, and changes nothing.
func (s *pullingSource) survey(ctx context.Context) error {
	s.touched = s.unclean
	if len(s.opt.Categories) == 0 && s.present {
		if err := s.makeFolder(s.name); err != nil {
			s.give(s.name, err)
			return nil
		}
	}
	err := s.both(ctx, func(full string, e *format.Entry, rec *pullRecord) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e == nil {
			s.gone = s.gone || s.chosenCategory(&rec.entry)
			return nil
		}
		if s.rs.names.maybe(full) {
			s.rivals[full] = true
		}
		if e.Type == format.TypeDir {
			s.dirs = append(s.dirs, folderMeta{full, *e})
			if rec != nil && rec.entry.Type != format.TypeDir {
				s.replaced[full] = rec
			}
		}
		if isLog(full) {
			s.treeLogs[full] = true
		}
		if !s.chosenCategory(e) {
			return nil
		}
		older, torn := s.settleContent(full, e)
		if s.rs.without[full] {
			return nil
		}
		if older {
			s.rs.out.Older = append(s.rs.out.Older, full)
		}
		if torn {
			s.rs.out.Torn = append(s.rs.out.Torn, full)
		}
		if e.Type != format.TypeDir {
			s.done.Total++
		}
		s.surveyEntry(full, e, rec)
		return nil
	})
	if s.relink {
		maps.Copy(s.ranks, s.linked)
	}
	return err
}

func (s *pullingSource) surveyEntry(full string, e *format.Entry, rec *pullRecord) {
	if e.Links != 0 {
		s.linked[s.turn(full, e)] = true
	}
	st, _ := s.look(full, rec)
	if !s.needed(full, e, rec, st) {
		return
	}
	s.relink = s.relink || e.Links != 0
	s.ranks[s.turn(full, e)] = true
	if e.Content == nil {
		return
	}
	s.meter.now.TotalFiles++
	s.meter.now.TotalBytes += e.Content.Length
	if st == nothing {
		s.newBytes += e.Content.Length
	} else {
		s.largest = max(s.largest, e.Content.Length)
	}
}

// turn is the rank of an entry. A name that the target may take for an earlier
// one comes last, so that the first is there and stays.
func (s *pullingSource) turn(full string, e *format.Entry) int {
	if s.rivals[full] {
		return s.pull.ranks() - 1
	}
	return s.rank(e)
}

// settleContent decides which content of a database is wanted, as a restore
// does: the last proven one.
func (s *pullingSource) settleContent(full string, e *format.Entry) (older, torn bool) {
	if e.Unproven == nil {
		return false, false
	}
	if e.Content == nil {
		e.Content = e.Unproven
		s.rs.without[journalOf(full)] = true // it is of the proven one
		return false, true
	}
	return true, false
}

// needed reports whether there is something to do for a name.
func (s *pullingSource) needed(full string, e *format.Entry, rec *pullRecord, st standing) bool {
	if st != ours || rec.gone || !sameAttributes(&rec.entry, e) || !sameContent(rec.entry.Content, e.Content) {
		return true
	}
	return hasLogs(e) && s.strayLog(full)
}

// work brings everything of one rank.
func (s *pullingSource) work(ctx context.Context, rank int) error {
	return s.both(ctx, func(full string, e *format.Entry, rec *pullRecord) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e == nil || !s.chosenCategory(e) {
			return nil
		}
		_, torn := s.settleContent(full, e)
		if s.rs.without[full] || s.turn(full, e) != rank || s.failed[full] {
			return nil
		}
		return s.entry(ctx, full, e, rec, torn)
	})
}

// entry brings one name to what the snapshot has.
func (s *pullingSource) entry(ctx context.Context, full string, e *format.Entry, rec *pullRecord, torn bool) error {
	if later, ok := s.link(full, e); ok {
		s.later = append(s.later, laterPull{later, rec})
		return nil
	}
	st, info := s.look(full, rec)
	if !s.needed(full, e, rec, st) {
		return nil
	}
	s.touched = true
	if ends, err := s.rs.checkName(ctx, full, e.Type == format.TypeDir); ends != nil {
		return ends
	} else if err != nil {
		s.give(full, err)
		return nil
	}
	if err := s.makeFolder(path.Dir(full)); err != nil {
		s.give(full, err)
		return nil
	}
	t := &target{full: full, entry: *e, pulled: &pullTarget{source: s, rec: rec, torn: torn}}
	switch e.Type {
	case format.TypeDir:
		s.bringFolder(t)
		return nil
	case format.TypeSymlink:
		s.bringSymlink(t)
		return nil
	}
	return s.bringFile(ctx, t, st, info)
}

// link reports whether an entry is another name of a file that came before.
func (s *pullingSource) link(full string, e *format.Entry) (laterLink, bool) {
	if e.Type != format.TypeFile || e.Links == 0 {
		return laterLink{}, false
	}
	first, ok := s.links[e.Links]
	if !ok {
		s.links[e.Links] = laterLink{to: full, entry: *e}
		return laterLink{}, false
	}
	return laterLink{first.to, full, *e}, sameContent(first.entry.Content, e.Content)
}

// give names what could not be brought. It is left as it is.
func (s *pullingSource) give(full string, err error) {
	if !s.failed[full] {
		s.failed[full] = true
		s.rs.fail(full, reasonWrite, err)
	}
}

// makeFolder makes a folder and those above it. What stands in the way of one is
// put aside. Only where the whole source should be, anything but a file is the
// user's choice and stays: a symlink to another disk, say.
func (s *pullingSource) makeFolder(p string) error {
	if p == "." || s.rs.made[p] {
		return nil
	}
	if err := s.makeFolder(path.Dir(p)); err != nil {
		return err
	}
	info, err := s.dir.Lstat(p)
	if err == nil && !info.IsDir() && (info.Mode().IsRegular() || p != s.name) {
		if err := s.free(p, s.replaced[p]); err != nil {
			return err
		}
	}
	if err == nil && info.IsDir() && info.Mode().Perm()&0o300 != 0o300 && os.Geteuid() != 0 {
		if err := s.dir.Chmod(p, info.Mode().Perm()|0o700); err != nil { // finish sets it right
			return err
		}
	}
	return s.rs.folder(p)
}

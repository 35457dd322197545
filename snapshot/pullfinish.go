package snapshot

import (
	"context"
	"errors"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/repo/format"
)

// finish makes links, looks at what the source has no more, and sets folders
// right, whose times writing into them has changed.
func (s *pullingSource) finish(ctx context.Context) error {
	if err := s.makeLinks(ctx); err != nil {
		return err
	}
	if s.gone && !s.holes {
		if s.removes() {
			if err := s.begin(); err != nil {
				return err
			}
		}
		if err := s.settleGone(ctx); err != nil {
			return err
		}
	}
	if !s.touched || len(s.opt.Categories) > 0 {
		return nil
	}
	for _, f := range slices.Backward(s.dirs) {
		_, info := s.look(f.path, nil)
		if info == nil || !info.IsDir() || info.ModTime().UnixNano() == f.entry.ModTime && info.Mode().Perm() == fileMode(f.entry.Mode).Perm() {
			continue
		}
		if err := s.rs.setMeta(f.path, &f.entry); err != nil {
			s.give(f.path, err)
		}
	}
	return nil
}

// makeLinks makes the other names of files. Where the file itself failed, the
// first of its other names becomes the file, and the others wait once more.
func (s *pullingSource) makeLinks(ctx context.Context) error {
	for len(s.later) > 0 {
		links := s.later
		s.later = nil
		failed := s.failures()
		instead := map[string]string{}
		for _, l := range links {
			to, ok := instead[l.from]
			switch {
			case !failed[l.from]:
				s.bringLink(l)
			case ok:
				l.from = to
				s.later = append(s.later, l)
			default:
				instead[l.from] = l.to
				if err := s.bringInstead(ctx, l); err != nil {
					return err
				}
			}
		}
		if err := s.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *pullingSource) bringInstead(ctx context.Context, l laterPull) error {
	s.touched = true
	if err := s.begin(); err != nil {
		return err
	}
	if err := s.makeFolder(path.Dir(l.to)); err != nil {
		s.give(l.to, err)
		return nil
	}
	t := &target{full: l.to, entry: l.entry, pulled: &pullTarget{source: s, rec: l.rec}}
	st, info := s.look(l.to, l.rec)
	return s.bringFile(ctx, t, st, info)
}

// failures are the names of this source that were given up.
func (s *pullingSource) failures() map[string]bool {
	all := map[string]bool{}
	for _, f := range s.rs.out.Failed {
		if f.Path == s.name || strings.HasPrefix(f.Path, s.name+"/") {
			all[f.Path] = true
		}
	}
	return all
}

// removes reports whether what the source has no more is to go. A snapshot that
// is not whole, or that may have lost something, takes nothing away.
func (s *pullingSource) removes() bool {
	return s.opt.Mirror && !s.head.Partial && !s.shrunk
}

// settleGone looks at what pull has put here and the source has no more.
func (s *pullingSource) settleGone(ctx context.Context) error {
	var folders []pullRecord
	held := false
	err := s.both(ctx, func(full string, e *format.Entry, rec *pullRecord) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e != nil || s.holes || !s.chosenCategory(&rec.entry) {
			return nil
		}
		st, _ := s.look(full, rec)
		switch {
		case st == nothing:
			return s.journal.add(journalDrop, rec)
		case s.rs.names.rival(full):
			return s.journal.add(journalForget, rec) // it is the same file as one that the source has
		case s.removes() && st == ours && rec.entry.Type == format.TypeDir:
			folders = append(folders, *rec)
			return nil
		case s.removes() && st == ours:
			return s.remove(full, rec)
		case s.removes():
			return s.journal.add(journalDrop, rec) // somebody changed it: it is theirs
		}
		held = held || s.opt.Mirror
		if rec.entry.Type != format.TypeDir {
			s.done.Kept++
		}
		if rec.gone {
			return nil
		}
		rec.gone = true
		return s.journal.add(journalGone, rec)
	})
	for _, rec := range slices.Backward(folders) {
		if err == nil {
			err = s.removeFolder(&rec)
		}
	}
	if err == nil && s.removes() && !s.present && s.removeEmpty(s.name) {
		s.touched = true
	}
	if held {
		s.out.Held = append(s.out.Held, path.Join(s.pulling.mem.Folder, s.name))
	}
	return err
}

func (s *pullingSource) remove(full string, rec *pullRecord) error {
	err := s.makeFolder(path.Dir(full)) // which may have to be made writable
	if err == nil {
		err = s.dir.Remove(full)
	}
	if err != nil {
		s.give(full, err)
		return nil
	}
	s.folder.at("removed " + full)
	s.touched = true
	s.done.Removed++
	return s.journal.add(journalDrop, rec)
}

// removeFolder removes a folder that is empty by now.
func (s *pullingSource) removeFolder(rec *pullRecord) error {
	full := path.Join(s.name, rec.entry.Path)
	if s.standing(full, rec) != ours || s.makeFolder(path.Dir(full)) != nil || !s.removeEmpty(full) {
		return nil // something of the user's is in it, or has its name
	}
	s.touched = true
	return s.journal.add(journalDrop, rec)
}

// removeEmpty removes an empty folder, and nothing else that has its name.
func (s *pullingSource) removeEmpty(full string) bool {
	if info, err := s.dir.Lstat(full); err != nil || !info.IsDir() || s.dir.Remove(full) != nil {
		return false
	}
	s.rs.near.close()
	return true
}

// emptyList writes the list of a source that has nothing, so that the next pull
// knows it.
func (s *pullingSource) emptyList() error {
	if _, err := os.Lstat(s.list.path); err == nil {
		return nil
	}
	w, err := newPullListWriter(s.list.path)
	if err != nil {
		return err
	}
	defer w.abort()
	return w.commit()
}

// conclude brings what was noted into the list, and remembers whether all of the
// snapshot is there.
func (s *pullingSource) conclude() error {
	if err := errors.Join(s.journal.sync(), s.journal.close()); err != nil {
		return err
	}
	s.folder.at("fold")
	whole, err := s.foldSource(s.name)
	if err != nil {
		return err
	}
	s.folder.at("folded")
	s.mem.Tree, s.mem.List = "", ""
	if len(s.opt.Categories) > 0 || s.holes || !whole || len(s.failures()) > 0 {
		return nil
	}
	if err := s.emptyList(); err != nil {
		return err
	}
	list, err := openPullList(s.list.path)
	if err != nil {
		return err
	}
	s.mem.Tree, s.mem.List = treeOf(s.head), list.sum
	return nil
}

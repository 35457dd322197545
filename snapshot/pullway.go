package snapshot

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/repo/format"
)

// pullWay is the way of a pull: what it left itself is replaced, and anything
// else is put aside under a name that says so.
type pullWay struct{ d *pulling }

func (w *pullWay) temp(full string) string { return w.d.folder.tempName(full) }

// ready notes the files before they get their names: one that a killed pull has
// written is known as its own.
func (w *pullWay) ready(whole []*target) error {
	var sources []*pullingSource
	w.d.folder.at("written")
	for _, t := range whole {
		if t.err != nil {
			continue
		}
		s, r := t.pulled.source, t.record()
		if err := s.journal.add(journalPut, &r); err != nil {
			return err
		}
		if !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
	}
	for _, s := range sources {
		if err := s.journal.sync(); err != nil {
			return err
		}
	}
	w.d.folder.at("noted")
	return nil
}

func (w *pullWay) clear(t *target) error {
	s := t.pulled.source
	w.d.folder.at("clear " + t.full)
	st, info := s.look(t.full, t.pulled.rec)
	stray := hasLogs(&t.entry) && s.strayLog(t.full)
	if st != nothing && (st == other || stray || info.IsDir()) {
		if err := s.free(t.full, nil); err != nil {
			return err
		}
	}
	if hasLogs(&t.entry) {
		return s.clearLogs(t.full)
	}
	return nil
}

func (w *pullWay) placed(t *target) {
	w.d.folder.at("placed " + t.full)
	t.pulled.source.counted(t)
}

// free makes a name free: what is as pull left it is removed, and so is an empty
// folder; anything else is put aside.
func (s *pullingSource) free(full string, rec *pullRecord) error {
	st, info := s.look(full, rec)
	switch {
	case st == nothing:
		return nil
	case info == nil:
		return existsError(full)
	case info.IsDir() && s.emptied(full):
		return nil
	case st == ours && !info.IsDir():
		return s.dir.Remove(full)
	}
	return s.aside(full)
}

// emptied reports whether a folder that stands in the way of a file could be
// removed: an empty one, or, where the folder is to mirror the source, one in
// which everything is as pull left it.
func (s *pullingSource) emptied(full string) bool {
	if s.dir.Remove(full) == nil {
		s.rs.near.close()
		return true
	}
	if !s.removes() || s.holes {
		return false
	}
	in, err := s.list.open()
	if err != nil {
		return false
	}
	var folders []pullRecord
	for rec := in.next(); rec != nil && err == nil; rec = in.next() {
		p := path.Join(s.name, rec.entry.Path)
		switch {
		case p != full && !strings.HasPrefix(p, full+"/") || !s.chosenCategory(&rec.entry):
		case rec.entry.Type == format.TypeDir:
			folders = append(folders, *rec)
		case s.standing(p, rec) == ours:
			err = s.remove(p, rec)
		}
	}
	for _, rec := range slices.Backward(folders) {
		if err == nil {
			err = s.removeFolder(&rec)
		}
	}
	return errors.Join(err, in.close()) == nil && s.standing(full, nil) == nothing
}

// aside gives what is not pull's another name, and a database's logs with it:
// what is in them belongs to it.
func (s *pullingSource) aside(full string) error {
	to, err := s.freeName(full)
	if err != nil {
		return err
	}
	if err := s.dir.Rename(full, to); err != nil {
		return err
	}
	s.rs.near.close() // it may have been a folder
	s.folder.at("aside " + full)
	s.touched = true
	s.out.Aside = append(s.out.Aside, Aside{path.Join(s.pulling.mem.Folder, full), path.Join(s.pulling.mem.Folder, to)})
	for _, suffix := range logSuffixes {
		if s.treeLogs[full+suffix] || s.size(full+suffix) <= 0 || suffix == "-shm" {
			continue
		}
		if err := s.dir.Rename(full+suffix, to+suffix); err != nil {
			return err
		}
	}
	return nil
}

// freeName returns a name to put a file aside.
func (s *pullingSource) freeName(full string) (string, error) {
	for n := range 1000 {
		to := asideName(full, s.start, n)
		if s.standing(to, nil) == nothing {
			return to, nil
		}
	}
	return "", existsError(full)
}

// size is that of a plain file, below 0 if there is none.
func (s *pullingSource) size(full string) int64 {
	_, info := s.look(full, nil)
	if info == nil || !info.Mode().IsRegular() {
		return -1
	}
	return info.Size()
}

// hasLogs reports whether an engine would read logs that lie beside a file: it is
// a database, or called like one in a folder that is kept as plain files.
func hasLogs(e *format.Entry) bool {
	return e.Content != nil && (e.Content.Image || slices.Contains([]string{".db", ".db3", ".sqlite", ".sqlite3"}, strings.ToLower(path.Ext(e.Path))))
}

// strayLog reports whether a log lies beside a database that the snapshot
// doesn't have, and that holds something: whoever opens the database sees
// something else than what was backed up.
func (s *pullingSource) strayLog(full string) bool {
	return slices.ContainsFunc(logSuffixes, func(suffix string) bool {
		if suffix == "-shm" || s.treeLogs[full+suffix] {
			return false
		}
		_, info := s.look(full+suffix, nil)
		return info != nil && (info.Mode()&os.ModeSymlink != 0 || info.Mode().IsRegular() && info.Size() > 0)
	})
}

// dropOwnLogs removes logs that an earlier snapshot had beside a database, and
// that are as pull left them.
func (s *pullingSource) dropOwnLogs(full string) {
	for _, suffix := range logSuffixes {
		rel := strings.TrimPrefix(full, s.name+"/") + suffix
		rec, ok := s.list.logs[rel]
		if !ok || s.treeLogs[full+suffix] || s.standing(full+suffix, &rec) != ours {
			continue
		}
		if err := s.dir.Remove(full + suffix); err != nil {
			s.give(full+suffix, err)
			continue
		}
		s.touched = true
		if err := s.journal.add(journalDrop, &rec); err != nil {
			s.give(full+suffix, err)
		}
	}
}

// clearLogs removes what an engine would lay upon a database that was made new:
// only empty logs and indices are left by then.
func (s *pullingSource) clearLogs(full string) error {
	for _, suffix := range logSuffixes {
		p := full + suffix
		if s.treeLogs[p] {
			continue
		}
		_, info := s.look(p, nil)
		switch {
		case info == nil:
		case !info.Mode().IsRegular() || info.Size() > 0 && suffix != "-shm":
			if err := s.aside(p); err != nil {
				return fmt.Errorf("clear %s: %w", p, err)
			}
		default:
			if err := s.dir.Remove(p); err != nil {
				return fmt.Errorf("clear %s: %w", p, err)
			}
		}
	}
	return nil
}

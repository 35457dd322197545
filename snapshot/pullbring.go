package snapshot

import (
	"context"
	"fmt"
	"os"
	"path"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/image"
)

// pullTarget is what a pull knows of a file that it writes.
type pullTarget struct {
	source *pullingSource
	rec    *pullRecord // what pull remembers of the name, or nil
	torn   bool
}

// record is what will be remembered of the target.
func (t *target) record() pullRecord {
	r := newRecord(&t.entry, t.modTime)
	r.torn = t.pulled.torn
	r.older = !r.torn && t.entry.Unproven != nil
	return r
}

// bringFile makes a file what the snapshot has. What this computer has of it
// already is not read from the remote.
func (s *pullingSource) bringFile(ctx context.Context, t *target, st standing, info os.FileInfo) error {
	if n := len(s.rs.out.Failed); n > 0 && isFull(s.rs.out.Failed[n-1].Err) {
		return fullError(s.folder.dir, s.rs.out.Failed[n-1].Err)
	}
	isImage := t.entry.Content.Image
	if hasLogs(&t.entry) {
		s.dropOwnLogs(t.full)
	}
	if !(hasLogs(&t.entry) && s.strayLog(t.full)) && s.hasContent(ctx, t, st, info) {
		s.setRight(t, st)
		return ctx.Err()
	}
	if err := s.rs.fits(t.full, t.entry.Content); err != nil {
		s.give(t.full, err)
		return nil
	}
	if isImage {
		return s.bringImage(ctx, t)
	}
	return s.bringPlain(ctx, t, st)
}

// hasContent reports whether the file has the right content, so that only its
// mode and times may have to change. What is not as pull left it is read.
func (s *pullingSource) hasContent(ctx context.Context, t *target, st standing, info os.FileInfo) bool {
	c := t.entry.Content
	switch {
	case st == ours:
		rec := &t.pulled.rec.entry
		return sameContent(rec.Content, c) && (rec.Links == 0 && t.entry.Links == 0 || sameAttributes(rec, &t.entry))
	case st != other || info == nil || !info.Mode().IsRegular() || uint64(info.Size()) != c.Length:
		return false
	}
	f, err := s.rs.openRegular(t.full)
	if err != nil {
		return false
	}
	defer f.Close()
	if c.Image {
		return image.Prove(ctx, f, c.Length, c.Proof) == nil
	}
	refs, err := s.rd.DataRefs(ctx, c)
	return err == nil && s.rd.Proves(f, refs)
}

// setRight gives a file whose content is right its mode and times, and remembers
// it.
func (s *pullingSource) setRight(t *target, st standing) {
	_, info := s.look(t.full, nil)
	if info == nil || info.ModTime().UnixNano() != t.entry.ModTime || info.Mode().Perm() != fileMode(t.entry.Mode).Perm() || st == ours {
		if err := s.rs.setMeta(t.full, &t.entry); err != nil {
			s.give(t.full, err)
			return
		}
	}
	s.folder.at("set right " + t.full)
	if _, info = s.look(t.full, nil); info != nil {
		t.modTime = info.ModTime().UnixNano()
	}
	if st == ours && !t.pulled.rec.gone {
		s.done.Changed++
	}
	s.note(t)
}

// note remembers what has its name already.
func (s *pullingSource) note(t *target) {
	r := t.record()
	if err := s.journal.add(journalPut, &r); err != nil {
		s.give(t.full, err)
	}
}

// bringImage makes a database new from the one that is here and what changed.
func (s *pullingSource) bringImage(ctx context.Context, t *target) error {
	was := &format.Content{}
	if rec := t.pulled.rec; rec != nil && rec.entry.Content != nil {
		was = rec.entry.Content
	}
	temp := s.folder.memory("tmp")
	return s.rs.batch.lay(ctx, t, func(f *os.File) error {
		old, err := s.rs.openRegular(t.full)
		if err != nil {
			return s.rd.Image(ctx, t.entry.Content, f, temp)
		}
		defer old.Close()
		return s.rd.ImageFrom(ctx, t.entry.Content, old, was, f, temp)
	})
}

// bringPlain writes a file from the chunks that the copy here has, and the rest.
func (s *pullingSource) bringPlain(ctx context.Context, t *target, st standing) error {
	refs, err := s.rd.DataRefs(ctx, t.entry.Content)
	if err != nil {
		if !repo.Damage(err) {
			return fmt.Errorf("pull: %w", err)
		}
		s.give(t.full, err)
		return nil
	}
	if st != nothing {
		t.near = newNearby(t.full, s.nearRefs(t, refs))
	}
	return s.rs.batch.take(ctx, t, refs)
}

// nearRefs are the chunks that the copy here was made of; where nobody knows,
// those it may have.
func (s *pullingSource) nearRefs(t *target, refs []format.Ref) []format.Ref {
	if rec := t.pulled.rec; rec != nil && rec.entry.Content != nil && !rec.entry.Content.Image {
		if old := s.rd.KeptRefs(rec.entry.Content); old != nil {
			return old
		}
	}
	return refs
}

func (s *pullingSource) bringFolder(t *target) {
	if err := s.makeFolder(t.full); err != nil {
		s.give(t.full, err)
		return
	}
	s.note(t)
}

func (s *pullingSource) bringSymlink(t *target) {
	if !s.rs.linkThere(t.full, &t.entry) {
		err := s.free(t.full, t.pulled.rec)
		if err == nil {
			err = s.dir.Symlink(t.entry.Target, t.full)
		}
		if err != nil {
			s.give(t.full, err)
			return
		}
		s.rs.out.Files++
		s.counted(t)
	}
	if err := s.rs.setLinkMeta(t.full, &t.entry); err != nil {
		s.give(t.full, err)
		return
	}
	s.note(t)
}

// counted counts what has come.
func (s *pullingSource) counted(t *target) {
	if rec := t.pulled.rec; rec == nil || rec.gone {
		s.done.New++
	} else {
		s.done.Changed++
	}
}

// bringLink makes another name of a file that is there. It takes the name's
// place at once.
func (s *pullingSource) bringLink(l laterPull) {
	t := &target{full: l.to, entry: l.entry, pulled: &pullTarget{source: s, rec: l.rec}}
	linked := s.rs.sameThere(l.from, l.to)
	if linked && !s.needed(l.to, &l.entry, l.rec, s.standing(l.to, l.rec)) {
		return
	}
	s.touched = true
	if !linked {
		if err := s.makeLink(l, t); err != nil {
			s.give(l.to, err)
			return
		}
		s.rs.out.Files++
		s.counted(t)
	}
	if _, info := s.look(l.to, nil); info != nil {
		t.modTime = info.ModTime().UnixNano()
	}
	s.note(t)
}

func (s *pullingSource) makeLink(l laterPull, t *target) error {
	if err := s.makeFolder(path.Dir(l.to)); err != nil {
		return err
	}
	temp := s.folder.tempName(l.to)
	if err := s.dir.Link(l.from, temp); err != nil {
		return err
	}
	err := s.rs.way.clear(t)
	if err == nil {
		err = s.dir.Rename(temp, l.to)
	}
	if err != nil {
		_ = s.dir.Remove(temp) // the first error is the one to tell
	}
	return err
}

// Package changes looks whether an app has written to its databases, without
// opening one of them: by the size and times of the files and of their
// write-ahead logs. That is enough to know that new messages came, and costs a
// few stat calls.
package changes

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/chatkeep/chatkeep/sources"
)

// listEvery is how old the list of databases may get. New ones are found by
// each backup, too.
const listEvery = time.Hour

// Watch remembers how databases looked when they were last backed up.
type Watch struct {
	find func(context.Context) ([]sources.Account, error)
	now  func() time.Time

	mu     sync.Mutex
	listed time.Time
	files  []string             // databases, absolute paths
	since  time.Time            // what was not written after it is backed up, as long as base is nil
	base   map[string]looks     // of the last backup; nil: not known
	seen   map[string]time.Time // when a difference from base was first seen
}

// looks is what a database and its log look like from outside.
type looks struct{ file, log look }

type look struct {
	size  int64
	mtime int64 // nanoseconds; 0: there is no such file
}

// New returns a watch over the databases of the accounts that find returns.
// since is when they were last backed up, the zero time if never.
func New(find func(context.Context) ([]sources.Account, error), since time.Time, now func() time.Time) *Watch {
	return &Watch{find: find, since: since, now: now, seen: map[string]time.Time{}}
}

// Look returns when the oldest and the newest change was made that is not
// backed up, as far as files tell; zero times if there is none. A database that
// can't be looked at is none.
func (w *Watch) Look(ctx context.Context) (oldest, newest time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now().Round(0)
	w.list(ctx, now)
	for _, path := range w.files {
		l := lookAt(path)
		changed, at := w.differs(path, l, now)
		if !changed {
			delete(w.seen, path)
			continue
		}
		first, known := w.seen[path]
		if known && !l.exists() {
			at = first // it went then
		}
		if !known {
			first = at
			w.seen[path] = at
		}
		if oldest.IsZero() || first.Before(oldest) {
			oldest = first
		}
		if at.After(newest) {
			newest = at
		}
	}
	return oldest, newest
}

// differs reports whether a database changed since it was backed up, and when
// it was last written. A time in the future is a clock's mistake.
func (w *Watch) differs(path string, l looks, now time.Time) (bool, time.Time) {
	at := time.Unix(0, max(l.file.mtime, l.log.mtime))
	if at.After(now) {
		at = now
	}
	if w.base == nil {
		return l.exists() && (w.since.IsZero() || time.Unix(0, max(l.file.mtime, l.log.mtime)).After(w.since)), at
	}
	before, known := w.base[path]
	if !known {
		return l.exists(), at
	}
	if before != l && !l.exists() {
		at = now
	}
	return before != l, at
}

// Begin notes what is there now, which is about to be backed up. The function it
// returns says that it is.
func (w *Watch) Begin(ctx context.Context) (saved func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listed = time.Time{}
	w.list(ctx, w.now().Round(0))
	base := map[string]looks{}
	for _, path := range w.files {
		base[path] = lookAt(path)
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.base, w.seen = base, map[string]time.Time{}
	}
}

// list finds the databases again, if that is long ago.
func (w *Watch) list(ctx context.Context, now time.Time) {
	if age := now.Sub(w.listed); !w.listed.IsZero() && age >= 0 && age < listEvery {
		return
	}
	accounts, err := w.find(ctx)
	if err != nil {
		return // a backup says what is wrong
	}
	var files []string
	for _, a := range accounts {
		files = append(files, databases(ctx, a)...)
	}
	if ctx.Err() == nil {
		w.files, w.listed = files, now
	}
}

func databases(ctx context.Context, a sources.Account) (files []string) {
	view, err := a.View(ctx)
	if err != nil {
		return nil
	}
	defer view.Close()
	d, ok := view.(sources.Databases)
	if !ok {
		return nil
	}
	list, err := d.Databases(ctx)
	if err != nil {
		return nil
	}
	for _, e := range list {
		files = append(files, filepath.Join(a.Root(), filepath.FromSlash(e.Path)))
	}
	return files
}

func lookAt(path string) looks { return looks{statOf(path), statOf(path + "-wal")} }

func (l looks) exists() bool { return l.file.mtime != 0 }

func statOf(path string) look {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeType != 0 {
		return look{}
	}
	return look{info.Size(), info.ModTime().UnixNano()}
}

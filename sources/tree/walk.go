package tree

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/sources"
)

const (
	// maxOpen is how many folders of the path to the current one stay open.
	// Deeper trees close the outermost and reopen them on the way back.
	maxOpen = 64
	// maxPath bounds memory on a file system that never ends.
	maxPath = 1 << 20
	// attempts is how often an entry is looked at again when it changes its
	// type under our eyes.
	attempts = 3
)

var (
	errLoop    = errors.New("the folder contains itself")
	errTooLong = errors.New("the path is too long")
	errMoved   = errors.New("the folder was moved while it was read")
	errBusy    = errors.New("it keeps being replaced")
)

// walker is one walk: a depth-first descent that holds the listing of each
// folder on the current path and nothing else.
type walker struct {
	ctx     context.Context
	judge   Judge
	entry   func(sources.Entry) error
	skipped func(sources.Skipped)

	path      []*level // the root and the folders down to the current one
	announced int      // how many of them were passed to entry; the rest waits for a kept file
}

// level is one folder on the current path.
type level struct {
	at     sources.Entry // zero but for identity at the root
	dir    *dir          // nil while closed to save handles
	within bool          // kept by itself, not for what it holds
}

// walk takes what the current folder lists, in order. A listing that broke off
// is named; what came before is kept. It returns only errors that end the
// whole walk.
func (w *walker) walk(names []string, broken error) error {
	l := w.path[len(w.path)-1]
	if broken != nil && !isGone(broken) {
		w.skip(l.at.Path, sources.Unreadable, broken)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if err := w.visit(l, name); err != nil {
			return err
		}
	}
	return nil
}

// visit looks at one name and keeps it, descends into it, or says why not.
func (w *walker) visit(l *level, name string) error {
	path := join(l.at.Path, name)
	if err := w.reopen(l); err != nil {
		w.skip(path, sources.Unreadable, err)
		return nil
	}
	for range attempts {
		e := sources.Entry{Path: path}
		special, err := l.dir.look(name, &e)
		switch {
		case isGone(err):
			return nil
		case err == nil:
			again, err := w.take(l, name, e, special)
			if !again {
				return err
			}
		case !errors.Is(err, errReplaced):
			if w.judge.File(&sources.Entry{Path: path}, l.within).Take == Keep {
				w.skip(path, sources.Unreadable, err)
			}
			return nil
		}
	}
	w.skip(path, sources.Unreadable, errBusy)
	return nil
}

// take keeps what was seen at name, or not. It reports again if that is
// something else by now.
func (w *walker) take(l *level, name string, e sources.Entry, special bool) (again bool, err error) {
	if e.Type == sources.Dir {
		return w.descend(l, name, e)
	}
	c := w.judge.File(&e, l.within)
	switch {
	case c.Take != Keep:
		w.left(e.Path, c)
		return false, nil
	case special:
		w.skip(e.Path, sources.Special, nil)
		return false, nil
	}
	return false, w.keep(e)
}

// left names what is left, if there is a reason to.
func (w *walker) left(path string, c Choice) {
	if c.Reason != "" {
		w.skip(path, c.Reason, c.Err)
	}
}

// keep passes an entry on, after the folders it lies in.
func (w *walker) keep(e sources.Entry) error {
	for ; w.announced < len(w.path); w.announced++ {
		if err := w.entry(w.path[w.announced].at); err != nil {
			return err
		}
	}
	return w.entry(e)
}

// descend walks the folder at name. It is kept if it could be opened and the
// judge keeps it or something it holds.
func (w *walker) descend(l *level, name string, e sources.Entry) (again bool, err error) {
	c := w.judge.Dir(&e, l.within)
	if c.Take == Leave {
		w.left(e.Path, c)
		return false, nil
	}
	if err := w.endless(&e); err != nil {
		w.skip(e.Path, sources.Unreadable, err)
		return false, nil
	}
	d, err := l.dir.child(name)
	switch {
	case isGone(err):
		return false, nil
	case errors.Is(err, errReplaced):
		return true, nil
	case err != nil:
		w.skip(e.Path, sources.Unreadable, err)
		return false, nil
	}
	within := c.Take == Keep
	if within {
		if err := w.keep(e); err != nil {
			d.close()
			return false, err
		}
	}
	return false, w.inside(&level{at: e, dir: d, within: within})
}

// inside walks a folder one level down and comes back up.
func (w *walker) inside(l *level) error {
	if l.within {
		w.announced++ // descend has just done it
	}
	w.path = append(w.path, l)
	if far := len(w.path) - 1 - maxOpen; far > 0 {
		w.path[far].shut()
	}
	err := w.walk(l.dir.names())
	l.shut()
	w.path = w.path[:len(w.path)-1]
	w.announced = min(w.announced, len(w.path))
	return err
}

// endless reports a folder that is its own ancestor, as through a bind mount,
// or a path without end. Times are compared too, since some file systems give
// one number to many folders.
func (w *walker) endless(e *sources.Entry) error {
	if len(e.Path) > maxPath {
		return errTooLong
	}
	for _, l := range w.path {
		if e.Inode != 0 && same(&l.at, e) && l.at.ChangeNS == e.ChangeNS && l.at.ModTime.Equal(e.ModTime) {
			return errLoop
		}
	}
	return nil
}

func same(a, b *sources.Entry) bool { return a.Inode == b.Inode && a.Device == b.Device }

func (w *walker) skip(path string, why sources.Reason, err error) {
	if path == "" {
		path = "."
	}
	if err != nil {
		err = cause(err)
	}
	w.skipped(sources.Skipped{Path: path, Reason: why, Err: err})
}

// reopen makes sure that the current folder is open, after its handle was
// given up for a deep descent: step by step from the nearest open one, and
// only if it is still the same folder.
func (w *walker) reopen(l *level) error {
	if l.dir != nil {
		return nil
	}
	from := len(w.path) - 1
	for w.path[from].dir == nil {
		from--
	}
	d := w.path[from].dir
	for _, step := range w.path[from+1:] {
		next, err := d.child(step.at.Path[strings.LastIndexByte(step.at.Path, '/')+1:])
		if d != w.path[from].dir {
			d.close()
		}
		if err != nil {
			return errMoved
		}
		d = next
	}
	var now sources.Entry
	if err := d.self(&now); err != nil || !same(&now, &l.at) {
		d.close()
		return errMoved
	}
	l.dir = d
	return nil
}

// shut gives up the handle, if there is one.
func (l *level) shut() {
	if l.dir != nil {
		l.dir.close()
		l.dir = nil
	}
}

// isGone reports that something disappeared between listing and looking.
func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

package madeup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// writeAll writes the whole tree below dir.
func (t *tree) writeAll(dir string) error {
	names := slices.Sorted(maps.Keys(t.dirs))
	for _, name := range names {
		if err := os.Mkdir(at(dir, name), 0o755); err != nil {
			return err
		}
	}
	if err := t.createAll(dir, t.files); err != nil {
		return err
	}
	return t.stampDirs(dir, names)
}

// createAll writes files on all cores, then the links, which need them.
func (t *tree) createAll(dir string, files []*file) error {
	err := each(len(files), func(i int) error {
		if f := files[i]; f.link == nil && f.kind != symlink {
			return t.create(dir, f)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range files {
		switch {
		case f.link != nil:
			err = os.Link(at(dir, f.link.path), at(dir, f.path))
		case f.kind == symlink:
			err = makeSymlink(at(dir, f.path), f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func makeSymlink(full string, f *file) error {
	if err := os.Symlink(f.target, full); err != nil {
		return err
	}
	return setLinkTime(full, f.mtime)
}

// at joins dir and a path of the plan.
func at(dir, name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }

func (t *tree) create(dir string, f *file) (err error) {
	full := at(dir, f.path)
	out, err := os.OpenFile(full, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = t.write(disk{out}, f)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return stamp(full, f.mode, f.mtime)
}

// disk is a sink that leaves holes.
type disk struct{ *os.File }

func (d disk) Hole(n int64) error {
	_, err := d.Seek(n, io.SeekCurrent)
	return err
}

func stamp(full string, mode uint32, mtime int64) error {
	if err := os.Chmod(full, os.FileMode(mode)); err != nil {
		return err
	}
	when := time.Unix(0, mtime)
	return os.Chtimes(full, when, when)
}

// stampDirs gives folders their mode and time, after their content.
func (t *tree) stampDirs(dir string, names []string) error {
	for _, name := range names {
		f := t.dirs[name]
		if err := stamp(at(dir, name), f.mode, f.mtime); err != nil {
			return err
		}
	}
	return nil
}

// apply does a day's changes on the disk.
func (t *tree) apply(dir string, changes []change) (s Summary, err error) {
	var created []*file
	for _, c := range changes {
		switch c.what {
		case create:
			created = append(created, c.f)
			s.count(t, c.f)
		case extend:
			err = t.extendFile(dir, c, &s)
		case repage:
			err = t.writeDay(dir, c, &s)
		case rebuild:
			err = t.rebuildFile(dir, c, &s)
		case rename:
			err = os.Rename(at(dir, c.from), at(dir, c.f.path))
			s.Renamed++
		case remove:
			err = os.Remove(at(dir, c.f.path))
			s.Removed++
		}
		if err != nil {
			return s, err
		}
	}
	names := slices.Sorted(maps.Keys(t.dirs))
	for _, name := range names {
		switch err := os.Mkdir(at(dir, name), 0o755); {
		case err == nil:
			s.Dirs++
		case !errors.Is(err, os.ErrExist):
			return s, err
		}
	}
	if err := t.createAll(dir, created); err != nil {
		return s, err
	}
	return s, t.stampDirs(dir, names)
}

// edit opens a file that a day changes, and gives it the day's time.
func (t *tree) edit(dir string, f *file, do func(*os.File) error) error {
	full := at(dir, f.path)
	file, err := os.OpenFile(full, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(do(file), file.Close()); err != nil {
		return err
	}
	return stamp(full, f.mode, f.mtime)
}

func (t *tree) extendFile(dir string, c change, s *Summary) error {
	last := c.f.days[len(c.f.days)-1]
	s.Rewritten += last.size
	return t.edit(dir, c.f, func(out *os.File) error {
		if _, err := out.Seek(0, io.SeekEnd); err != nil {
			return err
		}
		return t.writeText(out, c.f, last)
	})
}

func (t *tree) writeDay(dir string, c change, s *Summary) error {
	return t.edit(dir, c.f, func(out *os.File) error {
		var p [pageSize]byte
		for n, day := range c.f.pages {
			if day != c.day {
				continue
			}
			t.page(p[:], c.f, n, day)
			if _, err := out.WriteAt(p[:], n*pageSize); err != nil {
				return err
			}
			s.Rewritten += pageSize
		}
		return nil
	})
}

// rebuildFile writes the pages of the database that are not as they were.
func (t *tree) rebuildFile(dir string, c change, s *Summary) error {
	now := t.rendered(c.f)
	return t.edit(dir, c.f, func(out *os.File) error {
		var p [pageSize]byte
		for n := 0; n < len(now); n += pageSize {
			page := now[n:min(n+pageSize, len(now))]
			if _, err := out.ReadAt(p[:len(page)], int64(n)); err == nil && bytes.Equal(p[:len(page)], page) {
				continue
			}
			if _, err := out.WriteAt(page, int64(n)); err != nil {
				return err
			}
			s.Rewritten += int64(len(page))
		}
		return out.Truncate(int64(len(now)))
	})
}

// verify compares dir with the plan.
func (t *tree) verify(dir string) (diffs []string) {
	have, err := list(dir)
	if err != nil {
		return []string{fmt.Sprint("list: ", err)}
	}
	want := t.items()
	return compare(want, have, func(i, j int) error {
		f := t.names[want[i].path]
		in, err := os.Open(at(dir, have[j].path))
		if err != nil {
			return err
		}
		defer in.Close()
		buf := buffers.Get().(*[bufferSize]byte)
		defer buffers.Put(buf)
		return t.write(&same{in, buf}, f)
	})
}

// items lists the plan as list does a folder.
func (t *tree) items() (out []item) {
	for name, f := range t.dirs {
		out = append(out, item{path: name, kind: "folder", mode: f.mode, mtime: f.mtime})
	}
	groups := map[*file]string{}
	for _, f := range t.files {
		it := item{path: f.path, kind: "file", mode: f.mode, mtime: f.mtime, size: t.size(f)}
		if f.kind == symlink {
			it = item{path: f.path, kind: "symlink", mtime: f.mtime * linkTimes, target: f.target}
		}
		if f.link != nil {
			groups[f.link] = first(groups[f.link], f.link.path, f.path)
		}
		out = append(out, it)
	}
	for i := range out {
		f := t.names[out[i].path]
		switch {
		case f == nil:
		case f.link != nil:
			out[i].twin = groups[f.link]
		default:
			out[i].twin = groups[f]
		}
	}
	slices.SortFunc(out, byPath)
	return out
}

// first returns the least of names, the empty one apart.
func first(names ...string) string {
	names = slices.DeleteFunc(names, func(s string) bool { return s == "" })
	return slices.Min(names)
}

// each runs do for 0 to n-1 on all cores and returns the first error.
func each(n int, do func(i int) error) error {
	var (
		next   atomic.Int64
		failed atomic.Pointer[error]
		wg     sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for failed.Load() == nil {
				i := int(next.Add(1) - 1)
				if i >= n {
					return
				}
				if err := do(i); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

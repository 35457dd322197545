package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// crowd is an account of many small files that exist only here.
type crowd struct {
	paths []string // folders too, in tree order
	peak  uint64   // most bytes in use while walking
}

// newCrowd lays files out as a chat app does: by contact and month.
func newCrowd(files int) *crowd {
	c := &crowd{}
	for n := 0; n < files; {
		contact := fmt.Sprintf("attachments/%08x", n*2654435761%(1<<32))
		c.add(contact + "/")
		for month := range 12 {
			c.add(fmt.Sprintf("%s/2025-%02d/", contact, month+1))
			for range 16 {
				c.add(fmt.Sprintf("%s/2025-%02d/%032x.jpg", contact, month+1, n*7919))
				n++
			}
		}
	}
	c.add("attachments/")
	c.sort()
	return c
}

func (c *crowd) add(path string) { c.paths = append(c.paths, path) }

func (c *crowd) sort() {
	slices.SortFunc(c.paths, func(a, b string) int {
		return format.ComparePaths(trimSlash(a), trimSlash(b))
	})
}

func trimSlash(p string) string {
	if p[len(p)-1] == '/' {
		return p[:len(p)-1]
	}
	return p
}

func (c *crowd) Name() string                               { return "crowd" }
func (c *crowd) Kind() string                               { return "folder" }
func (c *crowd) Root() string                               { return "/crowd" }
func (c *crowd) View(context.Context) (sources.View, error) { return crowdView{c}, nil }

type crowdView struct{ *crowd }

var longAgo = time.Unix(1_700_000_000, 0)

func (v crowdView) Walk(_ context.Context, entry func(sources.Entry) error, _ func(sources.Skipped)) error {
	for i, p := range v.paths {
		e := sources.Entry{Path: trimSlash(p), Mode: 0o644, ModTime: longAgo, ChangeNS: longAgo.UnixNano(), Links: 1,
			Inode: inodeOf(p), Device: 1, Category: "images", Size: int64(len(p))}
		if p != e.Path {
			e.Type, e.Mode, e.Size = sources.Dir, 0o755, 0
		}
		if err := entry(e); err != nil {
			return err
		}
		if i%50_000 == 49_999 {
			v.measure()
		}
	}
	return nil
}

func (c *crowd) measure() {
	c.peak = max(c.peak, inUse())
}

// inUse is how many bytes are reachable.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func inodeOf(p string) (n uint64) {
	for i := range len(p) {
		n = n*31 + uint64(p[i])
	}
	return n
}

func (v crowdView) Open(_ context.Context, e sources.Entry) (sources.Content, error) {
	return crowdFile{bytes.NewReader([]byte(e.Path)), e}, nil
}

func (v crowdView) XAttrs(sources.Entry) ([]sources.XAttr, error) { return nil, nil }
func (v crowdView) Close() error                                  { return nil }

type crowdFile struct {
	io.Reader
	e sources.Entry
}

func (f crowdFile) Stat() (sources.Entry, error) { return f.e, nil }
func (f crowdFile) Close() error                 { return nil }

// Ten new files among 190,000 cost little: their leaves and the nodes above.
func TestManyFiles(t *testing.T) {
	p := newPlace(t, format.Full)
	p.packSize = 16 << 20
	files := 190_000
	if racing {
		files = 40_000
	}
	c := newCrowd(files)
	p.only = []sources.Account{c}
	base := inUse()
	first := p.backup()
	t.Logf("first: %d files, %d bytes sent, %d MiB in use at most", first.Counts.Files, first.Counts.Uploaded, (c.peak-base)>>20)
	if n := p.backup().Counts; n.Objects != 1 || n.NewBytes != 0 {
		t.Errorf("nothing changed: %+v", n)
	}
	for i := range 10 {
		c.add(trimSlash(c.paths[i*files/10+500]) + fmt.Sprintf("-new%d.jpg", i))
	}
	c.sort()
	c.peak, base = 0, inUse()
	next := p.backup().Counts
	t.Logf("ten more: %d bytes sent in %d objects, %d MiB in use at most", next.Uploaded, next.Objects, (c.peak-base)>>20)
	if next.New != 10 || next.Changed+next.Removed != 0 {
		t.Errorf("%+v", next)
	}
	if next.Uploaded > 400_000 || next.Objects > 3 {
		t.Errorf("ten files of a few bytes cost %d bytes in %d objects", next.Uploaded, next.Objects)
	}
	if c.peak > base+50<<20 {
		t.Errorf("%d MiB in use", (c.peak-base)>>20)
	}
	p.check(100)
}

package profile

import (
	"bytes"
	"context"
	"io"
	"os"
	"path"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/livedb"
)

// Capture keeps the promises of [sources.Databases]. Every file is opened from
// the account's root, whatever the path leads to by now.
func (v *view) Capture(ctx context.Context, e sources.Entry, t sources.Target, o sources.CaptureOptions) (*sources.Captured, error) {
	dir, base := path.Split(e.Path)
	open := func(name string, flag int) (*os.File, error) { return v.File(dir+name, flag) }
	opt := livedb.Options{Since: o.Since, Full: o.Full, Dir: o.Dir}
	if v.account.Locks() == LockNone {
		opt.Locks = livedb.None
	}
	var err error
	if c, _ := v.class(e.Path, e.Size); c.rule != nil { // what no rule knows has no known form either
		pages := v.account.profile.Database
		opt.PageSize = pages.Page
		if opt.Prefix, err = v.prefix(e.Path, pages); err != nil {
			return nil, err
		}
	}
	r, err := livedb.CaptureIn(ctx, open, base, t, opt)
	if err != nil {
		return nil, err
	}
	return &sources.Captured{
		Same: r.Same, Patched: r.Patched, Proven: r.Proven, Mark: r.Mark, Plain: r.Plain,
		Size: r.Size, ModTime: r.ModTime, Read: r.Read, Journal: r.Journal,
	}, nil
}

// plainHeader begins a database without encryption, and so without a prefix.
var plainHeader = []byte("SQLite format 3\x00")

// prefix returns what lies before the first page of a database: what the
// profile says, unless the file shows that it has none. What the log holds
// would be merged into the wrong place.
func (v *view) prefix(path string, pages Pages) (int64, error) {
	if pages.Prefix == 0 {
		return 0, nil
	}
	f, err := v.File(path, os.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	head := make([]byte, len(plainHeader))
	if _, err := io.ReadFull(f, head); err == nil && bytes.Equal(head, plainHeader) {
		return 0, nil
	}
	if size := info.Size(); size > 0 && pages.Page > 0 && size%int64(pages.Page) == 0 {
		return 0, nil
	}
	return int64(pages.Prefix), nil
}

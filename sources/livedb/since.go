package livedb

import (
	"context"
	"math"
	"time"
)

// since is the fast path: it brings the copy that Options.Since speaks of up to
// date without reading the database. It returns nil where that can't be
// proven; then everything is read, and overwrites what it may have written.
func (c *capture) since(ctx context.Context) (*Result, error) {
	m, err := decodeMark(c.o.Since)
	if err != nil || c.o.Full || c.network || m.prefix != c.prefix {
		return nil, nil
	}
	now, err := c.look(false)
	switch {
	case err != nil:
		return nil, err
	case now.hot && (m.log || !now.locks.reserved):
		return nil, nil // a crash, or a change of mode on its way
	case m.log:
		return c.sinceFrame(ctx, m, now)
	case now.walOK || now.db != m.db:
		return nil, nil
	}
	// No WAL then and none now, and its absence was seen before the times of
	// the file: all that was ever committed is in the file. Its times were old
	// enough when they were marked, so that any write since has changed them.
	return c.same(m, now), nil
}

// sinceFrame reads on in the WAL where the copy ends. The image that a database
// and its WAL make together only depends on the frames within one generation:
//
//   - a generation is told by its whole header with both salts, of which one
//     is counted up and one random at each restart. It never comes back;
//   - frames up to a commit are never written again within a generation. Those
//     behind, of a transaction that was rolled back, may be: they don't count;
//   - checkpoints change the database's file, but not the image;
//   - who writes the file without the WAL (exclusive locking, the last one to
//     close, a change to another journal mode) has put all frames into it
//     before, and the WAL is gone, or empty, or goes on as the same image;
//   - another database in this one's place has another inode, or the same one
//     with another time of birth.
//
// What is not covered is a program that writes into the file without SQLite
// and leaves the WAL be. The next full capture sees that.
func (c *capture) sinceFrame(ctx context.Context, m *mark, now *state) (*Result, error) {
	if m.db.id.birth == 0 || now.db.id != m.db.id || !now.walOK || now.wal.stat.id != m.wal || now.walHead != m.head {
		return nil, nil
	}
	w := walRead{index: now.index}
	defer w.close()
	ok, err := c.resume(ctx, m, &w)
	if !ok || err != nil {
		return nil, err
	}
	if now.locks.live && w.index != nil && w.index.salt == w.scan.salt && w.scan.frames < w.index.frames {
		return nil, nil
	}
	if !w.scan.commits() {
		return c.same(m, now), nil
	}
	return c.patch(ctx, m, now, &w)
}

// resume reads the frames behind the mark. It says false unless this is the
// mark's WAL, from before until after they were read.
func (c *capture) resume(ctx context.Context, m *mark, w *walRead) (bool, error) {
	f, st, err := c.beside(walSuffix)
	if f == nil {
		return false, err
	}
	w.file = f
	h, ok := m.head.parse()
	if !ok || st.id != m.wal {
		return false, nil
	}
	w.scan = &scan{walHeader: h, wal: f, files: &c.files, frames: m.frames, sum: m.sum}
	if m.frames > 0 {
		var buf [frameHeaderSize]byte
		p, err := c.start(f, h.frameAt(m.frames), buf[:])
		if err != nil || len(p) < frameHeaderSize || !h.owns(p) || readSum(p[16:]) != m.sum {
			return false, err
		}
	}
	if err := w.scan.more(ctx, math.MaxUint32); err != nil {
		return false, err
	}
	return c.unchanged(m, w)
}

// unchanged says whether the WAL's header is still the mark's.
func (c *capture) unchanged(m *mark, w *walRead) (bool, error) {
	var head rawHeader
	p, err := c.start(w.file, 0, head[:])
	return err == nil && len(p) == walHeaderSize && head == m.head, err
}

// patch writes the pages of the frames behind the mark, straight from the WAL:
// if that goes on to be the same one, they did not change since they were
// verified.
func (c *capture) patch(ctx context.Context, m *mark, now *state, w *walRead) (*Result, error) {
	if !aligned(c.prefix, w.scan.pageSize) {
		return nil, nil
	}
	o := &overlay{t: c.t, prefix: c.prefix, scan: w.scan, copied: m.size}
	if err := o.lay(ctx); err != nil {
		return nil, err
	}
	same, err := c.unchanged(m, w)
	if err != nil || !same {
		return nil, err
	}
	there, err := c.stillThere(map[string]fileID{"": m.db.id, walSuffix: m.wal})
	if err != nil || !there {
		return nil, err
	}
	next := *m
	next.frames, next.sum, next.size = w.scan.frames, w.scan.sum, o.size()
	r := c.same(&next, now)
	r.Same, r.Patched = false, true
	return r, nil
}

// same is the result of a capture that is as m says.
func (c *capture) same(m *mark, now *state) *Result {
	next := *m
	next.db = now.db
	return &Result{
		Same: true, Proven: true, Mark: next.encode(), Plain: m.plain, PageSize: m.pageSize, Size: m.size,
		ModTime: time.Unix(0, now.db.mtime), Read: c.read, Class: now.class(),
	}
}

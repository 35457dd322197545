package snapshot

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path"
	"slices"
	"sync"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// batch collects files until enough bytes are wanted, then reads their chunks
// with few requests and writes them: many small files at a time, or a slice of
// a large one. All its files are synced together before any gets its name.
type batch struct {
	rs     *restorer
	pieces []piece
	bytes  uint64
	whole  []*target // files all of whose pieces are in this batch or earlier

	opened []*target // whose temporary files are there

	mu          sync.Mutex // guards rs.out, opened, the targets and the next while workers run
	unreachable error      // ends the restore: the remote could not be read
}

// piece is a chunk and where it goes.
type piece struct {
	ref  format.Ref
	file *target
	at   int64
	near int64 // place in the older copy, below 0 if it is not there
}

// target is a file being restored.
type target struct {
	full  string
	temp  string
	entry format.Entry
	file  *os.File
	err   error

	modTime int64       // of the file when it was closed, as the file system keeps it
	near    *nearby     // an older copy that may have some of its chunks, or nil
	pulled  *pullTarget // what a pull knows of it; nil in a restore
	settled bool        // it has its name, or is given up
}

const (
	// batchBytes is how much is read and written between two syncs.
	batchBytes = 64 << 20
	batchFiles = 2000
	// tempSuffix marks files that are not whole yet.
	tempSuffix = ".chatkeep-tmp"
)

func newBatch(rs *restorer) *batch { return &batch{rs: rs} }

// add takes one file in. Errors of the file itself are noted; only those that
// end the restore are returned.
func (b *batch) add(ctx context.Context, full string, e *format.Entry) error {
	if e.Content.Image {
		return b.addImage(ctx, full, e)
	}
	t := &target{full: full, entry: *e}
	refs, err := b.rs.rd.DataRefs(ctx, e.Content)
	if err != nil {
		if !repo.Damage(err) {
			return fmt.Errorf("restore: %w", err)
		}
		b.rs.fail(full, reasonDamaged, err)
		return nil
	}
	if b.there(full, e, func(f *os.File) bool { return b.rs.rd.Proves(f, refs) }) {
		return nil
	}
	return b.take(ctx, t, refs)
}

// take writes a file, whatever stands under its name.
func (b *batch) take(ctx context.Context, t *target, refs []format.Ref) error {
	if err := addUp(t.entry.Content, refs); err != nil {
		b.rs.fail(t.full, reasonDamaged, err)
		return nil
	}
	at := int64(0)
	for _, r := range refs {
		b.pieces = append(b.pieces, piece{r, t, at, t.near.place(&r)})
		at += int64(r.Length)
		if b.bytes += r.Length; b.bytes >= batchBytes {
			if err := b.write(ctx); err != nil {
				return err
			}
		}
	}
	b.whole = append(b.whole, t)
	if len(b.whole) >= batchFiles {
		return b.end(ctx)
	}
	return nil
}

// there reports whether a name is taken, by the file itself as proves says or
// by another one that is not to be replaced, and settles the entry then.
func (b *batch) there(full string, e *format.Entry, proves func(*os.File) bool) bool {
	if !b.rs.taken(full, func(os.FileInfo) bool { return true }) {
		return false
	}
	if b.rs.fileThere(full, e, proves) {
		b.rs.out.Files++
		b.rs.out.Bytes += e.Content.Length
		b.rs.meter.pass(e.Content.Length)
		return true
	}
	if !b.rs.opt.Overwrite {
		b.rs.fail(full, reasonWrite, existsError(full))
		return true
	}
	return false
}

// write brings the waiting pieces and puts them into their files.
func (b *batch) write(ctx context.Context) error {
	parts := b.split()
	var group sync.WaitGroup
	for _, part := range parts {
		group.Add(1)
		go func() {
			defer group.Done()
			b.fetch(ctx, part)
		}()
	}
	group.Wait()
	b.pieces, b.bytes = b.pieces[:0], 0
	if ctx.Err() == nil && b.unreachable != nil {
		return fmt.Errorf("restore: %w", b.unreachable)
	}
	return ctx.Err()
}

// split divides the pieces among the workers, each a stretch in order.
func (b *batch) split() [][]piece {
	n := b.rs.opt.Workers
	var parts [][]piece
	for i := range n {
		if part := b.pieces[len(b.pieces)*i/n : len(b.pieces)*(i+1)/n]; len(part) > 0 {
			parts = append(parts, part)
		}
	}
	return parts
}

func (b *batch) fetch(ctx context.Context, part []piece) {
	part = slices.DeleteFunc(part, b.fromNear)
	refs := make([]format.Ref, len(part))
	for i := range part {
		refs[i] = part[i].ref
	}
	b.rs.rd.Chunks(ctx, refs, func(i int, data []byte, err error) {
		if err != nil && !repo.Damage(err) {
			b.mu.Lock()
			b.unreachable = err
			b.mu.Unlock()
			return
		}
		if err == nil {
			err = b.writeAt(&part[i], data)
		}
		if err != nil {
			b.failed(part[i].file, err)
		}
	})
}

func (b *batch) failed(t *target, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
}

func (b *batch) writeAt(p *piece, data []byte) error {
	f, err := b.open(p.file)
	if err != nil || f == nil {
		return err
	}
	if _, err := f.WriteAt(data, p.at); err != nil {
		return err
	}
	b.rs.meter.add(0, uint64(len(data)))
	return nil
}

// open makes the temporary file the first time it is needed. It returns nil
// for a file that has failed already.
func (b *batch) open(t *target) (*os.File, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.file != nil || t.err != nil {
		return t.file, nil
	}
	dir, _, err := b.rs.near.of(t.full)
	if err != nil {
		return nil, err
	}
	temp := b.rs.way.temp(t.full)
	if t.file, err = dir.OpenFile(path.Base(temp), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		t.file = nil
		return nil, err
	}
	t.temp, b.opened = temp, append(b.opened, t)
	return t.file, nil
}

// tempName is a name beside the file that nothing else has, not even another
// file of the snapshot. A long name would not leave room for a suffix.
func tempName(full string) string {
	base := path.Base(full)
	base = base[:min(len(base), 200)]
	return path.Join(path.Dir(full), "."+base+"."+rand.Text()+tempSuffix)
}

// end writes the pieces, syncs the files of this batch at once, and gives the
// whole ones their names.
func (b *batch) end(ctx context.Context) error {
	if err := b.write(ctx); err != nil {
		return err
	}
	for _, t := range b.whole {
		b.close(t)
	}
	if len(b.whole) > 0 {
		if err := syncAll(b.rs.opt.To); err != nil {
			return fmt.Errorf("restore: sync %s: %w", b.rs.opt.To, err)
		}
		if err := b.rs.way.ready(b.whole); err != nil {
			return err
		}
	}
	for _, t := range b.whole {
		b.name(t)
	}
	b.opened = slices.DeleteFunc(b.opened, func(t *target) bool { return t.settled })
	b.whole = b.whole[:0]
	return nil
}

// close ends writing a file; an empty one is made here.
func (b *batch) close(t *target) {
	if _, err := b.open(t); err != nil {
		b.failed(t, err)
	}
	if t.file != nil {
		if err := b.rs.setFileMeta(t); err != nil {
			b.failed(t, err)
		}
		if err := syncFile(t.file); err != nil {
			b.failed(t, err)
		}
		if info, err := t.file.Stat(); err == nil {
			t.modTime = info.ModTime().UnixNano()
		}
		if err := t.file.Close(); err != nil {
			b.failed(t, err)
		}
	}
}

// name gives a file its name, or removes what failed.
func (b *batch) name(t *target) {
	t.settled = true
	err := t.err
	if err == nil {
		err = b.rs.way.clear(t)
	}
	if err == nil {
		err = b.rename(t)
	}
	if err != nil {
		if t.temp != "" {
			_ = b.rs.dir.Remove(t.temp) // the first error is the one to tell
		}
		b.rs.fail(t.full, reasonWrite, err)
		return
	}
	b.rs.out.Files++
	b.rs.out.Bytes += t.entry.Content.Length
	b.rs.meter.add(1, 0)
	b.rs.way.placed(t)
}

func (b *batch) rename(t *target) error {
	dir, name, err := b.rs.near.of(t.full)
	if err != nil {
		return err
	}
	return dir.Rename(path.Base(t.temp), name)
}

// abort removes what a restore that ends early has begun.
func (b *batch) abort() {
	for _, t := range b.opened {
		_ = t.file.Close() // maybe it is already; the restore's error is the one to tell
		_ = b.rs.dir.Remove(t.temp)
	}
}

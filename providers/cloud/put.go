package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/object"

	"github.com/chatkeep/chatkeep/providers"
)

// Put stores the object. On a service that shows uploads only when they are
// whole this is one upload; on others see putBeside.
func (r *remote) Put(ctx context.Context, name providers.Name, src providers.Source) (info providers.Info, err error) {
	if err := providers.ValidPut(name, src); err != nil {
		return providers.Info{}, fmt.Errorf("put: %w", err)
	}
	if most := r.preset.largest; most > 0 && src.Size() > most {
		return providers.Info{}, fmt.Errorf("put %s: it has %d bytes, and %s takes no file over %d", name, src.Size(), r, most)
	}
	ctx = r.settings(ctx)
	leave, err := r.alone(ctx)
	if err != nil {
		return providers.Info{}, err
	}
	defer leave()
	end, err := r.gate.beginUpload(name, src.Size())
	if err != nil {
		return providers.Info{}, fmt.Errorf("put %s: %w", name, err)
	}
	t := &transfer{}
	defer func() { end(t.sent) }()
	err = r.try(ctx, func() error {
		r.objects.drop(name)
		t.sum = r.sumToTake(src)
		info, err = r.put(ctx, name, src, t)
		return err
	})
	if r.isLost(err) { // the session or the folder was lost on the way; to a caller only Get can miss something
		r.flush()
		err = providers.Fail(providers.ErrTemporary, textOnly(err), "remote", r.String())
	}
	return info, r.failed(ctx, "put", name, err)
}

// alone waits for other uploads, where the service takes one at a time: two that
// make a folder at once would be told that it is locked.
func (r *remote) alone(ctx context.Context) (leave func(), err error) {
	if r.limits.Transfers != 1 {
		return func() {}, nil
	}
	select {
	case r.uploading <- struct{}{}:
		return func() { <-r.uploading }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// isLost reports whether a service says, of an upload, that something is not
// there. On a folder of this computer that is how it is.
func (r *remote) isLost(err error) bool {
	_, ours := errors.AsType[*sourceError](err)
	return err != nil && !ours && !r.kind.folder && r.isGone(err)
}

// put is one upload and its proof.
func (r *remote) put(ctx context.Context, name providers.Name, src providers.Source, t *transfer) (providers.Info, error) {
	f, err := r.open(ctx, true)
	if err != nil {
		return providers.Info{}, err
	}
	if r.kind.drive {
		return r.putDrive(ctx, name, src, t)
	}
	put := r.upload
	if features := f.Features(); (features.PartialUploads || r.kind.beside) && features.Move != nil {
		put = r.putBeside
	}
	o, err := put(ctx, string(name), src, t)
	if err != nil {
		return providers.Info{}, err
	}
	info, err := r.info(ctx, o, name, false)
	if r.kind.ownTime {
		info.ModTime = time.Time{}
	}
	if err == nil {
		err = t.sum.prove(&info, src)
	}
	if errors.Is(err, providers.ErrCorrupt) { // nobody else knows that it is
		return info, errors.Join(err, o.Remove(context.WithoutCancel(ctx)))
	}
	if err == nil {
		r.remember(name, o)
	}
	return info, err
}

func (r *remote) putDrive(ctx context.Context, name providers.Name, src providers.Source, t *transfer) (providers.Info, error) {
	in, err := src.Open()
	if err != nil {
		return providers.Info{}, &sourceError{err}
	}
	defer in.Close()
	c := &content{ctx: ctx, in: in, size: src.Size(), transfer: t}
	d := r.api()
	f, there, err := d.create(context.WithValue(ctx, triesKey{}, &tries{}), name, readerOnly{c})
	if broken := c.broken(src, err == nil); broken != nil && !there {
		if err == nil {
			broken = errors.Join(broken, d.discard(context.WithoutCancel(ctx), name, f.Id))
		}
		return providers.Info{}, broken
	}
	if err != nil {
		return providers.Info{}, err
	}
	info := providers.Info{Name: name, Size: f.Size, Sums: sumsOf(f)}
	info.ModTime, _ = time.Parse(time.RFC3339, f.ModifiedTime)
	if err = t.sum.prove(&info, src); err != nil {
		err = errors.Join(err, d.discard(context.WithoutCancel(ctx), name, f.Id))
	}
	return info, err
}

// readerOnly hides what else a reader can do.
type readerOnly struct{ io.Reader }

// upload writes the source to a path. It asks the backend for no checksums:
// the caller has them already.
func (r *remote) upload(ctx context.Context, path string, src providers.Source, t *transfer) (fs.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in, err := src.Open()
	if err != nil {
		return nil, &sourceError{err}
	}
	defer in.Close()
	c := &content{ctx: ctx, in: in, size: src.Size(), transfer: t}
	// The time is for services that keep the sender's; the null map says that
	// no sums are known to rclone.
	meta := object.NewStaticObjectInfo(path, time.Now(), src.Size(), true, nil, nil)
	o, err := r.fs().Put(r.sparing(ctx), c, meta)
	if broken := c.broken(src, err == nil); broken != nil {
		if err == nil {
			o.Remove(context.WithoutCancel(ctx)) // if it can't be, its size still tells
		}
		err = broken
	}
	return o, err
}

// putBeside is Put where a file shows while it is being written, as on a plain
// disk: the bytes go, or are linked, to a leftover name in the same folder,
// which no listing of ours shows, are synced if the disk is ours, and then take
// their name in one step. What an earlier, crashed Put of the name left is
// removed first.
func (r *remote) putBeside(ctx context.Context, name string, src providers.Source, t *transfer) (fs.Object, error) {
	r.clearLeftovers(ctx, name)
	beside := r.leftovers.begin(name)
	defer r.leftovers.end(beside)
	o, err := r.fill(ctx, beside, src, t)
	if err == nil {
		err = r.disk.keepFile(beside)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		o, err = r.rename(ctx, o, name)
	}
	if err != nil {
		r.removeLeftover(ctx, name, beside)
		return nil, err
	}
	r.disk.unlink(beside)
	return o, r.disk.keepName(name)
}

// fill brings the source's bytes to a leftover name, by a link if it can.
func (r *remote) fill(ctx context.Context, beside string, src providers.Source, t *transfer) (fs.Object, error) {
	if ctx.Err() == nil && r.disk.link(src, beside) {
		return r.fs().NewObject(ctx, beside)
	}
	return r.upload(ctx, beside, src, t)
}

// rename gives an uploaded object its name. Elsewhere than on a disk of this
// computer one at a time: some servers take the old object away for a moment, and
// a second rename would look for it just then.
func (r *remote) rename(ctx context.Context, o fs.Object, name string) (fs.Object, error) {
	if !r.kind.folder {
		r.renaming.Lock()
		defer r.renaming.Unlock()
	}
	err := r.patiently(ctx, func() error {
		moved, err := r.fs().Features().Move(ctx, o, name)
		if err == nil {
			o = moved
		}
		return err
	})
	if isMissing(err) { // another process put the same object, and took ours for a leftover
		return nil, providers.Fail(providers.ErrTemporary, errors.New("another put of the object interfered"), "remote", r.String())
	}
	return o, err
}

// How much is copied between two looks at ctx, by the kernel and by us.
const (
	kernelStep = 8 << 20
	ownStep    = 512 << 10 // measured: smaller steps cost up to half as much CPU again
)

// transfer is one Put, whatever tries and renewed sign-ins it takes.
type transfer struct {
	sent int64  // bytes that went out
	sum  *proof // takes a checksum on the way; nil for none
}

// content is an open source as rclone reads it. It ends with ctx, counts, and
// remembers what went wrong with the source itself. A source that is longer than
// it said is cut there, since some senders report the rest after they have sent
// the object.
type content struct {
	ctx      context.Context
	in       io.Reader
	size     int64 // as the source said
	n        int64 // bytes so far
	ended    bool
	transfer *transfer
	err      error // the source's, or ctx.Err(); what the kernel copies does not tell whose
}

func (c *content) count(n int) {
	c.n += int64(n)
	c.transfer.sent += int64(n)
}

func (c *content) Read(p []byte) (int, error) {
	if c.err = c.ctx.Err(); c.err != nil {
		return 0, c.err
	}
	if c.n == c.size {
		return 0, io.EOF
	}
	n, err := c.in.Read(p[:min(int64(len(p)), c.size-c.n)])
	c.count(n)
	c.ended = c.ended || err == io.EOF
	c.transfer.sum.write(p[:n])
	if err != io.EOF {
		c.err = err
	}
	return n, err
}

// broken returns what is wrong with the source itself: it failed, or is shorter
// or longer than it said. A backend reads no further than that, so after a
// success one more byte is asked for.
func (c *content) broken(src providers.Source, success bool) error {
	if c.err != nil {
		return &sourceError{c.err}
	}
	if n, _ := c.in.Read(make([]byte, 1)); success && !c.ended {
		c.n += int64(n)
	}
	if c.n != src.Size() && (success || c.ended) {
		return &sourceError{fmt.Errorf("it has %d bytes, expected %d", c.n, src.Size())}
	}
	return nil
}

// WriteTo is used by the io.Copy of rclone's local backend. From file to file
// it lets the kernel copy (copy_file_range): that costs a third less CPU than
// rclone's own loop, and on btrfs and XFS nothing at all, since the new file
// then shares the blocks of the old one. rclone's server-side Copy would be
// the obvious way, but on Linux the local backend has none.
func (c *content) WriteTo(w io.Writer) (written int64, err error) {
	file, isFile := c.in.(*os.File)
	to, canReadFrom := w.(io.ReaderFrom)
	if !isFile || !canReadFrom || c.transfer.sum != nil {
		return c.copyTo(w)
	}
	for {
		if c.err = c.ctx.Err(); c.err != nil {
			return written, c.err
		}
		n, err := to.ReadFrom(io.LimitReader(file, kernelStep))
		c.count(int(n))
		written += n // of this call: HTTP asks once more for what is too much
		if n == 0 || err != nil {
			return written, err
		}
	}
}

func (c *content) copyTo(w io.Writer) (written int64, err error) {
	buf := make([]byte, ownStep)
	for {
		n, readErr := c.Read(buf)
		if n > 0 {
			m, err := w.Write(buf[:n])
			written += int64(m)
			if err != nil {
				return written, err
			}
		}
		if readErr == io.EOF {
			return written, nil
		}
		if readErr != nil {
			return written, readErr
		}
	}
}

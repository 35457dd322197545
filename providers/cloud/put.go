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
func (r *remote) Put(ctx context.Context, name providers.Name, src providers.Source) (providers.Info, error) {
	if err := providers.ValidPut(name, src); err != nil {
		return providers.Info{}, fmt.Errorf("put: %w", err)
	}
	ctx = r.settings(ctx)
	put := r.upload
	if features := r.fs.Features(); features.PartialUploads && features.Move != nil {
		put = r.putBeside
	}
	o, err := put(ctx, string(name), src)
	if err != nil {
		return providers.Info{}, r.failed(ctx, "put", name, err)
	}
	info, err := r.info(ctx, o, name, false)
	return info, r.failed(ctx, "put", name, err)
}

// upload writes the source to a path. It asks the backend for no checksums:
// the caller has them already.
func (r *remote) upload(ctx context.Context, path string, src providers.Source) (fs.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in, err := src.Open()
	if err != nil {
		return nil, &sourceError{err}
	}
	defer in.Close()
	c := &content{ctx: ctx, in: in}
	// The time is for services that keep the sender's; the null map says that
	// no sums are known to rclone.
	meta := object.NewStaticObjectInfo(path, time.Now(), src.Size(), true, nil, nil)
	o, err := r.fs.Put(ctx, c, meta)
	if c.err != nil {
		return nil, &sourceError{c.err}
	}
	if err == nil && c.n != src.Size() {
		o.Remove(context.WithoutCancel(ctx)) // if it can't be, its size still tells
		err = &sourceError{fmt.Errorf("it has %d bytes, expected %d", c.n, src.Size())}
	}
	return o, err
}

// putBeside is Put where a file shows while it is being written, as on a plain
// disk: the bytes go, or are linked, to a leftover name in the same folder,
// which no listing of ours shows, are synced if the disk is ours, and then take
// their name in one step. What an earlier, crashed Put of the name left is
// removed first.
func (r *remote) putBeside(ctx context.Context, name string, src providers.Source) (fs.Object, error) {
	r.clearLeftovers(ctx, name)
	beside := r.leftovers.begin(name)
	defer r.leftovers.end(beside)
	o, err := r.fill(ctx, beside, src)
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
func (r *remote) fill(ctx context.Context, beside string, src providers.Source) (fs.Object, error) {
	if ctx.Err() == nil && r.disk.link(src, beside) {
		return r.fs.NewObject(ctx, beside)
	}
	return r.upload(ctx, beside, src)
}

func (r *remote) rename(ctx context.Context, o fs.Object, name string) (fs.Object, error) {
	o, err := r.fs.Features().Move(ctx, o, name)
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

// content is an open source as rclone reads it. It ends with ctx, counts, and
// remembers what went wrong with the source itself.
type content struct {
	ctx context.Context
	in  io.Reader
	n   int64 // bytes so far
	err error // the source's, or ctx.Err(); what the kernel copies does not tell whose
}

func (c *content) Read(p []byte) (int, error) {
	if c.err = c.ctx.Err(); c.err != nil {
		return 0, c.err
	}
	n, err := c.in.Read(p)
	c.n += int64(n)
	if err != io.EOF {
		c.err = err
	}
	return n, err
}

// WriteTo is used by the io.Copy of rclone's local backend. From file to file
// it lets the kernel copy (copy_file_range): that costs a third less CPU than
// rclone's own loop, and on btrfs and XFS nothing at all, since the new file
// then shares the blocks of the old one. rclone's server-side Copy would be
// the obvious way, but on Linux the local backend has none.
func (c *content) WriteTo(w io.Writer) (int64, error) {
	file, isFile := c.in.(*os.File)
	to, canReadFrom := w.(io.ReaderFrom)
	if !isFile || !canReadFrom {
		return c.copyTo(w)
	}
	for {
		if c.err = c.ctx.Err(); c.err != nil {
			return c.n, c.err
		}
		n, err := to.ReadFrom(io.LimitReader(file, kernelStep))
		c.n += n
		if n == 0 || err != nil {
			return c.n, err
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

package cloud

import (
	"context"
	"fmt"
	"io"

	"github.com/rclone/rclone/fs"

	"github.com/chatkeep/chatkeep/providers"
)

// Get reads a part of the object.
func (r *remote) Get(ctx context.Context, name providers.Name, offset, n int64) (io.ReadCloser, error) {
	err := providers.ValidName(name)
	if err == nil {
		err = providers.ValidRange(offset, n)
	}
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	ctx = r.settings(ctx)
	o, err := r.find(ctx, name)
	if err != nil {
		return nil, r.failed(ctx, "get", name, err)
	}
	b := &body{remote: r, ctx: ctx, name: name}
	b.left, b.end = part(o.Size(), offset, n)
	if b.left > 0 {
		// The range is cut to the object, since some services refuse others.
		b.in, err = o.Open(ctx, &fs.RangeOption{Start: offset, End: offset + b.left - 1})
	}
	if err != nil {
		return nil, r.failed(ctx, "get", name, err)
	}
	return b, nil
}

// part returns how many bytes of a range an object of the given size has, and
// what a reader says after them.
func part(size, offset, n int64) (int64, error) {
	there := max(size-offset, 0)
	switch {
	case n > there || n < 0 && offset > size:
		return there, io.ErrUnexpectedEOF
	case n < 0:
		return there, io.EOF
	}
	return n, io.EOF
}

// body reads a part of an object and holds Get's promises about its end.
type body struct {
	remote *remote
	ctx    context.Context
	name   providers.Name
	in     io.ReadCloser // nil if there is nothing to read
	left   int64         // bytes still to come
	end    error         // after them
}

func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, b.end
	}
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if b.left == 0 || err == nil {
		return n, nil
	}
	if err == io.EOF { // cut, or the file shrank
		return n, io.ErrUnexpectedEOF
	}
	return n, b.remote.failed(b.ctx, "get", b.name, err)
}

func (b *body) Close() error {
	if b.in == nil {
		return nil
	}
	return b.in.Close()
}

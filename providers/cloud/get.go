package cloud

import (
	"bufio"
	"bytes"
	"context"
	"errors"
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
	var b *body
	err = r.try(ctx, func() (err error) {
		b, err = r.read(ctx, name, offset, n)
		return err
	})
	if err != nil {
		return nil, r.failed(ctx, "get", name, err)
	}
	return b, nil
}

// read opens a part of an object. What was found before may be gone: then it is
// looked for again.
func (r *remote) read(ctx context.Context, name providers.Name, offset, n int64) (*body, error) {
	for {
		o, known, err := r.find(ctx, name)
		if err != nil {
			return nil, err
		}
		b, err := r.readFrom(ctx, o, name, offset, n)
		if err != nil { // gone, or rclone took a wrong answer's length for the object's
			r.objects.drop(name)
		}
		if err == nil || !known || !r.isGone(err) {
			return b, err
		}
	}
}

func (r *remote) readFrom(ctx context.Context, o fs.Object, name providers.Name, offset, n int64) (b *body, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b = &body{remote: r, ctx: ctx, name: name}
	b.left, b.end = part(o.Size(), offset, n)
	if b.left > 0 {
		// The range is cut to the object, since some services refuse others.
		err = r.patiently(ctx, func() (err error) {
			b.in, err = o.Open(ctx, &fs.RangeOption{Start: offset, End: offset + b.left - 1})
			return err
		})
	}
	if err == nil && b.in != nil && !r.kind.folder {
		b.in, err = noPage(b.in)
	}
	return b, err
}

// noPage refuses a web page: some networks answer every request with one. An
// object of ours begins like this once in a million years.
func noPage(in io.ReadCloser) (io.ReadCloser, error) {
	peeked := bufio.NewReader(in)
	begin, _ := peeked.Peek(14) // whoever reads on meets the error too
	if text := bytes.ToLower(bytes.TrimSpace(begin)); bytes.HasPrefix(text, []byte("<!doctype html")) || bytes.HasPrefix(text, []byte("<html")) {
		in.Close()
		return nil, errPage
	}
	return struct {
		io.Reader
		io.Closer
	}{peeked, in}, nil
}

// isGone reports whether a service says that something is not there.
func (r *remote) isGone(err error) bool {
	return err != nil && errors.Is(r.classify(err), providers.ErrNotExist)
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

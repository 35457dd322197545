package providers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cenkalti/backoff/v5"
)

func (r *reliable) Get(ctx context.Context, name Name, offset, n int64) (io.ReadCloser, error) {
	body, err := r.open(ctx, name, offset, n)
	if err != nil {
		return nil, err
	}
	return &resuming{ctx: ctx, remote: r, name: name, at: offset, left: n, body: body, waits: r.opt.Backoff()}, nil
}

func (r *reliable) open(ctx context.Context, name Name, offset, n int64) (body io.ReadCloser, err error) {
	err = r.retry(ctx, func() (err error) {
		get := func() (io.ReadCloser, error) { return r.remote.Get(ctx, name, offset, n) }
		body, err = await(ctx, get, func(late io.ReadCloser) { late.Close() })
		return err
	})
	return body, err
}

// resuming reads an object through cuts.
type resuming struct {
	ctx     context.Context
	remote  *reliable
	name    Name
	at      int64         // offset of the next byte
	left    int64         // bytes still to come, -1 for all there are
	body    io.ReadCloser // nil after a cut
	cut     error         // why body is nil
	resumes int           // cuts so far
	waits   backoff.BackOff
	err     error // sticky
}

func (b *resuming) Read(p []byte) (int, error) {
	if len(p) == 0 || b.err != nil {
		return 0, b.err
	}
	n := 0
	for n == 0 && b.err == nil {
		n, b.err = b.read(p)
	}
	if n > 0 {
		return n, nil
	}
	return 0, b.err
}

// read is one read of the present body, or the opening of the next one.
func (b *resuming) read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if b.body == nil {
		return 0, b.resume()
	}
	if b.left > 0 && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.body.Read(p)
	b.remote.opt.Active()
	b.at += int64(n)
	if b.left > 0 {
		b.left -= int64(n)
	}
	if err == nil || err == io.EOF && b.left <= 0 {
		return n, err
	}
	b.body.Close() // its error says nothing the cut does not
	b.body, b.cut = nil, err
	return n, nil
}

// resume opens the next body after a cut, or returns why it cannot.
func (b *resuming) resume() error {
	if !resumable(b.cut) {
		return b.cut
	}
	if errors.Is(b.cut, io.EOF) || errors.Is(b.cut, io.ErrUnexpectedEOF) {
		if err := b.checkEnd(); err != nil {
			return err
		}
	}
	wait, patient := b.remote.wait(b.cut, b.waits)
	if b.resumes++; b.resumes > b.remote.opt.Resumes || !patient {
		return fmt.Errorf("get %s: cut %d times: %w", b.name, b.resumes, unexpected(b.cut))
	}
	if err := b.remote.pause(b.ctx, b.cut, wait); err != nil {
		return err
	}
	body, err := b.remote.open(b.ctx, b.name, b.at, b.left)
	b.body = body
	return err
}

// checkEnd tells a cut connection from the end of the object, which no second
// connection can help.
func (b *resuming) checkEnd() error {
	info, err := b.remote.Stat(b.ctx, b.name)
	switch {
	case err != nil:
		return err
	case b.at < info.Size:
		return nil
	case b.at == info.Size && b.left < 0:
		return io.EOF
	}
	return io.ErrUnexpectedEOF
}

// unexpected makes an end that came too early look like one.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func resumable(err error) bool {
	for _, hopeless := range []error{ErrAuth, ErrPermission, ErrNotExist} {
		if errors.Is(err, hopeless) {
			return false
		}
	}
	return true
}

// Close closes what is open.
func (b *resuming) Close() error {
	b.err = fs.ErrClosed
	if b.body == nil {
		return nil
	}
	body := b.body
	b.body = nil
	return body.Close()
}

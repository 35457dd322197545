package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/chunker"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// capturer reads files and stores their chunks; each goroutine has one.
type capturer struct {
	t      *taker
	view   sources.View
	worker *repo.Worker
	media  *chunker.Cutter
	text   *chunker.Cutter
	buf    []byte
	space  *admitted // of the file that is being read
}

func newCapturer(t *taker, view sources.View) *capturer {
	key := t.writer.CutKey()
	return &capturer{t: t, view: view, worker: t.writer.Worker(),
		media: chunker.New(key, chunker.Media), text: chunker.New(key, chunker.Text),
		buf: make([]byte, 2*chunker.Media.Max+sniff)}
}

const (
	// sniff is how much of a file decides how finely it is cut: what is no
	// noise changes in small places. A file no longer than that is one chunk.
	sniff = 64 << 10
	// attempts to read a file that changes meanwhile.
	attempts = 2
)

// capture fills in an item's content. A file that changes while it is read is
// read again, and if it changes again, kept as read and flagged.
func (c *capturer) capture(ctx context.Context, it *item) {
	for try := 1; ; try++ {
		changed, err := c.once(ctx, it)
		switch {
		case errors.Is(err, errNoRoom):
			it.leave()
		case errors.Is(err, errStore) || ctx.Err() != nil:
			it.err = errors.Join(ctx.Err(), err)
		case errors.Is(err, fs.ErrNotExist):
			it.gone = true
		case err != nil:
			it.skipped = string(sources.Unreadable)
		case changed && try < attempts:
			continue
		case changed:
			it.flagged = string(sources.Changing)
		}
		c.t.meter.add(1, 0)
		return
	}
}

// errNoRoom says that the rest of a file has to wait for more room.
var errNoRoom = errors.New("no room for the rest")

// errStore marks an error that is not the file's.
var errStore = errors.New("store")

type storeError struct{ error }

func (e storeError) Is(target error) bool { return target == errStore }
func (e storeError) Unwrap() error        { return e.error }

func (c *capturer) once(ctx context.Context, it *item) (changed bool, err error) {
	src, err := c.view.Open(ctx, it.seen)
	if err != nil {
		return false, err
	}
	defer src.Close()
	before, err := src.Stat()
	if err != nil {
		return false, err
	}
	refs, n, err := c.read(ctx, src)
	if err != nil {
		return false, fmt.Errorf("read: %w", err)
	}
	after, err := src.Stat()
	if err != nil {
		return false, err
	}
	sum := repo.LongSum(refs)
	content, err := c.content(it, refs, sum)
	if err != nil {
		return false, storeError{err}
	}
	links := it.entry.Links
	category := it.entry.Category
	it.entry = entryOf(after)
	it.entry.Path, it.entry.Links, it.entry.Category, it.entry.Content, it.entry.Sum = it.seen.Path, links, category, content, sum
	it.entry.XAttrs = c.xattrs(src, it.seen)
	it.read += n
	return before.Size != after.Size || n != uint64(after.Size) || !before.ModTime.Equal(after.ModTime) || before.ChangeNS != after.ChangeNS, nil
}

// xattrs asks the open file, if it can tell, and else its path.
func (c *capturer) xattrs(src sources.Content, e sources.Entry) []format.XAttr {
	if open, ok := src.(sources.Attributed); ok {
		return keepXAttrs(open.XAttrs())
	}
	return xattrsOf(c.view, e)
}

// content makes the content record, or takes the parent's if a long file
// turns out to be the same.
func (c *capturer) content(it *item, refs []format.Ref, sum format.Digest) (*format.Content, error) {
	stored := func(r format.Ref) bool { return c.t.writer.Fresh(r) }
	if old := it.parent; old != nil && !sum.IsZero() && sum == old.Sum && old.Content != nil && !c.t.lost(old.Content) &&
		!(c.t.writer.AnyLost() && slices.ContainsFunc(refs, stored)) {
		return old.Content, nil
	}
	return c.worker.AddContent(refs)
}

// read cuts a file into chunks and stores them.
func (c *capturer) read(ctx context.Context, src io.Reader) (refs []format.Ref, n uint64, err error) {
	head, buf := c.buf[:sniff], c.buf[sniff:]
	got, err := io.ReadFull(src, head)
	if errors.Is(err, io.EOF) {
		return nil, 0, nil
	}
	whole := errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !whole {
		return nil, 0, err
	}
	head = head[:got]
	store := func(chunk []byte) error {
		if err := ctx.Err(); err != nil {
			return storeError{err}
		}
		if c.space.isFull(len(chunk)) {
			return errNoRoom
		}
		ref, err := c.worker.Add(format.ChunkData, chunk)
		if err != nil {
			return storeError{err}
		}
		refs, n = append(refs, ref), n+uint64(len(chunk))
		c.t.meter.add(0, uint64(len(chunk)))
		return nil
	}
	if whole { // small files are one chunk
		err := store(head)
		return refs, n, err
	}
	cutter := c.media
	if !chunker.Noise(head) {
		cutter = c.text
	}
	err = cutter.Split(io.MultiReader(bytes.NewReader(head), src), buf, store)
	return refs, n, err
}

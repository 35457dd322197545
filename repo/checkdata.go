package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/image"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// data reads packs and records back. Whoever can read content proves every chunk and
// follows every tree; a device that can't proves that its own packs still have
// the bytes it sent.
func (c *checker) data(ctx context.Context) error {
	if err := c.readRecords(ctx); err != nil {
		return err
	}
	facts := c.sample()
	total, done := int64(0), int64(0)
	for _, f := range facts {
		total += int64(f.pack.Size)
	}
	for _, f := range facts {
		if err := c.readPack(ctx, f); err != nil {
			return err
		}
		done += int64(f.pack.Size)
		if c.opt.Progress != nil {
			c.opt.Progress(done, total)
		}
	}
	if !c.repo.CanRead() {
		return nil
	}
	return c.trees(ctx)
}

// readRecords reads everything but packs that no checksum vouches for: it may
// have come from the cache.
func (c *checker) readRecords(ctx context.Context) error {
	for n := range c.listed {
		if n.Digest.IsZero() || n.Kind == format.KindPack || c.good[n.Digest] || c.bad[n.String()] {
			continue
		}
		sealed, err := c.repo.get(ctx, n.String(), maxSealed)
		if err == nil && trust.Digest(sealed) != n.Digest {
			err = errDigest
		}
		if _, ok := alarmFor("", err); err != nil && !ok {
			return fmt.Errorf("read %s: %w", n, err)
		}
		c.rep.Downloaded += int64(len(sealed))
		if c.good[n.Digest] = err == nil; err != nil {
			c.note(n.String(), err)
		}
	}
	return nil
}

// sample picks the packs to read: those whose names sort first, so that a
// share is spread evenly.
func (c *checker) sample() []packFact {
	var facts []packFact
	for _, f := range c.packs {
		facts = append(facts, f)
	}
	slices.SortFunc(facts, func(a, b packFact) int { return slices.Compare(a.pack.Name[:], b.pack.Name[:]) })
	n := (len(facts)*min(c.opt.Data, 100) + 99) / 100
	return facts[:n]
}

func (c *checker) readPack(ctx context.Context, f packFact) error {
	name := f.name()
	sealed, err := c.download(ctx, name, f.pack.Size)
	if err != nil {
		if _, ok := alarmFor("", err); !ok {
			return fmt.Errorf("read %s: %w", name, err)
		}
		c.note(name.String(), err)
		return nil
	}
	if trust.Digest(sealed) != f.pack.Name {
		c.note(name.String(), errDigest)
		return nil
	}
	c.good[f.pack.Name] = true
	c.rep.ReadBack++
	if c.repo.CanRead() {
		if err := c.provePack(ctx, f, sealed); err != nil {
			c.note(name.String(), err)
		}
	}
	return nil
}

func (c *checker) download(ctx context.Context, name format.Name, size uint64) ([]byte, error) {
	src, err := c.repo.remote.Get(ctx, providers.Name(name.String()), 0, -1)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, 0, size+1)
	for {
		n, err := src.Read(sealed[len(sealed):cap(sealed)])
		sealed = sealed[:len(sealed)+n]
		c.rep.Downloaded += int64(n)
		if err == io.EOF || len(sealed) == cap(sealed) {
			return sealed, src.Close()
		}
		if err != nil {
			_ = src.Close() // the first error is the one to tell
			return nil, err
		}
	}
}

// provePack opens a pack and proves each of its chunks, in place.
func (c *checker) provePack(ctx context.Context, f packFact, sealed []byte) error {
	plain, err := crypto.OpenAll(sealed, c.repo.ring.DataIdentities()...)
	if err != nil {
		return err
	}
	body, frames, err := format.Split(plain)
	if err != nil {
		return err
	}
	payload, err := format.FindFrame(frames, format.FrameContents)
	if err != nil {
		return err
	}
	contents, err := format.DecodeContents(payload)
	if err != nil {
		return err
	}
	if contents.Device != f.device || !slices.Equal(contents.Entries, f.pack.Entries) {
		return fmt.Errorf("%w: its contents are not what the index says", crypto.ErrForged)
	}
	secret, err := c.repo.secretOf(ctx, f.device)
	if err != nil {
		return err
	}
	return proveChunks(body, contents.Entries, secret)
}

func proveChunks(body []byte, entries []format.ContentsEntry, secret crypto.Secret) error {
	namer, dec := crypto.NewNamer(secret.IDKey()), newDecoder()
	defer dec.Close()
	var data []byte
	for _, e := range entries {
		if uint64(e.Stored) > uint64(len(body)) {
			return fmt.Errorf("%w: chunks beyond the end", format.ErrMalformed)
		}
		var err error
		if data, err = decodeChunk(dec, body[:e.Stored], data, e.Length); err != nil {
			return err
		}
		if namer.ID(data) != e.ID {
			return fmt.Errorf("chunk: %w", errDigest)
		}
		body = body[e.Stored:]
	}
	if len(body) > 0 {
		return fmt.Errorf("%w: bytes that no chunk claims", format.ErrMalformed)
	}
	return nil
}

func decodeChunk(dec *zstd.Decoder, frame, buf []byte, length uint32) ([]byte, error) {
	data, err := dec.DecodeAll(frame, buf[:0])
	if err != nil || len(data) != int(length) {
		return buf, fmt.Errorf("%w: chunk: %v", format.ErrMalformed, err)
	}
	return data, nil
}

// trees follows every snapshot to its last chunk, each tree chunk once. Images
// are laid and proven as the newest snapshot of each device has them: so was
// every earlier one while it was the newest.
func (c *checker) trees(ctx context.Context) error {
	chunks := c.knownChunks(func(packFact) bool { return true })
	visited := map[[32]byte]bool{}
	for i, s := range slices.Backward(c.needed) {
		newest := i+1 == len(c.needed) || c.needed[i+1].Device != s.Device
		if err := c.tree(ctx, s, newest, chunks, visited); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) knownChunks(count func(packFact) bool) map[[32]byte]uint32 {
	chunks := map[[32]byte]uint32{}
	for _, f := range c.packs {
		if !count(f) {
			continue
		}
		for _, e := range f.pack.Entries {
			chunks[e.ID] = e.Length
		}
	}
	return chunks
}

func (c *checker) tree(ctx context.Context, s *Snapshot, newest bool, chunks map[[32]byte]uint32, visited map[[32]byte]bool) error {
	rd, err := c.repo.NewReader(ctx, s)
	if Damage(err) {
		c.note(s.Name.String(), err)
		return nil
	}
	if err != nil {
		return err
	}
	defer rd.Close()
	t := &treeCheck{c: c, newest: newest, rd: rd, chunks: chunks, visited: visited}
	err = t.root(ctx)
	c.rep.Downloaded += int64(rd.Downloaded.Load())
	if Damage(err) {
		c.note(s.Name.String(), err)
		return nil
	}
	return err
}

type treeCheck struct {
	c       *checker
	newest  bool // of its device: its images are laid and proven too
	rd      *Reader
	chunks  map[[32]byte]uint32
	visited map[[32]byte]bool
}

func (t *treeCheck) root(ctx context.Context) error {
	root, err := t.rd.Root(ctx)
	if err != nil {
		return err
	}
	for _, s := range root.Sources {
		if s.Tree != nil {
			if err := t.node(ctx, *s.Tree, "", 0); err != nil {
				return fmt.Errorf("source %s: %w", s.Name, err)
			}
		}
	}
	return nil
}

func (t *treeCheck) node(ctx context.Context, child format.Child, after string, depth int) error {
	if t.visited[child.Node.ID] {
		return nil
	}
	t.visited[child.Node.ID] = true
	node, err := t.rd.node(ctx, child, after, depth)
	if err != nil {
		return err
	}
	for i := range node.Entries {
		for _, content := range []*format.Content{node.Entries[i].Content, node.Entries[i].Unproven} {
			if err := t.content(ctx, content); err != nil {
				return err
			}
		}
	}
	for _, sub := range node.Children {
		if err := t.node(ctx, sub, after, depth+1); err != nil {
			return err
		}
		after = sub.Last
	}
	return nil
}

func (t *treeCheck) content(ctx context.Context, content *format.Content) error {
	if content == nil {
		return nil
	}
	for _, list := range [][]format.Ref{content.Refs, content.Layers, content.Kept} {
		if err := t.refs(list); err != nil {
			return err
		}
	}
	refs, err := t.rd.DataRefs(ctx, content)
	if err != nil {
		return err
	}
	sum := uint64(0)
	for _, r := range refs {
		sum += r.Length
	}
	if !content.Image && sum != content.Length {
		return fmt.Errorf("%w: a file's chunks don't add up", format.ErrMalformed)
	}
	if err := t.refs(refs); err != nil {
		return err
	}
	if t.newest && content.Image {
		return t.image(ctx, content)
	}
	return nil
}

// image lays an image and proves it, each once.
func (t *treeCheck) image(ctx context.Context, content *format.Content) error {
	of := image.FingerprintOf(content)
	if t.c.images[of] {
		return nil
	}
	t.c.images[of] = true
	f, err := t.c.repo.cache.temp()
	if err != nil {
		return err
	}
	err = t.rd.Image(ctx, content, f, filepath.Dir(f.Name()))
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

func (t *treeCheck) refs(refs []format.Ref) error {
	for _, r := range refs {
		if n, ok := t.chunks[r.ID]; !ok || uint64(n) != r.Length {
			return fmt.Errorf("%w: a chunk that no index lists", providers.ErrNotExist)
		}
	}
	return nil
}

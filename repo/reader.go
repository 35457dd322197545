package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/index"
)

// Reader brings chunks of one snapshot back. It proves every byte: by the
// age file's tags, and by the chunk's id. It may be used concurrently.
type Reader struct {
	repo   *Repo
	snap   *Snapshot
	secret crypto.Secret
	namers sync.Pool
	zstds  sync.Pool
	spaces sync.Pool
	behind behind
	keeper Keeper // nil if there is none

	mu      sync.Mutex
	openers map[format.Digest]*openedPack
	starts  []*openedPack // those that hold their start, oldest first
	index   *index.Set    // opened when a hint is missing or wrong

	Downloaded counter // bytes read from the remote
}

type counter struct {
	mu sync.Mutex
	n  uint64
}

func (c *counter) add(n int) {
	c.mu.Lock()
	c.n += uint64(n)
	c.mu.Unlock()
}

// Load returns the count so far.
func (c *counter) Load() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// openedPack is a pack whose header was read. A small one is held whole.
type openedPack struct {
	once  sync.Once
	err   error
	open  *crypto.Opener
	start []byte // bytes from the start of the object, still sealed; guarded by Reader.mu
}

// space is memory that one reading goroutine uses again and again.
type space struct {
	span  []byte // of a pack: sealed, then opened in place
	chunk []byte
}

// sized returns b with room for n bytes and that length.
func sized(b []byte, n int) []byte { return slices.Grow(b[:0], n)[:n] }

const (
	// wholeBelow: a range that ends before this is read together with the
	// pack's header, in one request.
	wholeBelow = 512 << 10
	// firstBytes is how much such a request brings at least: what is wanted
	// next mostly lies near.
	firstBytes = 128 << 10
	// gapAllowed: ranges this close together are read as one; a request costs
	// more than the bytes between.
	gapAllowed = 256 << 10
	// maxRange bounds the memory of one request.
	maxRange = 8 << 20
	// maxOpeners bounds how many packs' keys are kept in memory, and maxStarts
	// how many packs' first bytes.
	maxOpeners = 4096
	maxStarts  = 4
)

// NewReader opens a snapshot for reading. On a device without a key that
// reads content the error has CodeBackupOnly.
func (r *Repo) NewReader(ctx context.Context, s *Snapshot) (*Reader, error) {
	if err := r.needRead(); err != nil {
		return nil, err
	}
	secret, err := r.secretOf(ctx, s.Device)
	if err != nil {
		return nil, err
	}
	rd := &Reader{repo: r, snap: s, secret: secret, openers: map[format.Digest]*openedPack{}}
	rd.namers.New = func() any { return crypto.NewNamer(secret.IDKey()) }
	rd.zstds.New = func() any { return newDecoder() }
	rd.spaces.New = func() any { return new(space) }
	return rd, nil
}

func newDecoder() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*MaxChunk), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err) // only for impossible options
	}
	return d
}

// secretOf returns the chunk secret of a device, as the device itself signed
// it.
func (r *Repo) secretOf(ctx context.Context, d format.DeviceID) (crypto.Secret, error) {
	if own := r.ring.Device; own != nil && own.ID == d {
		return own.Secret, nil
	}
	r.mu.Lock()
	secret, ok := r.secrets[d]
	r.mu.Unlock()
	if ok {
		return secret, nil
	}
	names, err := r.listNames(ctx, "secrets/")
	if err != nil {
		return secret, fmt.Errorf("read secret: %w", err)
	}
	failed := error(providers.ErrNotExist)
	for _, n := range names {
		if n.Device != d {
			continue
		}
		sealed, err := r.fetch(ctx, n)
		if err == nil {
			secret, err = r.ring.OpenSecret(sealed, d, r.roster)
		}
		if err == nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.secrets[d] = secret
			return secret, nil
		}
		if a, ok := alarmFor(n.String(), err); ok {
			r.alarm(a)
		}
		failed = err
	}
	if a, ok := alarmFor("secrets/"+d.String(), failed); ok {
		return secret, hint.New(a.Code, integrityError{fmt.Errorf("read the chunk secret of device %s: %w", r.DeviceName(d), failed)}, "object", "secrets/"+d.String())
	}
	return secret, failed
}

// Close releases what the Reader holds.
func (rd *Reader) Close() error {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	if rd.index != nil {
		return rd.index.Close()
	}
	return nil
}

// readChunk reads one chunk, one of a tree.
func (rd *Reader) readChunk(ctx context.Context, ref format.Ref) (data []byte, err error) {
	if data := rd.treeChunk(ctx, ref); data != nil {
		return data, nil
	}
	got := false
	rd.Chunks(ctx, []format.Ref{ref}, func(_ int, b []byte, e error) {
		data, err, got = slices.Clone(b), e, true
	})
	if !got {
		return nil, ctx.Err()
	}
	return data, err
}

// Chunks reads many chunks with as few requests as sensible, and calls got
// once for each ref, with its place in refs, in no particular order and from
// this goroutine. The bytes are valid only during the call. A chunk that can't
// be had gives an error for itself alone.
func (rd *Reader) Chunks(ctx context.Context, refs []format.Ref, got func(i int, data []byte, err error)) {
	order := make([]int, len(refs))
	placed := slices.Clone(refs)
	for i := range order {
		order[i] = i
		if placed[i].Stored == 0 {
			placed[i], _ = rd.locate(ctx, refs[i]) // a failure is told when it is read
		}
	}
	sp := rd.spaces.Get().(*space)
	defer rd.spaces.Put(sp)
	slices.SortFunc(order, func(a, b int) int { return byLocation(&placed[a], &placed[b]) })
	for len(order) > 0 {
		n := rangeLength(placed, order)
		rd.readRange(ctx, placed, order[:n], sp, func(i int, data []byte, err error) {
			if err != nil {
				data, err = rd.secondTry(ctx, refs[i], err)
			}
			got(i, data, err)
		})
		order = order[n:]
	}
}

func byLocation(a, b *format.Ref) int {
	if c := slices.Compare(a.Pack[:], b.Pack[:]); c != 0 {
		return c
	}
	switch {
	case a.Offset < b.Offset:
		return -1
	case a.Offset > b.Offset:
		return 1
	}
	return 0
}

// rangeLength says how many of the ordered refs are read in one request.
func rangeLength(refs []format.Ref, order []int) int {
	first := &refs[order[0]]
	end := first.Offset + first.Stored
	for n := 1; n < len(order); n++ {
		next := &refs[order[n]]
		if next.Pack != first.Pack || next.Offset > end+gapAllowed || next.Offset+next.Stored > first.Offset+maxRange {
			return n
		}
		end = max(end, next.Offset+next.Stored)
	}
	return len(order)
}

// readRange reads and opens the span that covers the refs, all of one pack.
func (rd *Reader) readRange(ctx context.Context, refs []format.Ref, order []int, sp *space, got func(int, []byte, error)) {
	start, end := refs[order[0]].Offset, uint64(0)
	for _, i := range order {
		end = max(end, refs[i].Offset+refs[i].Stored)
	}
	plain, err := rd.plain(ctx, refs[order[0]].Pack, int64(start), int64(end-start), sp)
	for _, i := range order {
		if err != nil {
			got(i, nil, err)
			continue
		}
		r := &refs[i]
		at := r.Offset - start
		data, err := rd.unpack(plain[at:at+r.Stored], r, sp)
		got(i, data, err)
	}
}

// unpack decompresses one frame and proves the chunk by its id.
func (rd *Reader) unpack(frame []byte, r *format.Ref, sp *space) ([]byte, error) {
	if r.Length > MaxChunk {
		return nil, fmt.Errorf("%w: a chunk of %d bytes", format.ErrMalformed, r.Length)
	}
	dec := rd.zstds.Get().(*zstd.Decoder)
	defer rd.zstds.Put(dec)
	sp.chunk = sized(sp.chunk, int(r.Length))
	data, err := dec.DecodeAll(frame, sp.chunk[:0:len(sp.chunk)])
	if err != nil {
		return nil, fmt.Errorf("%w: chunk: %v", format.ErrMalformed, err)
	}
	namer := rd.namers.Get().(*crypto.Namer)
	defer rd.namers.Put(namer)
	if uint64(len(data)) != r.Length || namer.ID(data) != r.ID {
		return nil, fmt.Errorf("chunk: %w", errDigest)
	}
	return data, nil
}

// plain returns n bytes of a pack's plaintext.
func (rd *Reader) plain(ctx context.Context, pack format.Digest, offset, n int64, sp *space) ([]byte, error) {
	if pack.IsZero() {
		return nil, fmt.Errorf("%w: no index knows the chunk", format.ErrMalformed)
	}
	p := rd.opener(pack)
	p.once.Do(func() { p.err = rd.openPack(ctx, p, pack, offset+n) })
	if p.err != nil {
		return nil, p.err
	}
	from, length := p.open.Span(offset, n)
	if start := rd.startOf(p); from+length <= int64(len(start)) {
		sp.span = append(sp.span[:0], start[from:from+length]...)
		return p.open.Open(sp.span, offset, n)
	}
	sp.span = sized(sp.span, int(length))
	got, err := rd.getRange(ctx, pack, from, sp.span)
	if err != nil {
		return nil, err
	}
	return p.open.Open(sp.span[:got], offset, n)
}

func (rd *Reader) opener(pack format.Digest) *openedPack {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	p := rd.openers[pack]
	if p == nil {
		if len(rd.openers) >= maxOpeners {
			clear(rd.openers)
		}
		p = &openedPack{}
		rd.openers[pack] = p
	}
	return p
}

// openPack reads the start of a pack: its header, and as much as is wanted
// right now if that lies near.
func (rd *Reader) openPack(ctx context.Context, p *openedPack, pack format.Digest, end int64) error {
	n := int64(crypto.HeaderRoom)
	if end < wholeBelow {
		n = max(crypto.SealedSize(end)+crypto.HeaderRoom, firstBytes)
	}
	start := make([]byte, n)
	got, err := rd.getRange(ctx, pack, 0, start)
	if err != nil {
		rd.forget(pack, p)
		return err
	}
	start = start[:got]
	if p.open, err = crypto.NewOpener(start, crypto.UnknownSize, rd.repo.ring.DataIdentities()...); err != nil {
		return err
	}
	if n > crypto.HeaderRoom {
		rd.keepStart(p, start)
	}
	return nil
}

func (rd *Reader) startOf(p *openedPack) []byte {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	return p.start
}

func (rd *Reader) keepStart(p *openedPack, start []byte) {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	p.start = start
	rd.starts = append(rd.starts, p)
	if len(rd.starts) > maxStarts {
		rd.starts[0].start = nil
		rd.starts = rd.starts[1:]
	}
}

// forget lets the next read of a pack try again.
func (rd *Reader) forget(pack format.Digest, p *openedPack) {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	if rd.openers[pack] == p {
		delete(rd.openers, pack)
	}
}

// getRange fills b from a pack object, and returns how much there was: less
// only at the object's end.
func (rd *Reader) getRange(ctx context.Context, pack format.Digest, from int64, b []byte) (int, error) {
	name := format.Name{Kind: format.KindPack, Device: rd.snap.Device, Digest: pack}
	src, err := rd.repo.remote.Get(ctx, providers.Name(name.String()), from, int64(len(b)))
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	got, err := io.ReadFull(src, b)
	rd.Downloaded.add(got)
	if cerr := src.Close(); err == nil {
		err = cerr
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	return got, nil
}

// secondTry asks the index where a chunk lies, after its hint led nowhere.
func (rd *Reader) secondTry(ctx context.Context, ref format.Ref, first error) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, first
	}
	better, err := rd.locate(ctx, ref)
	if err != nil || better == ref || better.Stored == 0 {
		return nil, first
	}
	sp := new(space) // the caller still reads from its own
	plain, err := rd.plain(ctx, better.Pack, int64(better.Offset), int64(better.Stored), sp)
	if err != nil {
		return nil, err
	}
	return rd.unpack(plain, &better, sp)
}

// locate fills in where a chunk lies, from the indexes the snapshot names.
func (rd *Reader) locate(ctx context.Context, ref format.Ref) (format.Ref, error) {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	if rd.index == nil {
		set, err := rd.repo.openReadIndex(ctx, rd.snap)
		if err != nil {
			return ref, err
		}
		rd.index = set
	}
	e, pack, ok, err := rd.index.Lookup(ref.ID)
	if err != nil || !ok {
		return ref, err
	}
	ref.Pack, ref.Offset, ref.Stored = pack, uint64(e.Offset), uint64(e.Stored)
	return ref, nil
}

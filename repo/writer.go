package repo

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/index"
)

// DefaultPackSize is how large packs get, in bytes of plaintext: services such
// as Drive accept about two or three new files a second, whatever their size.
const DefaultPackSize = 64 << 20

// WriterOptions tune a Writer.
type WriterOptions struct {
	PackSize int64  // 0: DefaultPackSize
	Parallel int    // uploads at a time; 0: what suits the remote
	DryRun   bool   // look everything up, store nothing
	Client   string // name and version of the program
}

// Writer stores chunks and publishes one snapshot of this device. Chunks come
// in through Workers, concurrently; Publish ends it.
//
// What it promises: a chunk is skipped only if an index that this device
// signed says that it is there, or if its pack was seen to arrive. A pack is
// sealed into the spool, synced and journaled before it is put, so that a
// process that dies anywhere sends nothing again. A snapshot is sealed once.
type Writer struct {
	repo    *Repo
	opt     WriterOptions
	data    *crypto.Recipient
	spool   string
	index   *index.Set
	journal *journal
	head    *Snapshot              // this device's, nil for the first
	lost    map[format.Digest]bool // own packs and indexes known to be gone or damaged
	packs   map[format.Digest]bool // those that are known, if an index could not be read; else nil
	debt    debt

	ctx    context.Context
	cancel context.CancelCauseFunc
	room   chan struct{} // one token per pack that is not yet on the remote
	queue  chan upload
	done   sync.WaitGroup
	frames sync.Pool

	mu      sync.Mutex
	pack    *packSink // being filled
	tokens  uint64
	sinks   map[format.Digest]*packSink // all of this run, by token
	current map[[32]byte]format.Ref     // chunks of packs whose name isn't known yet
	flight  map[[32]byte]chan struct{}  // chunks being compressed right now

	stats Stats
}

// Stats counts what a Writer did.
type Stats struct {
	NewBytes atomic.Uint64 // bytes of chunks that were not there yet
	Uploaded atomic.Uint64 // bytes put
	Objects  atomic.Uint64 // objects put
}

// NewWriter prepares a backup: it ends what an interrupted one left, opens the
// index and sends packs that are waiting in the spool. One Writer at a time;
// the state folder's lock, which only OpenState takes, sees to that.
func (r *Repo) NewWriter(ctx context.Context, o WriterOptions) (*Writer, error) {
	if err := r.mayWrite(); err != nil {
		return nil, err
	}
	if o.PackSize == 0 {
		o.PackSize = DefaultPackSize
	}
	if o.Parallel == 0 {
		o.Parallel = cmp.Or(r.remote.Traits().Transfers, 2)
	}
	if !o.DryRun { // a dry run sends nothing, not even what an earlier run left
		if err := errors.Join(r.finishPending(ctx), r.healKept(ctx)); err != nil {
			return nil, err
		}
		if err := r.publishSecret(ctx); err != nil {
			return nil, err
		}
	}
	w := &Writer{repo: r, opt: o, current: map[[32]byte]format.Ref{}, flight: map[[32]byte]chan struct{}{},
		sinks: map[format.Digest]*packSink{}, lost: r.lostObjects(), debt: debt{packs: map[format.Digest]bool{}}}
	w.frames.New = func() any { return new([]byte) }
	var err error
	if w.data, _, err = r.roster.Recipients(); err != nil {
		return nil, err
	}
	if !r.remembersOwn(r.ring.Device.ID) {
		if err := r.hearOthers(ctx, r.ring.Device.ID); err != nil { // they may know a newer one than is shown
			return nil, err
		}
	}
	if w.head, err = r.Head(ctx, r.ring.Device.ID); err != nil {
		return nil, err
	}
	if err := w.openLocal(ctx); err != nil {
		return nil, err
	}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.room = make(chan struct{}, o.Parallel+2)
	w.queue = make(chan upload, o.Parallel+2)
	for range o.Parallel {
		w.done.Add(1)
		go w.sendPacks()
	}
	return w, nil
}

// mayWrite says whether this device may publish at all.
func (r *Repo) mayWrite() error {
	d := r.Device()
	switch {
	case r.state == nil:
		return hint.New(CodeNoKey, errors.New("write: only a device can make backups"))
	case d == nil:
		return hint.New(CodeRevoked, errors.New("write: this device is not in the list of devices"))
	case d.Revoked:
		return hint.New(CodeRevoked, errors.New("write: this device was shut out of the repository"))
	case d.Role == format.ReadOnly:
		return hint.New("read_only", errors.New("write: this device only reads"))
	}
	return r.readsOnly
}

// openLocal opens spool, index and journal.
func (w *Writer) openLocal(ctx context.Context) error {
	w.spool = w.repo.spoolDir()
	if err := durable.MkdirAll(w.spool, 0o700); err != nil {
		return fmt.Errorf("open spool: %w", localError(err))
	}
	leftover, _ := filepath.Glob(filepath.Join(w.spool, spoolTemp))
	for _, path := range leftover {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("clean spool: %w", err)
		}
	}
	var err error
	var live []format.Digest
	if w.head != nil {
		live = w.head.Index
	}
	if w.index, w.packs, err = w.repo.openIndex(ctx, w.repo.ring.Device.ID, live); err != nil {
		return err
	}
	if w.journal, err = openJournal(w.repo.state.path(journalFile)); err != nil {
		return err
	}
	return w.resume(ctx)
}

// Scratch returns a folder for temporary files, emptied of what an earlier
// process left.
func (w *Writer) Scratch() (string, error) {
	dir := w.spool + ".tmp"
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("clean scratch: %w", err)
	}
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("open scratch: %w", localError(err))
	}
	return dir, nil
}

// ImageTables is the folder of what this device knows of its databases'
// images.
func (w *Writer) ImageTables() string { return w.repo.state.path(imagesDir) }

// spoolDir is where packs are filled: in the cache, or without one in the
// state folder.
func (r *Repo) spoolDir() string {
	if r.cache.dir != "" {
		return r.cache.path("spool")
	}
	return r.state.path("spool")
}

// Head returns the snapshot the next one follows, or nil.
func (w *Writer) Head() *Snapshot { return w.head }

// HeadReader opens the head snapshot for reading. It is nil on a device that
// can't read it, without a head, and where what it takes is damaged.
func (w *Writer) HeadReader(ctx context.Context) (*Reader, error) {
	if w.head == nil || !w.repo.CanRead() {
		return nil, nil
	}
	rd, err := w.repo.NewReader(ctx, w.head)
	return rd, damageIsNone(err)
}

// NextSeq returns the sequence number of the snapshot being made.
func (w *Writer) NextSeq() uint64 {
	if w.head == nil {
		return w.repo.nextSeqAfterLoss()
	}
	return max(w.head.Seq+1, w.repo.nextSeqAfterLoss())
}

// nextSeqAfterLoss never reuses a number this device has sealed before, even
// if the snapshots are gone from the remote, or damaged.
func (r *Repo) nextSeqAfterLoss() uint64 { return r.newestOwn().Seq + 1 }

// newestOwn is the newest snapshot of this device that it remembers or, if its
// state was lost, that the remote named when it was opened, provable or not.
func (r *Repo) newestOwn() format.Head {
	h, _ := r.seen.head(r.ring.Device.ID)
	if r.unseen.Seq > h.Seq {
		return r.unseen
	}
	return h
}

// noteUnseen remembers the newest snapshot the remote names of this device, if
// the device itself remembers none.
func (r *Repo) noteUnseen() {
	if r.ring.Device == nil {
		return
	}
	own := r.ring.Device.ID
	list := r.snapshots[own]
	if _, ok := r.seen.head(own); ok || len(list) == 0 {
		return
	}
	last := list[len(list)-1]
	r.unseen = format.Head{Device: own, Seq: last.Seq, Digest: last.Digest}
}

// previous is the name the next snapshot chains to.
func (w *Writer) previous() format.Digest {
	if h := w.repo.newestOwn(); w.head == nil || h.Seq > w.head.Seq {
		return h.Digest
	}
	return w.head.Name.Digest
}

// CutKey is the key that decides where this device cuts files.
func (w *Writer) CutKey() [32]byte { return w.repo.ring.Device.Secret.CutKey() }

// Estimate is what a dry run would have put, in bytes: packs as they are
// padded, an index and a snapshot.
func (w *Writer) Estimate() uint64 {
	const record = 6 << 10
	n := int64(w.stats.Uploaded.Load())
	if n == 0 {
		return record
	}
	full := n / w.opt.PackSize * w.opt.PackSize
	return uint64(full+format.PaddedPack(n-full)) + 2*record
}

// Stats returns the running counts.
func (w *Writer) Stats() *Stats { return &w.stats }

// Lost reports whether the ref's pack is known to be damaged or gone, or not
// known at all because the index that lists it is, so that its content must be
// stored again. The ref is one of the parent's.
func (w *Writer) Lost(ref format.Ref) bool {
	return w.lost[ref.Pack] || w.packs != nil && !w.packs[ref.Pack]
}

// AnyLost reports whether some ref of the parent may be lost.
func (w *Writer) AnyLost() bool { return len(w.lost) > 0 || w.packs != nil }

// Fresh reports whether the ref's chunk was stored by this Writer.
func (w *Writer) Fresh(ref format.Ref) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sinks[ref.Pack] != nil
}

// place gives a frame its place in the pack being filled and hands it over.
// w.mu must be held.
func (w *Writer) place(kind format.ChunkKind, id [32]byte, f frame, length int) (format.Ref, error) {
	n := int64(len(*f.data))
	if w.pack != nil && w.pack.size+n > w.opt.PackSize {
		w.closePack()
	}
	if w.pack == nil {
		if err := w.startPack(); err != nil {
			return format.Ref{}, err
		}
	}
	p := w.pack
	ref := format.Ref{ID: id, Length: uint64(length), Pack: p.token, Offset: uint64(p.size), Stored: uint64(n)}
	p.entries = append(p.entries, format.ContentsEntry{ID: id, Kind: kind, Stored: uint32(n), Length: uint32(length)})
	p.size += n
	w.current[id] = ref
	w.stats.NewBytes.Add(uint64(length))
	p.frames <- f
	return ref, nil
}

// startPack waits for room in the spool. w.mu must be held.
func (w *Writer) startPack() error {
	select {
	case w.room <- struct{}{}:
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
	w.tokens++
	p := &packSink{token: token(w.tokens), frames: make(chan frame, 4), done: make(chan struct{})}
	w.pack, w.sinks[p.token] = p, p
	go p.run(w.spool, w.repo.ring.Device.ID, w.data, func(f frame) { w.frames.Put(f.data) })
	return nil
}

// token stands for a name that is not known yet. It can't be a real one: those
// are hashes.
func token(n uint64) (d format.Digest) {
	copy(d[:], "pack being filled")
	binary.BigEndian.PutUint64(d[24:], n)
	return d
}

// closePack ends the pack being filled; it is journaled and sent as soon as it
// is sealed. w.mu must be held.
func (w *Writer) closePack() {
	p := w.pack
	if p == nil {
		return
	}
	w.pack = nil
	close(p.frames)
	w.done.Add(1)
	go func() {
		defer w.done.Done()
		if err := w.sealed(p); err != nil {
			w.cancel(err)
		}
	}()
}

// sealed journals a pack once it is whole, makes its name known and queues it.
func (w *Writer) sealed(p *packSink) error {
	<-p.done
	if p.err != nil {
		return p.err
	}
	pack := p.describe()
	if err := w.journal.sealed(pack); err != nil {
		return err
	}
	insertPack(w.index, pack)
	select { // before taking the lock, whose holder may be waiting for room
	case w.queue <- upload{pack: pack}:
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range pack.Entries {
		delete(w.current, e.ID)
	}
	return nil
}

// Resolve returns the real name of a pack for what a Ref of this Writer calls
// it. It waits until the pack is sealed; call it only after Flush, or for a
// pack that is not being filled.
func (w *Writer) Resolve(pack format.Digest) format.Digest {
	w.mu.Lock()
	p := w.sinks[pack]
	w.mu.Unlock()
	if p == nil {
		return pack
	}
	<-p.done
	return p.name
}

// Flush seals the pack being filled and waits until everything has arrived.
// No Worker may be used any more.
func (w *Writer) Flush() error {
	w.mu.Lock()
	w.closePack()
	w.mu.Unlock()
	w.awaitSinks()
	return w.stop()
}

// awaitSinks waits until every pack is sealed and queued.
func (w *Writer) awaitSinks() {
	for range cap(w.room) { // all room is free once everything has been sent
		select {
		case w.room <- struct{}{}:
		case <-w.ctx.Done():
			return
		}
	}
}

// stop ends the uploads and returns what went wrong.
func (w *Writer) stop() error {
	if w.queue != nil {
		w.cancelIdle()
	}
	w.done.Wait()
	if err := context.Cause(w.ctx); err != nil && !errors.Is(err, errFlushed) {
		return err
	}
	return nil
}

var errFlushed = errors.New("flushed")

func (w *Writer) cancelIdle() { w.cancel(errFlushed) }

// Close gives up what was not published. Packs that arrived stay known to the
// journal and are used by the next Writer.
func (w *Writer) Close() error {
	w.cancel(context.Canceled)
	w.mu.Lock()
	w.closePack()
	w.mu.Unlock()
	w.done.Wait()
	return errors.Join(w.journal.close(), w.index.Close())
}

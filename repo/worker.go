package repo

import (
	"context"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/chunker"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Worker names, compresses and places chunks. Each goroutine that stores
// something has one of its own.
type Worker struct {
	w     *Writer
	namer *crypto.Namer
	zstd  *zstd.Encoder
}

// MaxChunk is the most bytes a chunk may have.
const MaxChunk = 4 << 20

// Worker returns a new Worker.
func (w *Writer) Worker() *Worker {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // only for impossible options
	}
	return &Worker{w: w, namer: crypto.NewNamer(w.repo.ring.Device.Secret.IDKey()), zstd: enc}
}

// Add stores a chunk, or finds that it is stored already. The data may be
// reused once Add returns. The Ref may name a pack that is still being filled;
// Writer.Resolve tells its real name after Flush.
func (k *Worker) Add(kind format.ChunkKind, data []byte) (format.Ref, error) {
	if len(data) > MaxChunk {
		return format.Ref{}, fmt.Errorf("store chunk: %d bytes are too many", len(data))
	}
	id := k.namer.ID(data)
	for {
		ref, ok, err := k.w.known(id, len(data))
		if ok || err != nil {
			return ref, err
		}
		if wait := k.w.claim(id); wait != nil {
			select {
			case <-wait:
				continue
			case <-k.w.ctx.Done():
				return format.Ref{}, context.Cause(k.w.ctx)
			}
		}
		return k.store(kind, id, data)
	}
}

func (k *Worker) store(kind format.ChunkKind, id [32]byte, data []byte) (format.Ref, error) {
	defer k.w.release(id)
	buf := k.w.frames.Get().(*[]byte)
	*buf = k.compress((*buf)[:0], data)
	f := frame{buf}
	k.w.mu.Lock()
	defer k.w.mu.Unlock()
	if k.w.opt.DryRun {
		ref := format.Ref{ID: id, Length: uint64(len(data)), Stored: uint64(len(*buf))}
		k.w.current[id] = ref
		k.w.stats.NewBytes.Add(uint64(len(data)))
		k.w.stats.Uploaded.Add(uint64(len(*buf)))
		k.w.frames.Put(buf)
		return ref, nil
	}
	return k.w.place(kind, id, f, len(data))
}

// rawFrom is the size from which noise is stored as it is: less is as quickly
// compressed as looked at.
const rawFrom = 4 << 10

// compress appends data as a zstd frame.
func (k *Worker) compress(b, data []byte) []byte {
	if len(data) >= rawFrom && chunker.Noise(data) {
		return format.AppendRaw(b, data)
	}
	return k.zstd.EncodeAll(data, b)
}

// known looks a chunk up among those of this run and those that this device's
// own indexes promise.
func (w *Writer) known(id [32]byte, length int) (format.Ref, bool, error) {
	if err := context.Cause(w.ctx); err != nil {
		return format.Ref{}, false, err
	}
	w.mu.Lock()
	ref, ok := w.current[id]
	w.mu.Unlock()
	if ok {
		return ref, true, nil
	}
	e, pack, ok, err := w.index.Lookup(id)
	if err != nil || !ok || int(e.Length) != length || w.lost[pack] {
		return format.Ref{}, false, err
	}
	return format.Ref{ID: id, Length: uint64(e.Length), Pack: pack, Offset: uint64(e.Offset), Stored: uint64(e.Stored)}, true, nil
}

// claim takes the right to store a chunk, or returns a channel that closes
// when whoever has it is done.
func (w *Writer) claim(id [32]byte) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if done, ok := w.flight[id]; ok {
		return done
	}
	w.flight[id] = make(chan struct{})
	return nil
}

func (w *Writer) release(id [32]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.flight[id])
	delete(w.flight, id)
}

// AddNode stores a chunk of the tree. encode is given the refs' real pack
// names by way of a function: it returns zero for the pack the node itself
// will lie in, as the format wants it.
func (k *Worker) AddNode(kind format.ChunkKind, encode func(resolve func(format.Digest) format.Digest) []byte) (format.Ref, error) {
	if k.w.opt.DryRun {
		return k.Add(kind, encode(func(d format.Digest) format.Digest { return d }))
	}
	k.w.mu.Lock()
	defer k.w.mu.Unlock()
	data := encode(k.w.resolveLocked)
	if len(data) > MaxChunk {
		return format.Ref{}, fmt.Errorf("store tree: a node of %d bytes is too large", len(data))
	}
	buf := k.w.frames.Get().(*[]byte)
	*buf = k.zstd.EncodeAll(data, (*buf)[:0])
	if p := k.w.pack; p != nil && p.size+int64(len(*buf)) > k.w.opt.PackSize {
		// It goes to a new pack, so what it says of "this pack" must be said anew.
		k.w.closePack()
		data = encode(k.w.resolveLocked)
		*buf = k.zstd.EncodeAll(data, (*buf)[:0])
	}
	id := k.namer.ID(data)
	if ref, ok := k.w.current[id]; ok {
		k.w.frames.Put(buf)
		return ref, nil
	}
	if e, pack, ok, err := k.w.index.Lookup(id); err != nil {
		return format.Ref{}, err
	} else if ok && !k.w.lost[pack] && int(e.Length) == len(data) {
		k.w.frames.Put(buf)
		return format.Ref{ID: id, Length: uint64(e.Length), Pack: pack, Offset: uint64(e.Offset), Stored: uint64(e.Stored)}, nil
	}
	return k.w.place(kind, id, frame{buf}, len(data))
}

// resolveLocked returns a pack's real name, or zero for the one being filled.
// w.mu must be held: no pack is opened or closed meanwhile.
func (w *Writer) resolveLocked(d format.Digest) format.Digest {
	p := w.sinks[d]
	switch {
	case p == nil:
		return d
	case p == w.pack:
		return format.Digest{}
	}
	<-p.done // needs no lock to finish
	return p.name
}

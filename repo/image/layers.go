package image

import (
	"fmt"
	"sort"

	"github.com/chatkeep/chatkeep/repo/format"
)

// Bounds of what the parts of a layer take, so that none exceeds MaxLayer.
const (
	layerRoom  = 64 // length, and the heads of the fields
	extentRoom = 24
	sourceRoom = 32
)

// layerWriter writes extents in ascending order, in as many layers as it
// takes. Each says the final length: a later one cuts nothing off.
type layerWriter struct {
	add   func(format.ChunkKind, []byte) (format.Ref, error)
	base  []format.Ref
	start []uint64 // of each base segment in the base, and the base's end

	layer   format.Layer
	sources map[int]uint64 // segment → its number in the layer
	data    []byte         // literal bytes of the layer
	size    int            // of the layer, at most
	refs    []format.Ref
	bytes   uint64
}

func newLayerWriter(length uint64, add func(format.ChunkKind, []byte) (format.Ref, error), base []format.Ref) *layerWriter {
	w := &layerWriter{add: add, base: base, start: make([]uint64, len(base)+1)}
	for i := range base {
		w.start[i+1] = w.start[i] + base[i].Length
	}
	w.layer.Length = length
	w.data = make([]byte, 0, MaxLayer)
	w.reset()
	return w
}

func (w *layerWriter) reset() {
	w.layer.Sources, w.layer.Extents = nil, w.layer.Extents[:0]
	w.sources, w.data, w.size = map[int]uint64{}, w.data[:0], layerRoom
}

// last returns the extent that ends at a place, if it is of this source.
func (w *layerWriter) last(at, source uint64) *format.Extent {
	if n := len(w.layer.Extents); n > 0 {
		if x := &w.layer.Extents[n-1]; x.At+x.N == at && x.Source == source {
			return x
		}
	}
	return nil
}

// literal writes bytes.
func (w *layerWriter) literal(at uint64, b []byte) error {
	if err := w.room(extentRoom + len(b)); err != nil {
		return err
	}
	w.data = append(w.data, b...)
	w.size += len(b)
	if x := w.last(at, 0); x != nil {
		x.N += uint64(len(b))
		x.Bytes = x.Bytes[:x.N]
		return nil
	}
	w.size += extentRoom
	w.layer.Extents = append(w.layer.Extents, format.Extent{At: at, N: uint64(len(b)), Bytes: w.data[len(w.data)-len(b):]})
	return nil
}

// copy writes n bytes that stand at from in the base.
func (w *layerWriter) copy(at, n, from uint64) error {
	k := sort.Search(len(w.base), func(i int) bool { return w.start[i+1] > from })
	if k == len(w.base) || from+n > w.start[k+1] {
		return fmt.Errorf("the base has no %d bytes at %d in one segment", n, from)
	}
	from -= w.start[k]
	if err := w.room(extentRoom + sourceRoom); err != nil {
		return err
	}
	source := w.sources[k]
	if x := w.last(at, source); source > 0 && x != nil && x.From+x.N == from {
		x.N += n
		return nil
	}
	if source == 0 {
		w.layer.Sources = append(w.layer.Sources, w.base[k].ID)
		source = uint64(len(w.layer.Sources))
		w.sources[k] = source
		w.size += sourceRoom
	}
	w.size += extentRoom
	w.layer.Extents = append(w.layer.Extents, format.Extent{At: at, N: n, Source: source, From: from})
	return nil
}

// room makes sure that n more bytes fit into the layer.
func (w *layerWriter) room(n int) error {
	if w.size+n <= MaxLayer && len(w.layer.Extents) < format.MaxExtents {
		return nil
	}
	return w.flush()
}

// flush stores the layer. One without extents sets the length, if nothing else
// did.
func (w *layerWriter) flush() error {
	if len(w.layer.Extents) == 0 && len(w.refs) > 0 {
		return nil
	}
	b := w.layer.Encode()
	ref, err := w.add(format.ChunkLayer, b)
	if err != nil {
		return err
	}
	w.refs = append(w.refs, ref)
	w.bytes += uint64(len(b))
	w.reset()
	return nil
}

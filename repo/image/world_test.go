package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"github.com/chatkeep/chatkeep/repo/format"
)

// chunks is a repository as far as this package sees one. It counts.
type chunks struct {
	t      testing.TB
	data   map[[32]byte][]byte
	stored uint64 // bytes of chunks that were new
	read   uint64
	lists  map[[32]byte][]format.Ref
}

func newChunks(t testing.TB) *chunks {
	return &chunks{t: t, data: map[[32]byte][]byte{}, lists: map[[32]byte][]format.Ref{}}
}

var errTooLong = errors.New("too long for a chunk")

func (s *chunks) add(kind format.ChunkKind, data []byte) (format.Ref, error) {
	if len(data) > MaxLayer {
		return format.Ref{}, errTooLong
	}
	ref := format.Ref{ID: sha256.Sum256(append([]byte("chunk"), data...)), Length: uint64(len(data))}
	if _, ok := s.data[ref.ID]; !ok {
		s.data[ref.ID] = bytes.Clone(data)
		s.stored += ref.Length
	}
	return ref, nil
}

// body makes one list of more than three segments, so that both depths occur.
func (s *chunks) body(refs []format.Ref) ([]format.Ref, uint64, error) {
	if len(refs) <= 3 {
		return refs, 0, nil
	}
	list, err := s.add(format.ChunkList, (&format.RefList{Refs: refs}).Encode())
	s.lists[list.ID] = refs
	return []format.Ref{list}, 1, err
}

func (s *chunks) base(c *format.Content) []format.Ref {
	if c == nil || c.Depth == 0 {
		if c == nil {
			return nil
		}
		return c.Refs
	}
	return s.lists[c.Refs[0].ID]
}

func (s *chunks) store() Store { return Store{Add: s.add, Body: s.body} }

var errLost = errors.New("lost")

// fetch answers in reverse, and takes the bytes away after the call.
func (s *chunks) fetch(ctx context.Context, refs []format.Ref, got func(int, []byte, error)) {
	for i := len(refs) - 1; i >= 0; i-- {
		data, ok := s.data[refs[i].ID]
		if err := ctx.Err(); err != nil {
			got(i, nil, err)
			continue
		}
		if !ok {
			got(i, nil, errLost)
			continue
		}
		s.read += uint64(len(data))
		b := bytes.Clone(data)
		got(i, b, nil)
		clear(b)
	}
}

// memFile is a File in memory.
type memFile struct{ b []byte }

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(f.b).ReadAt(p, off)
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if end := int(off) + len(p); end > len(f.b) {
		f.Truncate(int64(end))
	}
	return copy(f.b[off:], p), nil
}

func (f *memFile) Truncate(size int64) error {
	if size > 1<<32 {
		return errors.New("no space left on device")
	}
	if int(size) <= len(f.b) {
		f.b = f.b[:size:size]
		return nil
	}
	f.b = append(f.b, make([]byte, int(size)-len(f.b))...)
	return nil
}

func (s *chunks) apply(c *format.Content) ([]byte, error) {
	f := &memFile{b: []byte("what was there before")}
	err := Apply(s.t.Context(), c, s.base(c), f, s.fetch, s.t.TempDir())
	return f.b, err
}

func proofOf(b []byte) [32]byte {
	var all []byte
	for ; len(b) > 0; b = b[min(len(b), 4096):] {
		h := sha256.Sum256(b[:min(len(b), 4096)])
		all = append(all, h[:]...)
	}
	return sha256.Sum256(all)
}

// db is a database that is backed up again and again.
type db struct {
	t      testing.TB
	s      *chunks
	image  []byte // as it is now
	last   []byte // as last published
	c      *format.Content
	table  *Table
	plain  bool
	kinds  map[Kind]int
	twice  int // captures that had to be done again
	seldom int // if set, only so often a backup is restored
	steps  int
}

func newDB(t testing.TB, image []byte) *db {
	return &db{t: t, s: newChunks(t), image: image, kinds: map[Kind]int{}}
}

// full writes every block.
func (x *db) full(d *Delta) error {
	for at := 0; at < len(x.image); at += SegmentSize {
		if _, err := d.WriteAt(x.image[at:min(at+SegmentSize, len(x.image))], int64(at)); err != nil {
			return err
		}
	}
	return d.Truncate(int64(len(x.image)))
}

// patch writes the blocks that differ, and a last one that has another length.
func (x *db) patch(d *Delta) error {
	if err := d.Truncate(int64(len(x.image))); err != nil {
		return err
	}
	for at := 0; at < len(x.image); at += BlockSize {
		b := x.image[at:min(at+BlockSize, len(x.image))]
		if at < len(x.last) && bytes.Equal(b, x.last[at:min(at+BlockSize, len(x.last))]) {
			continue
		}
		if at >= len(x.last) && bytes.Equal(b, zeros[:len(b)]) {
			continue
		}
		if _, err := d.WriteAt(b, int64(at)); err != nil {
			return err
		}
	}
	return nil
}

// backup captures and publishes as a caller should, and checks what came out.
func (x *db) backup(patch bool) *Plan {
	x.t.Helper()
	p, err := x.tryBackup(patch)
	if err != nil {
		x.t.Fatal(err)
	}
	return p
}

func (x *db) tryBackup(patch bool) (*Plan, error) {
	keep := Wants(x.table)
	for round := 0; ; round++ {
		if round > 2 {
			return nil, errors.New("captured more than three times")
		}
		since := patch && x.table != nil && !keep.Full()
		d, err := NewDelta(DeltaOptions{Parent: x.table, Patch: since, Keep: keep, Dir: x.t.TempDir()})
		if err != nil {
			return nil, err
		}
		capture := x.full
		if since {
			capture = x.patch
		}
		if err := capture(d); err != nil {
			return nil, err
		}
		p, err := d.Plan(x.plain)
		if err != nil {
			return nil, err
		}
		if p.Ready {
			err = x.publish(d, p)
		} else {
			keep = p.Needs
			x.twice++
		}
		if err := errors.Join(err, d.Close()); err != nil || p.Ready {
			return p, err
		}
	}
}

func (x *db) publish(d *Delta, p *Plan) error {
	proof, err := d.Proof()
	if err != nil {
		return err
	}
	r, err := Build(d, p, Parent{x.c, x.s.base(x.c)}, x.s.store())
	if err != nil {
		return err
	}
	if want := proofOf(x.image); proof != want || r.Content.Proof != want || d.Length() != uint64(len(x.image)) {
		return fmt.Errorf("%v: %d bytes with another proof", p.Kind, d.Length())
	}
	if !r.Table.Describes(r.Content) || !r.Table.sound() {
		return fmt.Errorf("%v: the table is not of its content", p.Kind)
	}
	x.kinds[p.Kind]++
	x.c, x.table, x.last = r.Content, r.Table, bytes.Clone(x.image)
	if x.steps++; x.seldom > 0 && x.steps%x.seldom != 0 {
		return nil
	}
	return x.restores()
}

// restores checks that the published content is the image.
func (x *db) restores() error {
	got, err := x.s.apply(x.c)
	if err == nil && !bytes.Equal(got, x.image) {
		err = errors.New("restored something else")
	}
	return err
}

// reads returns the bytes that a restore reads.
func (x *db) reads() uint64 { return x.table.base + x.table.LayerBytes() }

// reload sends the table through its file.
func (x *db) reload() {
	x.t.Helper()
	var b bytes.Buffer
	if err := x.table.write(&b); err != nil {
		x.t.Fatal(err)
	}
	t, err := readTable(&b, uint64(b.Len()))
	if err != nil {
		x.t.Fatal(err)
	}
	x.table = t
}

// layer decodes one of the content's layers.
func (x *db) layer(i int) *format.Layer {
	x.t.Helper()
	l, err := format.DecodeLayer(x.s.data[x.c.Layers[i].ID])
	if err != nil {
		x.t.Fatal(err)
	}
	return l
}

// lost is an add that fails.
func (s *chunks) lost(format.ChunkKind, []byte) (format.Ref, error) { return format.Ref{}, errLost }

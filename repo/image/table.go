package image

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/chatkeep/chatkeep/repo/format"
)

// Table is what this device knows of one database's image as last published:
// the hash of each block, and where its bytes stand. It is never changed once
// made, and may be used concurrently.
type Table struct {
	length uint64
	base   uint64 // length of the base
	of     Fingerprint
	groups []group
	hashes []Hash
	set    []uint8  // group that set each block last; 0: none, it is the base's
	moved  []uint32 // 1 + block of the base that a set block is a copy of; 0: its bytes are in a layer; nil: none is a copy
}

// group is the layers that one backup added, or one merge.
type group struct {
	length uint64 // of the image after it
	bytes  uint64 // of its layers
	layers uint64 // how many
}

// Fingerprint tells contents apart that have the same proof but other chunks.
type Fingerprint [32]byte

// FingerprintOf returns the fingerprint of a content.
func FingerprintOf(c *format.Content) Fingerprint {
	h := sha256.New()
	h.Write(c.Proof[:])
	for _, list := range [][]format.Ref{c.Refs, c.Layers, c.Kept} {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(list))))
		for i := range list {
			h.Write(list[i].ID[:])
		}
	}
	return Fingerprint(h.Sum(nil))
}

// Steps returns how many groups of layers lie on the base: backups since it
// was made, of which merges joined some.
func (t *Table) Steps() int { return len(t.groups) }

// LayerBytes returns the bytes of all layers.
func (t *Table) LayerBytes() (n uint64) {
	for _, g := range t.groups {
		n += g.bytes
	}
	return n
}

// Describes reports whether the table is one of this very content: only then
// may it be trusted.
func (t *Table) Describes(c *format.Content) bool {
	return c.Image && c.Length == t.length && uint64(len(c.Layers)) == t.layersBefore(len(t.groups)+1) &&
		t.of == FingerprintOf(c) && t.Proof() == c.Proof
}

// Proof returns the image's proof.
func (t *Table) Proof() [32]byte {
	h := sha256.New()
	for i := range t.hashes {
		h.Write(t.hashes[i][:])
	}
	return [32]byte(h.Sum(nil))
}

// origin returns the block of the base that has the bytes of block i.
func (t *Table) origin(i int) (int, bool) {
	if t.set[i] == 0 {
		return i, true
	}
	if t.moved != nil && t.moved[i] > 0 {
		return int(t.moved[i] - 1), true
	}
	return 0, false
}

// lengthBefore returns the image's length before a group's layers.
func (t *Table) lengthBefore(group int) uint64 {
	if group <= 1 {
		return t.base
	}
	return t.groups[group-2].length
}

// layersBefore returns how many layers lie below those of a group.
func (t *Table) layersBefore(group int) (n uint64) {
	for _, g := range t.groups[:group-1] {
		n += g.layers
	}
	return n
}

// grown returns a copy for an image of another length. What it says of new
// blocks is for the caller to fill in.
func (t *Table) grown(length uint64) *Table {
	n := blocksOf(length)
	c := &Table{length: length, base: t.base, groups: slices.Clone(t.groups), hashes: make([]Hash, n), set: make([]uint8, n)}
	copy(c.hashes, t.hashes)
	copy(c.set, t.set)
	if t.moved != nil {
		c.moved = make([]uint32, n)
		copy(c.moved, t.moved)
	}
	return c
}

// Rebuild makes the table of a content anew, from its image and the lengths of
// its base and layers. Which layer set a block is not known any more, so the
// next merge becomes a new base.
func Rebuild(ctx context.Context, c *format.Content, base uint64, file io.Reader) (*Table, error) {
	t := (&Table{base: base}).grown(c.Length)
	buf := make([]byte, BlockSize)
	for i := range t.hashes {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		block := buf[:blockLength(c.Length, i)]
		if _, err := io.ReadFull(file, block); err != nil {
			return nil, fmt.Errorf("rebuild block table: %w", err)
		}
		t.hashes[i] = sha256.Sum256(block)
	}
	if len(c.Layers) > 0 {
		g := group{length: c.Length, layers: uint64(len(c.Layers))}
		for _, l := range c.Layers {
			g.bytes += l.Length
		}
		t.groups = []group{g}
		for i := range t.set {
			t.set[i] = 1
		}
	}
	t.of = FingerprintOf(c)
	if !t.Describes(c) {
		return nil, ErrProof
	}
	return t, nil
}

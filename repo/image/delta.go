package image

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// ErrIncomplete: a capture that patched the parent left out what it cut, or
// lengthened, a last block to. A capture of everything helps.
var ErrIncomplete = errors.New("the capture left out part of a block")

// Keep says which blocks a delta keeps beside those that changed.
type Keep uint16

// The least and the most that a delta can keep. What a merge needs lies
// between.
const (
	KeepAll     Keep = 0
	KeepChanged Keep = 256
)

// Full reports whether only a capture that writes every block brings what is
// to be kept.
func (k Keep) Full() bool { return k < KeepChanged }

// keeps reports whether a block that a group set is kept.
func (k Keep) keeps(group uint8) bool { return Keep(group) >= k }

// DeltaOptions tune a delta.
type DeltaOptions struct {
	Parent *Table // of the image as last published; nil if it is not known
	// Patch says that the delta begins as the parent's image and that the
	// capture may write only what changed. Otherwise it begins empty.
	Patch bool
	Keep  Keep
	Dir   string // a private folder for a temporary file
}

// Delta collects the capture of a database, and is a sources.Target. It holds
// no bytes in memory, only 4 per block and 32 per block that it keeps; kept
// are the blocks that differ from the parent's, in a temporary file. It is
// used by one goroutine.
type Delta struct {
	parent *Table
	keep   Keep
	file   *spill
	length uint64
	short  uint64  // where a last block ended that was written before the cut; 0: none
	slots  []int32 // per block: its place in the file, or a negative slot
	hashes []Hash  // per place
	free   []int32 // places
}

// NewDelta starts a delta. The caller closes it.
func NewDelta(o DeltaOptions) (*Delta, error) {
	file, err := newSpill(o.Dir)
	if err != nil {
		return nil, err
	}
	d := &Delta{parent: o.Parent, keep: o.Keep, file: file}
	if o.Parent != nil && o.Patch {
		d.length = o.Parent.length
		d.slots = make([]int32, blocksOf(d.length))
		for i := range d.slots {
			d.slots[i] = slotSame
		}
	}
	return d, nil
}

// Close drops the temporary file.
func (d *Delta) Close() error { return d.file.Close() }

// Length returns the bytes of the image as captured so far.
func (d *Delta) Length() uint64 { return d.length }

// WriteAt sets blocks.
func (d *Delta) WriteAt(p []byte, off int64) (int, error) {
	if err := d.write(p, off, false); err != nil {
		return 0, fmt.Errorf("keep changed blocks: %w", err)
	}
	return len(p), nil
}

// Hold sets blocks that ReadAt can read until they are set again.
func (d *Delta) Hold(p []byte, off int64) error {
	if err := d.write(p, off, true); err != nil {
		return fmt.Errorf("keep changed blocks: %w", err)
	}
	return nil
}

func (d *Delta) write(p []byte, off int64, hold bool) error {
	end := uint64(off) + uint64(len(p))
	if off < 0 || off%BlockSize != 0 || end > maxLength {
		return fmt.Errorf("%d bytes at %d are no blocks of an image", len(p), off)
	}
	if err := d.grow(end); err != nil {
		return err
	}
	if d.short > uint64(off) && d.short <= end {
		d.short = 0 // set anew
	}
	if end < d.length && end%BlockSize != 0 {
		if d.short > 0 {
			return fmt.Errorf("two last blocks, which end at %d and %d", d.short, end)
		}
		d.short = end
	}
	return d.set(p, int(off/BlockSize), hold)
}

// set sets the blocks from first on. Blocks that lie side by side in the file
// are written in one go.
func (d *Delta) set(p []byte, first int, hold bool) error {
	run, place := 0, int32(0) // bytes before p that are yet to be written, and where to
	rest := p
	flush := func() error {
		done := len(p) - len(rest)
		_, err := d.file.WriteAt(p[done-run:done], int64(place)*BlockSize)
		run = 0
		return err
	}
	for i := first; len(rest) > 0; i++ {
		block := rest[:min(len(rest), BlockSize)]
		slot := d.place(i, sha256.Sum256(block), hold)
		if run > 0 && (slot < 0 || slot != place+int32(run/BlockSize)) {
			if err := flush(); err != nil {
				return err
			}
		}
		if rest = rest[len(block):]; slot < 0 {
			continue
		}
		if run == 0 {
			place = slot
		}
		if run += len(block); len(block) < BlockSize {
			// Zeros follow, should the file grow.
			if _, err := d.file.WriteAt(zeros[len(block):], int64(slot)*BlockSize+int64(len(block))); err != nil {
				return err
			}
		}
	}
	if run > 0 {
		return flush()
	}
	return nil
}

// Truncate sets the length of the image. What is missing is zeros.
func (d *Delta) Truncate(size int64) error {
	if size < 0 || size > maxLength {
		return fmt.Errorf("keep changed blocks: %d is no length of an image", size)
	}
	var err error
	if uint64(size) > d.length {
		err = d.grow(uint64(size))
	} else {
		err = d.cut(uint64(size))
	}
	if err != nil {
		return fmt.Errorf("keep changed blocks: %w", err)
	}
	return nil
}

func (d *Delta) grow(length uint64) error {
	if length <= d.length {
		return nil
	}
	last, old := len(d.slots)-1, d.length
	d.length = length
	for n := blocksOf(length); len(d.slots) < n; {
		d.slots = append(d.slots, slotZero)
	}
	if old%BlockSize != 0 {
		return d.resized(last)
	}
	return nil
}

func (d *Delta) cut(length uint64) error {
	if length <= d.short {
		d.short = 0
	}
	if length == d.length {
		return nil
	}
	n := blocksOf(length)
	for i := n; i < len(d.slots); i++ {
		d.drop(i)
	}
	d.slots, d.length = d.slots[:n], length
	if length%BlockSize != 0 {
		return d.resized(n - 1)
	}
	return nil
}

// ReadAt reads blocks that are kept: those that were set with Hold, and
// whatever else had to be.
func (d *Delta) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read kept blocks: offset %d", off)
	}
	done := 0
	for done < len(p) && uint64(off) < d.length {
		n := min(uint64(len(p)-done), d.length-uint64(off), BlockSize-uint64(off)%BlockSize)
		if err := d.read(p[done:done+int(n)], off); err != nil {
			return done, fmt.Errorf("read kept blocks: %w", err)
		}
		done, off = done+int(n), off+int64(n)
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// Proof returns the proof of what was captured. The error wraps
// [ErrIncomplete].
func (d *Delta) Proof() (proof [32]byte, err error) {
	if err := d.complete(); err != nil {
		return proof, err
	}
	sum := sha256.New()
	var h Hash
	for i := range d.slots {
		h = d.hash(i)
		sum.Write(h[:])
	}
	return [32]byte(sum.Sum(nil)), nil
}

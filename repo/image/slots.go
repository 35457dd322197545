package image

import (
	"crypto/sha256"
	"fmt"
)

// What the slot of a block says that has no place in a delta's file.
const (
	slotSame int32 = -1 - iota // the parent's
	slotZero                   // never set
	slotTorn                   // the parent's in part, which can't be read back
)

// place returns where in the file the new bytes of block i go, or a negative
// number if they are not kept.
func (d *Delta) place(i int, h Hash, hold bool) int32 {
	t := d.parent
	if !hold && t != nil && i < len(t.hashes) && t.hashes[i] == h && !d.keep.keeps(t.set[i]) {
		d.drop(i)
		d.slots[i] = slotSame
		return slotSame
	}
	slot := d.slots[i]
	if slot < 0 {
		if n := len(d.free); n > 0 {
			slot, d.free = d.free[n-1], d.free[:n-1]
		} else {
			slot = int32(len(d.hashes))
			d.hashes = append(d.hashes, h)
		}
		d.slots[i] = slot
	}
	d.hashes[slot] = h
	return slot
}

// drop frees the place of block i.
func (d *Delta) drop(i int) {
	if slot := d.slots[i]; slot >= 0 {
		d.free = append(d.free, slot)
	}
}

// resized hashes block i again, which the image's end cut or lengthened.
func (d *Delta) resized(i int) error {
	slot, n := d.slots[i], blockLength(d.length, i)
	if slot == slotSame && n != blockLength(d.parent.length, i) {
		d.slots[i] = slotTorn
	}
	if slot < 0 {
		return nil
	}
	var b [BlockSize]byte
	if _, err := d.file.ReadAt(b[:], int64(slot)*BlockSize); err != nil {
		return err
	}
	clear(b[n:])
	d.hashes[slot] = sha256.Sum256(b[:n])
	_, err := d.file.WriteAt(b[:], int64(slot)*BlockSize)
	return err
}

// read reads within one block.
func (d *Delta) read(p []byte, off int64) error {
	i := int(off / BlockSize)
	switch slot := d.slots[i]; slot {
	case slotSame, slotTorn:
		return fmt.Errorf("block %d is not kept", i)
	case slotZero:
		clear(p)
		return nil
	default:
		_, err := d.file.ReadAt(p, int64(slot)*BlockSize+off%BlockSize)
		return err
	}
}

// hash returns the hash of block i.
func (d *Delta) hash(i int) Hash {
	switch slot := d.slots[i]; slot {
	case slotSame:
		return d.parent.hashes[i]
	case slotZero:
		return zeroBlock(blockLength(d.length, i))
	default:
		return d.hashes[slot]
	}
}

// kept reports whether the bytes of block i can be read.
func (d *Delta) kept(i int) bool { return d.slots[i] >= 0 || d.slots[i] == slotZero }

// changed reports whether block i is another than the parent's, or new.
func (d *Delta) changed(i int) bool {
	t := d.parent
	return d.slots[i] != slotSame && (t == nil || i >= len(t.hashes) || d.hash(i) != t.hashes[i])
}

// complete returns an error unless every block is known.
func (d *Delta) complete() error {
	if d.short > 0 {
		return fmt.Errorf("%w: it ends at %d, the image at %d", ErrIncomplete, d.short, d.length)
	}
	for i, slot := range d.slots {
		if slot == slotTorn {
			return fmt.Errorf("%w: block %d of %d", ErrIncomplete, i, len(d.slots))
		}
	}
	return nil
}

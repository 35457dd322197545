package image

import (
	"errors"
	"fmt"

	"github.com/shirou/gopsutil/v4/disk"

	"github.com/chatkeep/chatkeep/repo/format"
)

// ErrRoom: an image claims more bytes than are free where it is to be laid.
// Layers of a few bytes can claim any length.
var ErrRoom = errors.New("no room for the image")

// maxRewrites is how often over layers may write an image: writers merge those
// that make more than about twice of it.
const maxRewrites = 64

// fits refuses an image that no writer makes or that would fill the disk. body
// is the length of the base, and layers tells of each layer.
func (a *applier) fits(layers []claim) error {
	longest, written := a.c.Length, uint64(0)
	for i := range a.body {
		written += a.body[i].Length
	}
	longest = max(longest, written)
	for _, l := range layers {
		longest, written = max(longest, l.length), written+l.writes
	}
	if written/maxRewrites > longest {
		return fmt.Errorf("%w: %d bytes, and layers that write %d", format.ErrMalformed, longest, written)
	}
	if free, known := a.free(); known && longest > free {
		return fmt.Errorf("%w: it takes %d bytes, and %d are free", ErrRoom, longest, free)
	}
	return nil
}

// claim is what one layer says: the length it makes, and how much it writes.
type claim struct{ length, writes uint64 }

func claimOf(l *format.Layer) (c claim) {
	c.length = l.Length
	for i := range l.Extents {
		c.writes += l.Extents[i].N
	}
	return c
}

// freeAt returns how many bytes are free on a folder's file system.
func freeAt(dir string) (uint64, bool) {
	usage, err := disk.Usage(dir)
	if err != nil {
		return 0, false // some file systems don't tell; the disk will
	}
	return usage.Free, true
}

package snapshot

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/shirou/gopsutil/v4/disk"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/image"
)

// A few chunks, named again and again, can make a file of any length. So what an
// entry claims is held against the disk and against its chunks before anything
// of it is written.

// fits refuses a large file that the disk has no room for, unless it seems to be
// there already.
func (rs *restorer) fits(full string, c *format.Content) error {
	if c.Length < batchBytes || rs.taken(full, func(info os.FileInfo) bool { return uint64(info.Size()) == c.Length }) {
		return nil
	}
	usage, err := disk.Usage(rs.opt.To)
	if err != nil || c.Length <= usage.Free {
		return nil // some file systems don't tell; the disk will
	}
	return hint.New(CodeTargetFull, fmt.Errorf("write a file of %d bytes: %d are free", c.Length, usage.Free), "need", c.Length, "free", usage.Free)
}

// addUp refuses chunks that are not exactly the bytes of a plain file.
func addUp(c *format.Content, refs []format.Ref) error {
	sum := uint64(0)
	for i := range refs {
		sum += refs[i].Length
	}
	if sum != c.Length {
		return fmt.Errorf("%w: its chunks don't add up", format.ErrMalformed)
	}
	return nil
}

// reasonOf returns the code of why an entry failed: what its error says, or the
// one given.
func reasonOf(err error, otherwise string) string {
	h := hint.Find(err)
	switch {
	case repo.Damage(err):
		return reasonDamaged
	case errors.Is(err, image.ErrRoom):
		return CodeTargetFull
	case h != nil && slices.Contains([]hint.Code{CodeFileExists, CodeTargetFull, CodeNameUnwritable, CodeNameCollides}, h.Code):
		return string(h.Code)
	}
	return otherwise
}

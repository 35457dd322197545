// Package index remembers, on this device's disk, where every chunk lies.
//
// An entry says in which pack a chunk is, where in it and how long. A run is
// an immutable file of entries sorted by chunk id, with a table of pack names.
// A [Set] is several runs, newest first, over a delta in memory that takes new
// entries and is flushed to become a run. Runs are merged by streaming, so
// millions of entries cost a few MiB of memory and about a microsecond per
// look-up.
//
// All of it is a cache, made from the index objects of the repository. A
// damaged run is reported with [ErrDamaged] and never half believed; the
// caller deletes it and makes it again. The files are no part of the stored
// format: to change their layout, change the version in layout.go.
//
// This package knows nothing of remotes, encryption or signatures. In
// particular it doesn't know whose word an entry is: a writer that skips
// uploads fills a Set of its own with what this device signed.
package index

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
)

// ErrDamaged is the error of a run whose bytes are not those that were
// written: cut short, flipped, or no run at all.
var ErrDamaged = errors.New("index run is damaged")

// Entry is the place of one chunk.
type Entry struct {
	ID     [32]byte // of the chunk
	Pack   uint32   // number in the pack table of the run it came from or goes to
	Offset uint32   // of the stored bytes in the pack's plaintext, in bytes
	Stored uint32   // length as stored there, in bytes
	Length uint32   // length of the chunk itself, in bytes
	Kind   uint8    // what the chunk is, in the words of repo/format
}

// compare orders entries by id; of one id, by place, the newest pack last.
func compare(a, b Entry) int {
	if c := bytes.Compare(a.ID[:], b.ID[:]); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.Pack, b.Pack), cmp.Compare(a.Offset, b.Offset))
}

// damaged says which run is damaged and how it was noticed.
func damaged(path, how string) error {
	return fmt.Errorf("read %s: %w: %s", path, ErrDamaged, how)
}

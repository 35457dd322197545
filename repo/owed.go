package repo

import (
	"maps"
	"slices"

	"github.com/chatkeep/chatkeep/repo/format"
)

// debt is what a snapshot carries over although it is lost: whoever comes next
// still has to store it again.
type debt struct {
	packs map[format.Digest]bool
	all   bool // it can't be told which packs
}

// Owe notes that the snapshot will hold a content, nil for one that isn't known
// here, as the parent has it. What is lost of it stays known as lost after
// Publish. It is not for concurrent use.
func (w *Writer) Owe(c *format.Content) {
	if !w.AnyLost() {
		return
	}
	if c == nil || c.Depth > 0 {
		w.debt.all = true
	}
	if c == nil {
		return
	}
	for _, list := range [][]format.Ref{c.Refs, c.Layers, c.Kept} {
		for _, r := range list {
			if w.Lost(r) {
				w.debt.packs[r.Pack] = true
			}
		}
	}
}

// owed lists the lost objects on which something of the snapshot depends.
func (w *Writer) owed() (list []string) {
	owed := w.debt.packs
	if w.debt.all {
		maps.Copy(owed, w.lost)
		if w.packs != nil { // one of these could not be read
			for _, d := range w.head.Index {
				owed[d] = true
			}
		}
	}
	for d := range owed {
		list = append(list, d.String())
	}
	slices.Sort(list)
	return list
}

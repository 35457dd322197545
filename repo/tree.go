package repo

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/dchest/siphash"

	"github.com/chatkeep/chatkeep/repo/format"
)

// Trees are lists of entries in tree order, cut into leaves at places that
// depend on the paths alone, and the lists of those leaves, cut likewise. So a
// changed file costs its leaf and the nodes above it, wherever it lies, and
// whatever its folder's size.
const (
	leafAverage = 128 // entries
	leafMost    = 1024
	leafBytes   = 1 << 20 // and no node is much larger, however long its paths
)

// treeCutter decides after which path a node ends.
type treeCutter struct{ k0, k1 uint64 }

// newTreeCutter takes the second half of the cut key; the first belongs to
// the chunker.
func newTreeCutter(cutKey [32]byte) treeCutter {
	return treeCutter{binary.LittleEndian.Uint64(cutKey[16:]), binary.LittleEndian.Uint64(cutKey[24:])}
}

// ends reports whether a node of the given level ends after path.
func (c treeCutter) ends(level uint64, path string) bool {
	b := append([]byte(path), 0, byte(level))
	return siphash.Hash(c.k0, c.k1, b)%leafAverage == 0
}

// TreeBuilder turns the entries of one source into a tree, and keeps this
// device's own listing of them. Entries must come in tree order.
type TreeBuilder struct {
	worker *Worker
	cut    treeCutter
	list   *listingWriter
	leaf   format.Node
	size   int              // bytes of leaf, about
	from   *origin          // the old leaf all of the present leaf's entries come from
	clean  bool             // they do, unchanged
	exact  bool             // also what only this device knows of them is unchanged
	ended  []format.Child   // the leaves so far; the nodes above wait for Finish, which may not need them
	levels [][]format.Child // waiting children, by level of the node they will be in (index 0: level 1)
	old    *ListedSource    // the parent's tree, nil if unknown
	reused int              // leaves taken over whole
	leaves int
	last   string
}

// origin is a leaf of the parent listing.
type origin struct {
	leaf  int // number, from 0
	child format.Child
	raw   []byte // as it stands in the listing, if it may be copied as it is
}

// newTreeBuilder starts a source's tree. old may be nil.
func newTreeBuilder(k *Worker, list *listingWriter, old *ListedSource) *TreeBuilder {
	return &TreeBuilder{worker: k, cut: newTreeCutter(k.w.repo.ring.Device.Secret.CutKey()), list: list, old: old, from: &origin{}, clean: true, exact: true}
}

// Add appends an entry. from is where Listing.Next found it if it is carried
// over unchanged, and nil otherwise.
func (b *TreeBuilder) Add(e format.Entry, from *Listed) error {
	if b.last != "" && format.ComparePaths(b.last, e.Path) >= 0 {
		return fmt.Errorf("store tree: %q comes after %q", e.Path, b.last)
	}
	b.last = e.Path
	switch {
	case from == nil:
		b.clean, b.exact = false, false
	case len(b.leaf.Entries) == 0:
		b.from = from.origin
	case from.origin != b.from:
		b.clean = false
	}
	if from != nil && (e.ChangeNS != from.ChangeNS || e.Inode != from.Inode) {
		b.exact = false
	}
	b.leaf.Entries = append(b.leaf.Entries, e)
	b.size += sizeOf(&e)
	if b.cut.ends(0, e.Path) || len(b.leaf.Entries) >= leafMost || b.size >= leafBytes {
		return b.endLeaf()
	}
	return nil
}

// sizeOf is about how many bytes an entry takes in a leaf, besides a few that
// all take.
func sizeOf(e *format.Entry) int {
	n := len(e.Path) + len(e.Target)
	for _, a := range e.XAttrs {
		n += len(a.Name) + len(a.Value)
	}
	return n
}

func (b *TreeBuilder) endLeaf() error {
	child := b.from.child
	whole := b.clean && uint64(len(b.leaf.Entries)) == child.Count && !b.worker.w.Lost(child.Node)
	if whole {
		b.reused++
	} else {
		ref, err := b.worker.AddNode(format.ChunkTree, b.encodeLeaf)
		if err != nil {
			return err
		}
		child = format.Child{Last: b.last, Node: ref, Count: uint64(len(b.leaf.Entries)), Bytes: contentBytes(b.leaf.Entries)}
	}
	b.leaves++
	var err error
	if whole && b.exact && b.from.raw != nil {
		err = b.list.raw(b.from.raw)
	} else {
		err = b.list.leaf(child, &b.leaf)
	}
	if err != nil {
		return err
	}
	b.leaf.Entries, b.size, b.clean, b.exact = b.leaf.Entries[:0], 0, true, true
	b.ended = append(b.ended, child)
	return nil
}

// encodeLeaf encodes the present leaf with real pack names.
func (b *TreeBuilder) encodeLeaf(resolve func(format.Digest) format.Digest) []byte {
	n := format.Node{Entries: make([]format.Entry, len(b.leaf.Entries))}
	for i, e := range b.leaf.Entries {
		e.Content = resolveContent(e.Content, resolve)
		e.Unproven = resolveContent(e.Unproven, resolve)
		n.Entries[i] = e
	}
	return n.Encode()
}

func resolveContent(c *format.Content, resolve func(format.Digest) format.Digest) *format.Content {
	if c == nil {
		return nil
	}
	d := *c
	d.Refs, d.Layers, d.Kept = resolveRefs(c.Refs, resolve), resolveRefs(c.Layers, resolve), resolveRefs(c.Kept, resolve)
	return &d
}

func resolveRefs(refs []format.Ref, resolve func(format.Digest) format.Digest) []format.Ref {
	out := make([]format.Ref, len(refs))
	for i, r := range refs {
		r.Pack = resolve(r.Pack)
		out[i] = r
	}
	return out
}

func contentBytes(entries []format.Entry) (n uint64) {
	for i := range entries {
		if c := entries[i].Content; c != nil {
			n += c.Length
		}
	}
	return n
}

// push adds a child to the waiting node above it, and ends that node where its
// path says so.
func (b *TreeBuilder) push(level int, c format.Child) error {
	if level == len(b.levels) {
		b.levels = append(b.levels, nil)
	}
	b.levels[level] = append(b.levels[level], c)
	n := len(b.levels[level])
	if n >= 2 && (b.cut.ends(uint64(level+1), c.Last) || pathBytes(b.levels[level]) >= leafBytes) || n >= leafMost {
		return b.endNode(level)
	}
	return nil
}

func pathBytes(children []format.Child) (n int) {
	for i := range children {
		n += len(children[i].Last)
	}
	return n
}

func (b *TreeBuilder) endNode(level int) error {
	children := b.levels[level]
	b.levels[level] = nil
	sum := format.Child{Last: children[len(children)-1].Last}
	for _, c := range children {
		sum.Count += c.Count
		sum.Bytes += c.Bytes
	}
	ref, err := b.worker.AddNode(format.ChunkTree, func(resolve func(format.Digest) format.Digest) []byte {
		n := format.Node{Level: uint64(level + 1), Children: make([]format.Child, len(children))}
		for i, c := range children {
			c.Node.Pack = resolve(c.Node.Pack)
			n.Children[i] = c
		}
		return n.Encode()
	})
	if err != nil {
		return err
	}
	sum.Node = ref
	return b.push(level+1, sum)
}

// Finish ends the tree and returns its top node, nil if it has no entry.
func (b *TreeBuilder) Finish() (*format.Child, error) {
	if len(b.leaf.Entries) > 0 {
		if err := b.endLeaf(); err != nil {
			return nil, err
		}
	}
	if b.old != nil && b.old.Tree != nil && b.reused == b.leaves && b.leaves == b.old.Leaves && !b.worker.w.AnyLost() {
		return b.old.Tree, nil
	}
	for _, leaf := range b.ended {
		if err := b.push(0, leaf); err != nil {
			return nil, err
		}
	}
	for level := 0; level < len(b.levels); level++ {
		waiting := b.levels[level]
		if level == len(b.levels)-1 && len(waiting) == 1 {
			return &waiting[0], nil
		}
		if len(waiting) > 0 {
			if err := b.endNode(level); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// maxDepth bounds how deep a tree is followed: each level holds a hundred
// times the one below.
const maxDepth = 12

// WalkFunc is called for each entry of a tree in order. For a node that can't
// be read it is called once with the error and an empty entry whose Path is
// the last path below that node.
type WalkFunc func(e *format.Entry, err error) error

// Root returns what a snapshot holds at the top.
func (rd *Reader) Root(ctx context.Context) (*format.Root, error) {
	data, err := rd.Chunk(ctx, rd.snap.Root)
	if err != nil {
		return nil, rd.integrity("read snapshot", err)
	}
	root, err := format.DecodeRoot(data, rd.snap.Root.Pack)
	if err != nil {
		return nil, rd.integrity("read snapshot", err)
	}
	return root, nil
}

// Walk calls fn for the entries of a source whose path is within one of the
// folders (or is one of them); no folder means all. Nodes without such entries
// are not read.
func (rd *Reader) Walk(ctx context.Context, s format.SourceTree, within []string, fn WalkFunc) error {
	if s.Tree == nil {
		return nil
	}
	return rd.walkNode(ctx, *s.Tree, "", within, 0, fn)
}

// walkNode walks one node, whose entries come after the path after.
func (rd *Reader) walkNode(ctx context.Context, c format.Child, after string, within []string, depth int, fn WalkFunc) error {
	if !mayHold(after, c.Last, within) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	node, err := rd.node(ctx, c, after, depth)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fn(&format.Entry{Path: c.Last}, err)
	}
	for i := range node.Entries {
		if e := &node.Entries[i]; wanted(e.Path, within) {
			if err := fn(e, nil); err != nil {
				return err
			}
		}
	}
	for _, child := range node.Children {
		if err := rd.walkNode(ctx, child, after, within, depth+1, fn); err != nil {
			return err
		}
		after = child.Last
	}
	return nil
}

// node reads a node whose entries come after the path after.
func (rd *Reader) node(ctx context.Context, c format.Child, after string, depth int) (*format.Node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: the tree is too deep", format.ErrMalformed)
	}
	data, err := rd.Chunk(ctx, c.Node)
	if err != nil {
		return nil, err
	}
	n, err := format.DecodeNode(data, rd.packOf(ctx, c.Node))
	if err == nil && !between(n, after, c.Last) {
		err = fmt.Errorf("%w: a node holds paths of another", format.ErrMalformed)
	}
	return n, err
}

// between reports whether all paths of a node come after one path and up to
// another. A tree in which they do meets every path once: a node that stands in
// many places could make a few of them into billions of entries.
func between(n *format.Node, after, last string) bool {
	first, end := last, last
	if k := len(n.Entries); k > 0 {
		first, end = n.Entries[0].Path, n.Entries[k-1].Path
	}
	if k := len(n.Children); k > 0 {
		first, end = n.Children[0].Last, n.Children[k-1].Last
	}
	return (after == "" || format.ComparePaths(after, first) < 0) && format.ComparePaths(end, last) <= 0
}

// packOf says which pack a chunk was read from: its hint, unless that led
// nowhere and the index knew better.
func (rd *Reader) packOf(ctx context.Context, ref format.Ref) format.Digest {
	if ref.Stored > 0 {
		return ref.Pack
	}
	better, err := rd.locate(ctx, ref)
	if err != nil {
		return format.Digest{}
	}
	return better.Pack
}

// wanted reports whether path is one of the folders or lies in one.
func wanted(path string, within []string) bool {
	if len(within) == 0 {
		return true
	}
	for _, w := range within {
		if path == w || len(path) > len(w) && path[len(w)] == '/' && path[:len(w)] == w {
			return true
		}
	}
	return false
}

// mayHold reports whether a node whose entries lie after one path and up to
// another can hold a wanted one.
func mayHold(after, last string, within []string) bool {
	if len(within) == 0 {
		return true
	}
	for _, w := range within {
		if format.ComparePaths(w, last) <= 0 && (after == "" || format.ComparePaths(w, after) > 0 || wanted(after, within)) {
			return true
		}
		if wanted(last, within) {
			return true
		}
	}
	return false
}

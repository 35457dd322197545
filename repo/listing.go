package repo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/repo/format"
)

// A listing is this device's own copy of its last snapshot's entries, with the
// inode and change time that tell whether a file was touched since. A
// backup-only device could not read the tree back; the others save the reads.
//
// It is a folder per snapshot: one file per source, a sequence of leaves, each
// as length (4 bytes), CRC-32C (4), the leaf's Child and the leaf itself; and
// meta.json, which names the snapshot. A listing of any other snapshot than
// the head, or a damaged one, counts as none.
type listingMeta struct {
	Snapshot string            `json:"snapshot"` // digest
	Root     []byte            `json:"root"`     // the Root, with every pack by its name
	Sources  []listingSource   `json:"sources"`
	Packs    map[string]string `json:"packs"` // what the files call a pack: its name
}

type listingSource struct {
	Name   string `json:"name"`
	File   string `json:"file"`
	Leaves int    `json:"leaves"`
	Tree   []byte `json:"tree"` // Child
}

// ListedSource is one source of the parent listing.
type ListedSource struct {
	Tree   *format.Child
	Leaves int
	path   string
	packs  map[format.Digest]format.Digest
}

// Listed is an entry of the parent listing.
type Listed struct {
	format.Entry
	origin *origin
}

// Parent returns what the head snapshot holds of a source, or nil if there is
// no trustworthy listing; then every file is read again, and nothing known is
// uploaded.
func (w *Writer) Parent(source string) *ListedSource {
	if w.head == nil {
		return nil
	}
	meta, dir, err := w.repo.loadListing(w.head.Name.Digest)
	if err != nil {
		return nil
	}
	packs := map[format.Digest]format.Digest{}
	for token, name := range meta.Packs {
		from, err1 := format.ParseDigest(token)
		to, err2 := format.ParseDigest(name)
		if err1 != nil || err2 != nil {
			return nil
		}
		packs[from] = to
	}
	for _, s := range meta.Sources {
		if s.Name == source {
			return &ListedSource{Tree: childOf(s.Tree), Leaves: s.Leaves, path: dir + string(os.PathSeparator) + s.File, packs: packs}
		}
	}
	return nil
}

// HeadSource returns what the head snapshot holds of a source, nil if nothing.
// It needs no listing on a device that can read. known is false if there is no
// way to tell.
func (w *Writer) HeadSource(ctx context.Context, source string) (s *format.SourceTree, known bool, err error) {
	if w.head == nil {
		return nil, true, nil
	}
	root, err := w.HeadRoot(ctx)
	if root == nil || err != nil {
		return nil, false, err
	}
	for i := range root.Sources {
		if root.Sources[i].Name == source {
			return &root.Sources[i], true, nil
		}
	}
	return nil, true, nil
}

// HeadRoot returns the top of the head snapshot, or nil if there is no way to
// read it here.
func (w *Writer) HeadRoot(ctx context.Context) (*format.Root, error) {
	return w.repo.RootOf(ctx, w.head)
}

// RootOf returns the top of a snapshot, from this device's listing or from the
// remote, or nil if neither has it.
func (r *Repo) RootOf(ctx context.Context, s *Snapshot) (*format.Root, error) {
	if r.state != nil {
		if meta, _, err := r.loadListing(s.Name.Digest); err == nil {
			if root, err := format.DecodeRoot(meta.Root, format.Digest{}); err == nil {
				return root, nil
			}
		}
	}
	if !r.CanRead() {
		return nil, nil
	}
	rd, err := r.NewReader(ctx, s)
	if err != nil {
		return nil, damageIsNone(err)
	}
	defer rd.Close()
	root, err := rd.Root(ctx)
	return root, damageIsNone(err)
}

// damageIsNone passes only errors on that say nothing about the object.
func damageIsNone(err error) error {
	if Damage(err) {
		return nil
	}
	return err
}

func (r *Repo) listingPath(d format.Digest) string { return r.state.path(listingDir, d.String()[:32]) }

func (r *Repo) loadListing(d format.Digest) (*listingMeta, string, error) {
	dir := r.listingPath(d)
	b, err := os.ReadFile(dir + string(os.PathSeparator) + "meta.json")
	if err != nil {
		return nil, "", err
	}
	var meta listingMeta
	if err := json.Unmarshal(b, &meta); err != nil {
		return nil, "", err
	}
	if meta.Snapshot != d.String() {
		return nil, "", errors.New("listing of another snapshot")
	}
	return &meta, dir, nil
}

// childOf reads a Child, nil if there is none or it is damaged.
func childOf(b []byte) *format.Child {
	n, err := format.DecodeNode(b, format.Digest{})
	if err != nil || len(n.Children) != 1 {
		return nil
	}
	return &n.Children[0]
}

func childBytes(c *format.Child) []byte {
	if c == nil {
		return nil
	}
	return (&format.Node{Level: 1, Children: []format.Child{*c}}).Encode()
}

// ListingReader reads a source's parent entries in tree order.
type ListingReader struct {
	src  *ListedSource
	file *os.File
	buf  *bufio.Reader
	leaf *origin
	node []format.Entry
	next int
}

// Open starts reading. A missing or damaged file ends the reading early; the
// files it would have named are then read again.
func (s *ListedSource) Open() *ListingReader {
	l := &ListingReader{src: s, leaf: &origin{leaf: -1}}
	if f, err := os.Open(s.path); err == nil {
		l.file, l.buf = f, bufio.NewReaderSize(f, 256<<10)
	}
	return l
}

// Next returns the next entry, or nil at the end. It stays valid until the
// call after.
func (l *ListingReader) Next() *Listed {
	for l.next >= len(l.node) {
		if l.buf == nil || !l.readLeaf() {
			return nil
		}
	}
	e := l.node[l.next]
	l.next++
	return &Listed{Entry: e, origin: l.leaf}
}

// Leaves returns how many leaves have been read so far: at the end, fewer than
// ListedSource.Leaves if the listing is damaged.
func (l *ListingReader) Leaves() int { return l.leaf.leaf + 1 }

// Close ends reading.
func (l *ListingReader) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

func (l *ListingReader) readLeaf() bool {
	var head [8]byte
	if _, err := io.ReadFull(l.buf, head[:]); err != nil {
		return false
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n < 4 || n > maxLine {
		return false
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(l.buf, b); err != nil || crc32.Checksum(b, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return false
	}
	size := binary.LittleEndian.Uint32(b)
	if uint64(size)+4 > uint64(n) {
		return false
	}
	child := childOf(b[4 : 4+size])
	node, err := format.DecodeNode(b[4+size:], format.Digest{})
	if child == nil || err != nil {
		return false
	}
	renamed := l.rename(child, node)
	l.leaf = &origin{leaf: l.leaf.leaf + 1, child: *child}
	if !renamed {
		l.leaf.raw = b
	}
	l.node, l.next = node.Entries, 0
	return true
}

// rename replaces what a listing calls packs that were being filled by their
// names, and reports whether there was any.
func (l *ListingReader) rename(child *format.Child, node *format.Node) (renamed bool) {
	if len(l.src.packs) == 0 {
		return false
	}
	one := func(r *format.Ref) {
		if real, ok := l.src.packs[r.Pack]; ok {
			r.Pack, renamed = real, true
		}
	}
	one(&child.Node)
	for i := range node.Entries {
		for _, c := range []*format.Content{node.Entries[i].Content, node.Entries[i].Unproven} {
			if c == nil {
				continue
			}
			for _, list := range [][]format.Ref{c.Refs, c.Layers, c.Kept} {
				for j := range list {
					one(&list[j])
				}
			}
		}
	}
	return renamed
}

// Listing collects the new snapshot's listing while it is made.
type Listing struct {
	w    *Writer
	dir  string
	meta listingMeta
	root *format.Root
}

// newListingDir is where a listing grows before its snapshot has a name.
const newListingDir = "new"

// NewListing starts a listing. Only one may grow at a time.
func (w *Writer) NewListing() (*Listing, error) {
	l := &Listing{w: w, dir: w.repo.state.path(listingDir, newListingDir)}
	if err := os.RemoveAll(l.dir); err != nil {
		return nil, fmt.Errorf("write listing: %w", err)
	}
	if err := durable.MkdirAll(l.dir, 0o700); err != nil {
		return nil, fmt.Errorf("write listing: %w", localError(err))
	}
	return l, nil
}

// Source starts the tree of one source. old is its parent, or nil.
func (l *Listing) Source(k *Worker, name string, old *ListedSource) (*TreeBuilder, error) {
	file := strconv.Itoa(len(l.meta.Sources)) + ".list"
	f, err := os.OpenFile(l.dir+string(os.PathSeparator)+file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write listing: %w", localError(err))
	}
	l.meta.Sources = append(l.meta.Sources, listingSource{Name: name, File: file})
	lw := &listingWriter{file: f, buf: bufio.NewWriterSize(f, 256<<10)}
	return newTreeBuilder(k, lw, old), nil
}

// Done ends the tree of the source started last.
func (l *Listing) Done(b *TreeBuilder, tree *format.Child) error {
	s := &l.meta.Sources[len(l.meta.Sources)-1]
	s.Leaves, s.Tree = b.leaves, childBytes(tree)
	return b.list.close()
}

// Drop takes back the source started last.
func (l *Listing) Drop(b *TreeBuilder) error {
	l.meta.Sources = l.meta.Sources[:len(l.meta.Sources)-1]
	return b.list.close()
}

// Root stores what the snapshot holds at the top, or finds that it is what the
// head already holds.
func (l *Listing) Root(k *Worker, root *format.Root) (format.Ref, error) {
	l.root = root
	if h := l.w.head; h != nil && !l.w.Lost(h.Root) {
		meta, _, err := l.w.repo.loadListing(h.Name.Digest)
		same := func(d format.Digest) format.Digest { return d }
		if err == nil && bytes.Equal(meta.Root, encodeRoot(root, same)) {
			return h.Root, nil
		}
	}
	return k.AddNode(format.ChunkTree, func(resolve func(format.Digest) format.Digest) []byte { return encodeRoot(root, resolve) })
}

func encodeRoot(root *format.Root, resolve func(format.Digest) format.Digest) []byte {
	named := *root
	named.Sources = slices.Clone(root.Sources)
	for i, s := range named.Sources {
		if s.Tree != nil {
			c := *s.Tree
			c.Node.Pack = resolve(c.Node.Pack)
			named.Sources[i].Tree = &c
		}
	}
	return named.Encode()
}

// Seal makes the listing the one of the snapshot with that name. The Writer
// must be flushed.
func (l *Listing) Seal(name format.Name) error {
	l.meta.Snapshot, l.meta.Packs = name.Digest.String(), map[string]string{}
	l.w.mu.Lock()
	for token, p := range l.w.sinks {
		l.meta.Packs[token.String()] = p.name.String()
	}
	l.w.mu.Unlock()
	for i := range l.meta.Sources {
		s := &l.meta.Sources[i]
		if c := childOf(s.Tree); c != nil {
			c.Node.Pack = l.w.Resolve(c.Node.Pack)
			s.Tree = childBytes(c)
		}
	}
	l.meta.Root = encodeRoot(l.root, l.w.Resolve)
	b, err := json.Marshal(l.meta)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(l.dir+string(os.PathSeparator)+"meta.json", b, 0o600); err != nil {
		return fmt.Errorf("write listing: %w", localError(err))
	}
	final := l.w.repo.listingPath(name.Digest)
	if err := os.RemoveAll(final); err != nil {
		return fmt.Errorf("write listing: %w", err)
	}
	if err := os.Rename(l.dir, final); err != nil {
		return fmt.Errorf("write listing: %w", err)
	}
	return durable.SyncDir(l.w.repo.state.path(listingDir))
}

// Tidy removes the listings of all other snapshots.
func (l *Listing) Tidy(name format.Name) error {
	entries, err := os.ReadDir(l.w.repo.state.path(listingDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if path := l.w.repo.state.path(listingDir, e.Name()); path != l.w.repo.listingPath(name.Digest) {
			err = errors.Join(err, os.RemoveAll(path))
		}
	}
	return err
}

// listingWriter appends leaves to one source's file.
type listingWriter struct {
	file *os.File
	buf  *bufio.Writer
}

func (l *listingWriter) leaf(c format.Child, n *format.Node) error {
	child := childBytes(&c)
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(child)))
	return l.raw(append(append(b, child...), n.EncodeLocal()...))
}

// raw appends a leaf as another listing has it.
func (l *listingWriter) raw(b []byte) error {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(b)))
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(b, castagnoli))
	_, err := l.buf.Write(head)
	if err == nil {
		_, err = l.buf.Write(b)
	}
	if err != nil {
		return fmt.Errorf("write listing: %w", localError(err))
	}
	return nil
}

func (l *listingWriter) close() error {
	err := errors.Join(l.buf.Flush(), l.file.Sync(), l.file.Close())
	if err != nil {
		return fmt.Errorf("write listing: %w", localError(err))
	}
	return nil
}

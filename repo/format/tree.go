package format

import (
	"math"
	"strings"
)

// EntryType is the kind of a file system entry.
type EntryType uint64

// The types of entries.
const (
	TypeFile    EntryType = 0
	TypeDir     EntryType = 1
	TypeSymlink EntryType = 2
)

// Entry is one file, folder or symlink of a snapshot.
type Entry struct {
	Path     string // relative to the source's root; see ValidPath
	Type     EntryType
	Mode     uint32 // permission bits with setuid, setgid and sticky
	ModTime  int64  // ns since 1970
	HasOwner bool
	UID, GID uint32
	Target   string // symlinks
	Links    uint64 // entries of one source with the same non-zero group are one file
	XAttrs   []XAttr
	Category string
	Captured uint64   // seq of the snapshot in which this content was taken
	Content  *Content // files: the last proven content
	Unproven *Content // files: what was taken but could not be proven consistent

	// Local knowledge, only in a device's own listing and never on a remote.
	ChangeNS int64
	Inode    uint64
	DiskID   uint64
	Sum      Digest // of a long file's chunk ids; zero for others
}

// XAttr is one extended attribute.
type XAttr struct {
	Name  string
	Value []byte
}

// Content lists every chunk that a file needs.
type Content struct {
	Image  bool   // a database: base segments in Refs, changes in Layers
	Length uint64 // bytes
	Depth  uint64 // 0: Refs are data; 1: Refs are RefLists
	Refs   []Ref
	Layers []Ref    // image: oldest first
	Kept   []Ref    // image: chunks that layers copy from, listed nowhere else
	Proof  [32]byte // image: SHA-256 over the SHA-256 of each 4,096-byte block
}

// Node is one chunk of a source's tree: entries in tree order (level 0), or
// the nodes of the level below.
type Node struct {
	Level    uint64
	Entries  []Entry
	Children []Child
}

// Child is a node of the level below.
type Child struct {
	Last  string // path of its last entry
	Node  Ref
	Count uint64 // entries below it
	Bytes uint64 // content bytes below it
}

// Root is the chunk a snapshot points to.
type Root struct {
	Sources []SourceTree
	Flagged []Remark
	Skipped []Remark
	Omitted uint64 // remarks beyond MaxRemarks
}

// MaxRemarks is how many flagged and how many skipped paths a Root names.
const MaxRemarks = 5000

// SourceTree is one source of a snapshot.
type SourceTree struct {
	Name  string
	Kind  string // "folder", "wechat", …
	Place string // where it lay on the device
	Tree  *Child // its top node; nil if the source is empty
	Dirs  uint64
	Files uint64
}

// Remark names a path and says what is wrong with it.
type Remark struct {
	Source, Path, Reason string
}

// ComparePaths orders paths as a tree walk meets them: a folder before its
// content, siblings by the bytes of their names.
func ComparePaths(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return int(pathRank(a[i])) - int(pathRank(b[i]))
		}
	}
	return len(a) - len(b)
}

func pathRank(c byte) byte {
	if c == '/' {
		return 0 // a name holds no zero byte
	}
	return c
}

// MaxPath is the length in bytes of the longest path a snapshot can hold.
const MaxPath = 32 << 10

// ValidPath reports whether p can stand in a snapshot: relative, with no
// empty, "." or ".." element and no zero byte, at most MaxPath bytes.
func ValidPath(p string) bool {
	if p == "" || len(p) > MaxPath || strings.IndexByte(p, 0) >= 0 {
		return false
	}
	for elem := range strings.SplitSeq(p, "/") {
		if elem == "" || elem == "." || elem == ".." {
			return false
		}
	}
	return true
}

// Encode returns the chunk. Refs whose Pack is zero lie in the same pack as
// the chunk.
func (n *Node) Encode() []byte { return n.encode(false) }

// EncodeLocal also keeps the fields that never leave the device.
func (n *Node) EncodeLocal() []byte { return n.encode(true) }

func (n *Node) encode(local bool) []byte {
	var t packTable
	var body encoder
	for i := range n.Entries {
		body.message(6, func(e *encoder) { n.Entries[i].encode(e, &t, local) })
	}
	for i := range n.Children {
		body.message(8, func(e *encoder) { n.Children[i].encode(e, &t) })
	}
	var head encoder
	head.uint(2, n.Level)
	head.digests(4, t.list)
	return append(head.b, body.b...)
}

func (c *Child) encode(e *encoder, t *packTable) {
	e.string(2, c.Last)
	e.bytes(4, t.appendRef(nil, &c.Node))
	e.uint(6, c.Count)
	e.uint(7, c.Bytes)
}

func (x *Entry) encode(e *encoder, t *packTable, local bool) {
	e.uint(1, uint64(x.Mode))
	e.string(2, x.Path)
	e.int(3, x.ModTime)
	e.uint(4, uint64(x.Type))
	if x.HasOwner {
		e.uint(5, uint64(x.UID)+1)
	}
	if x.Content != nil {
		e.message(6, func(e *encoder) { x.Content.encode(e, t) })
	}
	if x.HasOwner {
		e.uint(7, uint64(x.GID)+1)
	}
	e.string(8, x.Target)
	for _, a := range x.XAttrs {
		e.message(9, func(e *encoder) { e.string(2, a.Name); e.bytes(4, a.Value) })
	}
	e.uint(10, x.Links)
	e.string(11, x.Category)
	if x.Unproven != nil {
		e.message(12, func(e *encoder) { x.Unproven.encode(e, t) })
	}
	e.uint(15, x.Captured)
	if local {
		e.int(101, x.ChangeNS)
		e.uint(103, x.Inode)
		e.uint(105, x.DiskID)
		if !x.Sum.IsZero() {
			e.bytes(107, x.Sum[:])
		}
	}
}

func (c *Content) encode(e *encoder, t *packTable) {
	if c.Image {
		e.uint(2, 1)
	}
	e.uint(4, c.Length)
	e.uint(6, c.Depth)
	e.bytes(8, t.refs(c.Refs))
	e.bytes(10, t.refs(c.Layers))
	e.bytes(12, t.refs(c.Kept))
	if c.Image {
		e.bytes(14, c.Proof[:])
	}
}

// DecodeNode reads a node that lies in pack self. Entries come back valid and
// in tree order, or not at all.
func DecodeNode(b []byte, self Digest) (*Node, error) {
	n := &Node{}
	var packs []Digest
	last := ""
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return setUint(&n.Level, v)
		case 4:
			return set(&packs, v.digests)
		case 6:
			x, err := decodeEntry(v, packs, self)
			if err == nil && last != "" && ComparePaths(last, x.Path) >= 0 {
				err = malformed("entries out of order")
			}
			last = x.Path
			n.Entries = append(n.Entries, x)
			return err
		case 8:
			c, err := decodeChild(v, packs, self)
			if err == nil && last != "" && ComparePaths(last, c.Last) >= 0 {
				err = malformed("nodes out of order")
			}
			last = c.Last
			n.Children = append(n.Children, c)
			return err
		}
		return unknown(tag)
	})
	if err == nil && (n.Level == 0) != (len(n.Children) == 0) || len(n.Entries) > 0 && n.Level > 0 {
		err = malformed("level of a node")
	}
	return n, err
}

func decodeChild(b []byte, packs []Digest, self Digest) (c Child, err error) {
	err = fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return setString(&c.Last, v)
		case 4:
			refs, err := readRefs(v, packs, self)
			if err != nil || len(refs) != 1 {
				return malformed("node")
			}
			c.Node = refs[0]
			return nil
		case 6:
			return setUint(&c.Count, v)
		case 7:
			return setUint(&c.Bytes, v)
		}
		return unknown(tag)
	})
	if err == nil && !ValidPath(c.Last) {
		err = malformed("path")
	}
	return c, err
}

func decodeEntry(b []byte, packs []Digest, self Digest) (x Entry, err error) {
	var uid, gid, mode, typ uint64
	err = fields(b, func(tag uint64, v value) error {
		switch tag {
		case 1:
			return setUint(&mode, v)
		case 2:
			return setString(&x.Path, v)
		case 3:
			return set(&x.ModTime, v.int)
		case 4:
			return setUint(&typ, v)
		case 5:
			return setUint(&uid, v)
		case 6:
			return set(&x.Content, func() (*Content, error) { return decodeContent(v, packs, self) })
		case 7:
			return setUint(&gid, v)
		case 8:
			return setString(&x.Target, v)
		case 9:
			a, err := decodeXAttr(v)
			x.XAttrs = append(x.XAttrs, a)
			return err
		case 10:
			return setUint(&x.Links, v)
		case 11:
			return setString(&x.Category, v)
		case 12:
			return set(&x.Unproven, func() (*Content, error) { return decodeContent(v, packs, self) })
		case 15:
			return setUint(&x.Captured, v)
		case 101:
			return set(&x.ChangeNS, v.int)
		case 103:
			return setUint(&x.Inode, v)
		case 105:
			return setUint(&x.DiskID, v)
		case 107:
			return v.fixed(x.Sum[:])
		}
		return unknown(tag)
	})
	if err != nil {
		return x, err
	}
	x.Mode, x.Type = uint32(mode), EntryType(typ)
	x.HasOwner = uid > 0 && gid > 0
	if x.HasOwner {
		x.UID, x.GID = uint32(uid-1), uint32(gid-1)
	}
	return x, x.check(uid, gid, mode)
}

// check refuses an entry no writer makes.
func (x *Entry) check(uid, gid, mode uint64) error {
	switch {
	case !ValidPath(x.Path):
		return malformed("path")
	case x.Type > TypeSymlink:
		return ErrNewer
	case mode > 0o7777 || uid > math.MaxUint32+1 || gid > math.MaxUint32+1 || (uid > 0) != (gid > 0):
		return malformed("mode or owner")
	case (x.Type == TypeFile) != (x.Content != nil), (x.Type == TypeSymlink) != (x.Target != ""):
		return malformed("entry does not fit its type")
	}
	return nil
}

func decodeXAttr(b []byte) (a XAttr, err error) {
	err = fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return setString(&a.Name, v)
		case 4:
			a.Value = append([]byte(nil), v...)
			return nil
		}
		return unknown(tag)
	})
	return a, err
}

func decodeContent(b []byte, packs []Digest, self Digest) (*Content, error) {
	c := &Content{}
	image := uint64(0)
	read := func(dst *[]Ref, v value) error {
		return set(dst, func() ([]Ref, error) { return readRefs(v, packs, self) })
	}
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return setUint(&image, v)
		case 4:
			return setUint(&c.Length, v)
		case 6:
			return setUint(&c.Depth, v)
		case 8:
			return read(&c.Refs, v)
		case 10:
			return read(&c.Layers, v)
		case 12:
			return read(&c.Kept, v)
		case 14:
			return v.fixed(c.Proof[:])
		}
		return unknown(tag)
	})
	c.Image = image == 1
	if err == nil && (image > 1 || c.Depth > 1) {
		err = ErrNewer
	}
	if err == nil && (len(c.Refs) > MaxRefs || c.Length > 1<<62) {
		err = malformed("content")
	}
	return c, err
}

// Encode returns the chunk. Refs whose Pack is zero lie in the same pack as
// the chunk.
func (r *Root) Encode() []byte {
	var t packTable
	var body encoder
	for i := range r.Sources {
		body.message(6, func(e *encoder) { r.Sources[i].encode(e, &t) })
	}
	for _, m := range r.Flagged {
		body.message(7, m.encode)
	}
	for _, m := range r.Skipped {
		body.message(9, m.encode)
	}
	body.uint(11, r.Omitted)
	var head encoder
	head.digests(4, t.list)
	return append(head.b, body.b...)
}

func (s *SourceTree) encode(e *encoder, t *packTable) {
	e.string(2, s.Name)
	e.string(3, s.Kind)
	e.string(5, s.Place)
	if s.Tree != nil {
		e.message(6, func(e *encoder) { s.Tree.encode(e, t) })
	}
	e.uint(7, s.Dirs)
	e.uint(9, s.Files)
}

func (m Remark) encode(e *encoder) {
	e.string(2, m.Source)
	e.string(4, m.Path)
	e.string(6, m.Reason)
}

// DecodeRoot reads a root that lies in pack self.
func DecodeRoot(b []byte, self Digest) (*Root, error) {
	r := &Root{}
	var packs []Digest
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 4:
			return set(&packs, v.digests)
		case 6:
			s, err := decodeSource(v, packs, self)
			r.Sources = append(r.Sources, s)
			return err
		case 7:
			return appendRemark(&r.Flagged, v)
		case 9:
			return appendRemark(&r.Skipped, v)
		case 11:
			return setUint(&r.Omitted, v)
		}
		return unknown(tag)
	})
	return r, err
}

func decodeSource(b []byte, packs []Digest, self Digest) (s SourceTree, err error) {
	err = fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return setString(&s.Name, v)
		case 3:
			return setString(&s.Kind, v)
		case 5:
			return setString(&s.Place, v)
		case 6:
			c, err := decodeChild(v, packs, self)
			s.Tree = &c
			return err
		case 7:
			return setUint(&s.Dirs, v)
		case 9:
			return setUint(&s.Files, v)
		}
		return unknown(tag)
	})
	if err == nil && (!ValidPath(s.Name) || strings.Contains(s.Name, "/")) {
		err = malformed("name of a source")
	}
	return s, err
}

func appendRemark(list *[]Remark, b []byte) error {
	var m Remark
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return setString(&m.Source, v)
		case 4:
			return setString(&m.Path, v)
		case 6:
			return setString(&m.Reason, v)
		}
		return unknown(tag)
	})
	*list = append(*list, m)
	return err
}

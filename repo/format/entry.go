package format

import "math"

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
	Content  *Content // files: the last proven content; nil if there never was one
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
			if err := within(len(x.XAttrs)+1, maxXAttrs, "attributes"); err != nil {
				return err
			}
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
	case (x.Type == TypeFile) != (x.Content != nil || x.Unproven != nil), (x.Type == TypeSymlink) != (x.Target != ""):
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
	if err == nil && a.Name == "" {
		err = malformed("attribute without a name")
	}
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

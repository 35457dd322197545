package format

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
			if err := within(len(n.Entries)+1, maxEntries, "entries"); err != nil {
				return err
			}
			x, err := decodeEntry(v, packs, self)
			if err == nil && last != "" && ComparePaths(last, x.Path) >= 0 {
				err = malformed("entries out of order")
			}
			last = x.Path
			n.Entries = append(n.Entries, x)
			return err
		case 8:
			if err := within(len(n.Children)+1, maxEntries, "nodes"); err != nil {
				return err
			}
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
	if err == nil && ((n.Level == 0) != (len(n.Children) == 0) || len(n.Entries) > 0 && n.Level > 0 || n.Level > maxLevel) {
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

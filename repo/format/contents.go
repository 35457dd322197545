package format

import "encoding/binary"

// ChunkKind says what a chunk's bytes are.
type ChunkKind uint8

// The kinds of chunks.
const (
	ChunkData  ChunkKind = 1 // bytes of a file
	ChunkTree  ChunkKind = 2 // a Node or a Root
	ChunkList  ChunkKind = 3 // a RefList
	ChunkLayer ChunkKind = 4 // a Layer
)

// Contents lists what a pack holds, in the order of its frames. The first
// frame starts at offset 0 of the plaintext, each other where the one before
// it ends.
type Contents struct {
	Device  DeviceID
	Entries []ContentsEntry
}

// ContentsEntry is one chunk of a pack.
type ContentsEntry struct {
	ID     [32]byte
	Kind   ChunkKind
	Stored uint32 // bytes of the zstd frame
	Length uint32 // bytes of the chunk itself
}

// Encode returns the payload of a pack's contents frame.
func (c *Contents) Encode() []byte {
	var e encoder
	e.bytes(2, c.Device[:])
	e.bytes(4, encodeEntries(c.Entries))
	return e.b
}

// DecodeContents reads the payload of a contents frame.
func DecodeContents(b []byte) (*Contents, error) {
	c := &Contents{}
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return v.fixed(c.Device[:])
		case 4:
			return set(&c.Entries, func() ([]ContentsEntry, error) { return decodeEntries(v) })
		}
		return unknown(tag)
	})
	return c, err
}

func encodeEntries(list []ContentsEntry) []byte {
	b := make([]byte, 0, len(list)*40)
	for i := range list {
		c := &list[i]
		b = append(b, c.ID[:]...)
		b = append(b, byte(c.Kind))
		b = binary.AppendUvarint(b, uint64(c.Stored))
		b = binary.AppendUvarint(b, uint64(c.Length))
	}
	return b
}

func decodeEntries(b []byte) ([]ContentsEntry, error) {
	list := make([]ContentsEntry, 0, len(b)/36)
	offset := uint64(0)
	for len(b) > 0 {
		if len(b) < 33 {
			return nil, malformed("contents entry")
		}
		c := ContentsEntry{ID: [32]byte(b), Kind: ChunkKind(b[32])}
		stored, rest, err := uvarint(b[33:])
		if err != nil {
			return nil, err
		}
		length, rest, err := uvarint(rest)
		if err != nil {
			return nil, err
		}
		offset += stored
		if stored > maxStored || length > MaxChunk || offset > 1<<32 {
			return nil, malformed("contents entry too large")
		}
		c.Stored, c.Length = uint32(stored), uint32(length)
		list, b = append(list, c), rest
	}
	return list, nil
}

package format

import (
	"encoding/binary"
	"math/bits"
)

// Every object's plaintext is zstd frames, then skippable frames that zstd
// tools pass over, and last an end frame of fixed size that says where the
// skippable ones begin.
const (
	magicSkippable = 0x184D2A50 // the lowest of zstd's sixteen skippable magics

	// FrameContents holds a pack's contents table.
	FrameContents = magicSkippable + 1
	// FrameSignatures holds a record's signatures.
	FrameSignatures = magicSkippable + 2
	// FramePadding holds zeros.
	FramePadding = magicSkippable + 0xd
	// FrameEnd holds the length of everything before the first skippable
	// frame, eight bytes little-endian.
	FrameEnd = magicSkippable + 0xe
)

const frameHeader = 8

// EndSize is the size of the end frame, the last bytes of every plaintext.
const EndSize = frameHeader + 8

// AppendFrame appends one skippable frame.
func AppendFrame(b []byte, magic uint32, payload []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, magic)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...)
}

// Tail returns what closes a plaintext of which size bytes are written and
// whose zstd part is body bytes long: a padding frame that brings the whole to
// the size padded asks for (PaddedRecord or PaddedPack), and the end frame.
func Tail(size, body int64, padded func(int64) int64) []byte {
	size += frameHeader + EndSize
	b := AppendFrame(nil, FramePadding, make([]byte, padded(size)-size))
	return AppendFrame(b, FrameEnd, binary.LittleEndian.AppendUint64(nil, uint64(body)))
}

// ParseEnd reads an end frame, the last EndSize bytes of a plaintext of the
// given size, and returns the length of the zstd part.
func ParseEnd(end []byte, size int64) (body int64, err error) {
	if len(end) != EndSize || binary.LittleEndian.Uint32(end) != FrameEnd || binary.LittleEndian.Uint32(end[4:]) != 8 {
		return 0, malformed("no end frame")
	}
	n := binary.LittleEndian.Uint64(end[frameHeader:])
	if n > uint64(size-EndSize) {
		return 0, malformed("end frame points beyond the object")
	}
	return int64(n), nil
}

// Frames calls fn for each skippable frame of b, which begins with one.
func Frames(b []byte, fn func(magic uint32, payload []byte) error) error {
	for len(b) > 0 {
		if len(b) < frameHeader {
			return malformed("frame")
		}
		magic, n := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		if magic&^0xf != magicSkippable || uint64(n) > uint64(len(b)-frameHeader) {
			return malformed("frame")
		}
		if err := fn(magic, b[frameHeader:frameHeader+n]); err != nil {
			return err
		}
		b = b[frameHeader+n:]
	}
	return nil
}

// Split takes a whole plaintext apart into its zstd part and its skippable
// frames.
func Split(plain []byte) (body, rest []byte, err error) {
	if len(plain) < EndSize {
		return nil, nil, malformed("no end frame")
	}
	n, err := ParseEnd(plain[len(plain)-EndSize:], int64(len(plain)))
	if err != nil {
		return nil, nil, err
	}
	return plain[:n], plain[n:], nil
}

// FindFrame returns the payload of the first frame with the given magic.
func FindFrame(frames []byte, magic uint32) (payload []byte, err error) {
	found := false
	err = Frames(frames, func(m uint32, p []byte) error {
		if m == magic && !found {
			payload, found = p, true
		}
		return nil
	})
	if err == nil && !found {
		err = malformed("a frame is missing")
	}
	return payload, err
}

const (
	recordFloor = 4 << 10
	packFloor   = 256 << 10
	packStep    = 1 << 20
)

// PaddedRecord is the plaintext size a record of n bytes is padded to: at
// least 4 KiB, then Padmé, which leaks only log log n bits.
func PaddedRecord(n int64) int64 { return padme(max(n, recordFloor)) }

// PaddedPack is the plaintext size a pack of n bytes is padded to: at least
// 256 KiB, Padmé up to 8 MiB, then whole MiB. At 64 MiB that costs at most
// 1.6 %.
func PaddedPack(n int64) int64 {
	if n > 8<<20 {
		return (n + packStep - 1) / packStep * packStep
	}
	return padme(max(n, packFloor))
}

// padme rounds n up so that only the leading bits of its binary form vary
// (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files").
func padme(n int64) int64 {
	e := bits.Len64(uint64(n)) - 1
	s := bits.Len64(uint64(e))
	mask := int64(1)<<max(0, e-s) - 1
	return (n + mask) &^ mask
}

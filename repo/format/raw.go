package format

import (
	"encoding/binary"
	"slices"
)

const (
	magicZstd = 0xFD2FB528
	// rawDescriptor: the whole frame is one segment, its content size has four
	// bytes, and there is no checksum.
	rawDescriptor = 2<<6 | 1<<5
	rawBlock      = 128 << 10 // the most a zstd block may hold
)

// AppendRaw appends a zstd frame that holds data as it is, for what doesn't
// compress (RFC 8878, parts 3.1.1 and 3.1.1.2). Data is shorter than 4 GiB.
func AppendRaw(b, data []byte) []byte {
	b = slices.Grow(b, 16+len(data)+3*(len(data)/rawBlock))
	b = binary.LittleEndian.AppendUint32(b, magicZstd)
	b = append(b, rawDescriptor)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	for {
		block := data[:min(len(data), rawBlock)]
		data = data[len(block):]
		header := uint32(len(block)) << 3 // of type 0, raw
		if len(data) == 0 {
			header |= 1 // the last one
		}
		b = append(b, byte(header), byte(header>>8), byte(header>>16))
		b = append(b, block...)
		if len(data) == 0 {
			return b
		}
	}
}

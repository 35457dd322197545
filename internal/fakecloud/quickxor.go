package fakecloud

import (
	"crypto/subtle"
	"encoding/binary"
)

const (
	quickXorBits  = 160
	quickXorShift = 11
)

// quickXor returns Microsoft's QuickXorHash of data, 20 bytes: every byte is
// XORed into a ring of 160 bits, 11 bits further on than the byte before it,
// and the length is XORed into the last 64 bits.
//
// 11·160 is a multiple of 160, so bytes 160 apart meet at the same bit. They
// are folded together first, which makes the slow part independent of the
// length.
func quickXor(data []byte) []byte {
	var folded [quickXorBits]byte
	for rest := data; len(rest) > 0; {
		n := min(len(rest), len(folded))
		subtle.XORBytes(folded[:n], folded[:n], rest[:n])
		rest = rest[n:]
	}
	var ring [quickXorBits / 8]byte
	for i, b := range folded {
		bit := i * quickXorShift % quickXorBits
		at, over := bit/8, bit%8
		ring[at] ^= b << over
		ring[(at+1)%len(ring)] ^= byte(uint16(b) >> (8 - over))
	}
	tail := ring[len(ring)-8:]
	binary.LittleEndian.PutUint64(tail, binary.LittleEndian.Uint64(tail)^uint64(len(data)))
	return ring[:]
}

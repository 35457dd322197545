package chunker

import (
	"crypto/sha256"
	"encoding/binary"
)

// gear is the public table of the gear hash h = h<<1 + gear[b]. A byte is
// shifted out after 64 steps, so h depends on the last 64 bytes only.
//
// No run of one byte value is a candidate under this table, so that zeros and
// the like cost no SipHash and become chunks of Max bytes.
var gear = gearTable("chatkeep gear table v1")

// limit bounds the hash of a candidate: its top ten bits are zero.
const limit = 1 << 64 / candidateGap

// gearTable returns, for each byte b, the first 8 bytes, little-endian, of
// SHA-256(label || b).
func gearTable(label string) (t [256]uint64) {
	for b := range t {
		sum := sha256.Sum256(append([]byte(label), byte(b)))
		t[b] = binary.LittleEndian.Uint64(sum[:8])
	}
	return t
}

// candidate rolls h, the hash of the bytes before data[n], over data[n:]. It
// returns the end of the first candidate and the hash there, or 0 if there is
// none.
//
// Two bytes are added per step, so that the chain from one hash to the next is
// half as long; the bytes of a group that holds a candidate are looked at
// again, one by one.
func candidate(data []byte, n int, h uint64) (int, uint64) {
	for ; n+8 <= len(data); n += 8 {
		b := (*[8]byte)(data[n:])
		before := h

		g := gear[b[0]]
		odd := h<<1 + g
		h = h<<2 + (g<<1 + gear[b[1]])
		if odd < limit || h < limit {
			return candidateSlowly(data, n, before)
		}

		g = gear[b[2]]
		odd = h<<1 + g
		h = h<<2 + (g<<1 + gear[b[3]])
		if odd < limit || h < limit {
			return candidateSlowly(data, n, before)
		}

		g = gear[b[4]]
		odd = h<<1 + g
		h = h<<2 + (g<<1 + gear[b[5]])
		if odd < limit || h < limit {
			return candidateSlowly(data, n, before)
		}

		g = gear[b[6]]
		odd = h<<1 + g
		h = h<<2 + (g<<1 + gear[b[7]])
		if odd < limit || h < limit {
			return candidateSlowly(data, n, before)
		}
	}
	return candidateSlowly(data, n, h)
}

// candidateSlowly is candidate, one byte at a time.
func candidateSlowly(data []byte, n int, h uint64) (int, uint64) {
	for ; n < len(data); n++ {
		h = h<<1 + gear[data[n]]
		if h < limit {
			return n + 1, h
		}
	}
	return 0, h
}

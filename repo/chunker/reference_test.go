package chunker

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// referenceCut is the rule, as plainly as it can be said.
func referenceCut(key [32]byte, p Params, data []byte) int {
	for n := p.Min; n <= len(data) && n < p.Max; n++ {
		if referenceIsCut(key, p, data[n-64:n]) {
			return n
		}
	}
	return min(len(data), p.Max)
}

var referenceGear = sync.OnceValue(func() *[256]uint64 {
	var gear [256]uint64
	for b := range 256 {
		sum := sha256.Sum256(append([]byte("chatkeep gear table v1"), byte(b)))
		gear[b] = binary.LittleEndian.Uint64(sum[:8])
	}
	return &gear
})

func referenceIsCut(key [32]byte, p Params, window []byte) bool {
	gear, hash := referenceGear(), uint64(0)
	for _, b := range window {
		hash = hash*2 + gear[b]
	}
	if hash>>54 != 0 {
		return false
	}
	threshold := new(big.Int).Lsh(big.NewInt(1024), 64)
	threshold.Div(threshold, big.NewInt(int64(p.Avg-p.Min)))
	return referenceSipHash(key, window) <= threshold.Uint64()
}

// referenceSipHash is SipHash-2-4 of a multiple of 8 bytes, after the paper
// by Aumasson and Bernstein.
func referenceSipHash(key [32]byte, data []byte) uint64 {
	k0, k1 := binary.LittleEndian.Uint64(key[0:]), binary.LittleEndian.Uint64(key[8:])
	v0, v1 := k0^0x736f6d6570736575, k1^0x646f72616e646f6d
	v2, v3 := k0^0x6c7967656e657261, k1^0x7465646279746573
	rounds := func(n int) {
		for range n {
			v0, v2 = v0+v1, v2+v3
			v1, v3 = bits.RotateLeft64(v1, 13)^v0, bits.RotateLeft64(v3, 16)^v2
			v0 = bits.RotateLeft64(v0, 32)
			v2, v0 = v2+v1, v0+v3
			v1, v3 = bits.RotateLeft64(v1, 17)^v2, bits.RotateLeft64(v3, 21)^v0
			v2 = bits.RotateLeft64(v2, 32)
		}
	}
	last := uint64(len(data)) << 56
	for ; len(data) > 0; data = data[8:] {
		m := binary.LittleEndian.Uint64(data)
		v3 ^= m
		rounds(2)
		v0 ^= m
	}
	v3 ^= last
	rounds(2)
	v0 ^= last
	v2 ^= 0xff
	rounds(4)
	return v0 ^ v1 ^ v2 ^ v3
}

// small has many cuts and many refused candidates in little data.
var small = Params{Min: 64, Avg: 3000, Max: 9000}

func cutAll(t testing.TB, cut func([]byte) int, data []byte) (lengths []int) {
	t.Helper()
	for len(data) > 0 {
		n := cut(data)
		if n <= 0 || n > len(data) {
			t.Fatalf("cut %d of %d bytes", n, len(data))
		}
		lengths = append(lengths, n)
		data = data[n:]
	}
	return lengths
}

func compareWithReference(t *testing.T, key [32]byte, p Params, data []byte) []int {
	t.Helper()
	c := New(key, p)
	got := cutAll(t, func(d []byte) int { return c.Cut(d, true) }, data)
	want := cutAll(t, func(d []byte) int { return referenceCut(key, p, d) }, data)
	if !slices.Equal(got, want) {
		t.Fatalf("sizes %+v, key %x, %d bytes: cut\n%v, the rule says\n%v", p, key, len(data), got, want)
	}
	return got
}

// random returns n bytes of the ChaCha8 stream whose seed starts with b.
func random(b byte, n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{b}).Read(data)
	return data
}

func TestFastEqualsRule(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	cuts := 0
	for i := range 60 {
		data := random(byte(i), r.IntN(12_000))
		p := Params{Min: 64 + r.IntN(200)}
		p.Avg = p.Min + 1025 + r.IntN(3000)
		p.Max = p.Avg + r.IntN(6000)
		cuts += len(compareWithReference(t, [32]byte{byte(i), 15: 7}, p, data))
	}
	if cuts < 100 {
		t.Errorf("only %d cuts were compared", cuts)
	}
}

func TestFastEqualsRuleOnDullData(t *testing.T) {
	pair := candidatePair(t)
	for name, data := range map[string][]byte{
		"zeros":                    make([]byte, 10_000),
		"period of three":          bytes.Repeat([]byte("abc"), 4_000),
		"a candidate every second": bytes.Repeat(pair, 5_000),
	} {
		t.Run(name, func(t *testing.T) {
			compareWithReference(t, [32]byte{1}, small, data)
		})
	}
}

// candidatePair returns two bytes whose endless repetition is a candidate at
// every second place.
func candidatePair(t *testing.T) []byte {
	for i := range 1 << 16 {
		pair := []byte{byte(i), byte(i >> 8)}
		if n, _ := candidate(bytes.Repeat(pair, 33), 64, hashOf(bytes.Repeat(pair, 32))); n != 0 {
			return pair
		}
	}
	t.Fatal("no pair of bytes repeats to a candidate")
	return nil
}

func hashOf(data []byte) (h uint64) {
	for _, b := range data {
		h = h<<1 + gear[b]
	}
	return h
}

func FuzzFastEqualsRule(f *testing.F) {
	f.Add([]byte("key"), uint16(0), uint16(0), uint16(0), random(1, 4000))
	f.Add([]byte{}, uint16(60), uint16(2000), uint16(9000), make([]byte, 5000))
	f.Fuzz(func(t *testing.T, k []byte, minSize, avg, maxSize uint16, data []byte) {
		var key [32]byte
		copy(key[:], k)
		p := Params{Min: 64 + int(minSize)}
		p.Avg = p.Min + 1025 + int(avg)
		p.Max = p.Avg + int(maxSize)
		compareWithReference(t, key, p, data)
	})
}

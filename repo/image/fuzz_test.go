package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
)

// Any bytes are a table that can be written again, or none, whatever their
// checksum says.
func FuzzTable(f *testing.F) {
	r := rand.New(rand.NewPCG(8, 8))
	x := newDB(f, random(r, 20*BlockSize+3))
	x.plain = true
	for range 3 {
		x.backup(true)
		var b bytes.Buffer
		must(f, x.table.write(&b))
		f.Add(b.Bytes()[:b.Len()-sha256.Size])
		copy(x.image[BlockSize:], x.image[10*BlockSize:12*BlockSize])
		touch(r, x.image, 1)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sum := sha256.Sum256(b)
		b = append(bytes.Clone(b), sum[:]...)
		table, err := readTable(bytes.NewReader(b), uint64(len(b)))
		if err != nil {
			return
		}
		var again bytes.Buffer
		must(t, table.write(&again))
		if !bytes.Equal(again.Bytes(), b) {
			t.Fatal("two files are one table")
		}
		for i := range table.hashes {
			if from, ok := table.origin(i); ok && from >= blocksOf(table.base) {
				t.Fatal("a block comes from beyond the base")
			}
		}
	})
}

// What is built is what is applied, through any chain of edits. The input is
// read as edits of 5 bytes: what, where (2), how much, seed.
func FuzzLayerRoundTrip(f *testing.F) {
	f.Add(uint16(9000), false, []byte("\x00\x01\x00\x05a\x01\x01\x00\x05b\x02\x01\x00\x05c"))
	f.Add(uint16(40000), true, []byte("\x03\x01\x00\xf0a\x04\x01\x00\xf0b\x05\x00\x00\x02c\x06\x02\x03\x01x"))
	f.Add(uint16(0), true, []byte("\x02\x01\x00\x05a\x01\x01\x00\xffb"))
	f.Fuzz(func(t *testing.T, size uint16, plain bool, edits []byte) {
		x := newDB(t, random(rand.New(rand.NewPCG(1, uint64(size))), int(size)))
		x.plain = plain
		for len(edits) > 5*40 {
			edits = edits[:5*40]
		}
		x.backup(true)
		for ; len(edits) >= 5; edits = edits[5:] {
			x.image = edit(bytes.Clone(x.image), edits[0]&0x7f, int(binary.LittleEndian.Uint16(edits[1:])), int(edits[3]), edits[4])
			if edits[0] < 0x80 { // else the next edit comes before the backup
				x.backup(edits[4]%2 == 0)
				x.reload()
			}
		}
	})
}

func edit(b []byte, what byte, at, n int, seed byte) []byte {
	at = min(at*7, len(b))
	switch what % 7 {
	case 0: // bytes change
		for i := at; i < min(len(b), at+n*50); i++ {
			b[i] += seed + byte(i) | 1
		}
	case 1: // the file grows
		b = append(b, bytes.Repeat([]byte{seed}, n*100)...)
	case 2: // by zeros
		b = append(b, make([]byte, n*100)...)
	case 3: // it shrinks
		b = b[:at]
	case 4: // to whole blocks
		b = b[:at/BlockSize*BlockSize]
	case 5: // blocks move
		copy(b[at/BlockSize*BlockSize:], bytes.Clone(b[min(len(b), n*BlockSize):]))
	case 6: // all of it shifts
		b = append(bytes.Repeat([]byte{seed}, n*40), b...)
	}
	return b[:min(len(b), 1<<18)]
}

// What can't be read is no table, whatever the size claims.
func TestReadTableRefuses(t *testing.T) {
	table := parentOf(t, make([]byte, 10*BlockSize))
	var b bytes.Buffer
	must(t, table.write(&b))
	for n := range uint64(b.Len()) {
		if _, err := readTable(bytes.NewReader(b.Bytes()), n); !errors.Is(err, errTable) {
			t.Fatalf("%d: %v", n, err)
		}
	}
}

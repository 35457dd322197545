package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/chatkeep/chatkeep/repo/format"
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

// A layer may hold anything: it is laid within what the image may have, or
// refused for what it is.
func FuzzApply(f *testing.F) {
	base := []byte("a base of some bytes")
	kept := format.Layer{Length: 30, Sources: [][32]byte{{1}}, Extents: []format.Extent{{At: 2, N: 3, Bytes: []byte("abc")}, {At: 10, N: 5, Source: 1, From: 4}}}
	f.Add(uint64(30), kept.Encode(), kept.Encode())
	f.Add(uint64(1<<62), (&format.Layer{Length: 1 << 62}).Encode(), []byte{})
	f.Add(uint64(1<<40), (&format.Layer{Length: 1 << 40}).Encode(), (&format.Layer{Length: 1}).Encode())
	f.Fuzz(func(t *testing.T, length uint64, first, second []byte) {
		c := &format.Content{Image: true, Length: length, Layers: []format.Ref{{Length: uint64(len(first))}, {Length: uint64(len(second))}}}
		body := []format.Ref{{ID: [32]byte{1}, Length: uint64(len(base))}}
		fetch := func(_ context.Context, refs []format.Ref, got func(int, []byte, error)) {
			for i := range refs {
				switch {
				case refs[i].ID == body[0].ID:
					got(i, base, nil)
				case i == 0:
					got(i, first, nil)
				default:
					got(i, second, nil)
				}
			}
		}
		file, err := newSpill(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		const room = 1 << 20
		dst := &memFile{}
		a := &applier{c: c, body: body, dst: dst, fetch: fetch, spool: spool{file: file}, free: func() (uint64, bool) { return room, true }}
		err = a.run(t.Context())
		if err != nil && !errors.Is(err, format.ErrMalformed) && !errors.Is(err, format.ErrNewer) && !errors.Is(err, ErrProof) && !errors.Is(err, ErrRoom) {
			t.Fatal(err)
		}
		if len(dst.b) > room {
			t.Fatalf("%d bytes were written", len(dst.b))
		}
	})
}

// Any bytes are a mark that is written the same again, or none.
func FuzzMark(f *testing.F) {
	f.Add(append([]byte(markMagic), "12345678mark"...))
	f.Add(append([]byte(markMagic), make([]byte, 8)...))
	f.Add([]byte(markMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		sum := sha256.Sum256(b)
		m, ok := decodeMark(append(bytes.Clone(b), sum[:]...))
		if ok && !bytes.Equal(m.Mark, b[len(markMagic)+8:]) {
			t.Fatalf("%q became %q", b, m.Mark)
		}
		if _, ok := decodeMark(b); ok && len(b) < len(markMagic)+8+sha256.Size {
			t.Fatal("read without a checksum")
		}
	})
}

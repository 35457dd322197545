package index

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// A run file, all numbers little-endian:
//
//	header   8  magic "ckindex\n"
//	         4  version, 1
//	         4  zero
//	records     48 bytes each, by ascending id
//	        32  id
//	         4  offset
//	         4  stored
//	         4  length
//	         4  pack number in the low 24 bits, kind in the high 8
//	buckets     8 bytes each, 2^bits of them; the records of bucket b are
//	            those whose id starts with the bits of b
//	         4  number of records up to and with this bucket
//	         4  CRC-32C of the bucket's records
//	packs       32 bytes each: pack names
//	footer   8  magic
//	         4  version
//	         4  bits
//	         4  number of records
//	         4  number of packs
//	         4  CRC-32C of buckets and packs
//	         4  CRC-32C of the footer up to here
//
// What grows with the number of records comes first and the tables last, so
// that a merge writes from start to end without knowing how many entries
// remain. The checksums find accidents, not forgeries: whoever can write to
// the cache folder already is this user.
const (
	magic   = "ckindex\n"
	version = 1

	headerSize = 16
	recordSize = 48
	bucketSize = 8
	packSize   = 32
	footerSize = 32

	maxPacks   = 1 << 24
	maxEntries = 1<<32 - 1
)

// One look-up reads one bucket. Buckets of 16 to 32 records (at most 1.5 KiB
// in the mean) cost up to half a byte of memory per entry. Beyond 8 million
// entries they grow instead of the table, which ends at 2 MiB.
const (
	bucketRecords = 32
	maxBits       = 18
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(p []byte) uint32 { return crc32.Checksum(p, castagnoli) }

// bucketBits returns how many leading bits of an id choose its bucket, for n
// entries.
func bucketBits(n uint64) int {
	return min(bits.Len64(n/bucketRecords), maxBits)
}

// bucketOf returns the bucket of id.
func bucketOf(id *[32]byte, bits int) int {
	return int(uint64(binary.BigEndian.Uint32(id[:])) >> (32 - bits))
}

// bucket is one line of the bucket table.
type bucket struct {
	end uint32 // number of records up to and with this bucket
	sum uint32
}

type footer struct {
	bits, entries, packs uint32
	tables               uint32 // checksum
}

func (f *footer) size() int64 {
	return headerSize + int64(f.entries)*recordSize + f.tableSize() + footerSize
}

func (f *footer) tableSize() int64 {
	return bucketSize<<f.bits + int64(f.packs)*packSize
}

func appendHeader(p []byte) []byte {
	p = binary.LittleEndian.AppendUint32(append(p, magic...), version)
	return binary.LittleEndian.AppendUint32(p, 0)
}

func appendFooter(p []byte, f *footer) []byte {
	start := len(p)
	p = append(p, magic...)
	for _, v := range []uint32{version, f.bits, f.entries, f.packs, f.tables} {
		p = binary.LittleEndian.AppendUint32(p, v)
	}
	return binary.LittleEndian.AppendUint32(p, checksum(p[start:]))
}

// parseFooter returns the footer in p, of footerSize bytes, and whether it is
// one of this version.
func parseFooter(p []byte) (f footer, ok bool) {
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(p[i:]) }
	f = footer{bits: word(12), entries: word(16), packs: word(20), tables: word(24)}
	ok = string(p[:8]) == magic && word(8) == version && word(28) == checksum(p[:28]) &&
		f.bits <= maxBits && f.packs <= maxPacks
	return f, ok
}

func appendRecord(p []byte, e *Entry) []byte {
	p = append(p, e.ID[:]...)
	p = binary.LittleEndian.AppendUint32(p, e.Offset)
	p = binary.LittleEndian.AppendUint32(p, e.Stored)
	p = binary.LittleEndian.AppendUint32(p, e.Length)
	return binary.LittleEndian.AppendUint32(p, e.Pack|uint32(e.Kind)<<24)
}

// parseRecord returns the entry in the first recordSize bytes of p.
func parseRecord(p []byte) (e Entry) {
	p = p[:recordSize]
	pack := binary.LittleEndian.Uint32(p[44:])
	return Entry{
		ID:     [32]byte(p),
		Offset: binary.LittleEndian.Uint32(p[32:]),
		Stored: binary.LittleEndian.Uint32(p[36:]),
		Length: binary.LittleEndian.Uint32(p[40:]),
		Pack:   pack & (maxPacks - 1),
		Kind:   uint8(pack >> 24),
	}
}

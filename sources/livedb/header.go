package livedb

import "encoding/binary"

// plainMagic begins a database that is not encrypted.
const plainMagic = "SQLite format 3\x00"

// plainPageSize reads the page size from the start of page 1. An encrypted
// database has none that can be read.
func plainPageSize(page1 []byte) (size int, plain bool) {
	if len(page1) < 18 || string(page1[:len(plainMagic)]) != plainMagic {
		return 0, false
	}
	n := uint32(binary.BigEndian.Uint16(page1[16:]))
	if n == 1 {
		n = maxPage
	}
	if !validPage(n) {
		return 0, true
	}
	return int(n), true
}

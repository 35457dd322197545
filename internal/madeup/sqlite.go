package madeup

import (
	"encoding/binary"
	"fmt"
)

// This file writes a SQLite database by hand, so that chatkeep's demo and
// tests have a real one without an SQL engine. The format is that of
// https://www.sqlite.org/fileformat2.html: two tables, no index, no overflow
// pages. The layout keeps pages where they are when rows are added, as an
// app's own inserts do:
//
//	page 1   header and schema
//	page 2   table talk, one leaf
//	page 3   table said, the root: one cell for each group
//	page 4…  groups: an interior page and up to leavesPerGroup leaves

const (
	leafTable      = 0x0d
	interiorTable  = 0x05
	leavesPerGroup = 64
	saidRoot       = 3
	minRows        = 2000 // for two groups: an interior page needs two children
)

const (
	talkSchema = "CREATE TABLE talk (id INTEGER PRIMARY KEY, name TEXT, newest INTEGER)"
	saidSchema = "CREATE TABLE said (id INTEGER PRIMARY KEY, talk INTEGER, at INTEGER, body TEXT, thumbnail BLOB)"
)

// row is one record with its rowid.
type row struct {
	id   int64
	body []byte
}

// databaseBytes returns the whole database with the messages of f.
func (t *tree) databaseBytes(f *file) []byte {
	rows, newest := t.said(f)
	return buildDatabase(rows, newest)
}

// buildDatabase writes the messages, and the newest of each talk.
func buildDatabase(rows []row, newest []int64) []byte {
	leaves := balance(pack(rows))
	db := make([]byte, 3*pageSize, (len(leaves)+len(leaves)/leavesPerGroup+4)*pageSize)
	var root []row // the last row of each group, with its page number as body
	for len(leaves) > 0 {
		n := min(leavesPerGroup, len(leaves))
		db = appendGroup(db, leaves[:n])
		last := leaves[n-1]
		root = append(root, child(len(db)/pageSize-n, last[len(last)-1].id))
		leaves = leaves[n:]
	}
	writeLeaf(db[:pageSize], 100, []row{
		{1, record("table", "talk", "talk", 2, talkSchema)},
		{2, record("table", "said", "said", saidRoot, saidSchema)},
	})
	writeHeader(db, uint32(len(rows)))
	writeLeaf(db[pageSize:2*pageSize], 0, talkRows(newest))
	writeInterior(db[2*pageSize:3*pageSize], root)
	return db
}

// said returns all messages, and the newest of each talk.
func (t *tree) said(f *file) (rows []row, newest []int64) {
	d := t.dice("said", f.key)
	stream := t.stream("thumbnails/" + f.key)
	at := month(exportMonths).Unix()
	newest = make([]int64, len(people))
	for id := int64(1); id <= int64(f.rows); id++ {
		talk := d.IntN(len(people))
		at += int64(d.IntN(900))
		var thumbnail any
		if d.IntN(8) == 0 {
			b := make([]byte, 400+d.IntN(1400))
			stream.Read(b)
			thumbnail = b
		}
		rows = append(rows, row{id, record(nil, talk+1, int(at), d.sentence(), thumbnail)})
		newest[talk] = id
	}
	return rows, newest
}

func talkRows(newest []int64) (rows []row) {
	for i, name := range people {
		rows = append(rows, row{int64(i + 1), record(nil, name, int(newest[i]))})
	}
	return rows
}

// pack fills leaves with rows in order.
func pack(rows []row) (leaves [][]row) {
	room := 0
	for _, r := range rows {
		need := len(leafCell(r)) + 2
		if need > room {
			leaves = append(leaves, nil)
			room = pageSize - 8
		}
		leaves[len(leaves)-1] = append(leaves[len(leaves)-1], r)
		room -= need
	}
	return leaves
}

// balance makes two leaves of the one before the last, if the last would be
// alone in its group: an interior page needs two children. All but the last
// hold two rows or more.
func balance(leaves [][]row) [][]row {
	if len(leaves)%leavesPerGroup != 1 {
		return leaves
	}
	n := len(leaves)
	split, last := leaves[n-2], leaves[n-1]
	half := len(split) / 2
	return append(leaves[:n-2], split[:half], split[half:], last)
}

// appendGroup adds an interior page and its leaves.
func appendGroup(db []byte, leaves [][]row) []byte {
	first := len(db)/pageSize + 1
	var children []row
	for i, leaf := range leaves {
		children = append(children, child(first+1+i, leaf[len(leaf)-1].id))
	}
	var page [pageSize]byte
	writeInterior(page[:], children)
	db = append(db, page[:]...)
	for _, leaf := range leaves {
		clear(page[:])
		writeLeaf(page[:], 0, leaf)
		db = append(db, page[:]...)
	}
	return db
}

// child is an entry of an interior page: a page number and the largest rowid
// below it.
func child(page int, largest int64) row {
	return row{largest, binary.BigEndian.AppendUint32(nil, uint32(page))}
}

func writeHeader(db []byte, changes uint32) {
	be := binary.BigEndian
	copy(db, "SQLite format 3\x00")
	be.PutUint16(db[16:], pageSize)
	copy(db[18:], []byte{1, 1, 0, 64, 32, 32}) // rollback journal; fixed fractions
	be.PutUint32(db[24:], changes)
	be.PutUint32(db[28:], uint32(len(db)/pageSize))
	be.PutUint32(db[40:], 1) // schema cookie
	be.PutUint32(db[44:], 4) // schema format
	be.PutUint32(db[56:], 1) // UTF-8
	be.PutUint32(db[92:], changes)
	be.PutUint32(db[96:], 3045000)
}

// writeLeaf fills a table leaf whose page header stands at offset head.
func writeLeaf(page []byte, head int, rows []row) {
	cells := make([][]byte, len(rows))
	for i, r := range rows {
		cells[i] = leafCell(r)
	}
	writeCells(page, head, 8, leafTable, cells)
}

func leafCell(r row) []byte {
	c := appendVarint(nil, int64(len(r.body)))
	c = appendVarint(c, r.id)
	return append(c, r.body...)
}

// writeInterior fills an interior page; the last child is the right-most.
func writeInterior(page []byte, children []row) {
	last := len(children) - 1
	cells := make([][]byte, last)
	for i, c := range children[:last] {
		cells[i] = appendVarint(append([]byte{}, c.body...), c.id)
	}
	writeCells(page, 0, 12, interiorTable, cells)
	copy(page[8:], children[last].body)
}

// writeCells puts cells at the end of a page and pointers to them behind its
// header of size bytes.
func writeCells(page []byte, head, size int, kind byte, cells [][]byte) {
	be := binary.BigEndian
	at := pageSize
	for i, c := range cells {
		at -= len(c)
		copy(page[at:], c)
		be.PutUint16(page[head+size+2*i:], uint16(at))
	}
	page[head] = kind
	be.PutUint16(page[head+3:], uint16(len(cells)))
	be.PutUint16(page[head+5:], uint16(at))
	if head+size+2*len(cells) > at {
		panic(fmt.Sprintf("madeup: %d cells don't fit a page", len(cells)))
	}
}

// record encodes values: nil, int, string or []byte.
func record(values ...any) []byte {
	var types, body []byte
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			types = append(types, 0)
		case int:
			types = append(types, 6)
			body = binary.BigEndian.AppendUint64(body, uint64(v))
		case string:
			types = appendVarint(types, int64(13+2*len(v)))
			body = append(body, v...)
		case []byte:
			types = appendVarint(types, int64(12+2*len(v)))
			body = append(body, v...)
		}
	}
	size := len(types) + 1 // the header's own length is below 128
	return append(append(appendVarint(nil, int64(size)), types...), body...)
}

// appendVarint adds v as SQLite writes it: seven bits a byte, the highest
// first.
func appendVarint(b []byte, v int64) []byte {
	var rev [9]byte
	n := 0
	for {
		rev[n] = byte(v&0x7f) | 0x80
		n++
		if v >>= 7; v == 0 {
			break
		}
	}
	rev[0] &= 0x7f
	for n > 0 {
		n--
		b = append(b, rev[n])
	}
	return b
}

package madeup

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/needs"
)

// parsed is what a walk over all pages of a database found.
type parsed struct {
	db    []byte
	seen  map[uint32]bool
	last  int64 // rowid
	rows  int
	depth int
}

// page walks the b-tree below page n, as the file format says.
func (p *parsed) page(n uint32, level int) error {
	if n == 0 || int(n)*pageSize > len(p.db) || p.seen[n] {
		return fmt.Errorf("page %d: outside of the file or seen twice", n)
	}
	p.seen[n] = true
	page := p.db[(n-1)*pageSize : n*pageSize]
	head := 0
	if n == 1 {
		head = 100
	}
	be := binary.BigEndian
	cells := int(be.Uint16(page[head+3:]))
	if cells == 0 {
		return fmt.Errorf("page %d: no cells", n)
	}
	switch page[head] {
	case leafTable:
		if p.depth == 0 {
			p.depth = level
		}
		if p.depth != level {
			return fmt.Errorf("page %d: a leaf on level %d, others on %d", n, level, p.depth)
		}
		for i := range cells {
			if err := p.leafCell(page, int(be.Uint16(page[head+8+2*i:]))); err != nil {
				return fmt.Errorf("page %d, cell %d: %w", n, i, err)
			}
		}
		return nil
	case interiorTable:
		for i := range cells {
			at := int(be.Uint16(page[head+12+2*i:]))
			if err := p.page(be.Uint32(page[at:]), level+1); err != nil {
				return err
			}
			if key, _ := varint(page[at+4:]); key != p.last {
				return fmt.Errorf("page %d, cell %d: key %d, the last row below is %d", n, i, key, p.last)
			}
		}
		return p.page(be.Uint32(page[head+8:]), level+1)
	}
	return fmt.Errorf("page %d: type %#x", n, page[head])
}

func (p *parsed) leafCell(page []byte, at int) error {
	size, n := varint(page[at:])
	id, m := varint(page[at+n:])
	body := page[at+n+m:]
	if id <= p.last || int(size) > len(body) || size > pageSize-35 {
		return fmt.Errorf("rowid %d after %d, %d bytes", id, p.last, size)
	}
	p.last, p.rows = id, p.rows+1
	header, n := varint(body)
	total := header
	for int64(n) < header {
		kind, m := varint(body[n:])
		n += m
		switch {
		case kind >= 12:
			total += (kind - 12) / 2
		case kind == 6:
			total += 8
		case kind != 0:
			return fmt.Errorf("serial type %d", kind)
		}
	}
	if total != size {
		return fmt.Errorf("record of %d bytes in %d", total, size)
	}
	return nil
}

func varint(b []byte) (v int64, n int) {
	for n < 9 {
		v = v<<7 | int64(b[n]&0x7f)
		n++
		if b[n-1] < 0x80 {
			break
		}
	}
	return v, n
}

// checkDatabase fails the test unless db is a sound SQLite database with so
// many messages.
func checkDatabase(t *testing.T, db []byte, messages int) {
	t.Helper()
	be := binary.BigEndian
	if !strings.HasPrefix(string(db), "SQLite format 3\x00") || be.Uint16(db[16:]) != pageSize ||
		int(be.Uint32(db[28:]))*pageSize != len(db) || be.Uint32(db[24:]) != be.Uint32(db[92:]) {
		t.Fatalf("header % x of %d bytes", db[:100], len(db))
	}
	seen := map[uint32]bool{}
	for _, tree := range []struct {
		root uint32
		rows int
	}{{1, 2}, {2, len(people)}, {saidRoot, messages}} {
		p := parsed{db: db, seen: seen}
		if err := p.page(tree.root, 1); err != nil {
			t.Fatal(err)
		}
		if p.rows != tree.rows || p.last != int64(tree.rows) {
			t.Errorf("tree %d: %d rows up to %d, want %d", tree.root, p.rows, p.last, tree.rows)
		}
	}
	if len(seen)*pageSize != len(db) {
		t.Errorf("%d of %d pages belong to a table", len(seen), len(db)/pageSize)
	}
}

// Every number of messages makes a sound database, also where a group of
// leaves is just full or holds a single one.
func TestDatabaseIsSound(t *testing.T) {
	p := newTree(Demo)
	f := p.names["chats/messages.db"]
	f.rows = 5000
	rows, newest := p.said(f)
	full := 0 // messages that fill two groups
	for _, leaf := range pack(rows)[:2*leavesPerGroup] {
		full += len(leaf)
	}
	for n := full - 15; n < full+15; n++ {
		checkDatabase(t, buildDatabase(rows[:n], newest), n)
	}
	if alone := pack(rows[:full+1]); len(alone)%leavesPerGroup != 1 {
		t.Errorf("%d leaves; the test misses its case", len(alone))
	}
}

func TestNewMessagesChangeFewPages(t *testing.T) {
	p := newTree(Demo)
	f := p.names["chats/messages.db"]
	before := p.databaseBytes(f)
	f.rows += 200
	after := p.databaseBytes(f)
	changed := 0
	for at := 0; at < len(after); at += pageSize {
		if at >= len(before) || string(before[at:at+pageSize]) != string(after[at:at+pageSize]) {
			changed++
		}
	}
	if changed < 5 || changed > 60 {
		t.Errorf("200 messages changed %d of %d pages", changed, len(after)/pageSize)
	}
}

// SQLite itself finds the file sound, and the messages readable.
func TestSQLiteReadsIt(t *testing.T) {
	needs.Have(t, needs.Python3)
	dir, _ := generate(t, quick)
	for day := range 3 {
		if day > 0 {
			if _, err := Grow(dir, quick, day); err != nil {
				t.Fatal(err)
			}
		}
		const script = `
import sqlite3, sys
db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
print(db.execute("pragma integrity_check").fetchall(), db.execute("select count(*), count(distinct talk) from said").fetchone(),
      db.execute("select count(*) from talk join said on said.id = newest and said.talk = talk.id").fetchone(),
      db.execute("select min(length(body)) > 0, max(at) > min(at), count(thumbnail) > 100 from said").fetchone())`
		out, err := exec.Command("python3", "-c", script, filepath.Join(dir, "chats/messages.db")).CombinedOutput()
		want := fmt.Sprintf("[('ok',)] (%d, %d) (%d,) (1, 1, 1)", 4000+200*day, len(people), len(people))
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Fatalf("day %d: SQLite says %s (%v), want %s", day, got, err, want)
		}
	}
	db, err := os.ReadFile(filepath.Join(dir, "chats/messages.db"))
	if err != nil {
		t.Fatal(err)
	}
	checkDatabase(t, db, 4400)
}

package snapshot

import (
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // an engine that leaves a journal

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// An app that dies in the middle of a transaction leaves a journal, without
// which its database is torn. The two are kept as one, and restored so.
func TestJournalIsKeptWithItsDatabase(t *testing.T) {
	p := newApp(t, format.Full)
	p.plant("db_storage/message/message_0.db-a", noise("a", 100)) // sorts between the two
	engine := filepath.Join(t.TempDir(), "message_0.db")
	db, err := sql.Open("sqlite", "file:"+engine+"?_pragma=journal_mode(DELETE)&_pragma=cache_size(2)&_pragma=cache_spill(1)")
	p.must(err)
	db.SetMaxOpenConns(1)
	defer db.Close()
	exec := func(x interface {
		Exec(string, ...any) (sql.Result, error)
	}, q string, args ...any) {
		t.Helper()
		_, err := x.Exec(q, args...)
		p.must(err)
	}
	exec(db, "create table notes (id integer primary key, body text)")
	for i := range 200 {
		exec(db, "insert into notes values (?, ?)", i, fmt.Sprintf("%0500d", i))
	}
	tx, err := db.Begin()
	p.must(err)
	exec(tx, "update notes set body = 'half done' || body")
	for _, suffix := range []string{"", "-journal"} { // as a kill would leave them
		in, err := os.Open(engine + suffix)
		p.must(err)
		out, err := os.Create(p.path(messages) + suffix)
		p.must(err)
		_, err = io.Copy(out, in)
		p.must(err)
		p.must(in.Close())
		p.must(out.Close())
		p.must(os.Chtimes(p.path(messages)+suffix, old, old))
	}
	p.must(tx.Rollback())

	for range 2 {
		taken := p.backup()
		if len(taken.Flagged)+len(taken.Skipped) > 0 {
			t.Fatalf("%+v", taken)
		}
		dir, _ := p.back(repo.Latest, RestoreOptions{})
		p.soundNotes(filepath.Join(dir, messages))
	}
	p.must(os.Remove(p.path(messages + "-journal"))) // the app has come back
	p.must(os.Remove(p.path(messages)))
	exec(db, "vacuum into ?", p.path(messages))
	p.backup()
	dir, _ := p.back(repo.Latest, RestoreOptions{})
	if exists(filepath.Join(dir, messages+"-journal")) {
		t.Error("the old journal was restored beside the new database")
	}
	p.soundNotes(filepath.Join(dir, messages))
	p.check(100)
}

// soundNotes opens a restored database as the app would.
func (p app) soundNotes(path string) {
	p.t.Helper()
	db, err := sql.Open("sqlite", path)
	p.must(err)
	defer db.Close()
	var check string
	p.must(db.QueryRow("pragma integrity_check").Scan(&check))
	var all, half int
	p.must(db.QueryRow("select count(*), count(*) filter (where body like 'half%') from notes").Scan(&all, &half))
	if check != "ok" || all != 200 || half != 0 {
		p.t.Errorf("integrity %s, %d notes, %d of a transaction that never ended", check, all, half)
	}
}

package madeup

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Only here do locks hold against others in the same program.

// An engine that has the same files open at the same time reads the newest
// transaction through the index that the writer made, and the writer goes on
// around its locks.
func TestEngineReadsAlongside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.db")
	w := newWriter(t, path, WriterOptions{})
	steps(t, w, 1)
	db, err := sql.Open("sqlite", path+"?_pragma=query_only(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	read := func(tx interface {
		QueryRow(string, ...any) *sql.Row
	}) (n int) {
		t.Helper()
		if err := tx.QueryRow("SELECT n FROM beat").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n - beatBase
	}
	for n := 1; n < 60; n++ {
		if got := read(db); got != n {
			t.Fatalf("the engine reads transaction %d of %d", got, n)
		}
		if n%7 == 0 {
			checkpoint(t, w, Mode(n%3))
		}
		steps(t, w, 1)
	}
	for range 9 { // into the second block of the index
		steps(t, w, 350)
		if got := read(db); got != w.Committed() {
			t.Fatalf("the engine reads transaction %d of %d", got, w.Committed())
		}
	}
	if len(w.log.pages) < firstBlock+100 {
		t.Errorf("only %d frames", len(w.log.pages))
	}
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	before := read(tx)
	steps(t, w, 5)
	checkpoint(t, w, Passive)
	if got := read(tx); got != before {
		t.Errorf("the engine's transaction went from %d to %d", before, got)
	}
	if err := w.Checkpoint(Truncate); !errors.Is(err, ErrBusy) || w.Busy() != 0 {
		t.Errorf("truncate below a reader: %v", err)
	}
	tx.Rollback()
	checkpoint(t, w, Truncate)
	steps(t, w, 1)
	if got := read(db); got != w.Committed() {
		t.Errorf("the engine reads transaction %d of %d", got, w.Committed())
	}
}

// One who holds a lock is waited for by nobody: the app hears that it is busy,
// and nothing was done.
func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.db")
	w := newWriter(t, path, WriterOptions{})
	steps(t, w, 3)
	other, err := os.OpenFile(path+"-shm", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, tt := range []struct {
		at   int64
		call func() error
		busy int
	}{
		{lockWrite, w.Step, 1},
		{lockWrite, func() error { return w.Checkpoint(Truncate) }, 0},
		{lockCheckpoint, func() error { return w.Checkpoint(Passive) }, 0},
		{lockRead, func() error { return w.Checkpoint(Restart) }, 0},
	} {
		before := w.Busy()
		err := locked(other, exclusive, tt.at, 1, tt.call)
		if !errors.Is(err, ErrBusy) || w.Busy() != before+tt.busy || w.Committed() != 3 {
			t.Errorf("lock %d: %v, busy %d times", tt.at, err, w.Busy())
		}
	}
	if err := locked(w.shm, shared, lockAlive, 1, func() error { return lock(other, exclusive, lockAlive, 1) }); !errors.Is(err, ErrBusy) {
		t.Errorf("nobody is seen to have the database open: %v", err)
	}
	steps(t, w, 1)
}

package madeup

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// newWriter opens a writer that the test closes.
func newWriter(t *testing.T, path string, o WriterOptions) *Writer {
	t.Helper()
	w, err := NewWriter(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func steps(t *testing.T, w *Writer, n int) {
	t.Helper()
	for range n {
		if err := w.Step(); err != nil {
			t.Fatal(err)
		}
	}
}

func checkpoint(t *testing.T, w *Writer, mode Mode) {
	t.Helper()
	if err := w.Checkpoint(mode); err != nil {
		t.Fatal(err)
	}
}

func wantState(t *testing.T, w *Writer, path string, n int) {
	t.Helper()
	if got, err := w.Find(path); err != nil || got != n {
		t.Errorf("%s is at transaction %d, %v; want %d", filepath.Base(path), got, err, n)
	}
}

// At every boundary between transactions, also behind the recording's end, a
// real engine finds the database sound and complete: from the log as it lies
// there, and after a checkpoint of ours.
func TestEngineReadsEveryTransaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.db")
	w := newWriter(t, path, WriterOptions{BigEndian: true})
	for n := range recordedTransactions + 5 {
		suffixes := []string{"", "-wal"}
		if n%3 == 0 {
			checkpoint(t, w, Mode(n/3%3))
			suffixes = suffixes[:1]
		}
		copied := copyDatabase(t, path, suffixes...)
		wantState(t, w, copied, n)
		if n%engineEvery < 2 {
			if got := checkEngine(t, copied); got != n {
				t.Fatalf("the engine is at transaction %d of %d", got, n)
			}
		}
		steps(t, w, 1)
	}
	if w.Busy() != 0 {
		t.Errorf("busy %d times", w.Busy())
	}
}

// The engine goes on where the writer closed, and the other way round the
// writer sees that this is not its recording any more.
func TestEngineOpensWhatWasClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.db")
	w := newWriter(t, path, WriterOptions{})
	steps(t, w, 30)
	checkpoint(t, w, Passive)
	steps(t, w, 3)
	w.Close()
	again := newWriter(t, path, WriterOptions{})
	wantState(t, w, path, 33)
	steps(t, again, 2)
	again.Close()
	if again.Committed() != 2 || again.State(0) != w.State(33) {
		t.Error("the second writer did not go on from the first")
	}
	if n := checkEngine(t, path); n != 35 {
		t.Errorf("the engine is at transaction %d", n)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("DELETE FROM said"); err != nil {
		t.Fatal(err)
	}
	if _, err := NewWriter(path, WriterOptions{}); err == nil {
		t.Error("a writer goes on with a database that others changed")
	}
}

// What looks encrypted goes through the same files; a copy of the database and
// its log is always at a transaction, also one that a restart cut short.
func TestWriterOfEncryptedPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "message_0.db")
	if err := Database(path, 1<<20, 7, true); err != nil {
		t.Fatal(err)
	}
	w := newWriter(t, path, WriterOptions{Seed: 1})
	for n := range 40 {
		if n%8 == 5 {
			checkpoint(t, w, Mode(n/8%3))
		}
		wantState(t, w, copyDatabase(t, path, "", "-wal"), n)
		steps(t, w, 1)
	}
	checkpoint(t, w, Passive)
	wantState(t, w, copyDatabase(t, path, ""), 40)
	if w.State(39) == w.State(40) {
		t.Error("a transaction changed nothing")
	}
	first, _ := os.ReadFile(path)
	if isPlain(first) || len(first) <= 1<<20 || len(first)%pageSize != 0 {
		t.Errorf("%d bytes, plain: %v", len(first), isPlain(first))
	}
	if _, err := w.Find(copyDatabase(t, path+"-wal", "")); err == nil {
		t.Error("a file that is no copy was found to be one")
	}
}

func TestRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.db")
	w := newWriter(t, path, WriterOptions{Checkpoint: 100})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx, 0) }()
	for w.Committed() < 2*recordedTransactions {
		runtime.Gosched()
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	n := w.Committed()
	wantState(t, w, path, n)
	w.Close()
	if got := checkEngine(t, path); got != n {
		t.Errorf("the engine is at transaction %d of %d", got, n)
	}
	ended, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if err := w.Run(ended, time.Hour); err != nil {
		t.Error(err)
	}
}

package snapshot

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// messagesHere fails unless the pulled messages are those after n transactions.
func (u *puller) messagesHere(p app, w *madeup.Writer, n int) {
	u.t.Helper()
	full := filepath.Join(u.to, "laptop", p.only[0].Name(), filepath.FromSlash(messages))
	got, err := w.Find(full)
	u.must(err)
	if got != n {
		u.t.Errorf("the pulled messages are those after %d transactions, not %d", got, n)
	}
}

// Through layers, merges of them and new bases, a database is made new from the
// one that is there, and what comes is about what changed.
func TestPullDatabase(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 16<<20, 1, true))
	w := p.writer()
	p.steps(w, 3)
	p.backup()
	u := p.puller()
	u.pull()
	if u.down < 8<<20 {
		t.Errorf("the first pull brought %d bytes", u.down)
	}
	down, up := uint64(0), uint64(0)
	for day := range 45 {
		p.steps(w, 1+day%3)
		if day%5 == 4 {
			p.must(w.Checkpoint(madeup.Mode(day % 4)))
		}
		next := p.backup()
		u.pull()
		u.messagesHere(p, w, w.Committed())
		down, up = down+u.down, up+next.Counts.Uploaded
		if u.down > 2*next.Counts.Uploaded+1<<20 {
			t.Errorf("day %d: %d bytes came, %d were sent", day, u.down, next.Counts.Uploaded)
		}
	}
	t.Logf("45 pulls: %d bytes came, %d were sent", down, up)
	p.check(100)
}

// Whatever happens to a database, the pulled one is the same.
func TestPullDatabaseRewritten(t *testing.T) {
	p := newPlace(t, format.Full)
	r := rand.New(rand.NewPCG(5, 5))
	p.must(madeup.Database(filepath.Join(p.chats, "x.db"), 9<<20, 3, true))
	p.backup()
	u := p.puller()
	u.pull()
	full := filepath.Join(p.chats, "x.db")
	for step, change := range []func(b []byte) []byte{
		func(b []byte) []byte { copy(b[5<<20:], noise("x", 8192)); return b },
		func(b []byte) []byte { return b[:6<<20] },
		func(b []byte) []byte { return append(b, noise("y", 2<<20)...) },
		func(b []byte) []byte { clear(b[1<<20 : 2<<20]); return b },
		func(b []byte) []byte { return noise("z", 7<<20) },
		func(b []byte) []byte { return append(b[:4096:4096], b[1<<20:]...) },
		func(b []byte) []byte { return b[:4096] },
		func(b []byte) []byte { return append(b, noise("w", 5<<20)...) },
	} {
		b, err := os.ReadFile(full)
		p.must(err)
		b = change(b)
		for range r.IntN(5) {
			at := r.IntN(len(b)) &^ 4095
			copy(b[at:], noise("r", 100))
		}
		p.must(os.WriteFile(full, b, 0o644))
		p.backup()
		u.pull()
		u.same()
		if t.Failed() {
			t.Fatalf("after step %d", step)
		}
	}
	p.check(100)
}

// What an engine would lay upon a pulled database doesn't stay beside it, and is
// not lost.
func TestPullDatabaseOpenedHere(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 4<<20, 1, true))
	w := p.writer()
	p.steps(w, 2)
	p.backup()
	u := p.puller()
	u.pull()
	db := filepath.Join(u.to, "laptop", p.only[0].Name(), filepath.FromSlash(messages))
	p.must(os.WriteFile(db+"-wal", nil, 0o600))
	p.must(os.WriteFile(db+"-shm", []byte("index"), 0o600))
	u.pull() // somebody only looks
	if _, err := os.Stat(db + "-shm"); err != nil {
		t.Error("the index of a reader was removed:", err)
	}
	p.must(os.WriteFile(db+"-wal", []byte("somebody's messages"), 0o600))
	out, _, err := u.try()
	p.must(err)
	if len(out.Aside) != 1 || len(out.Failed) > 0 {
		t.Fatalf("%+v", out)
	}
	aside := filepath.Join(u.to, filepath.FromSlash(out.Aside[0].To))
	if b, err := os.ReadFile(aside + "-wal"); err != nil || string(b) != "somebody's messages" {
		t.Errorf("what was put aside: %q, %v", b, err)
	}
	if out.Downloaded > 300_000 {
		t.Errorf("%d bytes came for a database that is here", out.Downloaded)
	}
	for _, suffix := range logSuffixes {
		if _, err := os.Stat(db + suffix); err == nil {
			t.Errorf("%s is left", suffix)
		}
	}
	u.messagesHere(p, w, 2)
	u.pull()
	u.messagesHere(p, w, 2)
}

// A bit that turned in the copy here is found by the proof when the database
// changes, and does no harm.
func TestPullDatabaseDecayed(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 8<<20, 1, true))
	w := p.writer()
	p.steps(w, 2)
	p.backup()
	u := p.puller()
	u.pull()
	db := filepath.Join(u.to, "laptop", p.only[0].Name(), filepath.FromSlash(messages))
	info, err := os.Stat(db)
	p.must(err)
	b, err := os.ReadFile(db)
	p.must(err)
	b[3<<20] ^= 1
	p.must(os.WriteFile(db, b, 0o600))
	p.must(os.Chtimes(db, info.ModTime(), info.ModTime()))
	p.steps(w, 2)
	p.backup()
	u.pull()
	u.messagesHere(p, w, 4)
	if u.down > 4<<20 {
		t.Errorf("%d bytes came for one segment", u.down)
	}
	p.check(100)
}

// Of a database that could not be proven, the last proven content is pulled, and
// said each time.
func TestPullUnproven(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 4<<20, 1, true))
	w := p.writer()
	p.steps(w, 2)
	p.backup()
	p.steps(w, 2)
	m := &meddling{captured: func(_ string, got *sources.Captured) { got.Proven, got.Mark = false, nil }}
	p.wrap = m.wrap
	p.find()
	if taken := p.backup(); len(taken.Flagged) == 0 {
		t.Fatalf("nothing was flagged: %+v", taken)
	}
	u := p.puller()
	for range 2 {
		out := u.pull()
		if len(out.Older) != 1 {
			t.Errorf("%+v", out)
		}
		u.messagesHere(p, w, 2)
	}
}

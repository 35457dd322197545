package snapshot

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// withJournal gives a capture a journal that belongs to it.
func withJournal(got *sources.Captured) {
	got.Mark, got.Same = nil, false
	got.Journal = io.NopCloser(bytes.NewReader(noise("journal", 5000)))
}

// While a database stands as the last snapshot has it, so does the journal
// without which it is torn.
func TestJournalStaysWithItsDatabase(t *testing.T) {
	const low = "db_storage/emoticon/emoticon.db" // less urgent than messages
	for how, spoil := range map[string]func(app, *meddling){
		"unproven": func(p app, m *meddling) {
			m.captured = func(_ string, got *sources.Captured) { got.Proven, got.Mark = false, nil }
			p.backup()
			dir, _ := p.back(repo.Latest, RestoreOptions{Unproven: true})
			if exists(filepath.Join(dir, low+"-journal")) {
				t.Error("the journal of another content was restored")
			}
		},
		"unreadable": func(p app, m *meddling) {
			m.fail = low
			p.backup()
		},
		"left": func(p app, _ *meddling) {
			p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
			p.videos(20)
			p.interrupted(TakeOptions{Now: hurried()}) // from now on levels apply
			p.must(madeup.Mutate(p.path(messages), madeup.Mutation{Pages: 3, Seed: 1}))
			p.interrupted(TakeOptions{Now: hurried()})
		},
	} {
		t.Run(how, func(t *testing.T) {
			p := newApp(t, format.Full)
			m := &meddling{captured: func(_ string, got *sources.Captured) { withJournal(got) }}
			p.wrap = m.wrap
			p.find()
			p.must(os.MkdirAll(filepath.Dir(p.path(low)), 0o755))
			p.must(madeup.Database(p.path(low), 1<<20, 1, true))
			p.must(os.WriteFile(p.path(low+"-journal"), noise("journal", 5000), 0o600))
			p.backup()
			p.must(madeup.Mutate(p.path(low), madeup.Mutation{Pages: 3, Seed: 1}))
			spoil(p, m)
			dir, _ := p.back(repo.Latest, RestoreOptions{})
			if !exists(filepath.Join(dir, low+"-journal")) {
				t.Error("the database stands as it was, without its journal")
			}
			p.check(100)
		})
	}
}

// A journal comes before what the walk says of its successor.
func TestJournalBeforeABusyFolder(t *testing.T) {
	p := newApp(t, format.Full)
	const db = "db_storage/session/session.db"
	m := &meddling{captured: func(_ string, got *sources.Captured) { withJournal(got) }, busy: "msg"}
	p.must(madeup.Database(p.path(db), 1<<19, 1, true))
	p.plant("msg/file/x", noise("x", 100))
	p.backup()
	p.wrap = m.wrap
	p.find()
	p.backup()
	p.check(100)
}

// Whoever asks for a database gets its journal too.
func TestJournalComesAlong(t *testing.T) {
	p := newApp(t, format.Full)
	m := &meddling{captured: func(_ string, got *sources.Captured) { withJournal(got) }}
	p.wrap = m.wrap
	p.find()
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.backup()
	for _, glob := range []string{p.only[0].Name() + "/" + messages, "message_0.db"} {
		dir, _ := p.back(repo.Latest, RestoreOptions{Include: []string{glob}})
		if !exists(filepath.Join(dir, messages+"-journal")) {
			t.Errorf("%s: the database was restored without its journal", glob)
		}
	}
	to := t.TempDir()
	r := p.open()
	s, err := r.Find(background, repo.Latest)
	p.must(err)
	for range 2 { // and again over what is there
		_, err := Restore(background, r, s, RestoreOptions{To: to, Overwrite: true})
		p.must(err)
		db := filepath.Join(to, p.only[0].Name(), messages)
		if !exists(db) || !exists(db+"-journal") {
			t.Error("not both are there")
		}
		p.must(os.WriteFile(db, noise("spoiled", 4096), 0o600))
	}
}

// A log beside a restored database would be laid upon it by the engine.
func TestStaleLogs(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.backup()
	r := p.open()
	s, err := r.Find(background, repo.Latest)
	p.must(err)
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		for _, overwrite := range []bool{false, true} {
			to := t.TempDir()
			db := filepath.Join(to, p.only[0].Name(), messages)
			p.must(os.MkdirAll(filepath.Dir(db), 0o755))
			p.must(os.WriteFile(db+suffix, noise("log", 4000), 0o600))
			out, err := Restore(background, r, s, RestoreOptions{To: to, Overwrite: overwrite})
			p.must(err)
			if exists(db) && exists(db+suffix) || exists(db) != overwrite || len(out.Failed) == 0 != overwrite {
				t.Errorf("%s, overwrite %v: %+v", suffix, overwrite, out)
			}
		}
	}
}

package snapshot

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// A copy that can't be proven stands beside the last one that was. A restore
// brings the proven one back and says so.
func TestUnprovenStandsBesideTheProven(t *testing.T) {
	p := newApp(t, format.Full)
	refuse := false
	m := &meddling{captured: func(_ string, got *sources.Captured) {
		if refuse {
			got.Proven, got.Mark = false, nil
		}
	}}
	p.wrap = m.wrap
	p.find()
	p.must(madeup.Database(p.path(messages), 4<<20, 1, true))
	w := p.writer()
	p.backup()
	for day := range 3 {
		refuse = true
		p.steps(w, 2)
		taken := p.backup()
		if len(taken.Flagged) != 1 || taken.Flagged[0].Reason != string(sources.Torn) || taken.Counts.Uploaded > 2<<20 {
			t.Errorf("%+v", taken)
		}
		dir, out := p.back(repo.Latest, RestoreOptions{})
		if n, err := w.Find(filepath.Join(dir, messages)); err != nil || n != 3*day || len(out.Older) != 1 || len(out.Torn) != 0 {
			t.Errorf("day %d: %d, %v, %+v", day, n, err, out)
		}
		dir, out = p.back(repo.Latest, RestoreOptions{Unproven: true})
		if n, err := w.Find(filepath.Join(dir, messages)); err != nil || n != 3*day+2 || len(out.Older) != 0 || len(out.Torn) != 1 {
			t.Errorf("day %d: %d, %v, %+v", day, n, err, out)
		}
		refuse = false
		p.steps(w, 1)
		if taken := p.backup(); len(taken.Flagged) != 0 || taken.Counts.Uploaded > 2<<20 {
			t.Errorf("%+v", taken)
		}
		p.messagesAre(repo.Latest, w, 3*day+3)
	}
	p.check(100)
}

// A database of which no copy was ever proven is restored as it was copied,
// and named.
func TestNeverProven(t *testing.T) {
	p := newApp(t, format.Full)
	m := &meddling{captured: func(_ string, got *sources.Captured) { got.Proven, got.Mark = false, nil }}
	p.wrap = m.wrap
	p.find()
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	for range 2 {
		p.backup()
		dir, out := p.back(repo.Latest, RestoreOptions{})
		if len(out.Torn) != 1 || !exists(filepath.Join(dir, messages)) {
			t.Errorf("%+v", out)
		}
	}
	p.check(100)
}

// A device that can read makes a lost table, or a lost listing, from the
// remote; one that can't uploads the database anew.
func TestLostTableIsMadeAgain(t *testing.T) {
	for role, most := range map[format.Role]uint64{format.Full: 1 << 20, format.BackupOnly: 6 << 20} {
		for _, lost := range []string{"images", "listing"} {
			t.Run(role.String()+" "+lost, func(t *testing.T) {
				p := newApp(t, role)
				p.must(madeup.Database(p.path(messages), 4<<20, 1, true))
				p.backup()
				p.must(madeup.Mutate(p.path(messages), madeup.Mutation{Pages: 10, Appended: 1, Seed: 1}))
				p.backup()
				p.must(os.RemoveAll(filepath.Join(p.state.Dir(), lost)))
				p.must(madeup.Mutate(p.path(messages), madeup.Mutation{Pages: 20, Appended: 1, Seed: 2}))
				if taken := p.backup(); taken.Counts.Uploaded > most {
					t.Errorf("%+v", taken.Counts)
				}
				p.restoredApp()
				p.must(madeup.Mutate(p.path(messages), madeup.Mutation{Pages: 10, Appended: 1, Seed: 3}))
				if taken := p.backup(); taken.Counts.Uploaded > 1<<20 {
					t.Errorf("%+v", taken.Counts)
				}
				p.restoredApp()
				p.check(100)
			})
		}
	}
}

// A block table that is lost, damaged or older costs bytes, never truth.
func TestBlockTables(t *testing.T) {
	for name, spoil := range map[string]func(p app, tables string, saved map[string][]byte){
		"lost": func(p app, tables string, _ map[string][]byte) { p.must(os.RemoveAll(tables)) },
		"damaged": func(p app, tables string, saved map[string][]byte) {
			for file, b := range saved {
				b[len(b)/2] ^= 1
				p.must(os.WriteFile(file, b, 0o600))
			}
		},
		"older": func(p app, tables string, saved map[string][]byte) {
			w := p.writer()
			p.steps(w, 1)
			p.backup()
			p.must(os.RemoveAll(tables))
			p.must(os.MkdirAll(tables, 0o700))
			for file, b := range saved {
				p.must(os.WriteFile(file, b, 0o600))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newApp(t, format.Full)
			p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
			p.must(madeup.Mutate(p.path(messages), madeup.Mutation{Pages: 10, Appended: 1, Seed: 1}))
			p.backup()
			tables := filepath.Join(p.state.Dir(), "images")
			saved := map[string][]byte{}
			files, err := filepath.Glob(filepath.Join(tables, "*"))
			p.must(err)
			for _, file := range files {
				saved[file], err = os.ReadFile(file)
				p.must(err)
			}
			if len(saved) == 0 {
				t.Fatal("no tables")
			}
			spoil(p, tables, saved)
			p.must(madeup.Mutate(p.path(messages), madeup.Mutation{Pages: 10, Appended: 1, Seed: 2}))
			p.backup()
			p.restoredApp()
			p.check(100)
		})
	}
}

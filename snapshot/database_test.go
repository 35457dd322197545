package snapshot

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/profile"
)

// app is a place whose chats are a WeChat account.
type app struct{ *place }

const messages = "db_storage/message/message_0.db"

func newApp(t testing.TB, role format.Role) app {
	p := app{newPlace(t, role)}
	for _, dir := range []string{"db_storage/message", "db_storage/contact", "db_storage/session"} {
		p.must(os.MkdirAll(filepath.Join(p.chats, dir), 0o755))
	}
	p.find()
	return p
}

// find looks for the account, as every backup does.
func (p app) find() {
	p.t.Helper()
	s, err := profile.New(profile.Options{Name: "wechat", Profiles: profile.Named(profile.Builtin(), "wechat"), Root: p.chats})
	p.must(err)
	list, err := s.Accounts(context.Background())
	p.must(err)
	if len(list) != 1 {
		p.t.Fatalf("%d accounts", len(list))
	}
	p.only = list
	if p.wrap != nil {
		p.only = []sources.Account{p.wrap(list[0])}
	}
}

func (p app) path(name string) string { return filepath.Join(p.chats, filepath.FromSlash(name)) }

// writer opens the messages as the app does.
func (p app) writer() *madeup.Writer {
	p.t.Helper()
	w, err := madeup.NewWriter(p.path(messages), madeup.WriterOptions{Seed: 1})
	p.must(err)
	p.t.Cleanup(func() { p.must(w.Close()) })
	return w
}

func (p app) steps(w *madeup.Writer, n int) {
	p.t.Helper()
	for range n {
		p.must(w.Step())
	}
}

// back brings a snapshot back as another device that has only the recovery
// key, and returns the account's folder.
func (p app) back(spec string, o RestoreOptions) (string, *Restored) {
	p.t.Helper()
	ctx := context.Background()
	r, err := repo.Open(ctx, p.remote, repo.Options{Recovery: p.recovery})
	p.must(err)
	s, err := r.Find(ctx, spec)
	p.must(err)
	o.To = filepath.Join(p.t.TempDir(), "restored")
	out, err := Restore(ctx, r, s, o)
	p.must(err)
	if len(out.Failed) > 0 {
		p.t.Fatal(out.Failed)
	}
	return filepath.Join(o.To, p.only[0].Name()), out
}

// messagesAre proves that a snapshot holds the messages as they are after n
// transactions.
func (p app) messagesAre(spec string, w *madeup.Writer, n int) {
	p.t.Helper()
	dir, _ := p.back(spec, RestoreOptions{})
	got, err := w.Find(filepath.Join(dir, messages))
	p.must(err)
	if got != n {
		p.t.Errorf("the restored messages are those after %d transactions, not %d", got, n)
	}
	if _, err := os.Stat(filepath.Join(dir, messages+"-wal")); err == nil {
		p.t.Error("a log was restored beside the database")
	}
}

// restoredApp proves that the latest snapshot holds the whole account as it is.
func (p app) restoredApp() {
	p.t.Helper()
	dir, _ := p.back(repo.Latest, RestoreOptions{})
	if diffs := (madeup.Restored{}).Compare(p.chats, dir); len(diffs) > 0 {
		p.t.Fatal(diffs)
	}
}

// Through every checkpoint and restart of the log, each snapshot holds the
// messages as they were, and the next uploads only what changed.
func TestDatabaseGrows(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly} {
		t.Run(role.String(), func(t *testing.T) {
			p := newApp(t, role)
			p.must(madeup.Database(p.path(messages), 8<<20, 1, true))
			w := p.writer()
			p.steps(w, 3)
			if first := p.backup(); first.Counts.Uploaded < 8<<20 || len(first.Flagged)+len(first.Skipped) > 0 {
				t.Fatalf("%+v", first)
			}
			p.messagesAre(repo.Latest, w, 3)
			modes := []madeup.Mode{madeup.Passive, madeup.Passive, madeup.Truncate, madeup.Restart}
			for day := range 12 {
				p.steps(w, 2)
				if day%3 == 2 {
					p.must(w.Checkpoint(modes[day/3]))
				}
				next := p.backup()
				if next.Counts.Uploaded > 2<<20 || next.Counts.Objects > 3 || len(next.Flagged)+len(next.Skipped) > 0 {
					t.Errorf("day %d: %+v", day, next.Counts)
				}
				p.messagesAre(repo.Latest, w, w.Committed())
			}
			p.messagesAre("laptop/5", w, 11)
			again := p.backup()
			if c := again.Counts; c.Objects != 1 || c.New+c.Changed+c.Removed != 0 {
				t.Errorf("nothing changed, yet %+v", c)
			}
			p.check(100)
		})
	}
}

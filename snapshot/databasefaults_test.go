package snapshot

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Whichever call of the remote fails while databases are backed up: the next
// backup holds the newest messages, and uploads only what changed.
func TestEveryCallFailsWithDatabases(t *testing.T) {
	for call, done := 1, false; !done; call += raceStride {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("call %d lost %v", call, lost), func(t *testing.T) {
				p := newApp(t, format.BackupOnly) // it could not read back what it forgot
				p.must(madeup.Database(p.path(messages), 2<<20, 1, true))
				p.backup()
				w := p.writer()
				p.steps(w, 2)
				before := p.memory.Calls("")
				p.memory.Inject(memory.Fault{Call: call, Err: providers.ErrTemporary, Lost: lost})
				_, err := p.tryBackup(TakeOptions{})
				p.memory.Heal()
				if done = done || err == nil && p.memory.Calls("")-before < call; done {
					return
				}
				p.check(100)
				p.steps(w, 1)
				if next := p.backup(); next.Counts.Uploaded > 1<<20 {
					t.Errorf("%+v", next.Counts)
				}
				p.messagesAre(repo.Latest, w, 3)
				p.messagesAre("laptop/1", w, 0)
				if c := p.backup().Counts; c.Objects != 1 {
					t.Errorf("once more: %+v", c)
				}
			})
		}
	}
}

// A backup of databases that is killed at any moment leaves every snapshot
// whole, and the next one holds the newest messages.
func TestKilledWithDatabases(t *testing.T) {
	kills := 40
	if testing.Short() || racing {
		kills = 8
	}
	h := newHunt(t)
	for _, dir := range []string{"db_storage/message", "db_storage/session"} {
		h.must(os.MkdirAll(filepath.Join(h.chats, dir), 0o755))
	}
	p := app{h.place}
	h.must(madeup.Database(p.path(messages), 8<<20, 1, true))
	w := p.writer()
	p.find()
	h.childOf("app", 0)
	late := 0
	for n := range kills {
		before := w.Committed()
		p.steps(w, 5)
		if n%7 == 6 {
			h.must(w.Checkpoint(madeup.Truncate))
		}
		h.childOf("app", time.Duration(1+rand.Int64N(int64(h.typical))))
		state, err := repo.OpenState(filepath.Join(h.dir, "state"), nil)
		h.must(err)
		h.remote, err = openLocal(h.dir)
		h.must(err)
		dir, _ := p.back(repo.Latest, RestoreOptions{})
		got, err := w.Find(filepath.Join(dir, messages))
		if err != nil || got > w.Committed() {
			t.Fatal(got, err)
		}
		if got > before {
			late++
		}
		h.must(os.RemoveAll(filepath.Dir(dir)))
		h.must(state.Close())
	}
	h.childOf("app", 0)
	p.messagesAre(repo.Latest, w, w.Committed())
	t.Logf("a backup takes %v; %d of %d kills came too late", h.typical, late, kills)
}

// The script lays images, layers and moved pages as the program does.
func TestScriptRestoresDatabases(t *testing.T) {
	h := newByHand(t)
	p := app{h.place}
	const plain = "db_storage/contact/contact.db"
	for _, name := range []string{messages, plain, "db_storage/session/session.db"} {
		h.must(os.MkdirAll(filepath.Dir(p.path(name)), 0o755))
	}
	h.must(madeup.Database(p.path(messages), 4<<20, 1, true))
	h.must(madeup.Database(p.path(plain), 4<<20, 2, false))
	p.find()
	for day := range 5 {
		for _, name := range []string{messages, plain} {
			h.must(madeup.Mutate(p.path(name), madeup.Mutation{Pages: 30, Appended: 4, Seed: uint64(day), WAL: day%2 == 0}))
		}
		if day == 3 {
			h.must(madeup.Vacuum(p.path(plain), 9))
		}
		p.backup()
		out, said, code := h.run(h.key)
		if code != 0 {
			t.Fatalf("exit %d: %s", code, said)
		}
		if diffs := (madeup.Restored{}).Compare(p.chats, filepath.Join(out, p.only[0].Name())); len(diffs) > 0 {
			t.Fatalf("%s\n%s", diffs, said)
		}
		p.restoredApp()
	}
	p.check(100)
}

// tryRestore returns an error if the messages of the latest snapshot could not
// be restored, and fails if they were restored all the same.
func (p app) tryRestore() error {
	p.t.Helper()
	r, err := repo.Open(background, p.remote, repo.Options{Recovery: p.recovery})
	p.must(err)
	s, err := r.Find(background, repo.Latest)
	p.must(err)
	to := filepath.Join(p.t.TempDir(), "r")
	out, err := Restore(background, r, s, RestoreOptions{To: to})
	if err != nil {
		return err
	}
	if len(out.Failed) == 0 {
		return nil
	}
	if exists(filepath.Join(to, p.only[0].Name(), messages)) {
		p.t.Error("a damaged database was restored")
	}
	return out.Failed[0].Err
}

// What is damaged of an image is found out, and never restored as if it were
// whole.
func TestDamagedImage(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 2<<20, 1, true))
	p.backup()
	w := p.writer()
	p.steps(w, 2)
	p.backup()
	found := 0
	for _, name := range p.memory.Names() {
		if n, err := format.ParseName(string(name)); err != nil || n.Kind != format.KindPack {
			continue
		}
		whole := p.memory.Bytes(name)
		spoiled := append([]byte(nil), whole...)
		spoiled[len(spoiled)/2] ^= 1
		p.memory.SetBytes(name, spoiled)
		err := p.tryRestore()
		if repo.Damage(err) {
			found++
		} else {
			p.must(err)
			p.messagesAre(repo.Latest, w, 2) // the pack is of an older tree
		}
		p.memory.SetBytes(name, whole)
	}
	if found < 2 {
		t.Errorf("%d damaged packs were found out", found)
	}
	p.messagesAre(repo.Latest, w, 2)
}

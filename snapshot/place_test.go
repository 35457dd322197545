package snapshot

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/folder"
)

// place is one device with a repository and a folder of chats.
type place struct {
	t        testing.TB
	dir      string
	chats    string
	remote   providers.Remote
	memory   *memory.Remote
	recovery *crypto.Identity
	state    *repo.State
	packSize int64
	only     []sources.Account                     // instead of the folder of chats
	wrap     func(sources.Account) sources.Account // may stand between, or nil
}

func newPlace(t testing.TB, role format.Role) *place {
	t.Helper()
	m := memory.New()
	p := newPlaceOn(t, role, m)
	p.memory = m
	return p
}

// newPlaceOn is a device with a new repository on a remote.
func newPlaceOn(t testing.TB, role format.Role, remote providers.Remote) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), remote: remote, packSize: 1 << 20}
	p.chats = filepath.Join(p.dir, "chats")
	p.must(os.Mkdir(p.chats, 0o755))
	var err error
	p.recovery, err = crypto.GenerateIdentity()
	p.must(err)
	p.state, err = repo.OpenState(filepath.Join(p.dir, "state"), nil)
	p.must(err)
	t.Cleanup(func() { p.must(p.state.Close()) })
	_, err = repo.Init(context.Background(), p.remote, repo.InitOptions{State: p.state, Cache: p.cache(), Recovery: p.recovery, Device: "laptop", Role: role, Client: "test"})
	p.must(err)
	return p
}

func (p *place) cache() string { return filepath.Join(p.dir, "cache") }

func (p *place) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) open() *repo.Repo {
	p.t.Helper()
	r, err := repo.Open(context.Background(), p.remote, repo.Options{State: p.state, Cache: p.cache()})
	p.must(err)
	return r
}

func (p *place) accounts() []sources.Account {
	p.t.Helper()
	if p.only != nil {
		return p.only
	}
	return []sources.Account{p.folder("chats", p.chats)}
}

func (p *place) folder(name, root string) sources.Account {
	p.t.Helper()
	s, err := folder.New(folder.Options{Name: name, Root: root})
	p.must(err)
	list, err := s.Accounts(context.Background())
	p.must(err)
	if p.wrap != nil {
		return p.wrap(list[0])
	}
	return list[0]
}

func (p *place) backup() *Taken {
	p.t.Helper()
	taken, err := p.tryBackup(TakeOptions{})
	p.must(err)
	return taken
}

func (p *place) tryBackup(o TakeOptions) (taken *Taken, err error) {
	p.t.Helper()
	return p.backupWith(context.Background(), o)
}

func (p *place) backupWith(ctx context.Context, o TakeOptions) (taken *Taken, err error) {
	p.t.Helper()
	r, err := repo.Open(ctx, p.remote, repo.Options{State: p.state, Cache: p.cache()})
	if err != nil {
		return nil, err
	}
	o.Writer = repo.WriterOptions{PackSize: p.packSize, Client: "test"}
	return Take(ctx, r, p.accounts(), o)
}

// restored brings the latest snapshot back as another device that has only the
// recovery key, and compares.
func (p *place) restored() {
	p.t.Helper()
	ctx := context.Background()
	r, err := repo.Open(ctx, p.remote, repo.Options{Recovery: p.recovery})
	p.must(err)
	if a := r.Alarms(); len(a) > 0 {
		p.t.Fatal(a)
	}
	s, err := r.Find(ctx, repo.Latest)
	p.must(err)
	to := filepath.Join(p.t.TempDir(), "restored")
	out, err := Restore(ctx, r, s, RestoreOptions{To: to})
	p.must(err)
	if len(out.Failed) > 0 {
		p.t.Fatal(out.Failed)
	}
	if diffs := madeup.Compare(p.chats, filepath.Join(to, "chats")); len(diffs) > 0 {
		p.t.Fatal(diffs)
	}
}

func (p *place) check(data int) {
	p.t.Helper()
	rep, err := p.open().Check(context.Background(), repo.CheckOptions{Data: data})
	p.must(err)
	if !rep.OK() {
		p.t.Fatalf("check: %+v %+v", rep.Bad, rep.Alarms)
	}
}

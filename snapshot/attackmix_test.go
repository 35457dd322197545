package snapshot

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// another is a second repository with its own snapshot, of the same user if the
// recovery key is given.
func another(t *testing.T, recovery *crypto.Identity) *place {
	t.Helper()
	p := newPlace(t, format.Full)
	if recovery != nil {
		p.must(p.state.Close())
		p.dir, p.memory, p.recovery = t.TempDir(), memory.New(), recovery
		p.remote = p.memory
		p.openState()
		_, err := repo.Init(background, p.remote, repo.InitOptions{State: p.state, Cache: p.cache(), Recovery: recovery, Device: "laptop", Role: format.Full, Client: "test"})
		p.must(err)
	}
	p.write("other.txt", words("other", 3000))
	p.backup()
	p.backup()
	return p
}

// Objects of another repository, be it of the same user with the same recovery
// key, are nobody's here: they change nothing, and a check names them.
func TestObjectsOfAnotherRepository(t *testing.T) {
	base := backedUp(t, format.Full)
	for who, recovery := range map[string]*crypto.Identity{"of somebody else": nil, "of the same user": base.recovery} {
		other := another(t, recovery)
		for kind, prefix := range map[string]string{"rosters": "roster/", "secrets": "secrets/", "indexes": "index/", "packs": "packs/", "snapshots": "snapshots/", "keys": "keys/", "everything": ""} {
			t.Run(who+": "+kind, func(t *testing.T) {
				p := base.twin(t)
				p.ownChats()
				for _, name := range other.memory.Names() {
					if strings.HasPrefix(string(name), prefix) && p.memory.Bytes(name) == nil {
						p.memory.SetBytes(name, other.memory.Bytes(name))
					}
				}
				r := p.open()
				// Key files of others open for their holders alone.
				if rep := p.report(p.open(), 100); rep.OK() && kind != "keys" {
					t.Error("the check finds nothing")
				}
				out, dir, err := p.restore(r, "latest")
				p.must(err)
				p.intact(dir, p.failures(out)...)
				next := p.edited("more.txt")
				if next.Snapshot.Seq != 2 || next.Counts.New != 1 {
					t.Errorf("%+v", next)
				}
				// With the recovery key alone it is one of the two, whole, or none.
				bare, err := p.tryBare()
				if err == nil {
					out, dir, err = p.restore(bare, "laptop/latest")
				}
				switch {
				case err == nil && (recovery == nil || bare.ID() == p.ring().Repo):
					p.intact(dir, p.failures(out)...)
				case err == nil && kind == "everything":
					other.intact(dir, other.failures(out)...)
				case recovery == nil || !errors.Is(err, repo.ErrIntegrity):
					t.Errorf("%v", err)
				}
				if err == nil && kind != "keys" && p.report(bare, 0).OK() {
					t.Error("the recovery key sees nothing wrong")
				}
			})
		}
	}
}

// The same names with the other repository's bytes are damage, and a snapshot of
// another repository under a good name is no snapshot.
func TestObjectsExchangedBetweenRepositories(t *testing.T) {
	base := backedUp(t, format.Full)
	other := another(t, base.recovery)
	for _, kind := range []format.Kind{format.KindSnapshot, format.KindIndex, format.KindPack, format.KindSecret, format.KindRoster, format.KindKeys} {
		t.Run(string(kind), func(t *testing.T) {
			p := base.twin(t)
			theirs := other.memory.Bytes(object(other.names(kind)[0]))
			ours := p.names(kind)[0]
			under := ours // a name of ours that promises their bytes
			under.Digest = other.names(kind)[0].Digest
			if kind == format.KindSnapshot {
				under.Seq = 2
			}
			p.memory.SetBytes(object(under), theirs)
			rep := p.report(p.open(), 100)
			unnamed := kind == format.KindIndex || kind == format.KindPack // a snapshot on its way might name it
			if !unnamed && !slices.ContainsFunc(rep.Bad, func(b repo.Bad) bool { return b.Object == under.String() }) &&
				!slices.ContainsFunc(rep.Alarms, func(a repo.Alarm) bool { return a.Object == under.String() }) {
				t.Errorf("%s is not named: %+v %+v", under, rep.Bad, rep.Alarms)
			}
			out, dir, err := p.restore(p.open(), "latest")
			p.must(err)
			p.intact(dir, p.failures(out)...)
			if len(out.Failed) > 0 {
				t.Error(out.Failed)
			}
		})
	}
}

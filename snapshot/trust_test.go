package snapshot

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// backedUp is a place with a few files and one snapshot of them.
func backedUp(t *testing.T, role format.Role) *place {
	t.Helper()
	p := newPlace(t, role)
	p.write("a.txt", words("a", 5000))
	p.write("b.jpg", noise("b", 200_000))
	p.backup()
	return p
}

func (p *place) identity() *crypto.Identity {
	p.t.Helper()
	id, err := crypto.GenerateIdentity()
	p.must(err)
	return id
}

// What can't be opened says why, in a code of its own.
func TestRefusedToOpen(t *testing.T) {
	base := backedUp(t, format.Full)
	other := newPlace(t, format.Full)
	fresh := filepath.Join(t.TempDir(), "state")
	for name, c := range map[string]struct {
		code   hint.Code
		change func(*place) repo.Options
	}{
		"wrong key": {repo.CodeWrongKey, func(p *place) repo.Options { return repo.Options{Recovery: p.identity()} }},
		"no key":    {repo.CodeNoKey, func(*place) repo.Options { return repo.Options{} }},
		"no keys in the state": {repo.CodeNoKey, func(p *place) repo.Options {
			s, err := repo.OpenState(fresh, nil)
			p.must(err)
			p.t.Cleanup(func() { p.must(s.Close()) })
			return repo.Options{State: s}
		}},
		"key of another repository":   {repo.CodeWrongKey, func(*place) repo.Options { return repo.Options{Recovery: other.recovery} }},
		"state of another repository": {repo.CodeOtherRepository, func(*place) repo.Options { return repo.Options{State: other.state} }},
		"not a repository": {repo.CodeNotRepository, func(p *place) repo.Options {
			p.remote = memory.New()
			return repo.Options{State: p.state}
		}},
		"only other things": {repo.CodeNotRepository, func(p *place) repo.Options {
			m := memory.New()
			m.SetBytes("photos/holiday.jpg", []byte("x"))
			p.remote = m
			return repo.Options{Recovery: p.recovery}
		}},
		"newer format": {repo.CodeNewer, func(p *place) repo.Options {
			p.memory.SetBytes(format.RepositoryName, []byte(`{"what":"chatkeep repository","format":2,"id":"`+p.ring().Repo.String()+`"}`))
			return repo.Options{Recovery: p.recovery}
		}},
		"newer roster": {repo.CodeNewer, func(p *place) repo.Options {
			p.nextRoster(func(r *format.Roster) { r.MinReader = 2 })
			return repo.Options{State: p.state}
		}},
		"newer roster of the root, bare": {repo.CodeNewer, func(p *place) repo.Options {
			root, err := crypto.RootKey(p.recovery)
			p.must(err)
			p.rosterBy(p.ring(), trust.Signer{Key: root}, func(r *format.Roster) { r.MinReader = 2 })
			return repo.Options{Recovery: p.recovery}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := base.twin(t)
			o := c.change(p)
			before := p.memory.Calls(memory.Put)
			_, err := repo.Open(background, p.remote, o)
			p.wantCode(err, c.code)
			if p.memory.Calls(memory.Put) != before {
				t.Error("something was put")
			}
		})
	}
}

// liar is a keyring that claims to be p's device without its signing key, and
// with or without the key that all members share.
func (p *place) liar(member bool) *trust.Keyring {
	p.t.Helper()
	k := p.fullRing()
	device, err := trust.NewDevice()
	p.must(err)
	device.ID = p.ring().Device.ID
	k.Device = device
	if !member {
		k.Epochs[0].MAC = crypto.GenerateMACKey()
	}
	return k
}

// Whoever knows all public keys, and even a member who knows the key that
// members share, can't make anything that counts as another device's.
func TestForged(t *testing.T) {
	base := backedUp(t, format.Full)
	phone := base.join("phone", format.Full)
	phone.write("phone.txt", words("phone", 1000))
	phone.backup()
	lies := map[string]func(*place, *trust.Keyring) (trust.Object, error){
		"snapshot": func(p *place, k *trust.Keyring) (trust.Object, error) {
			s, err := p.open().Find(background, repo.Latest)
			p.must(err)
			next := s.Snapshot
			next.Seq, next.Previous = s.Seq+1, s.Name.Digest
			return k.SealSnapshot(&next, p.roster())
		},
		"index": func(p *place, k *trust.Keyring) (trust.Object, error) {
			return k.SealIndex(&format.Index{Repo: k.Repo, Device: k.Device.ID}, p.roster())
		},
		"secret": func(p *place, k *trust.Keyring) (trust.Object, error) { return k.SealSecret(p.roster()) },
		"roster": func(p *place, k *trust.Keyring) (trust.Object, error) {
			next := p.roster().Roster
			next.Version, next.Parents = next.Version+1, []format.Digest{p.roster().Digest}
			next.Devices = slices.Clone(next.Devices)
			next.Devices[0].Verify = k.Device.Signing.Public()
			return k.SealRoster(&next, k.Device.Signer())
		},
		"roster of the root": func(p *place, k *trust.Keyring) (trust.Object, error) {
			next := p.roster().Roster
			next.Version += 5
			return k.SealRoster(&next, trust.Signer{Key: k.Device.Signing})
		},
		"roster for newer readers": func(p *place, k *trust.Keyring) (trust.Object, error) {
			next := p.roster().Roster
			next.Version, next.Parents, next.MinReader = next.Version+1, []format.Digest{p.roster().Digest}, 2
			return k.SealRoster(&next, k.Device.Signer())
		},
		"keys of the recovery key": func(p *place, k *trust.Keyring) (trust.Object, error) {
			return k.SealKeyFile(format.RecoveryHolder, p.recovery.Recipient(), true, p.roster().Digest, 1, trust.Signer{Key: k.Device.Signing})
		},
		"keys of another root": func(p *place, k *trust.Keyring) (trust.Object, error) {
			k.Root = k.Device.Signing.Public()
			return k.SealKeyFile(format.RecoveryHolder, p.recovery.Recipient(), true, p.roster().Digest, 1, trust.Signer{Key: k.Device.Signing})
		},
		"keys of the device": func(p *place, k *trust.Keyring) (trust.Object, error) {
			return k.SealKeyFile(k.Device.ID.String(), p.ring().Device.Identity.Recipient(), true, p.roster().Digest, 1, k.Device.Signer())
		},
	}
	for what, lie := range lies {
		for _, member := range []bool{false, true} {
			t.Run(what+" by a member: "+strconv.FormatBool(member), func(t *testing.T) {
				t.Parallel()
				p := base.twin(t)
				o, err := lie(p, p.liar(member))
				p.must(err)
				p.put(o)
				for i, open := range []func() *repo.Repo{p.open, p.bare} {
					if told := p.namedForged(open(), o.Name); !told && !unreferenced(o.Name, i == 1) {
						t.Errorf("nobody says that %s is forged", o.Name)
					}
					out, dir, err := p.restore(open(), "laptop/latest")
					p.must(err)
					p.intact(dir, p.failures(out)...)
					if len(out.Failed) > 0 {
						t.Errorf("not restored: %v", out.Failed)
					}
				}
				p.ownChats()
				p.write("more.txt", words("more", 100))
				if next := p.backup(); next.Counts.New != 1 {
					t.Errorf("after the forgery: %+v", next.Counts)
				}
			})
		}
	}
}

// unreferenced: an index no snapshot names is nobody's word, and a key file is
// sealed to its holder alone, so that others can't look.
func unreferenced(n format.Name, bare bool) bool {
	return n.Kind == format.KindIndex || n.Kind == format.KindKeys && (n.Holder == format.RecoveryHolder) != bare
}

func (p *place) namedForged(r *repo.Repo, n format.Name) bool {
	rep := p.report(r, 100)
	for _, b := range rep.Bad {
		if standsFor(b.Object, n.String()) && b.Reason == string(repo.CodeForged) {
			return true
		}
	}
	return false
}

// A member that knows the chunk secret of another can say in its own index
// that it has a chunk. The other stores it all the same.
func TestWriterBelievesOnlyItsOwnIndex(t *testing.T) {
	p := backedUp(t, format.Full)
	phone := p.join("phone", format.Full)
	content := noise("wanted", 150_000)
	id := crypto.NewNamer(p.ring().Device.Secret.IDKey()).ID(content)
	k := phone.ring()
	x := &format.Index{Repo: k.Repo, Device: k.Device.ID, Packs: []format.Pack{{Name: format.Digest(id), Size: 200_000,
		Entries: []format.ContentsEntry{{ID: id, Kind: format.ChunkData, Stored: 150_020, Length: 150_000}}}}}
	o, err := k.SealIndex(x, p.roster())
	p.must(err)
	p.put(o)
	s := &format.Snapshot{Repo: k.Repo, Roster: p.roster().Digest, Device: k.Device.ID, Seq: 1, Index: []format.Digest{o.Name.Digest}}
	signed, err := k.SealSnapshot(s, p.roster())
	p.must(err)
	p.put(signed)
	fake := o.Name
	fake.Device = p.ring().Device.ID
	p.memory.SetBytes(object(fake), o.Sealed)
	p.write("wanted.jpg", content)
	if c := p.backup().Counts; c.NewBytes < uint64(len(content)) {
		t.Errorf("only %d new bytes", c.NewBytes)
	}
	out, dir, err := p.restore(p.bare(), "laptop/latest")
	p.must(err)
	p.intact(dir, p.failures(out)...)
}

// The list of devices can't be set back behind a device that knows a newer one.
func TestRosterRolledBack(t *testing.T) {
	p := backedUp(t, format.Full)
	second := p.nextRoster(func(r *format.Roster) { r.Devices[0].Name = "desk" })
	if name := p.open().Device().Name; name != "desk" {
		t.Fatalf("the device is called %s", name)
	}
	first := p.names(format.KindRoster)[0]
	t.Run("newest removed", func(t *testing.T) {
		q := p.twin(t)
		q.memory.Drop(object(second))
		a := q.wantAlarm(q.open().Alarms(), repo.CodeRolledBack)
		if a.Object != second.String() || q.open().Device().Name != "desk" {
			t.Errorf("%+v, name %s", a, q.open().Device().Name)
		}
		q.backup()
	})
	t.Run("older removed", func(t *testing.T) {
		q := p.twin(t)
		q.memory.Drop(object(first))
		if name := q.open().Device().Name; name != "desk" {
			t.Errorf("the device is called %s", name)
		}
		q.backup()
	})
	t.Run("listed late", func(t *testing.T) {
		q := p.twin(t)
		q.memory.SetListLag(1000)
		third := q.nextRoster(func(r *format.Roster) { r.Devices[0].Name = "third" })
		q.open()
		b := q.memory.Bytes(object(third))
		q.memory.Drop(object(third))
		_, err := q.memory.Put(background, object(third), providers.BytesSource(b))
		q.must(err)
		if r := q.open(); len(r.Alarms()) > 0 || r.Device().Name != "third" {
			t.Errorf("%v, name %s", r.Alarms(), r.Device().Name)
		}
	})
	p.check(100)
}

// A second init changes nothing, neither on the remote nor in the state.
func TestInitTwice(t *testing.T) {
	p := backedUp(t, format.Full)
	for name, init := range map[string]func(*place) repo.InitOptions{
		"over a repository": func(q *place) repo.InitOptions {
			q.must(q.state.Close())
			q.dir = t.TempDir()
			q.openState()
			return repo.InitOptions{State: q.state}
		},
		"over a state": func(q *place) repo.InitOptions {
			q.memory = memory.New()
			q.remote = q.memory
			return repo.InitOptions{State: q.state}
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := p.twin(t)
			o := init(q)
			o.Recovery, o.Device, o.Role = q.recovery, "again", format.Full
			names, state := q.memory.Names(), stateFiles(t, q.state.Dir())
			_, err := repo.Init(background, q.remote, o)
			q.wantCode(err, repo.CodeInitialised)
			if !slices.Equal(names, q.memory.Names()) || !slices.Equal(state, stateFiles(t, q.state.Dir())) {
				t.Errorf("something changed: %v, %v", q.memory.Names(), stateFiles(t, q.state.Dir()))
			}
		})
	}
	p.check(100)
}

func stateFiles(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, _ := os.ReadFile(filepath.Join(dir, e.Name())) // a folder has none
		list = append(list, e.Name()+" "+string(b))
	}
	return list
}

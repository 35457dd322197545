package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

var background = context.Background()

// noise is n bytes that don't compress, the same for the same seed.
func noise(seed string, n int) []byte {
	var key [32]byte
	copy(key[:], seed)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return b
}

// words is n bytes that compress, the same for the same seed.
func words(seed string, n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%s %d %x hello again, see you tomorrow\n", seed, i, noise(fmt.Sprint(seed, i), 8))
	}
	return b.Bytes()[:n]
}

// write puts a file below the chats.
func (p *place) write(name string, content []byte) {
	p.t.Helper()
	full := filepath.Join(p.chats, filepath.FromSlash(name))
	p.must(os.MkdirAll(filepath.Dir(full), 0o755))
	p.must(os.WriteFile(full, content, 0o644))
}

// sample writes some 40 files: photos of one chunk each, a long text whose
// chunks fill a list of their own, and small notes.
func (p *place) sample() {
	p.t.Helper()
	for i := range 6 {
		p.write(fmt.Sprintf("photos/%d.jpg", i), noise(fmt.Sprint("photo", i), 100_000+i*20_000))
	}
	p.write("chat.txt", words("chat", 2_000_000))
	for i := range 30 {
		p.write(fmt.Sprintf("notes/%02d.txt", i), words(fmt.Sprint("note", i), 500+i*50))
	}
}

// twin is the same device with the same repository, apart from p: what
// happens to one leaves the other as it is. It has no cache yet.
func (p *place) twin(t testing.TB) *place {
	t.Helper()
	q := *p
	q.t, q.dir, q.memory = t, t.TempDir(), memory.New()
	q.remote = q.memory
	for _, name := range p.memory.Names() {
		q.memory.SetBytes(name, p.memory.Bytes(name))
	}
	copyTree(t, p.state.Dir(), filepath.Join(q.dir, "state"))
	q.openState()
	return &q
}

// ownChats gives a twin chats of its own, with the same times.
func (p *place) ownChats() {
	p.t.Helper()
	from := p.chats
	p.chats = filepath.Join(p.dir, "chats")
	p.must(filepath.WalkDir(from, func(full string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, full)
		p.must(err)
		b, err := os.ReadFile(full)
		p.must(err)
		p.write(rel, b)
		info, err := e.Info()
		p.must(err)
		return os.Chtimes(filepath.Join(p.chats, rel), info.ModTime(), info.ModTime())
	}))
}

func (p *place) openState() {
	p.t.Helper()
	var err error
	p.state, err = repo.OpenState(filepath.Join(p.dir, "state"), nil)
	p.must(err)
	state, t := p.state, p.t
	t.Cleanup(func() {
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	})
}

func copyTree(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(full string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, full)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// names returns the objects of a kind, in order.
func (p *place) names(kind format.Kind) (list []format.Name) {
	p.t.Helper()
	for _, s := range p.memory.Names() {
		n, err := format.ParseName(string(s))
		p.must(err)
		if n.Kind == kind {
			list = append(list, n)
		}
	}
	return list
}

func object(n format.Name) providers.Name { return providers.Name(n.String()) }

// flip changes one bit in the middle of an object.
func (p *place) flip(name providers.Name) {
	b := p.memory.Bytes(name)
	b[len(b)/2] ^= 1
	p.memory.SetBytes(name, b)
}

// bare opens the repository with nothing but the recovery key.
func (p *place) bare() *repo.Repo {
	p.t.Helper()
	r, err := p.tryBare()
	p.must(err)
	return r
}

func (p *place) tryBare() (*repo.Repo, error) {
	return repo.Open(background, p.remote, repo.Options{Recovery: p.recovery})
}

// restore brings a snapshot back and returns where.
func (p *place) restore(r *repo.Repo, spec string) (*Restored, string, error) {
	p.t.Helper()
	s, err := r.Find(background, spec)
	if err != nil {
		return nil, "", err
	}
	to := filepath.Join(p.t.TempDir(), "restored")
	out, err := Restore(background, r, s, RestoreOptions{To: to})
	p.noTemp(to)
	return out, filepath.Join(to, "chats"), err
}

// noTemp fails if a file that was not finished lies below dir.
func (p *place) noTemp(dir string) {
	p.t.Helper()
	err := filepath.WalkDir(dir, func(full string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(full, tempSuffix) {
			p.t.Errorf("left behind: %s", full)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.t.Fatal(err)
	}
}

// intact fails unless every file at dir is what the chats hold, and none is
// missing but those in lost (paths below the source).
func (p *place) intact(dir string, lost ...string) {
	p.t.Helper()
	slices.Sort(lost)
	var missing []string
	for _, d := range madeup.Compare(p.chats, dir) {
		name, what, _ := strings.Cut(d, ": ")
		if strings.Contains(what, "missing") {
			missing = append(missing, strings.Trim(name, `"`))
		} else {
			p.t.Error(d)
		}
	}
	slices.Sort(missing)
	if !slices.Equal(missing, lost) {
		p.t.Errorf("missing after the restore: %q, expected %q", missing, lost)
	}
}

// failures are the paths of what failed, below the source. All must be blamed
// on the remote.
func (p *place) failures(out *Restored) (lost []string) {
	p.t.Helper()
	for _, f := range out.Failed {
		if !f.Damaged {
			p.t.Errorf("%s is not blamed on the remote: %s, %v", f.Path, f.Reason, f.Err)
		}
		lost = append(lost, strings.TrimPrefix(f.Path, "chats/"))
	}
	return lost
}

// wantCode fails unless err has the code.
func (p *place) wantCode(err error, code hint.Code) {
	p.t.Helper()
	if h := hint.Find(err); h == nil || h.Code != code {
		p.t.Fatalf("got %v, expected the code %s", err, code)
	}
}

func (p *place) wantAlarm(list []repo.Alarm, code hint.Code) repo.Alarm {
	p.t.Helper()
	for _, a := range list {
		if a.Code == code {
			return a
		}
	}
	p.t.Fatalf("no alarm %s in %v", code, list)
	return repo.Alarm{}
}

func (p *place) report(r *repo.Repo, data int) *repo.Report {
	p.t.Helper()
	rep, err := r.Check(background, repo.CheckOptions{Data: data})
	p.must(err)
	return rep
}

// ring returns this device's keys.
func (p *place) ring() *trust.Keyring {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.state.Dir(), "device.json"))
	p.must(err)
	k, err := trust.DecodeKeyring(b)
	p.must(err)
	return k
}

// fullRing returns what the recovery key opens.
func (p *place) fullRing() *trust.Keyring {
	p.t.Helper()
	root, err := crypto.RootKey(p.recovery)
	p.must(err)
	for _, n := range p.names(format.KindKeys) {
		if n.Holder == format.RecoveryHolder {
			f, err := trust.OpenKeyFile(p.memory.Bytes(object(n)), n.Holder, p.recovery)
			p.must(err)
			k, err := f.SignedByRoot(root.Public())
			p.must(err)
			return k
		}
	}
	p.t.Fatal("no key file for the recovery key")
	return nil
}

// roster returns the newest one on the remote.
func (p *place) roster() *trust.Roster {
	p.t.Helper()
	list := p.names(format.KindRoster)
	r, err := p.ring().OpenRoster(p.memory.Bytes(object(list[len(list)-1])))
	p.must(err)
	return r
}

// nextRoster publishes a roster that change made of the newest one, signed by
// this device.
func (p *place) nextRoster(change func(*format.Roster)) format.Name {
	p.t.Helper()
	ring := p.ring()
	return p.rosterBy(ring, ring.Device.Signer(), change)
}

func (p *place) rosterBy(ring *trust.Keyring, by trust.Signer, change func(*format.Roster)) format.Name {
	p.t.Helper()
	old := p.roster()
	next := old.Roster
	next.Version, next.Parents, next.Devices = old.Version+1, []format.Digest{old.Digest}, slices.Clone(old.Devices)
	change(&next)
	o, err := ring.SealRoster(&next, by)
	p.must(err)
	p.put(o)
	return o.Name
}

func (p *place) put(o trust.Object) { p.memory.SetBytes(object(o.Name), o.Sealed) }

// join makes another device of the same repository.
func (p *place) join(name string, role format.Role) *place {
	p.t.Helper()
	device, err := trust.NewDevice()
	p.must(err)
	p.nextRoster(func(r *format.Roster) {
		r.Devices = append(r.Devices, format.Device{ID: device.ID, Name: name, Role: role, Verify: device.Signing.Public(),
			Recipient: device.Identity.Recipient().String(), Since: 1})
	})
	ring := p.fullRing()
	ring.Device = device
	keys, err := p.ring().SealKeyFile(device.ID.String(), device.Identity.Recipient(), role != format.BackupOnly, p.roster().Digest, 1, p.ring().Device.Signer())
	p.must(err)
	p.put(keys)
	if role == format.BackupOnly {
		ring.Epochs[0].Data = nil
	}
	q := *p
	q.dir = p.t.TempDir()
	q.chats = filepath.Join(q.dir, "chats")
	p.must(os.Mkdir(q.chats, 0o755))
	p.must(os.Mkdir(filepath.Join(q.dir, "state"), 0o700))
	p.must(durable.WriteSecret(filepath.Join(q.dir, "state", "device.json"), ring.Encode()))
	q.openState()
	return &q
}

// contents opens a pack and returns what it holds.
func (p *place) contents(pack format.Name) []format.ContentsEntry {
	p.t.Helper()
	plain, err := crypto.OpenAll(p.memory.Bytes(object(pack)), p.fullRing().DataIdentities()...)
	p.must(err)
	_, frames, err := format.Split(plain)
	p.must(err)
	payload, err := format.FindFrame(frames, format.FrameContents)
	p.must(err)
	c, err := format.DecodeContents(payload)
	p.must(err)
	return c.Entries
}

// filesIn returns the files of the latest snapshot with a chunk in the pack.
func (p *place) filesIn(pack format.Name) (files []string) {
	p.t.Helper()
	in := map[[32]byte]bool{}
	for _, e := range p.contents(pack) {
		in[e.ID] = true
	}
	r := p.bare()
	s, err := r.Find(background, "laptop/"+repo.Latest)
	p.must(err)
	rd, err := r.NewReader(background, s)
	p.must(err)
	defer rd.Close()
	root, err := rd.Root(background)
	p.must(err)
	for _, src := range root.Sources {
		p.must(rd.Walk(background, src, nil, func(e *format.Entry, err error) error {
			if err != nil || e.Content == nil {
				return err
			}
			refs, err := rd.DataRefs(background, e.Content)
			if slices.ContainsFunc(refs, func(r format.Ref) bool { return in[r.ID] }) {
				files = append(files, path.Clean(e.Path))
			}
			return err
		}))
	}
	return files
}

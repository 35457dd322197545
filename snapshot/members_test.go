package snapshot

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// town is a repository whose devices come and go.
type town struct {
	*place
	rand *rand.Rand
	all  []*resident
}

// resident is a device, with the state of its chats that was backed up last.
type resident struct {
	*place
	name  string
	role  format.Role
	out   bool
	saved string // a copy of its chats; empty before the first backup
}

// enters makes a new device a member the way people do it.
func (w *town) enters(role format.Role) *resident {
	w.t.Helper()
	by := w.one(func(r *resident) bool { return r.role == format.Full })
	n := &resident{name: fmt.Sprint("device", len(w.all)), role: role}
	p := *w.place
	p.dir = w.t.TempDir()
	p.chats = filepath.Join(p.dir, "chats")
	p.must(os.Mkdir(p.chats, 0o755))
	p.openState()
	n.place = &p
	j, err := repo.Join(background, p.remote, repo.JoinOptions{State: p.state, Role: role})
	p.must(err)
	admin := by.open()
	p.must(p.state.PinWords(admin.Words()))
	q, err := admin.RequestWith(background, j.Fingerprint())
	p.must(err)
	p.must(admin.Admit(background, q, n.name, role))
	w.all = append(w.all, n)
	return n
}

// one picks a device that belongs and fits, nil if none does.
func (w *town) one(fits func(*resident) bool) *resident {
	var list []*resident
	for _, r := range w.all {
		if !r.out && fits(r) {
			list = append(list, r)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[w.rand.IntN(len(list))]
}

func (w *town) step(i int) string {
	anyone := func(*resident) bool { return true }
	switch w.rand.IntN(9) {
	case 0:
		if len(w.all) < 8 {
			return "enters: " + w.enters(format.Role(1+w.rand.IntN(3))).name
		}
	case 1:
		by := w.one(func(r *resident) bool { return r.role == format.Full })
		r := w.one(func(r *resident) bool { return r != by })
		if r != nil && w.rand.IntN(2) == 0 {
			w.must(w.revokes(by, r))
			r.out = true
			return "revoked: " + r.name
		}
	case 2:
		by := w.one(func(r *resident) bool { return r.role == format.Full })
		r := w.one(func(r *resident) bool { return r != by })
		if r != nil {
			r.role = format.Role(1 + w.rand.IntN(3))
			w.must(by.open().Convert(background, r.open().Device().ID, r.role))
			return fmt.Sprintf("%s is %s", r.name, r.role)
		}
	case 3:
		w.must(w.one(func(r *resident) bool { return r.role == format.Full }).open().Rotate(background))
		return "rotated"
	case 4:
		next := w.identity()
		w.must(w.bare().ReplaceRecovery(background, next))
		w.recovery = next
		for _, r := range w.all {
			r.recovery = next
		}
		return "another recovery key"
	case 5:
		w.one(anyone).amnesia()
		return "somebody forgot everything"
	default:
		r := w.one(func(r *resident) bool { return r.role != format.ReadOnly })
		r.write(fmt.Sprintf("%d.txt", w.rand.IntN(5)), words(fmt.Sprint(i), 1000+w.rand.IntN(20_000)))
		r.saves()
		return r.name + " backs up"
	}
	return "nothing"
}

func (w *town) revokes(by, r *resident) error {
	id := r.open().Device().ID
	if w.rand.IntN(2) == 0 {
		return w.bare().Revoke(background, id)
	}
	return by.open().Revoke(background, id)
}

// saves backs up and keeps a copy of what was.
func (r *resident) saves() {
	r.t.Helper()
	r.backup()
	r.saved = filepath.Join(r.t.TempDir(), "saved")
	r.must(os.Mkdir(r.saved, 0o755))
	entries, err := os.ReadDir(r.chats)
	r.must(err)
	for _, e := range entries {
		info, err := e.Info()
		r.must(err)
		b, err := os.ReadFile(filepath.Join(r.chats, e.Name()))
		r.must(err)
		r.must(os.WriteFile(filepath.Join(r.saved, e.Name()), b, info.Mode()))
		r.must(os.Chtimes(filepath.Join(r.saved, e.Name()), info.ModTime(), info.ModTime()))
	}
}

// holds fails unless everybody who belongs sees the same and nothing amiss, who
// may read brings everybody's chats back, and who was shut out is refused.
func (w *town) holds(after string) {
	w.t.Helper()
	reader := w.one(func(r *resident) bool { return r.role != format.BackupOnly })
	for _, x := range w.all {
		r, err := repo.Open(background, x.remote, repo.Options{State: x.state, Cache: x.cache()})
		w.must(err)
		if len(r.Alarms()) > 0 {
			w.t.Fatalf("%s: %s: %v", after, x.name, r.Alarms())
		}
		d := r.Device()
		if d == nil || d.Revoked != x.out || !x.out && (d.Role != x.role || r.CanRead() != (x.role != format.BackupOnly)) {
			w.t.Fatalf("%s: %s is %+v, reads %v", after, x.name, d, r.CanRead())
		}
		if x.out {
			if _, err := x.tryBackup(TakeOptions{}); !hint.Is(err, repo.CodeRevoked) {
				w.t.Fatalf("%s: %s backs up: %v", after, x.name, err)
			}
		}
	}
	for _, with := range []*repo.Repo{reader.open(), w.bare()} {
		for _, x := range w.all {
			if x.saved == "" {
				continue
			}
			out, dir, err := w.restore(with, x.name+"/latest")
			w.must(err)
			if diffs := madeup.Compare(x.saved, dir); len(out.Failed) > 0 || len(diffs) > 0 {
				w.t.Fatalf("%s: %s: %v %v", after, x.name, out.Failed, diffs)
			}
		}
		rep, err := with.Check(background, repo.CheckOptions{Data: 100})
		w.must(err)
		if !rep.OK() {
			w.t.Fatalf("%s: %+v %+v", after, rep.Bad, rep.Alarms)
		}
	}
}

func TestDevicesComeAndGo(t *testing.T) {
	seeds := uint64(3)
	if racing {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, format.Full)
			first := &resident{place: p, name: "laptop", role: format.Full}
			w := &town{place: p, rand: rand.New(rand.NewPCG(seed, 1)), all: []*resident{first}}
			var done []string
			for i := range 25 {
				done = append(done, w.step(i))
				w.holds(fmt.Sprint(done))
			}
		})
	}
}

package repo

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

var background = context.Background()

// house is a repository with its devices, by name; the first is called a.
type house struct {
	t        *testing.T
	remote   *memory.Remote
	recovery *crypto.Identity
	states   map[string]*State
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, remote: memory.New(), recovery: newRecovery(t), states: map[string]*State{"a": newState(t)}}
	_, err := Init(background, h.remote, InitOptions{State: h.states["a"], Recovery: h.recovery, Device: "a", Role: format.Full})
	h.must(err)
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) want(err error, code hint.Code) {
	h.t.Helper()
	if !hint.Is(err, code) {
		h.t.Errorf("%v, want %s", err, code)
	}
}

// copy is the same house, apart from this one, of a test.
func (h *house) copy(t *testing.T) *house {
	t.Helper()
	c := &house{t: t, remote: memory.New(), recovery: h.recovery, states: map[string]*State{}}
	for _, n := range h.remote.Names() {
		c.remote.SetBytes(n, h.remote.Bytes(n))
	}
	for name, s := range h.states {
		c.states[name] = newState(t)
		entries, err := os.ReadDir(s.dir)
		h.must(err)
		for _, e := range entries {
			if b, err := os.ReadFile(s.path(e.Name())); err == nil && e.Name() != lockFile {
				h.must(os.WriteFile(c.states[name].path(e.Name()), b, 0o600))
			}
		}
		if kept, err := s.kept(); err == nil {
			h.must(c.states[name].keep(kept))
		}
	}
	return c
}

// open opens the repository as a device.
func (h *house) open(name string) *Repo {
	h.t.Helper()
	r, err := Open(background, h.remote, Options{State: h.states[name]})
	h.must(err)
	return r
}

// bare opens it with nothing but the recovery key.
func (h *house) bare() *Repo {
	h.t.Helper()
	r, err := Open(background, h.remote, Options{Recovery: h.recovery})
	h.must(err)
	return r
}

// quiet opens it and fails if anything is wrong.
func (h *house) quiet(name string) *Repo {
	h.t.Helper()
	r := h.open(name)
	if a := r.Alarms(); len(a) > 0 {
		h.t.Fatalf("%s: %v", name, a)
	}
	return r
}

func (h *house) id(name string) format.DeviceID {
	h.t.Helper()
	k, err := h.states[name].loadKeys()
	h.must(err)
	return k.Device.ID
}

// asks makes a device ask to join and gives it the repository's words.
func (h *house) asks(name string, role format.Role) *Joining {
	h.t.Helper()
	if h.states[name] == nil {
		h.states[name] = newState(h.t)
	}
	j, err := Join(background, h.remote, JoinOptions{State: h.states[name], Role: role})
	h.must(err)
	h.must(h.states[name].PinWords(h.bare().Words()))
	return j
}

// join makes a device a member.
func (h *house) join(name string, role format.Role) *Repo {
	h.t.Helper()
	return h.joinBy(h.open("a"), name, role)
}

func (h *house) joinBy(by *Repo, name string, role format.Role) *Repo {
	h.t.Helper()
	j := h.asks(name, role)
	q, err := by.RequestWith(background, j.Fingerprint())
	h.must(err)
	h.must(by.Admit(background, q, name, role))
	return h.quiet(name)
}

// names returns the objects of a kind.
func (h *house) names(kind format.Kind) (list []format.Name) {
	h.t.Helper()
	for _, s := range h.remote.Names() {
		n, err := format.ParseName(string(s))
		h.must(err)
		if n.Kind == kind {
			list = append(list, n)
		}
	}
	return list
}

// publishes makes a device publish a snapshot of nothing.
func (h *house) publishes(name string) (*Snapshot, error) {
	h.t.Helper()
	r, err := Open(background, h.remote, Options{State: h.states[name]})
	if err != nil {
		return nil, err
	}
	w, err := r.NewWriter(background, WriterOptions{})
	if err != nil {
		return nil, err
	}
	defer w.Close()
	list, err := w.NewListing()
	h.must(err)
	ref, err := list.Root(w.Worker(), &format.Root{Omitted: uint64(now())})
	if err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	return w.Publish(background, &format.Snapshot{Time: now(), Root: ref}, nil)
}

// reads reports whether a device's keys open what readers read of another, made
// now.
func (h *house) reads(name, other string) bool {
	h.t.Helper()
	from := h.open(other)
	o, err := from.ring.SealSecret(from.roster)
	h.must(err)
	k, err := h.states[name].loadKeys()
	h.must(err)
	_, err = trust.OpenRecord(o.Sealed, k.DataIdentities()...)
	return err == nil
}

// sound fails unless all the devices named are members who see the same, what is
// on the remote is as it should be, and the recovery key opens it.
func (h *house) sound(names ...string) {
	h.t.Helper()
	bare := h.bare()
	if a := bare.Alarms(); len(a) > 0 {
		h.t.Errorf("with the recovery key: %v", a)
	}
	for _, name := range names {
		r := h.quiet(name)
		if d := r.Device(); d == nil || d.Revoked {
			h.t.Errorf("%s does not belong: %+v", name, d)
		}
		if r.roster.Digest != bare.roster.Digest {
			h.t.Errorf("%s believes version %d, the recovery key version %d", name, r.roster.Version, bare.roster.Version)
		}
		rep, err := r.Check(background, CheckOptions{Data: 100})
		h.must(err)
		if !rep.OK() {
			h.t.Errorf("%s: %+v %+v", name, rep.Bad, rep.Alarms)
		}
	}
}

func hasAlarm(r *Repo, code hint.Code) bool {
	return slices.ContainsFunc(r.Alarms(), func(a Alarm) bool { return a.Code == code })
}

package repo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo/format"
)

// onlooked is a remote that lets somebody else act just before and just after
// each object is put.
type onlooked struct {
	providers.Remote
	act func(name providers.Name)
}

func (b onlooked) Put(ctx context.Context, name providers.Name, src providers.Source) (providers.Info, error) {
	b.act(name)
	info, err := b.Remote.Put(ctx, name, src)
	b.act(name)
	return info, err
}

// treeOf tells what lies in a folder, to the byte.
func treeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		tree[path] = fmt.Sprint(info.Mode(), info.ModTime().UnixNano())
		if !e.IsDir() {
			b, err := os.ReadFile(path)
			tree[path] += fmt.Sprintf(" %x", sha256.Sum256(b))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// untouched runs what must change neither a device's folder nor the remote.
func (h *house) untouched(name string, do func()) {
	h.t.Helper()
	tree, names := treeOf(h.t, h.states[name].dir), h.remote.Names()
	do()
	if after := treeOf(h.t, h.states[name].dir); !maps.Equal(tree, after) {
		h.t.Errorf("the state folder of %s has changed from %v to %v", name, tree, after)
	}
	if after := h.remote.Names(); !slices.Equal(names, after) {
		h.t.Errorf("the remote has changed from %v to %v", names, after)
	}
}

func (h *house) peekState(name string) *State {
	h.t.Helper()
	s, err := PeekState(h.states[name].dir)
	h.must(err)
	return s
}

// peek opens the repository as a device whose folder another one has locked.
func (h *house) peek(name string) *Repo {
	h.t.Helper()
	r, err := Open(background, h.remote, Options{State: h.peekState(name)})
	h.must(err)
	return r
}

// looks is everything a device can say of the repository.
func (h *house) looks(r *Repo) map[string]any {
	h.t.Helper()
	all := map[string]any{"devices": r.Devices(), "words": r.Words(), "reads": r.CanRead()}
	list, err := r.Snapshots(background, format.DeviceID{})
	h.must(err)
	for _, s := range list {
		all["snapshot "+s.Name.String()] = s.Snapshot
		if !r.CanRead() {
			continue
		}
		root, err := r.RootOf(background, s)
		h.must(err)
		all["root "+s.Name.String()] = root
	}
	for _, d := range r.Devices() {
		head, err := r.Head(background, d.ID)
		h.must(err)
		all["head "+d.Name] = head
	}
	all["statements"], err = r.Statements(background)
	h.must(err)
	rep, err := r.Check(background, CheckOptions{Data: 100})
	h.must(err)
	rep.Unnoted = false
	all["report"], all["alarms"] = fmt.Sprintf("%+v", rep), fmt.Sprint(r.Alarms())
	return all
}

func (h *house) sameLook(what string, a, b map[string]any) {
	h.t.Helper()
	for key := range a {
		if !reflect.DeepEqual(a[key], b[key]) {
			h.t.Errorf("%s: %s is %+v here and %+v there", what, key, a[key], b[key])
		}
	}
	if len(a) != len(b) {
		h.t.Errorf("%s: %d things here and %d there", what, len(a), len(b))
	}
}

// Whatever is changed of who belongs, and wherever that is: whoever looks sees
// what any other device sees, changes nothing and is refused every change.
func TestPeekDuringChanges(t *testing.T) {
	for what, change := range map[string]func(h *house, a *Repo) error{
		"admit": func(h *house, a *Repo) error {
			q, err := a.RequestWith(background, h.asks("d", format.ReadOnly).Fingerprint())
			h.must(err)
			return a.Admit(background, q, "d", format.ReadOnly)
		},
		"rename":  func(h *house, a *Repo) error { return a.Rename(background, h.id("c"), "sea") },
		"convert": func(h *house, a *Repo) error { return a.Convert(background, h.id("c"), format.BackupOnly) },
		"itself":  func(h *house, a *Repo) error { return a.Convert(background, h.id("a"), format.BackupOnly) },
		"revoke":  func(h *house, a *Repo) error { return a.Revoke(background, h.id("c")) },
		"rotate":  func(_ *house, a *Repo) error { return a.Rotate(background) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.join("b", format.Full)
			h.join("c", format.Full)
			_, err := h.publishes("a")
			h.must(err)
			puts := 0
			look := func(name providers.Name) {
				if strings.HasPrefix(string(name), "requests/") {
					return
				}
				puts++
				h.untouched("a", func() {
					r := h.peek("a")
					if a := r.Alarms(); len(a) > 0 {
						t.Errorf("at %s: %v", name, a)
					}
					h.want(r.Rename(background, h.id("a"), "x"), CodeLocked)
					mine, other := h.looks(r), h.looks(h.open("b"))
					if what == "itself" { // it makes backups only from some moment on
						for _, all := range []map[string]any{mine, other} {
							maps.DeleteFunc(all, func(key string, _ any) bool {
								return key == "reads" || key == "report" || strings.HasPrefix(key, "root")
							})
						}
					}
					h.sameLook(string(name), mine, other)
				})
			}
			a, err := Open(background, onlooked{h.remote, look}, Options{State: h.states["a"]})
			h.must(err)
			h.must(change(h, a))
			if puts == 0 {
				t.Fatal("nothing was put")
			}
			h.sound("a", "b")
			_, err = h.publishes("a")
			h.must(err)
		})
	}
}

// A change that a process left halfway is ended by whoever has the lock, and by
// nobody who looks.
func TestPeekLeavesChangesAlone(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	h.join("c", format.Full)
	a := h.open("a")
	h.remote.Inject(memory.Fault{Method: memory.Put, Call: 2, Err: providers.ErrTemporary})
	if err := a.Revoke(background, h.id("c")); err == nil {
		t.Fatal("it was not cut off")
	}
	h.remote.Heal()
	h.untouched("a", func() {
		r := h.peek("a")
		if len(r.Alarms()) > 0 || r.roster.Epoch != 1 || !r.roster.Device(h.id("c")).Revoked {
			t.Errorf("epoch %d, %v", r.roster.Epoch, r.Alarms())
		}
		h.want(r.Rotate(background), CodeLocked)
	})
	if r := h.quiet("a"); r.roster.Epoch != 2 {
		t.Errorf("epoch %d: the change was not ended", r.roster.Epoch)
	}
	h.sound("a", "b")
}

// During a backup whoever looks sees what the device with the lock would.
func TestPeekDuringBackup(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly} {
		h := newHouse(t)
		h.join("b", role)
		_, err := h.publishes("b")
		h.must(err)
		puts := 0
		look := func(name providers.Name) {
			puts++
			aside := h.copy(t)
			want := aside.looks(aside.open("b"))
			h.untouched("b", func() { h.sameLook(string(name), h.looks(h.peek("b")), want) })
		}
		memory := h.remote
		r, err := Open(background, onlooked{memory, look}, Options{State: h.states["b"]})
		h.must(err)
		w, err := r.NewWriter(background, WriterOptions{})
		h.must(err)
		list, err := w.NewListing()
		h.must(err)
		ref, err := list.Root(w.Worker(), &format.Root{Omitted: 7})
		h.must(err)
		h.must(w.Flush())
		_, err = w.Publish(background, &format.Snapshot{Time: now(), Root: ref}, nil)
		h.must(err)
		w.Close()
		if puts < 6 { // pack, index, snapshot
			t.Errorf("only %d looks", puts)
		}
		h.sound("a", "b")
	}
}

// moment is what a device remembered once.
type moment struct {
	files map[string][]byte
	names []providers.Name // on the remote
}

func (h *house) moment(name string) moment {
	h.t.Helper()
	m := moment{files: map[string][]byte{}, names: h.remote.Names()}
	for _, file := range []string{keysFile, rosterFile, seenFile} {
		b, err := os.ReadFile(h.states[name].path(file))
		h.must(err)
		m.files[file] = b
	}
	return m
}

// Keys, roster and what was seen may be read while their device writes them: the
// keys then are the newest and what was seen the oldest. Whatever they come to,
// nothing is wrong where nothing is, and an older list of devices is an alarm.
func TestPeekBetweenWrites(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	h.join("c", format.Full)
	moments := []moment{h.moment("b")}
	for _, change := range []func() error{
		func() error { return h.open("b").Rotate(background) },
		func() error { return h.open("b").Revoke(background, h.id("c")) },
		func() error { return h.open("a").Convert(background, h.id("b"), format.BackupOnly) },
	} {
		h.must(change())
		_, err := h.publishes("b")
		h.must(err)
		moments = append(moments, h.moment("b"))
	}
	for k := range moments {
		for r := range k + 1 {
			for s := range r + 1 {
				dir := t.TempDir()
				for file, i := range map[string]int{keysFile: k, rosterFile: r, seenFile: s} {
					h.must(os.WriteFile(filepath.Join(dir, file), moments[i].files[file], 0o600))
				}
				state, err := PeekState(dir)
				h.must(err)
				x, err := Open(background, h.remote, Options{State: state})
				h.must(err)
				if len(x.Alarms()) > 0 || x.CanRead() || x.roster.Digest != h.open("a").roster.Digest {
					t.Errorf("keys %d, roster %d, seen %d: version %d, %v", k, r, s, x.roster.Version, x.Alarms())
				}
				if r == 0 {
					continue
				}
				older := memory.New()
				for _, n := range moments[r-1].names {
					older.SetBytes(n, h.remote.Bytes(n))
				}
				x, err = Open(background, older, Options{State: state})
				h.must(err)
				if !hasAlarm(x, CodeRolledBack) || x.roster.Version < moments[r-1].version() {
					t.Errorf("keys %d, roster %d, seen %d: an older list of devices is taken: %v", k, r, s, x.Alarms())
				}
				if s == r && !hasAlarm(x, CodeHeadMissing) {
					t.Errorf("keys %d, roster %d, seen %d: a missing snapshot is not missed: %v", k, r, s, x.Alarms())
				}
			}
		}
	}
}

// version is that of the newest list of devices.
func (m moment) version() (v uint64) {
	for _, s := range m.names {
		if n, err := format.ParseName(string(s)); err == nil && n.Kind == format.KindRoster {
			v = max(v, n.Version)
		}
	}
	return v
}

// A remote that shows less than before is as much of an alarm to whoever looks.
func TestPeekIsWarned(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	for _, name := range []string{"a", "b", "a"} {
		_, err := h.publishes(name)
		h.must(err)
	}
	h.open("a").Snapshots(background, format.DeviceID{})
	all := h.names(format.KindSnapshot)
	for _, n := range all {
		aside := h.copy(t)
		aside.remote.Drop(object(n))
		aside.untouched("a", func() {
			r := aside.peek("a")
			_, err := r.Snapshots(background, format.DeviceID{})
			h.must(err)
			if !hasAlarm(r, CodeHeadMissing) {
				t.Errorf("%s is gone: %v", n, r.Alarms())
			}
		})
	}
	h.must(os.WriteFile(h.states["a"].path(seenFile), []byte("{"), 0o600))
	h.untouched("a", func() {
		if r := h.peek("a"); !hasAlarm(r, CodeDamaged) {
			t.Errorf("what was forgotten is not said: %v", r.Alarms())
		}
	})
}

// What is seen by looking is remembered while one looks, and no longer.
func TestPeekRemembersNothing(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	s, err := h.publishes("b")
	h.must(err)
	h.untouched("a", func() {
		r := h.peek("a")
		_, err := r.Head(background, s.Device)
		h.must(err)
		if head, ok := r.seen.head(s.Device); !ok || head.Seq != 1 {
			t.Errorf("it has not seen %+v", head)
		}
	})
	h.remote.Drop(object(s.Name))
	h.untouched("a", func() {
		if r := h.peek("a"); len(r.Alarms()) > 0 {
			t.Errorf("somebody who looked left something behind: %v", r.Alarms())
		}
	})
}

// Everything that needs the lock is refused, with the name of who has it.
func TestPeekIsRefused(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	s, err := h.publishes("a")
	h.must(err)
	q, err := h.open("a").RequestWith(background, h.asks("c", format.Full).Fingerprint())
	h.must(err)
	h.states["d"] = newState(t)
	r := h.peek("a")
	do := map[string]func() error{
		"admit":   func() error { return r.Admit(background, q, "c", format.Full) },
		"rename":  func() error { return r.Rename(background, h.id("b"), "x") },
		"convert": func() error { return r.Convert(background, h.id("b"), format.ReadOnly) },
		"revoke":  func() error { return r.Revoke(background, h.id("b")) },
		"rotate":  func() error { return r.Rotate(background) },
		"merge":   func() error { return r.Merge(background) },
		"state":   func() error { return r.ConfirmShrink(background, s) },
		"write":   func() error { _, err := r.NewWriter(background, WriterOptions{}); return err },
		"dry run": func() error { _, err := r.NewWriter(background, WriterOptions{DryRun: true}); return err },
		"vacant":  func() error { return Vacant(background, memory.New(), h.peekState("d")) },
		"init": func() error {
			_, err := Init(background, memory.New(), InitOptions{State: h.peekState("d"), Recovery: h.recovery, Device: "d", Role: format.Full})
			return err
		},
		"join": func() error { _, err := Join(background, h.remote, JoinOptions{State: h.peekState("d")}); return err },
		"recover": func() error {
			_, err := Recover(background, h.bare(), RecoverOptions{State: h.peekState("d"), Name: "d"})
			return err
		},
		"pin words": func() error { return h.peekState("c").PinWords(crypto.Fingerprint{}) },
		"open":      func() error { _, err := Open(background, h.remote, Options{State: h.peekState("c")}); return err },
		"finish": func() error {
			_, err := FinishJoin(background, h.remote, JoinOptions{State: h.peekState("c")})
			return err
		},
	}
	for what, try := range do {
		for _, name := range []string{"a", "c", "d"} {
			h.untouched(name, func() {
				err := try()
				if x := hint.Find(err); x == nil || x.Code != CodeLocked || x.Args["holder"] != strconv.Itoa(os.Getpid()) {
					t.Errorf("%s: %v", what, err)
				}
			})
		}
	}
	if did, err := r.ReadBackSample(background, time.Now()); did || err != nil {
		t.Errorf("it read a pack back: %v", err)
	}
}

// What a check finds while one looks is told, but the next backup hears of it
// only from a check with the lock.
func TestPeekNotesNothingLost(t *testing.T) {
	h := newHouse(t)
	_, err := h.publishes("a")
	h.must(err)
	h.remote.Drop(object(h.names(format.KindPack)[0]))
	check := func(r *Repo) *Report {
		rep, err := r.Check(background, CheckOptions{})
		h.must(err)
		if len(rep.Bad) != 1 {
			t.Errorf("%+v", rep.Bad)
		}
		return rep
	}
	h.untouched("a", func() {
		if !check(h.peek("a")).Unnoted {
			t.Error("it is not said that nothing was noted")
		}
	})
	if check(h.open("a")).Unnoted || len(h.open("a").seen.Lost) != 1 {
		t.Error("what is lost was not noted")
	}
	h.untouched("a", func() {
		if check(h.peek("a")).Unnoted {
			t.Error("the next backup knows it already")
		}
	})
}

// A folder that isn't there is not made, keys that were lent do, and a file is
// no folder.
func TestPeekStateOfNothing(t *testing.T) {
	h := newHouse(t)
	dir := filepath.Join(t.TempDir(), "state")
	s, err := PeekState(dir)
	h.must(err)
	_, err = Open(background, h.remote, Options{State: s})
	h.want(err, CodeNoKey)
	text, err := os.ReadFile(h.states["a"].path(keysFile))
	h.must(err)
	s.UseKeys(text)
	r, err := Open(background, h.remote, Options{State: s})
	h.must(err)
	h.want(r.Rotate(background), CodeLocked)
	h.must(s.Close())
	if _, err := os.Lstat(dir); err == nil {
		t.Error("the folder was made")
	}
	if _, err := PeekState(h.states["a"].path(keysFile)); err == nil {
		t.Error("a file is taken for a state folder")
	}
}

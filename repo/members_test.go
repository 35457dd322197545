package repo

import (
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// What each change lets whom do.
func TestConvert(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	h.join("c", format.BackupOnly)
	for _, step := range []struct {
		device string
		role   format.Role
		epoch  uint64
	}{
		{"b", format.ReadOnly, 1},
		{"b", format.BackupOnly, 2},
		{"b", format.BackupOnly, 2},
		{"b", format.Full, 2},
		{"c", format.ReadOnly, 2},
		{"c", format.BackupOnly, 3},
	} {
		h.must(h.open("a").Convert(background, h.id(step.device), step.role))
		r := h.quiet(step.device)
		reads := step.role != format.BackupOnly
		if r.Device().Role != step.role || r.roster.Epoch != step.epoch || r.CanRead() != reads || h.reads(step.device, "a") != reads {
			t.Errorf("%s as %s: %+v, epoch %d, reads %v", step.device, step.role, r.Device(), r.roster.Epoch, r.CanRead())
		}
		k, err := h.states[step.device].loadKeys()
		h.must(err)
		if k.CanRead() != reads {
			t.Errorf("%s as %s keeps keys of another role", step.device, step.role)
		}
		if _, err := h.publishes(step.device); (err == nil) != (step.role != format.ReadOnly) {
			t.Errorf("%s as %s publishes: %v", step.device, step.role, err)
		}
		h.sound("a", "b", "c")
	}
	h.must(h.open("a").Convert(background, h.id("a"), format.ReadOnly))
	h.want(h.open("b").Convert(background, h.id("b"), format.ReadOnly), CodeLastFull)
	h.want(h.open("a").Rename(background, h.id("b"), "x"), CodeNotFull)
	h.want(h.open("c").Rename(background, h.id("b"), "x"), CodeNotFull)
}

// A device that was shut out learns of it, publishes nothing, loses nothing and
// reads nothing new; the others go on.
func TestRevoke(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly, format.ReadOnly} {
		t.Run(role.String(), func(t *testing.T) {
			h := newHouse(t)
			h.join("b", role)
			h.join("c", format.BackupOnly)
			if role != format.ReadOnly {
				_, err := h.publishes("b")
				h.must(err)
			}
			stolen := h.copy(t) // what b has, and never hears of
			h.must(h.open("a").Revoke(background, h.id("b")))
			b := h.quiet("b")
			if d := b.Device(); !d.Revoked || b.roster.Epoch != 1 {
				t.Errorf("%+v, epoch %d", d, b.roster.Epoch)
			}
			before := h.remote.Names()
			_, err := h.publishes("b")
			h.want(err, CodeRevoked)
			if !slices.Equal(before, h.remote.Names()) {
				t.Error("a device that was shut out has put something")
			}
			if h.reads("b", "a") {
				t.Error("it reads what was sealed after")
			}
			h.want(b.Rename(background, h.id("a"), "x"), CodeRevoked)
			// What it sealed before it knew counts for nothing.
			if role != format.ReadOnly {
				s, err := stolen.publishes("b")
				h.must(err)
				h.remote.SetBytes(object(s.Name), stolen.remote.Bytes(object(s.Name)))
				head, err := h.quiet("a").Head(background, s.Device)
				h.must(err)
				if head == nil || head.Seq != 1 {
					t.Errorf("%+v counts as its newest snapshot", head)
				}
				for _, n := range stolen.remote.Names() { // its packs lie there, for nobody
					if !slices.Contains(h.remote.Names(), n) {
						h.remote.SetBytes(n, stolen.remote.Bytes(n))
					}
				}
			}
			for _, name := range []string{"a", "c"} {
				_, err := h.publishes(name)
				h.must(err)
			}
			h.sound("a", "c")
			h.want(h.open("a").Rename(background, h.id("a"), "B"), CodeNameTaken)
		})
	}
}

// A list of devices from before a revocation doesn't bring anybody back, and
// whoever was shut out can't make another one.
func TestRevokedStaysOut(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	h.join("c", format.Full)
	old := h.remote.Names()
	before := h.copy(t)
	h.must(h.open("a").Revoke(background, h.id("b")))
	h.open("c")
	tip := h.open("a").roster
	// b, full until then, goes back behind the revocation and shuts the others out.
	h.must(before.open("b").Revoke(background, h.id("a"), h.id("c")))
	for _, n := range before.remote.Names() {
		if !slices.Contains(old, n) {
			h.remote.SetBytes(n, before.remote.Bytes(n))
		}
	}
	for _, name := range []string{"a", "c"} {
		r := h.open(name)
		if r.roster.Digest != tip.Digest || !hasAlarm(r, CodeRosterForked) {
			t.Errorf("%s believes version %d: %v", name, r.roster.Version, r.Alarms())
		}
		_, err := h.publishes(name)
		h.must(err)
	}
	h.want(h.open("a").Rename(background, h.id("a"), "x"), CodeRosterForked)
	// Who has only the recovery key sees that there are two, believes neither, and
	// settles it.
	bare := h.bare()
	if !hasAlarm(bare, CodeRosterForked) || bare.roster.Epoch != 1 {
		t.Errorf("version %d, %v", bare.roster.Version, bare.Alarms())
	}
	h.must(bare.Merge(background, h.id("a"), h.id("c")))
	h.sound("a", "c")
	if d := h.quiet("a").roster.Device(h.id("b")); !d.Revoked {
		t.Error("the thief is back")
	}
	// Everything from before, put again, changes nothing.
	for _, n := range old {
		h.remote.SetBytes(n, before.remote.Bytes(n))
	}
	h.sound("a", "c")
}

// Two full devices change the list at the same moment: an alarm until a third,
// or the recovery key, names both.
func TestMerge(t *testing.T) {
	for _, by := range []string{"a", "c", "recovery"} {
		h := newHouse(t)
		h.join("b", format.Full)
		h.join("c", format.Full)
		old, aside := h.remote.Names(), h.copy(t)
		h.must(h.open("a").Rename(background, h.id("a"), "desk"))
		aside.join("d", format.BackupOnly)
		h.states["d"] = aside.states["d"]
		h.must(aside.open("b").Rotate(background))
		for _, n := range aside.remote.Names() {
			if !slices.Contains(old, n) {
				h.remote.SetBytes(n, aside.remote.Bytes(n))
			}
		}
		for _, name := range []string{"a", "b", "c"} {
			if r := h.open(name); !hasAlarm(r, CodeRosterForked) {
				t.Errorf("%s: no alarm: %v", name, r.Alarms())
			}
		}
		if by == "recovery" {
			h.must(h.bare().Merge(background))
		} else {
			h.must(h.open(by).Merge(background))
		}
		h.sound("a", "b", "c", "d")
		if n := len(h.quiet("a").Devices()); n != 4 {
			t.Errorf("%d devices", n)
		}
		for _, name := range []string{"a", "d"} {
			_, err := h.publishes(name)
			h.must(err)
		}
		h.sound("a", "b", "c", "d")
	}
}

// A new epoch's keys are new, and old content opens as before.
func TestRotate(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.ReadOnly)
	h.join("c", format.BackupOnly)
	for range 3 {
		_, err := h.publishes("a")
		h.must(err)
		h.must(h.open("a").Rotate(background))
	}
	b := h.quiet("b")
	if b.roster.Epoch != 4 || len(b.ring.Epochs) != 4 {
		t.Errorf("epoch %d, keys of %d", b.roster.Epoch, len(b.ring.Epochs))
	}
	_, err := h.publishes("c")
	h.must(err)
	h.sound("a", "b", "c")
	h.want(b.Rotate(background), CodeNotFull)
}

// The recovery key is replaced: the new one opens and signs everything, the old
// one nothing that comes.
func TestReplaceRecovery(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	_, err := h.publishes("a")
	h.must(err)
	old, words := h.recovery, h.bare().Words()
	next := newRecovery(t)
	h.want(h.open("a").ReplaceRecovery(background, next), CodeNoKey)
	h.must(h.bare().ReplaceRecovery(background, next))
	h.recovery = next
	h.sound("a", "b")
	if h.bare().Words() == words || h.quiet("a").Words() != h.bare().Words() {
		t.Error("the words have not changed everywhere")
	}
	h.join("c", format.Full)
	h.must(h.open("a").Revoke(background, h.id("c")))
	h.must(h.bare().Rename(background, h.id("b"), "bee"))
	h.sound("a", "b")
	h.recovery = old
	thief := h.bare()
	if a, err := h.quiet("a").ring.SealSecret(h.quiet("a").roster); err != nil || canOpen(thief, a.Sealed) {
		t.Errorf("the old key opens what came after: %v", err)
	}
	before := h.quiet("a").roster.Digest
	objects := h.remote.Names()
	h.want(thief.Rename(background, h.id("a"), "mine"), CodeReplaced)
	h.want(thief.ReplaceRecovery(background, newRecovery(t)), CodeReplaced)
	_, err = Recover(background, thief, RecoverOptions{State: newState(t), Name: "mine"})
	h.want(err, CodeReplaced)
	if !slices.Equal(objects, h.remote.Names()) {
		t.Error("the old key has put something")
	}
	a := &amendment{repo: thief, ring: thief.ring.Copy(), tip: thief.roster, who: trust.Signer{Key: thief.root}, time: 1} // whatever it says
	h.must(a.roster(func(next *format.Roster) { next.Devices[0].Name = "mine" }))
	h.remote.SetBytes(object(a.objects[0].Name), a.objects[0].Sealed)
	for _, name := range []string{"a", "b"} {
		if r := h.open(name); r.roster.Digest != before {
			t.Errorf("%s believes the old key", name)
		}
	}
	h.recovery = next
	if r := h.bare(); r.roster.Digest != before {
		t.Error("the new recovery key believes the old one")
	}
}

func canOpen(r *Repo, sealed []byte) bool {
	_, err := crypto.OpenAll(slices.Clone(sealed), r.ring.DataIdentities()...)
	return err == nil
}

// A bare machine takes over, and the lost devices are out.
func TestRecover(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.BackupOnly)
	_, err := h.publishes("a")
	h.must(err)
	bare := h.bare()
	h.states["n"] = newState(t)
	_, err = Recover(background, bare, RecoverOptions{State: h.states["n"], Name: "A", Lost: []format.DeviceID{h.id("a")}})
	h.want(err, CodeNameTaken)
	r, err := Recover(background, bare, RecoverOptions{State: h.states["n"], Name: "n", Lost: []format.DeviceID{h.id("a")}})
	h.must(err)
	if d := r.Device(); d.Role != format.Full || d.Name != "n" || !r.CanRead() {
		t.Errorf("%+v", d)
	}
	_, err = h.publishes("a")
	h.want(err, CodeRevoked)
	_, err = h.publishes("n")
	h.must(err)
	_, err = h.publishes("b")
	h.must(err)
	h.sound("n", "b")
	_, err = Recover(background, bare, RecoverOptions{State: h.states["n"], Name: "m"})
	h.want(err, CodeMember)
	_, err = Recover(background, h.open("n"), RecoverOptions{State: newState(t), Name: "m"})
	h.want(err, CodeNoKey)
}

// Wherever a change is cut off, everybody who belongs can go on, and done again
// it is done.
func TestChangesCutOff(t *testing.T) {
	base := newHouse(t)
	base.join("b", format.Full)
	base.join("c", format.BackupOnly)
	_, err := base.publishes("b")
	base.must(err)
	next := newRecovery(t)
	for name, c := range map[string]struct {
		do  func(*house) error
		out string // who does not belong afterwards
	}{
		"revoke": {func(h *house) error {
			r, err := Open(background, h.remote, Options{State: h.states["a"]})
			if err == nil {
				err = r.Revoke(background, h.id("b"))
			}
			return err
		}, "b"},
		"convert": {func(h *house) error {
			r, err := Open(background, h.remote, Options{State: h.states["a"]})
			if err == nil {
				err = r.Convert(background, h.id("b"), format.BackupOnly)
			}
			return err
		}, ""},
		"convert back": {func(h *house) error {
			r, err := Open(background, h.remote, Options{State: h.states["a"]})
			if err == nil {
				err = r.Convert(background, h.id("c"), format.Full)
			}
			return err
		}, ""},
		"revoke with the recovery key": {func(h *house) error {
			r, err := Open(background, h.remote, Options{Recovery: h.recovery})
			if err == nil {
				err = r.Revoke(background, h.id("b"))
			}
			return err
		}, "b"},
		"replace the recovery key": {func(h *house) error {
			if _, err := Open(background, h.remote, Options{Recovery: next}); err == nil {
				h.recovery = next // an earlier attempt got that far
			}
			r, err := Open(background, h.remote, Options{Recovery: h.recovery})
			if err == nil && h.recovery != next {
				err = r.ReplaceRecovery(background, next)
			} else if err == nil {
				err = r.Rotate(background)
			}
			if err == nil {
				h.recovery = next
			}
			return err
		}, ""},
		"recover": {func(h *house) error {
			if h.states["n"] == nil {
				h.states["n"] = newState(t)
			}
			r, err := Open(background, h.remote, Options{Recovery: h.recovery})
			if err == nil && !h.states["n"].HasKeys() {
				_, err = Recover(background, r, RecoverOptions{State: h.states["n"], Name: "n", Lost: []format.DeviceID{h.id("b")}})
			}
			return err
		}, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for call, done := 1, false; !done; call++ {
				for _, lost := range []bool{false, true} {
					h := base.copy(t)
					h.remote.Inject(memory.Fault{Call: call, Err: providers.ErrTemporary, Lost: lost})
					err := c.do(h)
					h.remote.Heal()
					done = err == nil
					for _, name := range []string{"a", "b", "c"} {
						r := h.open(name)
						if _, err := h.publishes(name); err != nil && !(hint.Is(err, CodeRevoked) && name == c.out) {
							t.Fatalf("call %d: %s can't publish: %v", call, name, err)
						}
						for _, x := range r.Alarms() {
							t.Errorf("call %d: %s: %v", call, name, x)
						}
					}
					h.must(c.do(h))
					who := []string{"a", "c"}
					if c.out == "" {
						who = append(who, "b")
					} else if h.reads("b", "a") {
						t.Errorf("call %d: whoever was shut out reads on", call)
					}
					if h.states["n"] != nil {
						who = append(who, "n")
					}
					h.sound(who...)
				}
			}
		})
	}
}

// Names that nobody could read, and a device that would shut itself out.
func TestNamesOfDevices(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	a := h.open("a")
	for _, name := range []string{"", " x", "x\n", "x\x1b[31m", "\xff", strings.Repeat("长", 40)} {
		h.want(a.Rename(background, h.id("b"), name), CodeBadName)
	}
	h.want(a.Rename(background, h.id("b"), "A"), CodeNameTaken)
	h.must(a.Rename(background, h.id("b"), "书房/desk 2"))
	if d, err := a.DeviceNamed("书房/desk 2"); err != nil || d.ID != h.id("b") {
		t.Error(err)
	}
	_, err := a.DeviceNamed("c")
	h.want(err, CodeNoDevice)
	h.want(a.Revoke(background, h.id("a")), CodeSelf)
	h.sound("a", "b")
}

// What a device wrote counts for nothing once it was shut out: not even a key
// file from then gives anybody a key.
func TestKeyFilesOfWhoWasShutOut(t *testing.T) {
	h := newHouse(t)
	b := h.join("b", format.Full)
	h.join("c", format.BackupOnly)
	h.must(h.open("a").Revoke(background, h.id("b")))
	bogus, _, err := trust.NewEpoch(7)
	h.must(err)
	ring := b.ring.Copy()
	ring.Add(&trust.Keyring{Epochs: []trust.EpochKeys{bogus}})
	tip := h.open("a").roster
	for _, to := range []string{"a", "c"} {
		d := tip.Device(h.id(to))
		recipient, err := crypto.ParseRecipient(d.Recipient)
		h.must(err)
		o, err := ring.SealKeyFile(d.ID.String(), recipient, true, b.roster.Digest, 1, b.ring.Device.Signer())
		h.must(err)
		h.remote.SetBytes(object(o.Name), o.Sealed)
	}
	h.must(h.open("a").Rotate(background)) // so that c looks for keys
	for _, name := range []string{"a", "c"} {
		for _, e := range h.open(name).ring.Epochs {
			if e.Number == bogus.Number {
				t.Errorf("%s took a key from a device that was shut out", name)
			}
		}
	}
}

package repo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// whole puts on this house's remote what another has.
func (h *house) whole(other *house) {
	for _, n := range other.remote.Names() {
		if !slices.Contains(h.remote.Names(), n) {
			h.remote.SetBytes(n, other.remote.Bytes(n))
		}
	}
}

// The keys of an epoch came from a device that is shut out now, and whoever shut
// it out died before issuing them anew. They are still the keys: with nothing
// but the recovery key everything opens.
func TestKeysOfADeviceShutOutHalfway(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	h.must(h.open("b").Rotate(background))
	_, err := h.publishes("a")
	h.must(err)
	a := h.open("a")
	before := h.remote.Calls(memory.Put)
	h.remote.Inject(memory.Fault{Method: memory.Put, Call: 2, Err: providers.ErrTemporary})
	if err := a.Revoke(background, h.id("b")); err == nil || h.remote.Calls(memory.Put) != before+2 {
		t.Fatalf("not cut off after the first of them: %v", err)
	}
	h.remote.Heal()
	bare := h.bare()
	if alarms := bare.Alarms(); len(alarms) > 0 || bare.roster.Epoch != 2 || !bare.ring.Holds(bare.roster, true) {
		t.Errorf("epoch %d, %v", bare.roster.Epoch, alarms)
	}
	list, err := bare.Snapshots(background, h.id("a"))
	h.must(err)
	if len(list) != 1 {
		t.Errorf("%d snapshots of a", len(list))
	}
	h.must(bare.Revoke(background, h.id("b")))
	h.quiet("a") // begins an epoch in place of the one it left
	h.sound("a")
}

// A change that was given up stays so: what is left of it on disk is not put by
// a backup that mends the remote.
func TestChangeGivenUpIsNotPutAgain(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	a := h.open("a")
	h.remote.Inject(memory.Fault{Method: memory.Put, Err: providers.ErrTemporary})
	if err := a.Rename(background, h.id("a"), "desk"); err == nil {
		t.Fatal("it was not cut off")
	}
	h.remote.Heal()
	h.must(h.open("b").Rename(background, h.id("b"), "bee"))
	rep, err := h.quiet("a").Check(background, CheckOptions{})
	h.must(err)
	if !rep.OK() {
		t.Errorf("%+v %+v", rep.Bad, rep.Alarms)
	}
	_, err = h.publishes("a")
	h.must(err)
	h.sound("a", "b")
}

// A revocation that was cut off meets a fork: the device goes on, and merging
// begins the new epoch.
func TestChangeCutOffBeforeAFork(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	h.join("c", format.BackupOnly)
	aside := h.copy(t)
	a := h.open("a")
	h.remote.Inject(memory.Fault{Method: memory.Put, Call: 3, Err: providers.ErrTemporary})
	if err := a.Revoke(background, h.id("c")); err == nil {
		t.Fatal("it was not cut off")
	}
	h.remote.Heal()
	h.must(aside.open("b").Rename(background, h.id("b"), "bee"))
	h.whole(aside)
	if r := h.open("a"); !hasAlarm(r, CodeRosterForked) {
		t.Errorf("no alarm: %v", r.Alarms())
	}
	h.must(h.open("a").Merge(background))
	h.sound("a", "b")
	if h.reads("c", "a") || !h.quiet("a").roster.Device(h.id("c")).Revoked {
		t.Error("c is not shut out")
	}
}

// The new epoch of a revocation that was cut off is made in the end, however
// often that is cut off too.
func TestChangeCutOffTwice(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	h.join("c", format.ReadOnly)
	a := h.open("a")
	h.remote.Inject(memory.Fault{Method: memory.Put, Call: 2, Err: providers.ErrTemporary})
	if err := a.Revoke(background, h.id("c")); err == nil {
		t.Fatal("it was not cut off")
	}
	h.remote.Heal()
	h.must(h.open("b").Rename(background, h.id("b"), "bee"))
	h.remote.Inject(memory.Fault{Method: memory.List, Name: "roster/", Call: 2, Err: providers.ErrTemporary})
	if r, err := Open(background, h.remote, Options{State: h.states["a"]}); err == nil && r.readsOnly == nil {
		t.Fatal("the rest was not cut off")
	}
	h.remote.Heal()
	if r := h.quiet("a"); r.roster.Epoch != 2 || h.reads("c", "a") {
		t.Errorf("epoch %d: c reads on", r.roster.Epoch)
	}
	h.sound("a", "b")
}

// Snapshots that a device sealed when it was shut out already count for nothing,
// so nobody misses them either.
func TestNobodyMissesWhatDoesNotCount(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	h.join("c", format.Full)
	_, err := h.publishes("b")
	h.must(err)
	aside := h.copy(t)
	_, err = h.publishes("b")
	h.must(err)
	head, err := h.quiet("a").Head(background, h.id("b")) // a has seen 2
	h.must(err)
	pulled := head.Known() // and a folder is at that state
	before := h.remote.Names()
	h.must(aside.open("c").Revoke(background, h.id("b"))) // c only 1
	h.whole(aside)
	since := func() {
		r := h.quiet("a")
		if s, err := r.HeadSince(background, h.id("b"), pulled); s != nil || err != nil || len(r.Alarms()) > 0 {
			t.Errorf("%v, %v, %v", s, err, r.Alarms())
		}
	}
	since()
	for _, n := range before {
		if !slices.Contains(aside.remote.Names(), n) {
			h.remote.Drop(n) // and b takes back what doesn't count
		}
	}
	since()
	_, err = h.publishes("a")
	h.must(err)
	h.sound("a", "c")
}

// An object that is called this device's secret but is anything else: a device
// that can't look inside publishes its own.
func TestJunkInPlaceOfASecret(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly} {
		h := newHouse(t)
		h.join("b", role)
		junk := []byte("junk")
		n := format.Name{Kind: format.KindSecret, Device: h.id("b"), Digest: trust.Digest(junk)}
		h.remote.SetBytes(object(n), junk)
		_, err := h.publishes("b")
		h.must(err)
		good := 0
		a := h.open("a")
		for _, n := range h.names(format.KindSecret) {
			if _, err := a.ring.OpenSecret(h.remote.Bytes(object(n)), h.id("b"), a.roster); err == nil {
				good++
			}
		}
		if good != 1 {
			t.Errorf("%s: its secret is there %d times", role, good)
		}
	}
}

// One request that only a newer program understands doesn't hide the others.
func TestOneRequestOfANewerProgram(t *testing.T) {
	h := newHouse(t)
	h.asks("b", format.Full)
	h.remote.SetBytes("requests/new.json", []byte(`{"what":"chatkeep request","format":2}`))
	list, refused, err := h.open("a").Requests(background)
	if err != nil || len(list) != 1 || refused != 1 {
		t.Errorf("%d open, %d refused, %v", len(list), refused, err)
	}
}

// A process dies between the two files in which it remembers a list of devices:
// it has not forgotten it.
func TestRosterRememberedHalfway(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	old := h.copy(t)
	h.must(h.open("a").Revoke(background, h.id("b")))
	seen, err := old.states["a"].loadSeen()
	h.must(err)
	h.must(h.states["a"].saveSeen(seen))
	for _, n := range h.names(format.KindRoster) {
		if !slices.Contains(old.remote.Names(), object(n)) {
			h.remote.Drop(object(n))
		}
	}
	r := h.open("a")
	if d := r.roster.Device(h.id("b")); !d.Revoked || !hasAlarm(r, CodeRolledBack) {
		t.Errorf("b belongs again, %v", r.Alarms())
	}
}

// A device that was shut out goes back behind that and asks for a newer program
// on its side: the recovery key still opens and settles it.
func TestNewerListOfWhoWasShutOut(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	aside := h.copy(t)
	h.must(h.open("a").Revoke(background, h.id("b")))
	b := aside.open("b")
	next := b.roster.Roster
	next.Version, next.Parents, next.MinReader = next.Version+1, []format.Digest{b.roster.Digest}, 99
	o, err := b.ring.SealRoster(&next, b.ring.Device.Signer())
	h.must(err)
	h.must(b.Revoke(background, h.id("a")))
	h.whole(aside)
	h.remote.SetBytes(object(o.Name), o.Sealed)
	h.open("a")
	h.must(h.bare().Merge(background, h.id("a")))
	r := h.open("a")
	if d := r.Device(); d.Revoked || hasAlarm(r, CodeRosterForked) || !r.roster.Device(h.id("b")).Revoked {
		t.Errorf("%+v, %v", d, r.Alarms())
	}
}

// Whom a device admitted that is shut out on the other side does not come in by
// the merge, and the recovery key may say otherwise.
func TestFriendOfAThief(t *testing.T) {
	for _, keep := range []bool{false, true} {
		h := newHouse(t)
		h.join("b", format.Full)
		aside := h.copy(t)
		h.must(h.open("a").Revoke(background, h.id("b")))
		aside.joinBy(aside.open("b"), "x", format.Full)
		h.states["x"] = aside.states["x"]
		h.must(aside.open("b").Revoke(background, h.id("a")))
		h.whole(aside)
		who := []format.DeviceID{h.id("a")}
		if keep {
			who = append(who, h.id("x"))
		}
		h.must(h.bare().Merge(background, who...))
		h.sound("a")
		h.open("x")
		if d := h.quiet("a").roster.Device(h.id("x")); d == nil || d.Revoked == keep {
			t.Errorf("keep %v: %+v", keep, d)
		}
		if h.reads("x", "a") != keep {
			t.Errorf("keep %v: x reads: %v", keep, !keep)
		}
	}
}

// A device that is converted takes its keys from nobody who gives it others than
// those that the rest has.
func TestPoisonedKeyFile(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	h.join("c", format.BackupOnly)
	_, err := h.publishes("a")
	h.must(err)
	b := h.open("b")
	bogus, _, err := trust.NewEpoch(1)
	h.must(err)
	ring := b.ring.Copy()
	ring.Epochs[0].Data = bogus.Data
	d := b.roster.Device(h.id("c"))
	to, err := crypto.ParseRecipient(d.Recipient)
	h.must(err)
	for range 8 { // in any order
		o, err := ring.SealKeyFile(d.ID.String(), to, true, b.roster.Digest, 1, b.ring.Device.Signer())
		h.must(err)
		h.remote.SetBytes(object(o.Name), o.Sealed)
	}
	h.must(h.open("a").Convert(background, h.id("c"), format.Full))
	if r := h.open("c"); !hasAlarm(r, CodeForged) {
		t.Errorf("no alarm: %v", r.Alarms())
	}
	if !h.reads("c", "a") {
		t.Error("c can't read, and never will")
	}
}

// A change that nobody would believe is not made, and least of all believed by
// the device itself.
func TestChangeThatDoesNotCount(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	a := h.open("a")
	before, objects := a.roster.Digest, h.remote.Names()
	x, err := a.amend(background)
	h.must(err)
	h.must(x.roster(func(r *format.Roster) { r.Policies = []format.Policy{{Name: "prune", Value: "now"}} }))
	h.want(x.put(background), CodeForged)
	if a.roster.Digest != before || !slices.Equal(objects, h.remote.Names()) {
		t.Error("it was made")
	}
	h.sound("a", "b")
}

// A device that is not known is an error, no crash.
func TestChangesOfNobody(t *testing.T) {
	h := newHouse(t)
	nobody := format.DeviceID{1}
	a := h.open("a")
	for _, err := range []error{
		a.Rename(background, nobody, "x"), a.Convert(background, nobody, format.Full), a.Revoke(background, nobody),
	} {
		h.want(err, CodeNoDevice)
	}
	_, err := Recover(background, h.bare(), RecoverOptions{State: newState(t), Name: "n", Lost: []format.DeviceID{nobody}})
	h.want(err, CodeNoDevice)
	h.sound("a")
}

// Any member can seal anything to the members, so a few small objects could
// unpack to more than there is memory.
func TestRosterBombs(t *testing.T) {
	for name, body := range map[string]func(format.RepoID) []byte{
		"devices": func(id format.RepoID) []byte {
			r := format.Roster{Repo: id, Version: 9}
			b := r.Encode()
			return append(b, bytes.Repeat([]byte{10, 0}, 1<<20)...)
		},
		"an unknown field": func(id format.RepoID) []byte {
			r := format.Roster{Repo: id, Version: 9}
			b := append(r.Encode(), 21)
			return append(binary.AppendUvarint(b, 60<<20), make([]byte, 60<<20)...)
		},
	} {
		h := newHouse(t)
		c := h.join("c", format.BackupOnly)
		_, meta, err := c.roster.Recipients()
		h.must(err)
		sealed, err := trust.SealRecord(format.ContextRoster, body(c.ring.Repo), c.ring.Device.Signer(), &c.ring.Epochs[0], meta)
		h.must(err)
		n := format.Name{Kind: format.KindRoster, Version: 9, Digest: trust.Digest(sealed)}
		h.remote.SetBytes(object(n), sealed)
		r := h.open("a")
		if !hasAlarm(r, CodeDamaged) || len(r.Alarms()) != 1 {
			t.Errorf("%s, %d bytes: %v", name, len(sealed), r.Alarms())
		}
	}
}

// A device gives everybody the keys of a new epoch but the recovery key, which
// gets none to read with: whoever opens with that is told.
func TestRecoveryKeyCheated(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	b := h.open("b")
	recovery := h.names(format.KindKeys)
	h.must(b.Rotate(background))
	for _, n := range h.names(format.KindKeys) {
		if n.Holder == format.RecoveryHolder && !slices.Contains(recovery, n) {
			h.remote.Drop(object(n))
		}
	}
	to, err := crypto.ParseRecipient(b.roster.Recovery)
	h.must(err)
	o, err := b.ring.SealKeyFile(format.RecoveryHolder, to, false, b.roster.Digest, 1, b.ring.Device.Signer())
	h.must(err)
	h.remote.SetBytes(object(o.Name), o.Sealed)
	bare := h.bare()
	if !hasAlarm(bare, CodeKeysMissing) || bare.roster.Epoch != 2 {
		t.Errorf("epoch %d, %v", bare.roster.Epoch, bare.Alarms())
	}
	h.must(h.open("a").Revoke(background, h.id("b"))) // which gives it all there are
	h.sound("a")
}

// Two admit the same device at the same moment, under two names, and merge.
func TestAdmittedTwiceAtOnce(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	j := h.asks("x", format.BackupOnly)
	aside := h.copy(t)
	for _, c := range []struct {
		house    *house
		by, name string
	}{{h, "a", "x"}, {aside, "b", "y"}} {
		r := c.house.open(c.by)
		q, err := r.RequestWith(background, j.Fingerprint())
		h.must(err)
		h.must(r.Admit(background, q, c.name, format.BackupOnly))
		h.must(r.Rotate(background))
	}
	h.whole(aside)
	h.must(h.open("a").Merge(background))
	h.quiet("x")
	_, err := h.publishes("x")
	h.must(err)
	h.sound("a", "b", "x")
}

// A device gives up its own reading: it is the last thing it signs, and it
// counts.
func TestConvertsItself(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	h.must(h.open("a").Convert(background, h.id("a"), format.BackupOnly))
	a := h.quiet("a")
	if a.CanRead() || h.reads("a", "b") || a.roster.Epoch != 2 {
		t.Errorf("epoch %d, reads %v", a.roster.Epoch, a.CanRead())
	}
	_, err := h.publishes("a")
	h.must(err)
	h.sound("a", "b")
}

// Who was shut out on one side can't merge: the others would not believe it, and
// it would be alone with its list.
func TestMergeByWhoWasShutOut(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	aside := h.copy(t)
	h.must(h.open("a").Revoke(background, h.id("b")))
	h.must(aside.open("b").Revoke(background, h.id("a")))
	h.whole(aside)
	objects := h.remote.Names()
	for _, name := range []string{"a", "b"} {
		h.want(h.open(name).Merge(background), CodeRosterForked)
	}
	if !slices.Equal(objects, h.remote.Names()) {
		t.Error("something was put")
	}
	h.must(h.bare().Merge(background, h.id("a")))
	h.sound("a")
}

// A list made with the recovery key where the revocation was hidden wins over it,
// as all that key signs does. Whoever knew the revocation is told.
func TestRevocationLostToTheRecoveryKey(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	old := h.copy(t)
	h.must(h.open("a").Revoke(background, h.id("b")))
	h.must(old.bare().Rename(background, h.id("a"), "desk"))
	h.whole(old)
	if r := h.open("a"); !hasAlarm(r, CodeRosterForked) {
		t.Errorf("b belongs again, and nobody is told: %v", r.Alarms())
	}
	h.must(h.bare().Revoke(background, h.id("b")))
	h.sound("a")
}

// A stolen full device can ask for a program that doesn't exist. That locks the
// other devices out until the recovery key, which it can't lock out, shuts it
// out.
func TestStolenDeviceAsksForANewerProgram(t *testing.T) {
	h := newHouse(t)
	b := h.join("b", format.Full)
	a := &amendment{repo: b, ring: b.ring.Copy(), tip: b.roster, who: b.ring.Device.Signer(), time: 1}
	next := b.roster.Roster
	next.Version, next.Parents, next.MinReader = next.Version+1, []format.Digest{b.roster.Digest}, 99
	o, err := a.ring.SealRoster(&next, a.who)
	h.must(err)
	h.remote.SetBytes(object(o.Name), o.Sealed)
	_, err = Open(background, h.remote, Options{State: h.states["a"]})
	h.want(err, CodeNewer)
	bare := h.bare()
	if !hasAlarm(bare, CodeNewer) {
		t.Errorf("no alarm: %v", bare.Alarms())
	}
	h.must(bare.Revoke(background, h.id("b")))
	_, err = h.publishes("a")
	h.must(err)
	if r := h.bare(); len(r.Alarms()) > 0 {
		t.Errorf("alarms for ever: %v", r.Alarms())
	}
	h.sound("a")
}

// Where the rest of a change can't be put, reading goes on and writing waits.
func TestUnfinishedChangeAllowsReading(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	_, err := h.publishes("a")
	h.must(err)
	a := h.open("a")
	h.remote.Inject(memory.Fault{Method: memory.Put, Call: 3, Times: 1000, Err: providers.ErrQuota})
	if err := a.Revoke(background, h.id("b")); err == nil {
		t.Fatal("the fault did not happen")
	}
	r := h.open("a")
	head, err := r.Head(background, h.id("a"))
	h.must(err)
	if head == nil {
		t.Error("nothing can be read")
	}
	_, err = h.publishes("a")
	if !errors.Is(err, providers.ErrQuota) {
		t.Errorf("publishing: %v", err)
	}
	if err := r.Rotate(background); !errors.Is(err, providers.ErrQuota) {
		t.Errorf("rotating: %v", err)
	}
	h.remote.Heal()
	_, err = h.publishes("a")
	h.must(err)
	h.sound("a")
	if h.reads("b", "a") {
		t.Error("the change was not ended")
	}
}

package repo

import (
	"bytes"
	"encoding/binary"
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
	_, err = h.quiet("a").Head(background, h.id("b")) // a has seen 2
	h.must(err)
	before := h.remote.Names()
	h.must(aside.open("c").Revoke(background, h.id("b"))) // c only 1
	h.whole(aside)
	h.quiet("a")
	for _, n := range before {
		if !slices.Contains(aside.remote.Names(), n) {
			h.remote.Drop(n) // and b takes back what doesn't count
		}
	}
	h.quiet("a")
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

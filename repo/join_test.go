package repo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// A device joins: approving puts one key file and one roster, nothing else, and
// the request goes.
func TestJoin(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly, format.ReadOnly} {
		t.Run(role.String(), func(t *testing.T) {
			h := newHouse(t)
			j := h.asks("b", role)
			_, err := Open(background, h.remote, Options{State: h.states["b"]})
			h.want(err, CodeNotApproved)
			a := h.open("a")
			list, refused, err := a.Requests(background)
			h.must(err)
			if len(list) != 1 || refused != 0 || list[0].Fingerprint() != j.Fingerprint() || list[0].Role != role {
				t.Fatalf("%v, %d refused", list, refused)
			}
			before := h.remote.Names()
			h.must(a.Admit(background, list[0], "b", role))
			var kinds []format.Kind
			for _, s := range h.remote.Names() {
				n, err := format.ParseName(string(s))
				h.must(err)
				if !slices.Contains(before, s) {
					kinds = append(kinds, n.Kind)
				}
			}
			if !slices.Equal(kinds, []format.Kind{format.KindKeys, format.KindRoster}) {
				t.Errorf("approving put %v", kinds)
			}
			b := h.quiet("b")
			if d := b.Device(); d.Name != "b" || d.Role != role || b.CanRead() != (role != format.BackupOnly) {
				t.Errorf("%+v, reads: %v", d, b.CanRead())
			}
			if h.states["b"].joins() || len(h.names(format.KindRequest)) > 0 {
				t.Error("the wish to join is still there")
			}
			if _, err := h.publishes("b"); (err == nil) != (role != format.ReadOnly) {
				t.Errorf("publishing: %v", err)
			}
			if h.reads("b", "a") != (role != format.BackupOnly) {
				t.Error("its keys are not those of its role")
			}
			h.sound("a", "b")
		})
	}
}

// Whoever asks again goes on with the same keys.
func TestJoinAgain(t *testing.T) {
	h := newHouse(t)
	first, second := h.asks("b", format.Full).Fingerprint(), h.asks("b", format.Full).Fingerprint()
	if first != second || len(h.names(format.KindRequest)) != 1 {
		t.Error("the second attempt made another device")
	}
	h.remote.Drop(object(h.names(format.KindRequest)[0]))
	if third := h.asks("b", format.ReadOnly); third.Fingerprint() != first || third.Role() != format.ReadOnly {
		t.Error("the third attempt made another device")
	}
	h.join("b", format.ReadOnly)
	_, err := Join(background, h.remote, JoinOptions{State: h.states["b"], Role: format.Full})
	h.want(err, CodeMember)
	h.want(h.states["b"].PinWords(crypto.Fingerprint{}), CodeNotJoining)
	_, err = FinishJoin(background, h.remote, JoinOptions{State: h.states["b"]})
	h.want(err, CodeNotJoining)
}

func object(n format.Name) providers.Name { return providers.Name(n.String()) }

// Every call may fail, and the next attempt ends it.
func TestJoinFaults(t *testing.T) {
	base := newHouse(t)
	for call, done := 1, false; !done; call++ {
		for _, lost := range []bool{false, true} {
			h := base.copy(t)
			h.remote.Inject(memory.Fault{Call: call, Err: providers.ErrTemporary, Lost: lost})
			h.states["b"] = newState(t)
			failed := false
			try := func(step func() error) {
				if err := step(); err != nil {
					failed = true
					h.remote.Heal()
					h.must(step())
				}
			}
			var j *Joining
			try(func() (err error) {
				j, err = Join(background, h.remote, JoinOptions{State: h.states["b"], Role: format.Full})
				return err
			})
			try(func() error {
				a, err := Open(background, h.remote, Options{State: h.states["a"]})
				if err != nil {
					return err
				}
				if a.roster.Version > 1 {
					return nil // it was done, only the answer was lost
				}
				q, err := a.RequestWith(background, j.Fingerprint())
				if err != nil {
					return err
				}
				return a.Admit(background, q, "b", format.Full)
			})
			a := h.bare()
			h.must(h.states["b"].PinWords(a.Words()))
			try(func() error {
				_, err := Open(background, h.remote, Options{State: h.states["b"]})
				return err
			})
			h.remote.Heal()
			h.sound("a", "b")
			done = !failed
		}
	}
}

// The repository that a device joins is the one whose words it was given.
func TestJoinAnotherRepository(t *testing.T) {
	h := newHouse(t)
	words := h.bare().Words()
	fake := newHouse(t)
	fake.states["b"] = newState(t)
	j, err := Join(background, fake.remote, JoinOptions{State: fake.states["b"], Role: format.Full})
	fake.must(err)
	a := fake.open("a")
	q, err := a.RequestWith(background, j.Fingerprint())
	fake.must(err)
	fake.must(a.Admit(background, q, "b", format.Full))
	_, err = Open(background, fake.remote, Options{State: fake.states["b"]})
	fake.want(err, CodeWordsNeeded)
	fake.must(fake.states["b"].PinWords(words))
	_, err = Open(background, fake.remote, Options{State: fake.states["b"]})
	fake.want(err, CodeWrongWords)
	if !errors.Is(err, ErrIntegrity) {
		t.Error("a faked repository is no alarm")
	}
	if fake.states["b"].HasKeys() {
		t.Error("the device belongs to a repository nobody vouched for")
	}
	// The same place, after all with the real repository in it.
	fake.must(fake.states["b"].PinWords(a.Words()))
	fake.quiet("b")
}

// Requests nobody may approve, and one that is found among a flood.
func TestRequestsRefused(t *testing.T) {
	h := newHouse(t)
	other := newHouse(t)
	j := h.asks("b", format.BackupOnly)
	name := trust.RequestName(j.Fingerprint())
	good := h.remote.Bytes(object(name))
	alter := func(change func(map[string]any)) []byte {
		var v map[string]any
		h.must(json.Unmarshal(good, &v))
		change(v)
		b, err := json.Marshal(v)
		h.must(err)
		return b
	}
	const classic = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
	stranger, err := trust.NewDevice()
	h.must(err)
	at := func(when time.Time, repo format.RepoID) []byte {
		k, err := h.states["b"].Joining()
		h.must(err)
		return trust.NewRequest(repo, k.keys, format.Full, when.UnixNano()).Encode(k.keys.Signing)
	}
	for what, c := range map[string]struct {
		text []byte
		code hint.Code
	}{
		"no JSON":               {[]byte("hello"), CodeRequestRefused},
		"empty":                 {nil, CodeRequestRefused},
		"large":                 {bytes.Repeat([]byte("x"), 20<<10), CodeRequestRefused},
		"another role":          {alter(func(v map[string]any) { v["role"] = "full" }), CodeRequestRefused},
		"no role":               {alter(func(v map[string]any) { v["role"] = "root" }), CodeRequestRefused},
		"another device":        {alter(func(v map[string]any) { v["device"] = strings.Repeat("ab", 16) }), CodeRequestRefused},
		"another recipient":     {alter(func(v map[string]any) { v["recipient"] = stranger.Identity.Recipient().String() }), CodeRequestRefused},
		"a classic recipient":   {alter(func(v map[string]any) { v["recipient"] = classic }), CodeRequestRefused},
		"another verify key":    {alter(func(v map[string]any) { v["verify"] = strings.Repeat("cd", 32) }), CodeRequestRefused},
		"another time":          {alter(func(v map[string]any) { v["time"] = 1 }), CodeRequestRefused},
		"no signature":          {alter(func(v map[string]any) { delete(v, "signature") }), CodeRequestRefused},
		"newer":                 {alter(func(v map[string]any) { v["format"] = 2 }), CodeNewer},
		"of another repository": {at(time.Now(), other.open("a").ID()), CodeRequestRefused},
		"expired":               {at(time.Now().Add(-8*24*time.Hour), h.open("a").ID()), CodeRequestExpired},
		"from the future":       {at(time.Now().Add(48*time.Hour), h.open("a").ID()), CodeRequestExpired},
		"of other keys":         {trust.NewRequest(h.open("a").ID(), stranger, format.Full, now()).Encode(stranger.Signing), CodeRequestRefused},
	} {
		h.remote.SetBytes(object(name), c.text)
		_, err := h.open("a").RequestWith(background, j.Fingerprint())
		if !hint.Is(err, c.code) {
			t.Errorf("%s: %v, want %s", what, err, c.code)
		}
	}
	h.remote.Drop(object(name))
	_, err = h.open("a").RequestWith(background, j.Fingerprint())
	h.want(err, CodeNoRequest)
	h.remote.SetBytes(object(name), good)
	for i := range 300 {
		h.remote.SetBytes(providers.Name(fmt.Sprintf("requests/flood-%d.json", i)), []byte("{}"))
	}
	before := h.remote.Calls(memory.Get)
	a := h.open("a")
	if _, refused, err := a.Requests(background); err != nil || refused < 300 {
		t.Errorf("%d refused, %v", refused, err)
	}
	if n := h.remote.Calls(memory.Get) - before; n > 60 {
		t.Errorf("%d requests were read", n)
	}
	q, err := a.RequestWith(background, j.Fingerprint())
	h.must(err)
	h.must(a.Admit(background, q, "b", format.BackupOnly))
	h.quiet("b")
	// Replayed: the device is known, also after it was shut out.
	h.remote.SetBytes(object(name), good)
	_, err = h.open("a").RequestWith(background, j.Fingerprint())
	h.want(err, CodeRequestRefused)
	h.must(h.open("a").Revoke(background, h.id("b")))
	_, err = h.open("a").RequestWith(background, j.Fingerprint())
	h.want(err, CodeRequestRefused)
	h.want(h.open("a").Admit(background, q, "again", format.Full), CodeRequestRefused)
}

// A process that dies right after its device became a member leaves no second
// copy of the keys behind.
func TestNoKeysLeftBehind(t *testing.T) {
	h := newHouse(t)
	h.asks("b", format.Full)
	joining, err := os.ReadFile(h.states["b"].path(joiningFile))
	h.must(err)
	h.join("b", format.Full)
	for _, name := range []string{joiningFile, recoveringFile} {
		h.must(os.WriteFile(h.states["b"].path(name), joining, 0o600))
	}
	h.quiet("b")
	for _, name := range []string{joiningFile, recoveringFile} {
		if _, err := os.Stat(h.states["b"].path(name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	damaged := newState(t)
	h.must(os.WriteFile(damaged.path(recoveringFile), nil, 0o600))
	if _, err := Recover(background, h.bare(), RecoverOptions{State: damaged, Name: "n"}); err == nil || !strings.Contains(err.Error(), "remove") {
		t.Errorf("%v", err)
	}
}

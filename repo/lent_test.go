package repo

import (
	"os"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// lends gives a device's keys to a credential store: they are in its state
// folder no more.
func (h *house) lends(name string) {
	h.t.Helper()
	s := h.states[name]
	text, err := os.ReadFile(s.path(keysFile))
	h.must(err)
	h.must(os.Remove(s.path(keysFile)))
	s.UseKeys(text)
}

// A device whose keys a credential store has remembers the list of devices over
// a new epoch: nobody can show it an older one.
func TestLentKeysRemember(t *testing.T) {
	h := newHouse(t)
	h.join("c", format.Full)
	h.lends("a")
	before := map[string]bool{}
	for _, n := range h.remote.Names() {
		before[string(n)] = true
	}
	a := h.quiet("a")
	h.must(a.Revoke(background, h.id("c")))
	a = h.quiet("a")
	if c, err := a.DeviceNamed("c"); err != nil || !c.Revoked {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, n := range h.remote.Names() {
		if !before[string(n)] {
			h.remote.Drop(n)
		}
	}
	a = h.open("a")
	alarmed := false
	for _, x := range a.Alarms() {
		alarmed = alarmed || x.Code == CodeRolledBack
	}
	if c, err := a.DeviceNamed("c"); !alarmed || err != nil || !c.Revoked {
		t.Errorf("alarms %v, c %+v, %v", a.Alarms(), c, err)
	}
}

// What is written beside the credential tells nobody anything without it, and
// that of another device or a damaged one is not taken for keys.
func TestLentKeysGrowSealed(t *testing.T) {
	h := newHouse(t)
	h.lends("a")
	s := h.states["a"]
	h.must(h.quiet("a").Rotate(background))
	h.quiet("a")
	text, err := os.ReadFile(s.path(grownFile))
	h.must(err)
	if !strings.HasPrefix(string(text), "age-encryption.org/v1\n") || strings.Contains(string(text), "AGE-SECRET-KEY") {
		t.Errorf("%.40q is no sealed file", text)
	}
	ring, err := s.loadKeys()
	h.must(err)
	if len(ring.Epochs) != 2 {
		t.Errorf("%d epochs are remembered", len(ring.Epochs))
	}
	lent, err := trust.DecodeKeyring(s.lent)
	h.must(err)
	if len(lent.Epochs) != 1 {
		t.Errorf("the credential has %d epochs", len(lent.Epochs))
	}
	other := newHouse(t)
	other.lends("a")
	h.must(os.WriteFile(other.states["a"].path(grownFile), text, 0o600))
	other.quiet("a")
	h.must(os.WriteFile(s.path(grownFile), text[:len(text)/2], 0o600))
	if _, err := Open(background, h.remote, Options{State: s}); err == nil {
		t.Error("a damaged file is taken for keys")
	}
}

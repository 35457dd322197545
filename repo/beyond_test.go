package repo

import (
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Whoever was shut out reads what it could read before, and is told why there is
// nothing newer: nothing is called damaged.
func TestShutOutIsToldWhy(t *testing.T) {
	h := newHouse(t)
	h.join("b", format.Full)
	h.join("c", format.BackupOnly)
	first, err := h.publishes("a")
	h.must(err)
	old := h.recovery
	h.must(h.open("a").Revoke(background, h.id("b")))
	h.recovery = newRecovery(t)
	h.must(func() error {
		with := *h
		with.recovery = old
		return with.bare().ReplaceRecovery(background, h.recovery)
	}())
	h.join("d", format.Full)
	for _, name := range []string{"a", "c", "d"} {
		_, err := h.publishes(name)
		h.must(err)
	}
	s, err := h.open("a").Head(background, first.Device)
	h.must(err)
	h.must(h.open("a").ConfirmShrink(background, s))
	stranger := *h
	stranger.recovery = old
	for code, r := range map[hint.Code]*Repo{CodeRevoked: h.open("b"), CodeReplaced: stranger.bare()} {
		head, err := r.Head(background, first.Device)
		h.must(err)
		if head == nil || head.Seq != first.Seq {
			t.Errorf("%s: the head is %+v", code, head)
		}
		_, err = r.Find(background, "a/2")
		h.want(err, code)
		rep, err := r.Check(background, CheckOptions{Data: 100})
		h.must(err)
		if len(rep.Bad) > 0 || len(rep.Alarms) != 1 || rep.Alarms[0].Code != code {
			t.Errorf("%s: %+v %v", code, rep.Bad, rep.Alarms)
		}
		if list, err := r.Statements(background); err != nil || len(list) != 0 {
			t.Errorf("%s: %v %v", code, list, err)
		}
	}
	h.sound("a", "c", "d")
}

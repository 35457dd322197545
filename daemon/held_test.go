package daemon

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
)

// onMetered is a computer on a line that costs, where messages alone may go out.
// Its backup is made every hour and three quiet minutes after new messages.
func onMetered(t *testing.T, w *worker) *computer {
	c := newComputer(t, nil)
	p := &Plan{Jobs: []Job{at(t, backup, "0 * * * *", w)}, Quiet: 3 * time.Minute, Watch: c,
		Rules: policy.Rules{Metered: &policy.Allowed{Categories: []string{"messages"}}}}
	c.plan = planned(p)
	c.conditions.Metered = policy.Yes
	return c
}

// briefly is work that takes a second and ends like this.
func briefly(o Outcome) func(context.Context, *Task) Outcome {
	return func(context.Context, *Task) Outcome {
		time.Sleep(time.Second)
		return o
	}
}

// A backup that did all that is allowed is not made again for the same messages,
// though there is more to do.
func TestHeldAfterAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: briefly(Outcome{Held: true})}
		c := onMetered(t, w)
		c.boots()
		defer c.stop()
		c.passes(10 * time.Minute)
		if w.count() != 1 {
			t.Fatalf("%d runs at the start", w.count())
		}
		c.messages()
		c.passes(10 * time.Minute)
		if w.count() != 2 {
			t.Fatalf("%d runs after one change", w.count())
		}
		c.messages()
		c.passes(10 * time.Minute)
		if w.count() != 3 {
			t.Fatalf("%d runs after another one", w.count())
		}
		w.set(nil)
		c.set(func(k *policy.Conditions) { k.Metered = policy.No })
		c.passes(5 * time.Minute)
		if w.count() != 4 {
			t.Errorf("%d runs once everything is allowed", w.count())
		}
	})
}

// One that can do nothing with what is allowed is made again when more is.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: briefly(Outcome{Refused: true})}
		c := onMetered(t, w)
		c.boots()
		defer c.stop()
		c.passes(3 * time.Minute)
		c.messages()
		c.passes(30 * time.Minute)
		if w.count() != 1 {
			t.Fatalf("%d runs", w.count())
		}
		if s := c.status(); len(s.Waiting) != 1 || !s.Jobs[0].Due {
			t.Errorf("the status says that %v waits, due %v", s.Waiting, s.Jobs[0].Due)
		}
		w.set(nil)
		c.set(func(k *policy.Conditions) { k.Metered = policy.No })
		c.passes(5 * time.Minute)
		if got := c.status().Jobs[0].Last; w.count() != 2 || got.Outcome != history.Done {
			t.Errorf("%d runs once everything is allowed, the last one %+v", w.count(), got)
		}
	})
}

// A slot that waits for a moment and then for the rules is explained.
func TestHeldAfterAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: briefly(Outcome{})}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, "verify", "0 * * * *", w)}, Rules: policy.Rules{Metered: &policy.Nothing}}))
		c.boots()
		defer c.stop()
		c.passes(59*time.Minute + 50*time.Second)
		c.set(func(k *policy.Conditions) { k.Metered = policy.Yes })
		c.passes(5 * time.Second)
		c.set(func(k *policy.Conditions) { k.Metered = policy.No })
		c.passes(6 * time.Second) // the slot comes, and better times are too young
		c.set(func(k *policy.Conditions) { k.Metered = policy.Yes })
		c.passes(time.Minute)
		c.wantStory("verify schedule done", "verify schedule held metered")
	})
}

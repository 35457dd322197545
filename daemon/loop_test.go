package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
)

// A job runs at once on a new computer, and then on schedule.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "*/30 * * * *", w)}}))
		c.boots()
		defer c.stop()
		if w.count() != 1 {
			t.Errorf("%d runs at the start", w.count())
		}
		c.passes(24 * time.Hour)
		if w.count() != 1+48 {
			t.Errorf("%d runs in a day", w.count())
		}
	})
}

// After sleep, downtime or a reload there is exactly one run for all that was
// missed.
func TestCatchUpOnce(t *testing.T) {
	for name, away := range map[string]func(*computer){
		"sleep": func(c *computer) { c.sleeps(26 * time.Hour) },
		"sleep that nobody tells of": func(c *computer) {
			c.step(26 * time.Hour)
			c.passes(2 * time.Minute)
		},
		"downtime": func(c *computer) {
			c.stop()
			time.Sleep(26 * time.Hour)
			c.boots()
		},
		"reload": func(c *computer) {
			c.stop()
			c.step(26 * time.Hour)
			c.boots()
			if err := c.d.Reload(context.Background()); err != nil {
				c.t.Error(err)
			}
			synctest.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &worker{}
				c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 * * * *", w)}}))
				c.boots()
				defer func() { c.stop() }()
				c.passes(10 * time.Minute)
				before := w.count()
				away(c)
				c.passes(time.Minute) // the network gets a moment
				if got := w.count() - before; got != 1 {
					t.Errorf("%d runs after it", got)
				}
				runs, err := c.d.History(t.Context(), 1)
				if err != nil || len(runs) != 1 || runs[0].Why != history.CatchUp || runs[0].Missed < 24 || runs[0].Missed > 26 {
					t.Errorf("%+v, %v", runs, err)
				}
			})
		})
	}
}

// A clock that is set back neither stops a job nor repeats it.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 * * * *", w)}}))
		c.boots()
		defer c.stop()
		c.passes(90 * time.Minute)
		c.step(-240 * time.Hour)
		before := w.count()
		c.passes(5 * time.Minute)
		if got := w.count() - before; got > 1 {
			t.Errorf("%d runs right after", got)
		}
		before = w.count()
		c.passes(24 * time.Hour)
		if got := w.count() - before; got != 24 {
			t.Errorf("%d runs in the day after", got)
		}
	})
}

// One job at a time: what is due meanwhile waits and is not lost.
func TestOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, v := &worker{does: takes(3 * time.Hour)}, &worker{}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 0 * * *", w), at(t, "verify", "0 1 * * *", v)}}))
		c.boots()
		defer c.stop()
		c.passes(time.Hour)
		if v.count() != 0 {
			t.Error("two jobs at once")
		}
		c.passes(2*time.Hour + time.Minute)
		if w.count() != 1 || v.count() != 1 {
			t.Errorf("%d and %d runs", w.count(), v.count())
		}
	})
}

// A failure is tried again soon, then less and less often, and at once on
// another network.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: fails}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 0 1 1 *", w)}}))
		c.boots()
		defer c.stop()
		for i, wait := range []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, 30 * time.Minute} {
			c.passes(wait - 10*time.Second)
			if w.count() != i+1 {
				t.Fatalf("%d runs before wait %d was over", w.count(), i)
			}
			c.passes(20 * time.Second)
			if w.count() != i+2 {
				t.Fatalf("%d runs after wait %d", w.count(), i)
			}
			c.step(-10 * time.Second)
		}
		before := w.count()
		w.set(nil)
		c.set(func(k *policy.Conditions) { k.Online = policy.Yes })
		if w.count() != before+1 {
			t.Error("it was not tried again when there was a network")
		}
		c.passes(5 * time.Hour)
		if w.count() != before+1 {
			t.Errorf("%d more runs after the good one", w.count()-before-1)
		}
	})
}

// New messages are backed up a few minutes after the last one, and after some
// more if they never end.
func TestOnChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		c := newComputer(t, nil)
		c.plan = planned(&Plan{Jobs: []Job{at(t, backup, "", w)}, Watch: c, Quiet: 3 * time.Minute})
		c.boots()
		defer c.stop()
		c.passes(10 * time.Minute)
		if w.count() != 0 {
			t.Error("a backup without a change")
		}
		c.messages()
		c.passes(2 * time.Minute)
		if s := c.status().Changes; w.count() != 0 || s.Oldest.IsZero() || !s.Watching {
			t.Errorf("after two minutes: %d runs, %+v", w.count(), s)
		}
		c.passes(2*time.Minute + time.Second)
		if s := c.status().Changes; w.count() != 1 || !s.Oldest.IsZero() {
			t.Errorf("after four minutes: %d runs, %+v", w.count(), s)
		}
		before := w.count()
		for range 60 { // an hour without a pause
			c.messages()
			c.passes(time.Minute)
		}
		if got := w.count() - before; got != 3 && got != 4 {
			t.Errorf("%d runs in an hour of messages", got)
		}
	})
}

// Where everything costs, messages go and the rest follows as soon as it may.
func TestHeldRunsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: func(_ context.Context, t *Task) Outcome { return Outcome{Held: !t.Decision.Allowed.All} }}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 0 1 1 *", w), at(t, "verify", "0 0 1 1 *", &worker{})},
			Rules: policy.Rules{Metered: &policy.Allowed{Categories: []string{"messages"}}}}))
		c.conditions.Metered = policy.Yes
		c.boots()
		defer c.stop()
		if w.count() != 1 || w.last().Decision.Allowed.All || !w.last().Decision.Allowed.Covers("messages") {
			t.Fatalf("%d runs", w.count())
		}
		c.passes(time.Hour)
		if got := c.status().Waiting; w.count() != 1 || len(got) != 1 || got[0] != "verify" {
			t.Errorf("%d runs, waiting %v", w.count(), got)
		}
		c.set(func(k *policy.Conditions) { k.Metered = policy.No })
		c.passes(11 * time.Second)
		if w.count() != 2 || !w.last().Decision.Allowed.All {
			t.Errorf("%d runs once everything may go", w.count())
		}
		c.wantStory("verify schedule held metered", "backup schedule remarks metered", "backup retry done", "verify schedule done")
	})
}

// A running job stops within seconds when less is allowed, and goes on later.
func TestStricterStopsTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: takes(time.Hour)}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 0 1 1 *", w)}, Rules: policy.Rules{Metered: &policy.Allowed{}}}))
		c.boots()
		defer c.stop()
		c.passes(10 * time.Minute)
		c.set(func(k *policy.Conditions) { k.Metered = policy.Yes })
		c.passes(time.Second)
		s := c.status()
		if s.Running != nil || len(s.Waiting) != 1 || len(s.Decision.Reasons) != 1 || s.Decision.Reasons[0].Code != policy.Metered {
			t.Errorf("%+v", s)
		}
		// Now and again for a moment is not yet home.
		for range 5 {
			c.set(func(k *policy.Conditions) { k.Metered = policy.No })
			c.passes(5 * time.Second)
			c.set(func(k *policy.Conditions) { k.Metered = policy.Yes })
		}
		if w.count() != 1 {
			t.Errorf("%d runs", w.count())
		}
		c.set(func(k *policy.Conditions) { k.Metered = policy.No })
		c.passes(time.Hour + 11*time.Second)
		if w.count() != 2 || c.status().Running != nil {
			t.Errorf("%d runs, running %v", w.count(), c.status().Running)
		}
	})
}

// The user's pause stops what runs, and what they ask for meanwhile runs.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: takes(10 * time.Minute)}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 * * * *", w)}}))
		c.boots()
		c.passes(5 * time.Minute)
		if err := c.d.Pause(t.Context(), c.now().Add(2*time.Hour)); err != nil {
			t.Fatal(err)
		}
		c.passes(time.Second)
		if c.status().Running != nil {
			t.Error("the job goes on")
		}
		c.stop()
		c.boots() // the pause outlives the daemon
		defer func() { c.stop() }()
		c.passes(time.Hour)
		if w.count() != 1 || c.status().Paused == nil {
			t.Errorf("%d runs in the pause", w.count())
		}
		got, err := c.d.Run(t.Context(), backup, nil, nil)
		if err != nil || got.Outcome != history.Done {
			t.Errorf("%+v, %v", got, err)
		}
		c.passes(time.Hour)
		if w.count() != 3 || c.status().Paused != nil {
			t.Errorf("%d runs after it, paused: %v", w.count(), c.status().Paused)
		}
		if err := c.d.Pause(t.Context(), time.Time{}); err != nil {
			t.Fatal(err)
		}
		c.passes(100 * time.Hour)
		before := w.count()
		if err := c.d.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.passes(time.Minute)
		if w.count() != before+1 {
			t.Error("nothing runs after the pause")
		}
	})
}

// Who asks for a job hears how it goes and how it ended; while another one runs
// they wait. That they leave changes nothing.
func TestAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 0 1 1 *", w)}}))
		c.boots()
		defer c.stop()
		w.set(func(ctx context.Context, t *Task) Outcome {
			t.Progress(control.Progress{Bytes: 7})
			time.Sleep(time.Minute)
			return Outcome{Document: json.RawMessage(`{"said":` + string(t.Args) + `}`)}
		})
		heard := 0
		results := make(chan *control.Result, 2)
		ask := func(ctx context.Context, args string) {
			got, err := c.d.Run(ctx, backup, json.RawMessage(args), func(p control.Progress) { heard += int(p.Bytes) })
			if err != nil {
				got = nil
			}
			results <- got
		}
		go ask(t.Context(), "1")
		synctest.Wait()
		if r := c.status().Running; r == nil || r.Why != history.Asked || r.Progress.Bytes != 7 {
			t.Errorf("%+v", r)
		}
		left, leave := context.WithCancel(t.Context())
		go ask(left, "2")
		synctest.Wait()
		leave()
		if got := <-results; got != nil {
			t.Errorf("who left got %+v", got)
		}
		c.passes(3 * time.Minute)
		if got := <-results; got == nil || string(got.Document) != `{"said":1}` || got.Outcome != history.Done {
			t.Errorf("%+v", got)
		}
		if w.count() != 3 || heard != 14 {
			t.Errorf("%d runs, heard %d", w.count(), heard)
		}
		if got, err := c.d.Run(t.Context(), "prune", nil, nil); err != nil || got.Outcome != history.Failed || got.Trouble.Code != string(CodeNoJob) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// A configuration that is wrong is told, and the old one stays.
func TestReloadOfAWrongConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		good := &Plan{Config: "a", Jobs: []Job{at(t, backup, "0 * * * *", w)}}
		c := newComputer(t, planned(good))
		var wrong error
		c.plan = func() (*Plan, error) { return good, wrong }
		c.boots()
		defer c.stop()
		wrong = errors.New("line 3 is wrong")
		if err := c.d.Reload(t.Context()); err == nil {
			t.Error("nobody said so")
		}
		if s := c.status(); s.BadConfig == nil || s.Config != "a" {
			t.Errorf("%+v", s.BadConfig)
		}
		c.passes(3 * time.Hour)
		if w.count() != 4 {
			t.Errorf("%d runs", w.count())
		}
		wrong = nil
		if err := c.d.Reload(t.Context()); err != nil || c.status().BadConfig != nil {
			t.Error(err)
		}
	})
}

// Sleep waits for the job to leave a clean point, and the job goes on after it,
// once there is a network.
func TestSleepWhileAJobRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: takes(time.Hour)}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 0 1 1 *", w)}}))
		c.conditions.Online = policy.Yes
		c.boots()
		defer c.stop()
		c.passes(10 * time.Minute)
		c.set(func(k *policy.Conditions) { k.Online = policy.No })
		c.sleeps(8 * time.Hour)
		c.passes(time.Minute)
		if s := c.status(); s.Running != nil || w.count() != 1 {
			t.Errorf("%d runs without a network", w.count())
		}
		c.set(func(k *policy.Conditions) { k.Online = policy.Yes })
		c.passes(12 * time.Second)
		if s := c.status(); s.Running == nil || w.count() != 2 {
			t.Errorf("%d runs after waking", w.count())
		}
		c.passes(time.Hour)
		if s := c.status(); s.Running != nil || w.count() != 2 || !c.isHeld() {
			t.Errorf("%d runs in the end", w.count())
		}
	})
}

// The end of the program waits for the job, but not for ever.
func TestEndsInSeconds(t *testing.T) {
	for name, does := range map[string]func(context.Context, *Task) Outcome{
		"that can be stopped": takes(time.Hour),
		"that can't":          func(context.Context, *Task) Outcome { time.Sleep(time.Hour); return Outcome{} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &worker{does: does}
				c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 0 1 1 *", w)}}))
				c.boots()
				c.passes(time.Minute)
				start := time.Now()
				c.stop()
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
				w.set(nil)
				c.passes(2 * time.Hour) // the job that can't be stopped ends with its process
				c.boots()
				defer c.stop()
				c.passes(time.Minute)
				if w.count() != 2 {
					t.Errorf("%d runs: it does not go on", w.count())
				}
			})
		})
	}
}

// The supervisor hears that all is well while the job gets on. One that hangs
// is stopped, and if that does not help the supervisor hears nothing more.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: takes(5 * time.Hour)}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 0 1 1 *", w)}}))
		c.super = &supervisor{every: 3 * time.Minute}
		c.boots()
		defer c.stop()
		for range 300 {
			c.passes(time.Minute)
			if silence := time.Since(c.super.lastSign()); silence > 90*time.Second {
				t.Fatalf("nothing was heard for %v", silence)
			}
		}
		if c.status().Running != nil {
			t.Fatal("the job did not end")
		}
		// Hangs, but can be stopped.
		w.set(func(ctx context.Context, _ *Task) Outcome {
			<-ctx.Done()
			return Outcome{Trouble: history.TroubleOf(ctx.Err(), time.Now())}
		})
		got, err := c.d.Run(t.Context(), backup, nil, nil)
		if err != nil || got.Outcome != history.Failed || got.Trouble.Code != string(CodeStalled) {
			t.Errorf("%+v, %v", got, err)
		}
		if silence := time.Since(c.super.lastSign()); silence > 90*time.Second {
			t.Errorf("nothing was heard for %v", silence)
		}
		// Hangs for good.
		gone := make(chan struct{})
		w.set(func(context.Context, *Task) Outcome { <-gone; return Outcome{} })
		go c.d.Run(t.Context(), backup, nil, nil)
		c.passes(stall + grace + 5*time.Minute)
		if silence := time.Since(c.super.lastSign()); silence < 3*time.Minute {
			t.Errorf("the supervisor thinks that all is well; last sign %v ago", silence)
		}
		close(gone)
	})
}

// What is sent only because nothing was safe for days is sent once in that time,
// though not all of it went.
func TestOverdueOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: func(context.Context, *Task) Outcome { return Outcome{Held: true, Remarks: true} }}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "*/30 * * * *", w)},
			Rules: policy.Rules{Metered: &policy.Allowed{}, Urgent: []string{"messages"}, Overdue: 72 * time.Hour, OverdueUpload: 50}}))
		c.conditions.Metered = policy.Yes
		c.boots()
		defer c.stop()
		c.passes(71 * time.Hour)
		if w.count() != 0 {
			t.Errorf("%d runs before it was overdue", w.count())
		}
		c.passes(2 * time.Hour)
		if w.count() != 1 || w.last().Decision.MaxUpload != 50 {
			t.Fatalf("%d runs when it was", w.count())
		}
		c.passes(70 * time.Hour)
		if w.count() != 1 {
			t.Errorf("%d runs in the three days after", w.count())
		}
		c.passes(4 * time.Hour)
		if w.count() != 2 {
			t.Errorf("%d runs after six days", w.count())
		}
	})
}

// A job for which another program has to finish first is no failure, and comes
// again after a minute.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: func(context.Context, *Task) Outcome {
			return Outcome{Busy: true, Trouble: &history.Trouble{Code: "locked", Text: "process 7 is using it"}}
		}}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 0 1 1 *", w)}}))
		c.boots()
		defer c.stop()
		c.passes(3*time.Minute + time.Second)
		if n := w.count(); n != 4 {
			t.Errorf("%d runs in three minutes", n)
		}
		w.set(nil)
		c.passes(time.Minute)
		story := c.story()
		if story[0] != "backup schedule stopped locked" || story[len(story)-1] != "backup schedule done" {
			t.Errorf("%q", story)
		}
	})
}

// A job that panics fails, and the daemon goes on.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: func(context.Context, *Task) Outcome { panic("oh") }}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 0 1 1 *", w)}}))
		c.boots()
		defer c.stop()
		c.wantStory("backup schedule failed job_panicked")
		w.set(nil)
		c.passes(2 * time.Minute)
		c.wantStory("backup schedule failed job_panicked", "backup retry done")
	})
}

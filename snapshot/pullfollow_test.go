package snapshot

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

var (
	errAway = errors.New("out of reach")
	errOver = errors.New("no key")
)

// followed is a follower whose remote and pulls are made up.
type followed struct {
	Following
	start    time.Time
	asked    int
	pulls    []time.Duration // since the start
	troubles int
	over     int
	answer   func(n int) (bool, error) // of the n-th question
	outcome  func(n int) error         // of the n-th pull
}

func newFollowed() *followed {
	f := &followed{start: time.Now(), outcome: func(int) error { return nil }}
	f.Every = time.Minute
	f.Changed = func(context.Context) (bool, error) { f.asked++; return f.answer(f.asked) }
	f.Pull = func(context.Context) error {
		f.pulls = append(f.pulls, time.Since(f.start))
		return f.outcome(len(f.pulls))
	}
	f.Ends = func(err error) bool { return errors.Is(err, errOver) }
	f.Trouble = func(error) { f.troubles++ }
	f.Over = func() { f.over++ }
	return f
}

// run follows for a while of made-up time.
func (f *followed) run(t *testing.T, long time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	return f.Run(ctx)
}

func (f *followed) want(t *testing.T, minutes ...int) {
	t.Helper()
	var want []time.Duration
	for _, m := range minutes {
		want = append(want, time.Duration(m)*time.Minute)
	}
	if !slices.Equal(f.pulls, want) {
		t.Errorf("pulls after %v, expected %v", f.pulls, want)
	}
}

// It pulls at once, and then only when something changed.
func TestFollowWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFollowed()
		f.answer = func(n int) (bool, error) { return n == 3 || n == 5, nil }
		if err := f.run(t, 7*time.Minute+time.Second); err != nil {
			t.Error(err)
		}
		f.want(t, 0, 3, 5)
		if f.asked != 7 || f.troubles+f.over > 0 {
			t.Errorf("%d questions, %d troubles", f.asked, f.troubles)
		}
	})
}

// A watcher that never tells of anything is not believed for ever.
func TestFollowDoubts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFollowed()
		f.answer = func(int) (bool, error) { return false, nil }
		if err := f.run(t, 150*time.Minute); err != nil {
			t.Error(err)
		}
		f.want(t, 0, 60, 120)
	})
}

// Where nobody can tell, each look is a pull.
func TestFollowWithoutWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFollowed()
		f.Changed = nil
		if err := f.run(t, 3*time.Minute+time.Second); err != nil {
			t.Error(err)
		}
		f.want(t, 0, 1, 2, 3)
	})
}

// A change that could not be pulled is pulled later although it is told only
// once; trouble is told once, and waited out for longer each time.
func TestFollowTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFollowed()
		f.answer = func(n int) (bool, error) { return n == 1, nil }
		f.outcome = func(n int) error {
			if n >= 2 && n <= 5 {
				return errAway
			}
			return nil
		}
		if err := f.run(t, 30*time.Minute); err != nil {
			t.Error(err)
		}
		f.want(t, 0, 1, 2, 4, 8, 16)
		if f.troubles != 1 || f.over != 1 {
			t.Errorf("%d troubles, %d ends of them", f.troubles, f.over)
		}
	})
}

// So is a watcher that can't be asked.
func TestFollowWatcherAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFollowed()
		f.answer = func(n int) (bool, error) {
			if n < 7 {
				return false, errAway
			}
			return n == 7, nil
		}
		if err := f.run(t, 50*time.Minute); err != nil {
			t.Error(err)
		}
		// twice as long each time, and at most a quarter of an hour
		f.want(t, 0, 1+1+2+4+8+15+15)
		if f.troubles != 1 || f.over != 1 {
			t.Errorf("%d troubles, %d ends of them", f.troubles, f.over)
		}
	})
}

// What waiting doesn't mend ends it, and so does its context, at any moment.
func TestFollowEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFollowed()
		f.Changed = nil
		f.outcome = func(n int) error {
			if n == 2 {
				return errOver
			}
			return nil
		}
		if err := f.run(t, time.Hour); !errors.Is(err, errOver) {
			t.Error(err)
		}
		f.want(t, 0, 1)
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFollowed()
		ctx, cancel := context.WithCancel(t.Context())
		f.Pull = func(ctx context.Context) error { cancel(); return ctx.Err() }
		if err := f.Run(ctx); err != nil {
			t.Error(err)
		}
		if time.Since(f.start) > 0 || f.troubles > 0 {
			t.Error("it did not end at once, or told of it as trouble")
		}
	})
}

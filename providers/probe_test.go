package providers_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
)

// probe tries a remote that is used as it is.
func probe(ctx context.Context, r providers.Remote, o providers.ProbeOptions) *providers.Probed {
	o.Bare = r
	return providers.Probe(ctx, r, o)
}

func TestProbeOfASoundRemote(t *testing.T) {
	r := memory.New()
	var told []providers.Step
	p := probe(context.Background(), r, providers.ProbeOptions{Page: 2, Tell: func(s providers.Step) { told = append(told, s) }})
	if p.Err != nil || p.Failed != "" || !slices.Equal(p.Done, providers.Steps()) || !slices.Equal(told, p.Done) {
		t.Errorf("%+v, told %v", p, told)
	}
	if p.Listing != providers.Paged || p.Up <= 0 || p.Down <= 0 || len(p.Left) > 0 {
		t.Errorf("%+v", p)
	}
	if p.Usage.Total != providers.Unknown || p.Usage.Used != providers.Unknown || p.ClockKnown || p.Trashed {
		t.Errorf("a remote that tells nothing told %+v", p)
	}
	if left := r.Names(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestProbeNamesTheStepThatFails(t *testing.T) {
	refused := providers.Fail(providers.ErrPermission, errors.New("no"))
	for _, c := range []struct {
		name  string
		fault memory.Fault
		step  providers.Step
		class error
	}{
		{"nothing goes in", memory.Fault{Method: memory.Put, Times: -1, Err: refused}, providers.StepWrite, providers.ErrPermission},
		{"nothing large goes in", memory.Fault{Method: memory.Put, Call: 2, Err: providers.Fail(providers.ErrQuota, nil)}, providers.StepWrite, providers.ErrQuota},
		{"a name is taken", memory.Fault{Method: memory.Put, Call: 3, Err: refused}, providers.StepAgain, providers.ErrPermission},
		{"other bytes are kept", memory.Fault{Method: memory.Put, Call: 2, Corrupt: true}, providers.StepRead, providers.ErrCorrupt},
		{"nothing comes out", memory.Fault{Method: memory.Get, Call: 2, Err: refused}, providers.StepRead, providers.ErrPermission},
		{"no part comes out", memory.Fault{Method: memory.Get, Call: 3, Err: refused}, providers.StepRange, providers.ErrPermission},
		{"no listing", memory.Fault{Method: memory.List, Err: refused}, providers.StepList, providers.ErrPermission},
		{"a short listing", memory.Fault{Method: memory.List, Cut: 1, Err: refused}, providers.StepList, providers.ErrPermission},
		{"nothing can be deleted", memory.Fault{Method: memory.Delete, Err: refused}, providers.StepDelete, providers.ErrPermission},
		{"what is gone can't be told", memory.Fault{Method: memory.Stat, Err: refused}, providers.StepGone, providers.ErrPermission},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := memory.New()
			r.Inject(c.fault)
			p := probe(context.Background(), r, providers.ProbeOptions{})
			if p.Failed != c.step || !errors.Is(p.Err, c.class) {
				t.Errorf("step %q: %v", p.Failed, p.Err)
			}
			if slices.Contains(p.Done, c.step) {
				t.Errorf("done: %v", p.Done)
			}
			if left := r.Names(); len(left) > 0 || len(p.Left) > 0 {
				t.Errorf("left behind: %v, told %v", left, p.Left)
			}
		})
	}
}

func TestProbeSeesAShortListing(t *testing.T) {
	r := memory.New()
	r.SetListLag(2) // what is new is not shown yet
	p := probe(context.Background(), r, providers.ProbeOptions{})
	if p.Failed != providers.StepList || p.Listing != "" || !strings.Contains(p.Err.Error(), "0 times") {
		t.Errorf("%+v", p)
	}
}

func TestProbeOfLongPages(t *testing.T) {
	r := memory.New()
	p := probe(context.Background(), r, providers.ProbeOptions{Page: 750})
	if p.Err != nil || p.Listing != providers.NotTested || r.Calls(memory.Put) != 3 {
		t.Errorf("%+v after %d puts", p, r.Calls(memory.Put))
	}
	if p = probe(context.Background(), memory.New(), providers.ProbeOptions{}); p.Listing != providers.Whole {
		t.Errorf("without pages: %+v", p)
	}
}

func TestProbeThatIsStoppedLeavesNothing(t *testing.T) {
	for _, step := range providers.Steps() {
		r := memory.New()
		ctx, stop := context.WithCancel(context.Background())
		p := probe(ctx, r, providers.ProbeOptions{Tell: func(s providers.Step) {
			if s == step {
				stop()
			}
		}})
		if p.Failed != step || !errors.Is(p.Err, context.Canceled) || len(r.Names()) > 0 {
			t.Errorf("%s: %+v left %v", step, p, r.Names())
		}
	}
}

func TestProbeSaysWhatItCouldNotRemove(t *testing.T) {
	r := memory.New()
	r.Inject(memory.Fault{Method: memory.Delete, Times: -1, Err: providers.Fail(providers.ErrPermission, nil)})
	p := probe(context.Background(), r, providers.ProbeOptions{})
	if p.Failed != providers.StepDelete || !slices.Equal(slices.Sorted(slices.Values(p.Left)), r.Names()) || len(p.Left) != 2 {
		t.Errorf("told %v, left %v", p.Left, r.Names())
	}
}

func TestProbeRemovesWhatACrashLeft(t *testing.T) {
	r := memory.New()
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	r.SetClock(func() time.Time { return now })
	put := func(name providers.Name) {
		if _, err := r.Put(context.Background(), name, providers.BytesSource([]byte("x"))); err != nil {
			t.Fatal(err)
		}
	}
	put("probe/0123/small")
	put("packs/0/another")
	now = now.Add(47 * time.Hour)
	put("probe/4567/small") // of a device that tries it now
	now = now.Add(time.Hour)
	if p := probe(context.Background(), r, providers.ProbeOptions{Now: func() time.Time { return now }}); p.Err != nil {
		t.Fatal(p.Err)
	}
	if got := r.Names(); !slices.Equal(got, []providers.Name{"packs/0/another", "probe/4567/small"}) {
		t.Errorf("left: %v", got)
	}
}

func TestProbeOfTheClock(t *testing.T) {
	for _, off := range []time.Duration{0, time.Second, -time.Second, time.Hour, -10 * time.Minute} {
		ours := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
		r := memory.New()
		r.SetClock(func() time.Time { return ours.Add(off) })
		p := probe(context.Background(), r, providers.ProbeOptions{Clock: true, Now: func() time.Time { return ours }})
		want := off
		if off.Abs() <= 2*time.Second { // services tell whole seconds
			want = 0
		}
		if p.Err != nil || !p.ClockKnown || p.Clock != want {
			t.Errorf("off by %v: %v, %v, %v", off, p.Clock, p.ClockKnown, p.Err)
		}
	}
}

// trashing is an account whose trash counts.
type trashing struct {
	*memory.Remote
	keeps bool
	err   error
	asked int
}

func (r *trashing) Usage(context.Context) (providers.Usage, error) {
	r.asked++
	u := providers.Usage{Account: "li@example.com", Total: 1 << 40, Used: 5, Free: 1<<40 - 5, Trashed: 7}
	if r.keeps && r.Calls(memory.Delete) > 0 {
		u.Trashed += 5 << 20
	}
	return u, r.err
}

func TestProbeOfTheAccount(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		r := &trashing{Remote: memory.New(), keeps: keeps}
		p := probe(context.Background(), r, providers.ProbeOptions{})
		if p.Err != nil || p.Trashed != keeps || p.Usage.Account != "li@example.com" || p.Usage.Trashed != 7 {
			t.Errorf("%+v", p)
		}
	}
	r := &trashing{Remote: memory.New(), err: errors.New("not here")}
	p := probe(context.Background(), r, providers.ProbeOptions{})
	if p.Err != nil || p.UsageErr == nil || p.Usage.Used != providers.Unknown || p.Usage.Account != "" {
		t.Errorf("an account that can't be asked: %+v", p)
	}
}

func TestProbeBelievesOnlyVerifiedPuts(t *testing.T) {
	r := &vouching{Remote: memory.New()}
	for _, c := range []struct{ small, large, want bool }{{true, true, true}, {true, false, false}, {false, true, false}, {false, false, false}} {
		r.verified = map[int64]bool{1000: c.small, 4 << 20: c.large}
		if p := probe(context.Background(), r, providers.ProbeOptions{}); p.Err != nil || p.Verified != c.want {
			t.Errorf("%+v: %v, %v", c, p.Verified, p.Err)
		}
	}
}

// vouching is a service whose replies prove uploads of some sizes.
type vouching struct {
	*memory.Remote
	verified map[int64]bool
}

func (r *vouching) Put(ctx context.Context, name providers.Name, src providers.Source) (providers.Info, error) {
	info, err := r.Remote.Put(ctx, name, src)
	info.Verified = r.verified[src.Size()]
	return info, err
}

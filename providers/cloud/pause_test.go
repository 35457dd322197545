package cloud

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/providers"
)

func comeBack(after string) http.Header { return http.Header{"Retry-After": {after}} }

// A service's wish for a short pause is waited for.
func TestShortPause(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind, after string
		want        time.Duration
	}{{"drive", "40", 40 * time.Second}, {"onedrive", "1", time.Second}} { // rclone's onedrive waits for real
		t.Run(test.kind, func(t *testing.T) {
			s := newScene(t, test.kind, fakecloud.Options{})
			for _, status := range []int{429, 503} {
				s.Inject(fault(s.kind, fakecloud.Fault{Kind: fakecloud.KindCreate, Times: 1, Header: comeBack(test.after)}, status, "tooManyRequests", "Slow down"))
			}
			if err := s.put(small); err != nil {
				t.Fatal(err)
			}
			if got := s.clock.longest(); got < test.want {
				t.Errorf("it waited %v", got)
			}
			s.holds(small)
		})
	}
}

// A wish for a long one is told at once, and kept over a restart: nothing is
// asked before its time.
func TestLongPause(t *testing.T) {
	for _, kind := range bothClouds {
		for _, op := range []string{"put", "list"} {
			t.Run(kind+"/"+op, func(t *testing.T) {
				s := newScene(t, kind, fakecloud.Options{})
				if err := s.put(before); err != nil {
					t.Fatal(err)
				}
				call := map[string]func() error{
					"put":  func() error { return s.put(small) },
					"list": func() error { _, err := s.list(); return err },
				}[op]
				for _, k := range []fakecloud.Kind{fakecloud.KindCreate, fakecloud.KindList} {
					s.Inject(fault(kind, fakecloud.Fault{Kind: k, Times: -1, Header: comeBack("900")}, 429, "tooManyRequests", "Slow down"))
				}
				err := call()
				s.fails(err, providers.ErrRate, providers.HintRate)
				if after := providers.RetryAfter(err); after != 15*time.Minute {
					t.Errorf("come back after %v", after)
				}
				if s.clock.longest() > 0 {
					t.Errorf("it waited %v", s.clock.longest())
				}
				s.ClearFaults()
				for range 2 {
					s.ResetRequests()
					err = call()
					s.fails(err, providers.ErrRate, providers.HintRate)
					if after := providers.RetryAfter(err); after < 14*time.Minute {
						t.Errorf("then, come back after %v", after)
					}
					if n := len(s.Requests()); n > 0 {
						t.Errorf("%d requests were made:\n%s", n, s.asked())
					}
				}
				err = s.reopen()
				s.fails(err, providers.ErrRate, providers.HintRate)
				if n := len(s.Requests()); n > 0 {
					t.Errorf("%d requests were made:\n%s", n, s.asked())
				}
			})
		}
	}
}

// A cancelled call and Close return at once, whatever rclone sleeps for.
func TestNoWaitForPacer(t *testing.T) {
	t.Parallel()
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{})
			if err := s.put(before); err != nil {
				t.Fatal(err)
			}
			s.remote.gate.sleep = providers.Sleep
			s.Inject(fault(kind, fakecloud.Fault{Kind: fakecloud.KindLookup, Times: -1, Header: comeBack("60")}, 429, "tooManyRequests", "Slow down"))
			ctx, cancel := context.WithCancel(context.Background())
			// Asks again without waiting, so that rclone's pacer or the gate has to.
			eager := providers.Reliable(s.remote, providers.RetryOptions{
				Sleep:  func(ctx context.Context, d time.Duration) error { return ctx.Err() },
				Notify: func(error, time.Duration) { time.AfterFunc(50*time.Millisecond, cancel) },
			})
			begin := time.Now()
			_, err := eager.Stat(ctx, "packs/aa/none")
			if !errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v", err)
			}
			if err := eager.Close(); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

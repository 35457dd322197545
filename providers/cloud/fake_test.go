package cloud

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/providertest"
)

// A world is a fake of the clouds, and devices that use it.
type world struct {
	*fakecloud.Cloud
	t       *testing.T
	virtual bool // its clock stands still
}

func newWorld(t *testing.T, o fakecloud.Options) *world {
	t.Helper()
	c, err := fakecloud.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if refused := c.Refused(); len(refused) > 0 {
			t.Errorf("it asked hosts that are not the fake's: %v", refused)
		}
	})
	return &world{c, t, o.Virtual}
}

// device is a new home with a sign-in for a kind of service.
func (w *world) device(kind string) string {
	w.t.Helper()
	home := w.t.TempDir()
	values := map[string]map[string]string{
		"drive": w.Drive().SignIn("a"), "onedrive": w.Graph().SignIn("a"),
	}[kind]
	if err := NewSignIn(home).Save(values); err != nil {
		w.t.Fatal(err)
	}
	return home
}

func (w *world) open(kind, home string) *remote {
	w.t.Helper()
	r, err := w.tryOpen(kind, home)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = r.Close() })
	return r
}

func (w *world) tryOpen(kind, home string) (*remote, error) {
	r, err := Open(context.Background(), providers.Place{Type: kind, Path: "chatkeep"}, Options{Home: home, Proxy: w.Proxy(), CACert: w.CAFile(), Settings: swift(kind), Limits: Limits{RequestsPerMinute: -1}})
	if err != nil {
		return nil, err
	}
	return r.(*remote), nil
}

// asked tells what was asked since the last time, in short.
func (w *world) asked() string {
	var list []string
	for _, r := range w.Requests() {
		list = append(list, fmt.Sprintf("%s %s %s %d", r.Kind, r.Method, r.Path, r.Status))
	}
	w.ResetRequests()
	return strings.Join(list, "\n")
}

func TestConformanceOfClouds(t *testing.T) {
	for _, kind := range []string{"drive", "onedrive"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, fakecloud.Options{})
			providertest.Run(t, func(t *testing.T) providers.Remote {
				w := &world{Cloud: w.Cloud, t: t}
				r, err := Open(context.Background(), providers.Place{Type: kind, Path: strings.ReplaceAll(t.Name(), "/", "-")}, Options{Home: w.device(kind), Proxy: w.Proxy(), CACert: w.CAFile(), Settings: swift(kind), Limits: Limits{RequestsPerMinute: -1}})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = r.Close() })
				return r
			})
		})
	}
}

// swift keeps a backend from pausing between requests that nobody limits.
func swift(kind string) map[string]string {
	return map[string]map[string]string{"drive": {"pacer_min_sleep": "1ms", "pacer_burst": "1000"}}[kind]
}

package cloud

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/configmap"
	"golang.org/x/net/webdav"

	"github.com/chatkeep/chatkeep/providers"
)

// davServer is a WebDAV server that notes the user agents of its requests.
type davServer struct {
	*httptest.Server
	mu     sync.Mutex
	agents []string
}

func newDavServer(t *testing.T) *davServer {
	t.Helper()
	d := &davServer{}
	handler := &webdav.Handler{FileSystem: webdav.NewMemFS(), LockSystem: webdav.NewMemLS()}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		d.mu.Lock()
		d.agents = append(d.agents, req.UserAgent())
		d.mu.Unlock()
		handler.ServeHTTP(w, req)
	}))
	t.Cleanup(d.Close)
	return d
}

// requests returns how many there were since the last call.
func (d *davServer) requests(t *testing.T) int {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, agent := range d.agents {
		if agent != "chatkeep" {
			t.Errorf("the service is told %q", agent)
		}
	}
	n := len(d.agents)
	d.agents = nil
	return n
}

// open opens rclone's own backend behind a gate.
func (d *davServer) open(t *testing.T, g *gate) (context.Context, fs.Fs) {
	t.Helper()
	ctx := privateConfig(t.Context())
	g.attach(fs.GetConfig(ctx))
	info, err := fs.Find("webdav")
	if err != nil {
		t.Fatal(err)
	}
	m := configmap.New()
	m.AddGetter(configmap.Simple{"url": d.URL, "vendor": "other"}, configmap.PriorityNormal)
	m.AddGetter(defaults(info.Options), configmap.PriorityDefault)
	f, err := info.NewFs(ctx, "webdav", "", m)
	if err != nil {
		t.Fatal(err)
	}
	return ctx, f
}

// counting is a gate at which each request takes a minute of the clock.
func counting(t *testing.T, s *sleeper) *gate {
	t.Helper()
	g := s.gate(t, "", Limits{RequestsPerMinute: 1})
	s.pass(t, g, 1) // the one that is free
	return g
}

// Every request of a backend passes its own gate, one by one, and the service
// sees nothing of it.
func TestEveryRequestPassesTheGate(t *testing.T) {
	d := newDavServer(t)
	s, other := &sleeper{time: day(1, 0, 0)}, &sleeper{time: day(1, 0, 0)}
	ctx, f := d.open(t, counting(t, s))
	_, idle := d.open(t, counting(t, other)) // the same host, another remote
	work := func(n string) {
		t.Helper()
		if err := f.Mkdir(ctx, n); err != nil {
			t.Fatal(err)
		}
		if _, err := f.List(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	d.requests(t)
	before, atRest := s.time, other.time
	work("a")
	n := d.requests(t)
	if passed := int(s.time.Sub(before) / time.Minute); n < 2 || passed != n {
		t.Errorf("%d requests, %d passed the gate", n, passed)
	}
	if other.time != atRest {
		t.Error("requests of one remote passed another's gate")
	}
	if err := idle.Mkdir(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	if n := d.requests(t); int(other.time.Sub(atRest)/time.Minute) != n {
		t.Errorf("%d requests, %v passed the second gate", n, other.time.Sub(atRest))
	}
}

// While a service wants no request none is sent, and the error that comes back
// through rclone still says so; rclone does not try again.
func TestNoRequestWhileBlocked(t *testing.T) {
	d := newDavServer(t)
	s := &sleeper{time: day(1, 0, 0)}
	g := s.gate(t, "", Limits{})
	asked := 0
	g.now = func() time.Time { asked++; return s.time }
	ctx, f := d.open(t, g)
	d.requests(t)
	g.blocked(s.time.Add(30 * time.Minute))
	asked = 0
	_, err := f.List(ctx, "")
	if !errors.Is(err, providers.ErrRate) || providers.RetryAfter(err) != 30*time.Minute {
		t.Errorf("error %v, come back after %v", err, providers.RetryAfter(err))
	}
	if n := d.requests(t); n != 0 || asked != 1 {
		t.Errorf("%d requests were sent, %d tried", n, asked)
	}
	s.time = s.time.Add(30 * time.Minute)
	if _, err := f.List(ctx, ""); err != nil || d.requests(t) == 0 {
		t.Errorf("afterwards: %v", err)
	}
}

// What comes after close is let through, without the tag.
func TestClosedGate(t *testing.T) {
	d := newDavServer(t)
	s := &sleeper{time: day(1, 0, 0)}
	g, err := newGate("", Limits{RequestsPerMinute: 1}, s.now, s.sleep)
	if err != nil {
		t.Fatal(err)
	}
	ctx, f := d.open(t, g)
	g.close()
	before := s.time
	if _, err := f.List(ctx, ""); err != nil || d.requests(t) == 0 || s.time != before {
		t.Errorf("%v after %v", err, s.time.Sub(before))
	}
}

// Requests of others in the process are none of ours.
func TestForeignRequests(t *testing.T) {
	for _, agent := range []string{"", "curl/8", "chatkeep", "x gate=", "x gate=nobody"} {
		req := httptest.NewRequest("GET", "http://127.0.0.1/", nil)
		req.Header.Set("User-Agent", agent)
		if status, err := pass(req); status != 0 || err != nil {
			t.Errorf("%q: %d, %v", agent, status, err)
		}
		if strings.Contains(req.Header.Get("User-Agent"), "gate") {
			t.Errorf("%q goes out", agent)
		}
	}
}

func TestGateMakesItsHome(t *testing.T) {
	home := t.TempDir() + "/a/b"
	s := &sleeper{time: day(1, 0, 0)}
	s.pass(t, s.gate(t, home, presets["jianguoyun"].limits), 60)
	s.pass(t, s.gate(t, home, presets["jianguoyun"].limits), 1)
	if s.slept != 1 {
		t.Error("nothing was remembered")
	}
}

package control

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/daemon/history"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// fake is a daemon whose answers a test gives.
type fake struct {
	mu     sync.Mutex
	paused []time.Time
	calls  int

	status  func(context.Context) (*Status, error)
	run     func(ctx context.Context, job string, args json.RawMessage, tell func(Progress)) (*Result, error)
	reload  error
	history []history.Run
}

func (f *fake) count() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
}

func (f *fake) Status(ctx context.Context) (*Status, error) {
	f.count()
	if f.status != nil {
		return f.status(ctx)
	}
	return &Status{Version: "v1", PID: 7, Waiting: []string{"verify"}}, nil
}

func (f *fake) Run(ctx context.Context, job string, args json.RawMessage, tell func(Progress)) (*Result, error) {
	f.count()
	if f.run != nil {
		return f.run(ctx, job, args, tell)
	}
	return &Result{Outcome: history.Done}, nil
}

func (f *fake) Pause(_ context.Context, until time.Time) error {
	f.count()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paused = append(f.paused, until)
	return nil
}

func (f *fake) Resume(context.Context) error { f.count(); return nil }
func (f *fake) Reload(context.Context) error { f.count(); return f.reload }

func (f *fake) History(_ context.Context, n int) ([]history.Run, error) {
	f.count()
	return f.history[:min(n, len(f.history))], nil
}

func (f *fake) Metrics(context.Context) ([]byte, error) { f.count(); return []byte("# EOF\n"), nil }

// socketDir returns a folder whose name leaves room for a socket's.
func socketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ck")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// serve starts a daemon and returns where it listens. stop ends it and waits.
func serve(t testing.TB, svc Service) (path string, stop func()) {
	t.Helper()
	path = filepath.Join(socketDir(t), "run", socketName)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, serveAt(t, l, svc)
}

func serveAt(t testing.TB, l net.Listener, svc Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, svc, quiet) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func dial(t testing.TB, path string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

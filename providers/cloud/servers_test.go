package cloud

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rclone/rclone/fs/config/obscure"

	"github.com/chatkeep/chatkeep/providers"
)

// asked notes what a server of HTTP was asked.
type asked struct {
	mu    sync.Mutex
	list  []string
	named []string
}

// hosts returns the addresses that were asked for.
func (a *asked) hosts() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(a.named)))
}

// noting is h that is noted.
func (a *asked) noting(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line := r.Method + " " + r.URL.Path
		if q := r.URL.Query(); len(q) > 0 {
			for _, key := range []string{"prefix", "uploads", "uploadId", "location"} {
				if q.Has(key) {
					line += fmt.Sprintf(" %s=%s", key, q.Get(key))
				}
			}
		}
		a.mu.Lock()
		a.list = append(a.list, line)
		a.named = append(a.named, r.Host)
		a.mu.Unlock()
		h.ServeHTTP(w, r)
	})
}

// since returns what was asked since the last time.
func (a *asked) since() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	text := strings.Join(a.list, "\n")
	a.list = nil
	return text
}

// homeOf is a new home with a sign-in.
func homeOf(t *testing.T, values map[string]string) string {
	t.Helper()
	home := t.TempDir()
	if len(values) > 0 {
		if err := NewSignIn(home).Save(values); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// hidden is a password as rclone wants it.
func hidden(t *testing.T, password string) string {
	t.Helper()
	text, err := obscure.Obscure(password)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// opened opens a remote that is closed after the test.
func opened(t *testing.T, kind, path string, opt Options) *remote {
	t.Helper()
	r, err := tryOpened(t, kind, path, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryOpened(t *testing.T, kind, path string, opt Options) (*remote, error) {
	t.Helper()
	r, err := Open(context.Background(), providers.Place{Type: kind, Path: path}, opt)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = r.Close() })
	return r.(*remote), nil
}

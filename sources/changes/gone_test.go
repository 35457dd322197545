package changes

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A database that went is a change, once: it is not newer each time one looks.
func TestGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
	w := New(nil, time.Time{}, func() time.Time { return now })
	w.files, w.listed = []string{path}, now
	w.base = map[string]looks{path: lookAt(path)}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	went := now.Add(time.Minute)
	for n := range 5 {
		now = went.Add(time.Duration(n) * time.Minute)
		if oldest, newest := w.Look(context.Background()); !oldest.Equal(went) || !newest.Equal(went) {
			t.Errorf("look %d: %v to %v", n, oldest, newest)
		}
	}
}

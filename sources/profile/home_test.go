package profile

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/sources"
)

// home is a made-up user's folder, and the computer it is on.
type home struct {
	*Host
	t testing.TB
}

func newHome(t testing.TB) *home {
	dir := t.TempDir()
	return &home{t: t, Host: &Host{
		OS: "linux", Home: dir, Documents: filepath.Join(dir, "文档"), Config: filepath.Join(dir, ".config"),
		Getenv: func(string) string { return "" }, UID: os.Getuid(),
		Registry: func(string) string { return "" }, Network: func(string) string { return "" },
	}}
}

// plant makes files that hold their own path; one that ends with a slash is a
// folder, and "a -> b" a symlink.
func (h *home) plant(paths ...string) {
	h.t.Helper()
	for _, path := range paths {
		path, target, link := strings.Cut(path, " -> ")
		full := filepath.Join(h.Home, filepath.FromSlash(path))
		dir := filepath.Dir(full)
		if strings.HasSuffix(path, "/") {
			dir = full
		}
		err := os.MkdirAll(dir, 0o755)
		switch {
		case err != nil:
		case link:
			err = os.Symlink(filepath.Join(h.Home, target), full)
		case dir != full:
			err = os.WriteFile(full, []byte(path), 0o644)
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

// wechat plants accounts of WeChat 4 in root.
func (h *home) wechat(root string, accounts ...string) {
	for _, a := range accounts {
		h.plant(root+"/"+a+"/db_storage/session/session.db", root+"/"+a+"/msg/file/2026-05/a.pdf")
	}
}

func (h *home) write(path, text string) {
	h.t.Helper()
	full := filepath.Join(h.Home, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// source is the source of an app on this computer.
func (h *home) source(o Options) *Source {
	h.t.Helper()
	if o.Name == "" {
		o.Name = "wechat"
	}
	if o.Profiles == nil {
		o.Profiles = Named(Builtin(), o.Name)
	}
	o.Host = h.Host
	s, err := New(o)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *home) find(o Options) *Found {
	h.t.Helper()
	f, err := h.source(o).Find(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	return f
}

// want compares accounts, each as "name place" with the place from home.
func (h *home) want(f *Found, want ...string) {
	h.t.Helper()
	got := []string{}
	for _, a := range f.Accounts {
		place, err := filepath.Rel(h.Home, a.Root())
		if err != nil {
			h.t.Fatal(err)
		}
		if err := sources.CheckName(a.Name()); err != nil {
			h.t.Error(err)
		}
		got = append(got, a.Name()+" "+filepath.ToSlash(place))
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("found\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// view opens the one account whose name ends with label, as if it were years
// later.
func (h *home) view(o Options, label string) *view {
	h.t.Helper()
	for _, a := range h.find(o).Accounts {
		if strings.HasSuffix(a.Name(), label) {
			a.source.now = func() time.Time { return time.Now().AddDate(9, 0, 0) }
			v, err := a.open(context.Background())
			if err != nil {
				h.t.Fatal(err)
			}
			h.t.Cleanup(func() { v.Close() })
			return v
		}
	}
	h.t.Fatalf("no account %s", label)
	return nil
}

// walk returns the entries that v keeps by path, their order, and what it
// skips.
func walk(t testing.TB, v sources.View) (kept map[string]sources.Entry, order []string, skipped map[string]sources.Reason) {
	t.Helper()
	kept, skipped = map[string]sources.Entry{}, map[string]sources.Reason{}
	err := v.Walk(context.Background(), func(e sources.Entry) error {
		kept[e.Path] = e
		order = append(order, e.Path)
		return nil
	}, func(s sources.Skipped) { skipped[s.Path] = s.Reason })
	if err != nil {
		t.Fatal(err)
	}
	return kept, order, skipped
}

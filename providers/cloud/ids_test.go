package cloud

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/chatkeep/chatkeep/providers"
)

// fresh hands out ids, a batch at a time.
type fresh struct {
	mu     sync.Mutex
	last   int
	asked  int
	failed error
}

func (f *fresh) more(_ context.Context, n int64) (ids []string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asked++; f.failed != nil {
		return nil, f.failed
	}
	for range n {
		f.last++
		ids = append(ids, fmt.Sprint("id", f.last))
	}
	return ids, nil
}

func (f *fresh) begin(t *testing.T, x *ids, name providers.Name) string {
	t.Helper()
	id, err := x.begin(t.Context(), name, f.more)
	if err != nil || id == "" {
		t.Fatalf("begin %s: %q, %v", name, id, err)
	}
	return id
}

// An upload keeps its id until it is answered, over a restart too; no two have
// the same.
func TestIDs(t *testing.T) {
	home, f := t.TempDir(), &fresh{}
	x := openIDs(home)
	a, b := f.begin(t, x, "a"), f.begin(t, x, "b")
	if a == b {
		t.Errorf("both have %s", a)
	}
	if again := f.begin(t, x, "a"); again != a {
		t.Errorf("a has %s, then %s", a, again)
	}
	x.done("b", b)
	x = openIDs(home)
	if again := f.begin(t, x, "a"); again != a {
		t.Errorf("after a restart a has %s, before %s", again, a)
	}
	if again := f.begin(t, x, "b"); again == b || again == a {
		t.Errorf("b has %s again, and nobody knows that it is there", again)
	}
	x.forget("a")
	if again := f.begin(t, x, "a"); again == a {
		t.Errorf("a has %s, which was given up", again)
	}
	if f.asked != 1 {
		t.Errorf("ids were asked for %d times", f.asked)
	}
}

// What this process made keeps its id, for listings may not have it.
func TestIDsOfWhatIsThere(t *testing.T) {
	f, x := &fresh{}, openIDs(t.TempDir())
	a := f.begin(t, x, "a")
	x.done("a", a)
	if !x.isOwn(a) || x.isOwn("other") {
		t.Error("it does not know its own")
	}
	if again := f.begin(t, x, "a"); again != a {
		t.Errorf("a has %s, then %s", a, again)
	}
	if known := x.known("a"); !slices.Contains(known, a) {
		t.Errorf("of a it knows %v", known)
	}
	x.forget("a")
	if known := x.known("a"); len(known) > 0 {
		t.Errorf("of a it still knows %v", known)
	}
}

// Two processes of one home share the ids, and never an id.
func TestIDsShared(t *testing.T) {
	home, f := t.TempDir(), &fresh{}
	var mu sync.Mutex
	seen := map[string]providers.Name{}
	var all sync.WaitGroup
	for p := range 3 {
		x := openIDs(home)
		all.Go(func() {
			for i := range 150 {
				name := providers.Name(fmt.Sprint("p", p, "/", i))
				id, err := x.begin(context.Background(), name, f.more)
				mu.Lock()
				if other, taken := seen[id]; taken || err != nil {
					t.Errorf("%s has %s, as %s has; %v", name, id, other, err)
				}
				seen[id] = name
				mu.Unlock()
				x.done(name, id)
			}
		})
	}
	all.Wait()
	if f.asked > 6 {
		t.Errorf("ids were asked for %d times", f.asked)
	}
}

func TestIDsWithoutFile(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, idsFile), []byte(`{"free":["x"`), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, x := range map[string]*ids{"damaged": openIDs(home), "none": openIDs(""), "no folder": openIDs(filepath.Join(home, "none"))} {
		f := &fresh{}
		a := f.begin(t, x, "a")
		if again := f.begin(t, x, "a"); again != a || a == "x" {
			t.Errorf("%s: a has %s, then %s", what, a, again)
		}
	}
}

func TestIDsFail(t *testing.T) {
	x, broken := openIDs(t.TempDir()), errors.New("broken")
	if _, err := x.begin(t.Context(), "a", (&fresh{failed: broken}).more); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := x.begin(t.Context(), "a", func(context.Context, int64) ([]string, error) { return nil, nil }); err == nil {
		t.Error("there were none, and it went well")
	}
}

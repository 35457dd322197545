package image

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/repo/format"
)

// published is a content and its table.
type published struct {
	c *format.Content
	t *Table
}

// generations backs a database up n times.
func generations(t *testing.T, n int) (list []published) {
	r := rand.New(rand.NewPCG(3, 3))
	x := newDB(t, random(r, 100*BlockSize+5))
	for range n {
		x.backup(true)
		list = append(list, published{x.c, x.table})
		touch(r, x.image, 2)
	}
	return list
}

var (
	dbA = Database{"wechat", "msg/message_0.db"}
	dbB = Database{"wechat", "msg/message_1.db"}
)

func openTables(t *testing.T) *Tables {
	t.Helper()
	ts, err := OpenTables(filepath.Join(t.TempDir(), "tables"))
	must(t, err)
	return ts
}

func fileNames(t *testing.T, ts *Tables) (names []string) {
	t.Helper()
	list, err := os.ReadDir(ts.dir)
	must(t, err)
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// Whatever step was the last before a crash, the head finds its table: that of
// before, or that of the snapshot being published.
func TestTablesThroughCrashes(t *testing.T) {
	g := generations(t, 4)
	ts := openTables(t)
	finds := func(when string, want published) {
		t.Helper()
		ts, err := OpenTables(ts.dir)
		must(t, err)
		got := ts.Load(dbA, want.c)
		if got == nil || got.Proof() != want.t.Proof() {
			t.Errorf("%s: the table is lost", when)
		}
	}
	must(t, ts.Save(dbA, g[0].c, g[0].t, nil))
	finds("first, published or not", g[0])
	// Not committed: the process died after publishing.
	must(t, ts.Save(dbA, g[1].c, g[1].t, g[0].c))
	finds("before publishing", g[0])
	finds("after publishing", g[1])
	// Published, not committed, and the next one is on its way.
	must(t, ts.Save(dbA, g[2].c, g[2].t, g[1].c))
	finds("before publishing", g[1])
	finds("after publishing", g[2])
	// It never was, and another took its place.
	must(t, ts.Save(dbA, g[3].c, g[3].t, g[1].c))
	finds("before publishing", g[1])
	finds("after publishing", g[3])
	if n := len(fileNames(t, ts)); n != 2 {
		t.Errorf("%d files", n)
	}
	must(t, ts.Commit(dbA, g[3].c))
	finds("committed", g[3])
	if n := len(fileNames(t, ts)); n != 1 {
		t.Errorf("%d files", n)
	}
	if ts.Load(dbA, g[1].c) != nil || ts.Load(dbB, g[3].c) != nil {
		t.Error("a table of something else")
	}
}

// A crash, or a disk that is full, leaves a whole table or none.
func TestTablesHalfWritten(t *testing.T) {
	g := generations(t, 2)
	ts := openTables(t)
	must(t, ts.Save(dbA, g[0].c, g[0].t, nil))
	path := ts.path(dbA, g[0].c, tableExt)
	whole, err := os.ReadFile(path)
	must(t, err)
	for n := range len(whole) {
		if n%97 > 0 && n < len(whole)-40 {
			continue
		}
		must(t, os.WriteFile(path, whole[:n], 0o600))
		if ts.Load(dbA, g[0].c) != nil {
			t.Fatalf("%d of %d bytes are a table", n, len(whole))
		}
	}
	for n := 0; n < len(whole); n += 13 {
		b := bytes.Clone(whole)
		b[n] ^= 4
		must(t, os.WriteFile(path, b, 0o600))
		if ts.Load(dbA, g[0].c) != nil {
			t.Fatalf("byte %d of %d may be any", n, len(whole))
		}
	}
	must(t, os.WriteFile(path, append(whole, 0), 0o600))
	if ts.Load(dbA, g[0].c) != nil {
		t.Error("more than a table is one")
	}
	must(t, os.Rename(path, ts.path(dbA, g[1].c, tableExt)))
	if ts.Load(dbA, g[1].c) != nil {
		t.Error("a table of another content is trusted")
	}
	if err := ts.Save(dbA, g[1].c, g[0].t, nil); err == nil {
		t.Error("kept the table of another content")
	}
}

// The same bytes may be kept in other chunks: those have a table of their own.
func TestTablesOfEqualImages(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	x := newDB(t, random(r, 50*BlockSize))
	x.backup(true)
	first, image := published{x.c, x.table}, bytes.Clone(x.image)
	touch(r, x.image, 2)
	x.backup(true)
	x.image = image
	x.backup(true)
	if x.c.Proof != first.c.Proof || first.t.Describes(x.c) || x.table.Describes(first.c) {
		t.Error("contents with other layers are mixed up")
	}
}

func TestMarks(t *testing.T) {
	g := generations(t, 2)
	ts := openTables(t)
	if _, ok := ts.Mark(dbA, g[0].c); ok {
		t.Error("a mark from nowhere")
	}
	for _, want := range []Mark{
		{[]byte("mark one"), time.Unix(1700000000, 5)},
		{[]byte("another mark"), time.Unix(1700000001, 0)},
		{nil, time.Time{}},
	} {
		must(t, ts.SetMark(dbA, g[0].c, want))
		got, ok := ts.Mark(dbA, g[0].c)
		if !ok || !bytes.Equal(got.Mark, want.Mark) || !got.Compared.Equal(want.Compared) || got.Compared.IsZero() != want.Compared.IsZero() {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	must(t, ts.SetMark(dbA, g[0].c, Mark{Mark: []byte("one")}))
	if _, ok := ts.Mark(dbA, g[1].c); ok {
		t.Error("a mark of another content")
	}
	path := ts.path(dbA, g[0].c, markExt)
	whole, err := os.ReadFile(path)
	must(t, err)
	for n := range whole {
		for _, b := range [][]byte{whole[:n], append(append(bytes.Clone(whole[:n]), whole[n]^1), whole[n+1:]...)} {
			must(t, os.WriteFile(path, b, 0o600))
			if _, ok := ts.Mark(dbA, g[0].c); ok {
				t.Fatalf("damaged at %d and still a mark", n)
			}
		}
	}
	must(t, ts.Save(dbA, g[1].c, g[1].t, g[0].c))
	must(t, ts.SetMark(dbA, g[1].c, Mark{Mark: []byte("two")}))
	must(t, ts.Commit(dbA, g[1].c))
	if names := fileNames(t, ts); len(names) != 2 {
		t.Error(names)
	}
}

func TestTidy(t *testing.T) {
	g := generations(t, 1)
	ts := openTables(t)
	for _, d := range []Database{dbA, dbB} {
		must(t, ts.Save(d, g[0].c, g[0].t, nil))
		must(t, ts.SetMark(d, g[0].c, Mark{}))
	}
	must(t, os.WriteFile(filepath.Join(ts.dir, ".x.table.tmp-ABC"), nil, 0o600))
	for _, name := range fileNames(t, ts) {
		if strings.Contains(name, "message") || strings.Contains(name, "wechat") {
			t.Errorf("%s tells what it is of", name)
		}
	}
	must(t, ts.Tidy([]Database{dbB, {"wechat", "msg"}}))
	if names := fileNames(t, ts); len(names) != 2 || ts.Load(dbB, g[0].c) == nil || ts.Load(dbA, g[0].c) != nil {
		t.Error(names)
	}
	if (Database{"a", "b/c"}).key() == (Database{"a/b", "c"}).key() {
		t.Error("two databases have one key")
	}
}

func TestTablesFail(t *testing.T) {
	g := generations(t, 1)
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := OpenTables(file); err == nil {
		t.Error("a file is a folder")
	}
	ts := openTables(t)
	must(t, os.Remove(ts.dir))
	if ts.Save(dbA, g[0].c, g[0].t, nil) == nil || ts.Commit(dbA, g[0].c) == nil || ts.Tidy(nil) == nil || ts.SetMark(dbA, g[0].c, Mark{}) == nil {
		t.Error("the folder is gone, and nobody tells")
	}
	if g[0].t.Save(filepath.Join(ts.dir, "x")) == nil || ts.Load(dbA, g[0].c) != nil {
		t.Error("the folder is gone, and nobody tells")
	}
}

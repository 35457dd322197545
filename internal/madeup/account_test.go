package madeup

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The tree has the names by which WeChat 4's folders are told apart, and the
// account belongs to nobody.
func TestDemoAccountLooksLikeWeChat(t *testing.T) {
	start := time.Now()
	dir, s := generate(t, DemoAccount)
	t.Logf("%+v in %v", s, time.Since(start))
	items, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	patterns := map[string]*regexp.Regexp{}
	for what := range wantedInAccount {
		patterns[what] = regexp.MustCompile("^" + strings.ReplaceAll(what, "HOME", "xwechat_files/wxid_madeup[0-9a-f]{8}_[0-9a-f]{4}") + "$")
	}
	for _, it := range items {
		for what, pattern := range patterns {
			if it.kind == "file" && pattern.MatchString(it.path) {
				found[what]++
			}
		}
	}
	for what, want := range wantedInAccount {
		if found[what] < want {
			t.Errorf("%d × %s, want %d", found[what], what, want)
		}
	}
	if other := (Options{Seed: 2}).AccountDir(); other == DemoAccount.AccountDir() {
		t.Errorf("two seeds share the account %s", other)
	}
}

// wantedInAccount is how many files at least have a path like this.
var wantedInAccount = map[string]int{
	`HOME/db_storage/message/message_[0-9]\.db`:                         8,
	`HOME/db_storage/(contact/contact|session/session)\.db`:             2,
	`HOME/db_storage/[a-z_]+/[a-z_0-9]+\.db-wal`:                        27,
	`HOME/db_storage/[a-z_]+/[a-z_0-9]+\.db-shm`:                        27,
	`HOME/msg/attach/[0-9a-f]{32}/20\d\d-\d\d/Img/[0-9a-f_th]+\.dat`:    150,
	`HOME/msg/video/20\d\d-\d\d/[0-9a-f]{32}\.(mp4|jpg)`:                20,
	`HOME/msg/file/20\d\d-\d\d/.*[🍜🎂].*`:                                1,
	`HOME/msg/file/20\d\d-\d\d/.*[合同报价发票].*`:                            5,
	`HOME/cache/20\d\d-\d\d/.*`:                                         30,
	`HOME/temp/.*`:                                                      1,
	`HOME/(temp/.*|apm_record/.*|.*\.hl\.tmp)`:                          5,
	`xwechat_files/Backup/[0-9a-f]{32}/.*`:                              5,
	`xwechat_files/all_users/login/wxid_madeup[0-9a-f]{8}/key_info\.db`: 1,
}

// What lies there while the app is open is what an engine would find: the
// recorded databases are sound with their log, and every one of them has a
// transaction that is in the log alone.
func TestLiveDatabasesAreSound(t *testing.T) {
	dir, _ := generate(t, open)
	for day := range 3 {
		if day > 0 {
			if _, err := Grow(dir, open, day); err != nil {
				t.Fatal(err)
			}
		}
		for _, b := range databases {
			full := at(dir, path.Join(open.AccountDir(), databaseDir, b.path))
			first, err := os.ReadFile(full)
			if err != nil || isRecorded(first) != (b.recorded > 0) || isPlain(first) != (b.recorded > 0) {
				t.Fatalf("%s: recorded %v, %v", b.path, isRecorded(first), err)
			}
			state, err := StateOf(full)
			if err != nil {
				t.Fatal(err)
			}
			copied := copyDatabase(t, full, "", "-wal")
			w := newWriter(t, copied, WriterOptions{})
			if w.State(0) != state || len(w.log.pages) == 0 {
				t.Errorf("%s: the writer found another state, or no log", b.path)
			}
			w.Close()
			if b.recorded == 0 {
				continue
			}
			want := b.recorded + day*open.Daily.Messages/10
			if n := checkEngine(t, copyDatabase(t, full, "", "-wal", "-shm")); n != want {
				t.Errorf("%s: transaction %d, want %d", b.path, n, want)
			}
			if n := checkEngine(t, copyDatabase(t, full, "")); n >= want {
				t.Errorf("%s: transaction %d is in the file", b.path, n)
			}
		}
	}
}

// The salt of an encrypted database stays when its first page is written.
func TestEncryptedSaltStays(t *testing.T) {
	p := newTree(light)
	f := p.names[path.Join(light.AccountDir(), databaseDir, "message/message_7.db")]
	var before, after [pageSize]byte
	p.stream("content/" + f.key).Read(before[:])
	p.page(after[:], f, 0, 1)
	if string(before[:saltSize]) != string(after[:saltSize]) || before == after {
		t.Errorf("the page begins % x, then % x", before[:20], after[:20])
	}
}

// restoredCopy is what a backup brings back: all files but logs, indices and
// what is never taken, the databases with their logs in them.
func restoredCopy(t *testing.T, dir string, never func(string) bool) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "restored")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	items, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range items {
		full := at(to, it.path)
		switch {
		case never(it.path):
			err = os.RemoveAll(full)
		case strings.HasSuffix(it.path, ".db-wal"):
			err = mergeDatabase(at(dir, strings.TrimSuffix(it.path, "-wal")), strings.TrimSuffix(full, "-wal"))
			os.Remove(full)
		case strings.HasSuffix(it.path, ".db-shm"):
			err = os.Remove(full)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, it := range items {
		if full := at(to, it.path); it.kind != "symlink" {
			os.Chmod(full, os.FileMode(it.mode))
			os.Chtimes(full, time.Unix(0, it.mtime), time.Unix(0, it.mtime))
		} else if err := setLinkTime(full, it.mtime); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func mergeDatabase(from, to string) error {
	m, err := openMerged(from)
	if err != nil {
		return err
	}
	defer m.Close()
	b, err := m.bytes()
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

func TestCompareRestored(t *testing.T) {
	o := open
	o.Seed, o.Bytes = 6, 2_000_000
	dir, _ := generate(t, o)
	temp := path.Join(o.AccountDir(), "temp")
	never := func(name string) bool { return name == temp || strings.HasPrefix(name, temp+"/") }
	live := o.LivePath()
	w := newWriter(t, at(dir, live), WriterOptions{})
	steps(t, w, 3)
	to := restoredCopy(t, dir, never)
	steps(t, w, 3)
	checkpoint(t, w, Passive)
	r := Restored{Live: map[string]Live{live: {w, 2}}, Except: never}
	links := func(diffs []string) (rest []string) { // os.CopyFS makes none
		for _, d := range diffs {
			if !strings.Contains(d, "hard link to") {
				rest = append(rest, d)
			}
		}
		return rest
	}
	wantNone(t, "restored", links(r.Compare(dir, to)))

	contact := path.Join(o.AccountDir(), databaseDir, "contact/contact.db")
	for _, tt := range []struct {
		want   string
		since  int
		broken string // gets one byte wrong
	}{
		{live + `": it is as of transaction 3, the backup began at 4`, 4, ""},
		{live + `": ` + at(to, live) + " is the database as of none", 3, live},
		{contact + `": content differs`, 3, contact},
	} {
		full := at(to, tt.broken)
		if tt.broken != "" {
			flipByte(t, full)
		}
		r.Live = map[string]Live{live: {w, tt.since}}
		diffs := links(r.Compare(dir, to))
		if len(diffs) != 1 || !strings.Contains(diffs[0], tt.want) {
			t.Errorf("Compare = %q, want %q", diffs, tt.want)
		}
		if tt.broken != "" {
			flipByte(t, full)
		}
	}
	r.Except = nil
	if len(r.Compare(dir, to)) == 0 || len(Compare(dir, to)) == 0 {
		t.Error("what was left out is not missed")
	}
}

// flipByte changes a byte in the middle of a file, or changes it back, and
// leaves its time.
func flipByte(t *testing.T, full string) {
	t.Helper()
	info, err := os.Stat(full)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(full)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(full, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(full, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
}

package profile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/sources"
)

const root = "xwechat_files"

func TestWalk(t *testing.T) {
	h := newHome(t)
	h.wechat(root, "a_0001")
	for _, path := range []string{
		"db_storage/message/message_0.db", "db_storage/message/message_0.db-wal", "db_storage/message/message_0.db-shm",
		"db_storage/message/message_0.db-first.material", "db_storage/message/message_0.db.factory/restore/x",
		"db_storage/contact/contact.db", "db_storage/contact/contact.db-journal",
		"db_storage/sns/lost.db-wal", "db_storage/sns/lost.db-journal",
		"db_storage/emoticon/emoticon.db/", "db_storage/emoticon/emoticon.db-wal",
		"msg/file/2026-05/x.db", "msg/file/2026-05/x.db-wal",
		"temp/x", "cache/2026-05/HttpResource/x", "cache/2026-05/Emoticon/y", "config/app.log", "new/file", "empty/",
	} {
		h.plant(root + "/a_0001/" + path)
	}
	kept, order, skipped := walk(t, h.view(Options{}, "a_0001"))
	files := []string{}
	for _, path := range order {
		if kept[path].Type == sources.File {
			files = append(files, path)
		}
	}
	want := []string{
		"cache/2026-05/Emoticon/y",
		"db_storage/contact/contact.db", "db_storage/contact/contact.db-journal",
		"db_storage/emoticon/emoticon.db-wal",
		"db_storage/message/message_0.db", "db_storage/message/message_0.db-first.material", "db_storage/message/message_0.db.factory/restore/x",
		"db_storage/session/session.db", "db_storage/sns/lost.db-journal", "db_storage/sns/lost.db-wal",
		"msg/file/2026-05/a.pdf", "msg/file/2026-05/x.db", "msg/file/2026-05/x.db-wal", "new/file",
	}
	if !slices.Equal(files, want) || len(skipped) > 0 {
		t.Errorf("kept %q\nwant %q\nskipped %v", files, want, skipped)
	}
	if _, ok := kept["temp"]; ok {
		t.Error("a folder that is never kept is an entry")
	}
	if e := kept["empty"]; e.Type != sources.Dir || e.Category != other {
		t.Errorf("empty folder: %+v", e)
	}
	type facts struct {
		category  string
		priority  int
		database  bool
		journalOf string
		settle    time.Duration
	}
	for path, want := range map[string]facts{
		"db_storage/message/message_0.db":       {"messages", 0, true, "", 0},
		"db_storage/contact/contact.db-journal": {"contacts", 0, false, "db_storage/contact/contact.db", 0},
		"db_storage/sns/lost.db-journal":        {other, 4, false, "", 0},
		"db_storage/sns/lost.db-wal":            {other, 4, false, "", 0},
		"msg/file/2026-05/a.pdf":                {"files", 2, false, "", 3 * time.Second},
		"msg/file/2026-05/x.db":                 {"files", 2, false, "", 3 * time.Second},
		"cache/2026-05/Emoticon/y":              {"stickers", 4, false, "", 3 * time.Second},
		"new/file":                              {other, 4, false, "", 0},
		"msg/file":                              {"files", 0, false, "", 0},
		"db_storage/message":                    {"messages", 0, false, "", 0},
	} {
		e := kept[path]
		if got := (facts{e.Category, e.Priority, e.Database, e.JournalOf, e.Settle}); got != want {
			t.Errorf("%s is %+v, want %+v", path, got, want)
		}
	}
}

func TestBesideTheAccounts(t *testing.T) {
	h := newHome(t)
	h.wechat(root, "a_0001", "b_0001")
	h.plant(root+"/all_users/login/x/key_info.db", root+"/all_users/x.tmp", root+"/Backup/x/1", root+"/WMPF/x", root+"/stray.txt")
	_, order, _ := walk(t, h.view(Options{}, "shared"))
	if want := []string{"all_users", "all_users/login", "all_users/login/x", "all_users/login/x/key_info.db", "stray.txt"}; !slices.Equal(order, want) {
		t.Errorf("shared is %q, want %q", order, want)
	}
	kept, order, _ := walk(t, h.view(Options{}, "phone-backup"))
	if want := []string{"Backup", "Backup/x", "Backup/x/1"}; !slices.Equal(order, want) {
		t.Errorf("the phone's backup is %q, want %q", order, want)
	}
	if e := kept["Backup/x/1"]; e.Category != "phone_backup" || e.Priority != 1 || e.Settle != 10*time.Minute {
		t.Errorf("a piece of it is %+v", e)
	}
	if list, err := h.view(Options{}, "shared").Databases(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("databases beside the accounts: %v, %v", list, err)
	}
}

// A phone's backup is taken as a whole or not at all.
func TestUnitWaits(t *testing.T) {
	h := newHome(t)
	h.wechat(root, "a_0001")
	h.plant(root+"/Backup/x/y/1", root+"/Backup/x/2", root+"/old_backup/3")
	v := h.view(Options{}, "phone-backup")
	at := func(age time.Duration, change string) (order []string, skipped map[string]sources.Reason) {
		full := filepath.Join(h.Home, root, change)
		now := v.account.source.now()
		if err := os.Chtimes(full, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
		defer os.Chtimes(full, now, now.AddDate(-20, 0, 0))
		_, order, skipped = walk(t, v)
		return order, skipped
	}
	all := []string{"Backup", "Backup/x", "Backup/x/2", "Backup/x/y", "Backup/x/y/1", "old_backup", "old_backup/3"}
	for _, change := range []string{"Backup/x/y/1", "Backup/x", "Backup"} {
		order, skipped := at(9*time.Minute, change)
		if want := all[5:]; !slices.Equal(order, want) || !reflect.DeepEqual(skipped, map[string]sources.Reason{"Backup": sources.Waiting}) {
			t.Errorf("%s was written: kept %q, skipped %v", change, order, skipped)
		}
		for _, age := range []time.Duration{11 * time.Minute, -time.Hour} {
			if order, skipped := at(age, change); !slices.Equal(order, all) || len(skipped) > 0 {
				t.Errorf("%s was written %v ago: kept %q, skipped %v", change, age, order, skipped)
			}
		}
	}
	s, err := v.account.Survey(t.Context())
	if err != nil || len(s.Waiting) > 0 {
		t.Errorf("waiting for %v, %v", s.Waiting, err)
	}
	v.account.source.now = time.Now
	if s, err := v.account.Survey(t.Context()); err != nil || !slices.Equal(s.Waiting, []string{"Backup", "old_backup"}) || s.Categories[0].Files != 3 {
		t.Errorf("survey %+v, %v", s, err)
	}
}

// In WeChat 3 the phone's backup lies in the account.
func TestUnitInAnAccount(t *testing.T) {
	h := newHome(t)
	h.plant("WeChat Files/a/Msg/MicroMsg.db", "WeChat Files/a/BackupFiles/x/Backup.db", "WeChat Files/a/FileStorage/File/z")
	v := h.view(Options{}, "-a")
	kept, _, _ := walk(t, v)
	if e := kept["BackupFiles/x/Backup.db"]; e.Category != "phone_backup" || e.Database {
		t.Errorf("quiet: %+v", e)
	}
	v.account.source.now = time.Now
	kept, _, skipped := walk(t, v)
	if _, ok := kept["FileStorage/File/z"]; !ok || skipped["BackupFiles"] != sources.Waiting || len(skipped) != 1 {
		t.Errorf("written: kept %v, skipped %v", kept, skipped)
	}
}

func TestDatabases(t *testing.T) {
	h := newHome(t)
	h.wechat(root, "a_0001")
	for _, name := range []string{
		"message/message_1.db", "message/message_0.db", "message/message_resource.db", "message/message_fts.db", "message/media_0.db",
		"hardlink/hardlink.db", "contact/contact.db", "new/new.db", "message/message_0.db-wal",
	} {
		h.plant(root + "/a_0001/db_storage/" + name)
	}
	h.plant(root+"/a_0001/msg/file/2026-05/x.db", root+"/a_0001/elsewhere/y.db")
	list := func(o Options) (names []string) {
		entries, err := h.view(o, "a_0001").Databases(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, strings.TrimPrefix(e.Path, "db_storage/"))
		}
		return names
	}
	want := []string{
		"hardlink/hardlink.db", "message/message_resource.db",
		"contact/contact.db", "message/message_0.db", "message/message_1.db", "session/session.db",
		"message/media_0.db", "new/new.db", "message/message_fts.db",
	}
	if got := list(Options{}); !slices.Equal(got, want) {
		t.Errorf("databases %q\nwant %q", got, want)
	}
	want = []string{
		"contact/contact.db", "hardlink/hardlink.db", "message/message_resource.db", "message/message_0.db", "message/message_1.db",
		"session/session.db", "message/media_0.db", "new/new.db",
	}
	if got := list(Options{First: []string{"contacts", "messages"}, LeaveOut: []string{"search_index"}}); !slices.Equal(got, want) {
		t.Errorf("ordered %q\nwant %q", got, want)
	}
	var _ sources.Databases = h.view(Options{}, "a_0001")
}

func TestOrder(t *testing.T) {
	h := newHome(t)
	h.wechat(root, "a_0001")
	h.plant(root+"/a_0001/msg/video/2026-05/a.mp4", root+"/a_0001/"+chat+"Img/a.dat",
		root+"/a_0001/db_storage/message/message_fts.db", root+"/a_0001/db_storage/message/message_fts.db-journal")
	kept, _, _ := walk(t, h.view(Options{First: []string{"videos", "files"}, LeaveOut: []string{"search_index", "images"}}, "a_0001"))
	for path, want := range map[string]int{
		"msg/video/2026-05/a.mp4": 0, "msg/file/2026-05/a.pdf": 1, "db_storage/session/session.db": 2,
	} {
		if e, ok := kept[path]; !ok || e.Priority != want {
			t.Errorf("%s has priority %d, want %d", path, e.Priority, want)
		}
	}
	for _, path := range []string{"db_storage/message/message_fts.db", "db_storage/message/message_fts.db-journal", chat + "Img", chat + "Img/a.dat"} {
		if _, ok := kept[path]; ok {
			t.Errorf("%s was left out and is there", path)
		}
	}
}

func TestSurvey(t *testing.T) {
	h := newHome(t)
	h.wechat(root, "a_0001")
	a := root + "/a_0001/"
	h.write(a+"db_storage/session/session.db", strings.Repeat("x", 100))
	h.write(a+"db_storage/session/session.db-wal", strings.Repeat("x", 1000))
	h.write(a+"db_storage/session/session.db-shm", strings.Repeat("x", 7))
	h.write(a+"temp/a/b", strings.Repeat("x", 5))
	h.write(a+"cache/2026-05/Message/x", strings.Repeat("x", 3))
	h.write(a+"cache/2026-05/Message/y", strings.Repeat("x", 3))
	h.write(a+"msg/file/2026-05/a.pdf", "12")
	s, err := h.view(Options{LeaveOut: []string{"cache"}}, "a_0001").account.Survey(t.Context())
	want := &Survey{
		Categories: []Count{
			{"session", 0, 1, 1, 1100, false},
			{"files", 2, 1, 0, 2, false},
			{"cache", 4, 2, 0, 6, true},
		},
		Left: []Left{{NeverKept, 2, 12}, {ByUser, 2, 6}},
	}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("survey %+v, %v\nwant %+v", s, err, want)
	}
}

func TestNetwork(t *testing.T) {
	h := newHome(t)
	h.wechat(root, "a_0001")
	h.Network = func(path string) string {
		if strings.HasPrefix(path, filepath.Join(h.Home, root)) {
			return "smb"
		}
		return ""
	}
	a := h.find(Options{}).Accounts[0]
	if a.Network() != "smb" || a.Locks() != LockNone {
		t.Errorf("on %q with locks %s", a.Network(), a.Locks())
	}
	h.Network = func(string) string { return "" }
	if a := h.find(Options{}).Accounts[0]; a.Network() != "" || a.Locks() != LockBrief {
		t.Errorf("on %q with locks %s", a.Network(), a.Locks())
	}
	if a := h.find(Options{Locks: LockNone}).Accounts[0]; a.Locks() != LockNone {
		t.Errorf("locks %s", a.Locks())
	}
}

func TestNewRefuses(t *testing.T) {
	wechat := Named(Builtin(), "wechat")
	for name, o := range map[string]Options{
		"no name":          {Profiles: wechat},
		"no profile":       {Name: "a"},
		"a relative root":  {Name: "a", Profiles: wechat, Root: "x"},
		"unknown first":    {Name: "a", Profiles: wechat, First: []string{"x"}},
		"unknown left out": {Name: "a", Profiles: wechat, LeaveOut: []string{"x"}},
		"unknown locks":    {Name: "a", Profiles: wechat, Locks: "x"},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// buffer is the simplest target.
type buffer struct{ data []byte }

func (b *buffer) WriteAt(p []byte, off int64) (int, error) {
	if end := off + int64(len(p)); end > int64(len(b.data)) {
		b.data = append(b.data, make([]byte, end-int64(len(b.data)))...)
	}
	return copy(b.data[off:], p), nil
}

func (b *buffer) ReadAt(p []byte, off int64) (int, error) { return copy(p, b.data[off:]), nil }

func (b *buffer) Hold(p []byte, off int64) error {
	_, err := b.WriteAt(p, off)
	return err
}

func (b *buffer) Truncate(size int64) error {
	b.data = append(b.data, make([]byte, max(0, size-int64(len(b.data))))...)[:size]
	return nil
}

func TestCapture(t *testing.T) {
	h := newHome(t)
	h.wechat(root, "a_0001")
	text := strings.Repeat("0123456789abcdef", 1024)
	file := root + "/a_0001/db_storage/message/message_0.db"
	h.write(file, text)
	long := time.Unix(1_700_000_000, 0)
	if err := os.Chtimes(filepath.Join(h.Home, file), long, long); err != nil {
		t.Fatal(err)
	}
	for _, locks := range []Locks{LockBrief, LockNone} {
		v := h.view(Options{Locks: locks}, "a_0001")
		e := sources.Entry{Path: "db_storage/message/message_0.db", Database: true}
		var b buffer
		c, err := v.Capture(context.Background(), e, &b, sources.CaptureOptions{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if string(b.data) != text || c.Size != int64(len(text)) || c.Plain {
			t.Errorf("captured %+v, %d bytes", c, len(b.data))
		}
		if err := os.Rename(filepath.Join(h.Home, root), filepath.Join(h.Home, "moved")); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Capture(context.Background(), e, &b, sources.CaptureOptions{Dir: t.TempDir()}); err != nil {
			t.Errorf("the root was moved: %v", err)
		}
		if err := os.Rename(filepath.Join(h.Home, "moved"), filepath.Join(h.Home, root)); err != nil {
			t.Fatal(err)
		}
		e.Path = "db_storage/message/gone.db"
		if _, err := v.Capture(context.Background(), e, &b, sources.CaptureOptions{Dir: t.TempDir()}); !isNotExist(err) {
			t.Errorf("a database that is gone: %v", err)
		}
	}
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// A prefix counts only where a database has it.
func TestPrefix(t *testing.T) {
	h := newHome(t)
	h.write(".config/QQ/nt_qq_a/nt_db/nt_msg.db", strings.Repeat("x", 1024+2*4096))
	h.write(".config/QQ/nt_qq_a/nt_db/whole.db", strings.Repeat("x", 2*4096))
	h.write(".config/QQ/nt_qq_a/nt_db/plain.db", string(plainHeader)+strings.Repeat("x", 1024-16))
	h.write(".config/QQ/nt_qq_a/nt_db/empty.db", "")
	v := h.view(Options{Name: "qq"}, "nt_qq_a")
	for name, want := range map[string]int64{"nt_msg.db": 1024, "whole.db": 0, "plain.db": 0, "empty.db": 1024} {
		if got, err := v.prefix("nt_db/"+name, v.account.profile.Database); got != want || err != nil {
			t.Errorf("%s has %d bytes before its pages, want %d (%v)", name, got, want, err)
		}
	}
	if _, err := v.prefix("nt_db/gone.db", v.account.profile.Database); !isNotExist(err) {
		t.Errorf("one that is gone: %v", err)
	}
}

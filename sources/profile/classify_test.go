package profile

import (
	"fmt"
	"strings"
	"testing"
)

func builtin(t testing.TB, name string) *Profile {
	t.Helper()
	list := Named(Builtin(), name)
	if len(list) == 0 {
		t.Fatalf("no profile %s", name)
	}
	return list[0]
}

// said is a classification in short: category/priority, never, or the
// category of the database that a sidecar follows.
func said(c Class, kept bool) string {
	switch {
	case !kept:
		return "never"
	case c.Sidecar != "":
		return "sidecar-of/" + c.Category
	}
	return fmt.Sprintf("%s/%d", c.Category, c.Priority)
}

const chat = "msg/attach/0123456789abcdef0123456789abcdef/2026-05/"

func TestClassify(t *testing.T) {
	tests := []struct {
		profile string
		scope   Scope
		path    string
		want    string
	}{
		{"wechat4", AccountScope, "db_storage/message/message_0.db", "messages/0"},
		{"wechat4", AccountScope, "db_storage/message/biz_message_0.db", "messages/0"},
		{"wechat4", AccountScope, "db_storage/message/message_fts.db", "search_index/4"},
		{"wechat4", AccountScope, "db_storage/contact/contact_fts.db", "search_index/4"},
		{"wechat4", AccountScope, "db_storage/Contact/contact.db", "contacts/0"},
		{"wechat4", AccountScope, "db_storage/message/media_0.db", "voice/1"},
		{"wechat4", AccountScope, "db_storage/session/session.db", "session/0"},
		{"wechat4", AccountScope, "db_storage/session/session.db-shm", "never"},
		{"wechat4", AccountScope, "db_storage/newthing/newthing.db", "other/1"},
		{"wechat4", AccountScope, "db_storage/message/message_0.db-first.material", "other/4"},
		{"wechat4", AccountScope, "db_storage/message/message_0.db.factory/restore/a.db", "other/4"},
		{"wechat4", AccountScope, chat + "Img/1a2b_t.dat", "images/2"},
		{"wechat4", AccountScope, chat + "Rec/0123456789abcdef/F/1/合同.pdf", "files/2"},
		{"wechat4", AccountScope, chat + "Rec/0123456789abcdef/V/0.mp4", "videos/3"},
		{"wechat4", AccountScope, "msg/video/2026-05/abc.mp4", "videos/3"},
		{"wechat4", AccountScope, "msg/video/2026-05/abc_thumb.jpg", "images/2"},
		{"wechat4", AccountScope, "msg/file/2026-05/季度报告(1).xlsx", "files/2"},
		{"wechat4", AccountScope, "msg/file/2026-05/server.log", "files/2"},
		{"wechat4", AccountScope, "msg/file/2026-05/holiday.mp4", "files/2"},
		{"wechat4", AccountScope, "db_storage/message/message_0.db-wal", "sidecar-of/messages"},
		{"wechat4", AccountScope, "temp/ImageTemp/a.jpg", "never"},
		{"wechat4", AccountScope, "config/app.log", "never"},
		{"wechat3", AccountScope, "FileStorage/File/2023-01/yarn.lock", "files/2"},
		{"wechat4", AccountScope, "business/emoticon/Persist/ab/abcdef", "stickers/1"},
		{"wechat4", AccountScope, "business/emoticon/Temp/x", "never"},
		{"wechat4", AccountScope, "cache/2026-05/HttpResource/x", "never"},
		{"wechat4", AccountScope, "cache/2026-05/Message/0123/Thumb/x", "cache/4"},
		{"wechat4", AccountScope, "a/file/no/rule/knows", "other/4"},
		{"wechat4", RootScope, "Backup/wxid_a/0f/files/1/ab/ChatPackage/1-2", "phone_backup/1"},
		{"wechat4", RootScope, "backup/wxid_a/0f/files/1/ab/Media/1-2.tar.enc", "phone_backup/1"},
		{"wechat4", RootScope, "all_users/login/wxid_a/key_info.db", "config/0"},
		{"wechat4", RuntimeScope, "log/x.xlog", "never"},
		{"wechat3", AccountScope, "Msg/Multi/MSG0.db", "messages/0"},
		{"wechat3", AccountScope, "Msg/Multi/MediaMSG0.db", "voice/1"},
		{"wechat3", AccountScope, "Msg/Multi/FTSMSG0.db", "search_index/4"},
		{"wechat3", AccountScope, "FileStorage/MsgAttach/0123/Image/2023-01/a.dat", "images/2"},
		{"wechat3", AccountScope, "BackupFiles/dev/BAK_0_MEDIA", "phone_backup/1"},
		{"wechat3-macos", AccountScope, "Message/msg_3.db", "messages/0"},
		{"wechat3-macos", AccountScope, "Message/MessageTemp/0123/Audio/1.aud.silk", "voice/1"},
		{"qq", AccountScope, "nt_db/nt_msg.db", "messages/0"},
		{"qq", AccountScope, "nt_data/Pic/2026-01/Ori/a.jpg", "images/2"},
		{"signal", AccountScope, "sql/db.sqlite", "messages/0"},

		// More of WeChat 4.
		{"wechat4", AccountScope, "DB_Storage/Message/Message_0.DB", "messages/0"},
		{"wechat4", AccountScope, "db_storage/message/message_resource.db", "messages/0"},
		{"wechat4", AccountScope, "db_storage/hardlink/hardlink.db", "media_index/1"},
		{"wechat4", AccountScope, "db_storage/bizchat/bizchat.db", "messages/0"},
		{"wechat4", AccountScope, "db_storage/message/new.sqlite", "other/1"},
		{"wechat4", AccountScope, "db_storage/message/message_0.db-shm", "never"},
		{"wechat4", AccountScope, "db_storage/message/message_0.db-journal", "sidecar-of/messages"},
		{"wechat4", AccountScope, "db_storage/message/message_0.db.factory/restore/a.db-wal", "other/4"},
		{"wechat4", AccountScope, "db_storage/MMKV/settings", "config/0"},
		{"wechat4", AccountScope, "db_storage/general/general.db", "config/0"},
		{"wechat4", AccountScope, "business/newthing/x.db", "other/1"},
		{"wechat4", AccountScope, "config/x.db", "other/1"},
		{"wechat4", AccountScope, "cache/2026-05/x.db", "cache/4"},
		{"wechat4", AccountScope, "newthing/x.sqlite3", "other/1"},
		{"wechat4", AccountScope, "newthing/x.sqlite3-wal", "sidecar-of/other"},
		{"wechat4", AccountScope, "msg/file/2026-05/x.db", "files/2"},
		{"wechat4", AccountScope, "msg/file/2026-05/x.db-wal", "files/2"},
		{"wechat4", AccountScope, "msg/migrate/Video/2020-01/a.PNG", "images/2"},
		{"wechat4", AccountScope, "msg/attach/x/y.dat", "images/2"},
		{"wechat4", AccountScope, "msg/new/x.mkv", "videos/3"},
		{"wechat4", AccountScope, "msg/video/2026-05/a.hl.tmp", "never"},
		{"wechat4", AccountScope, "cache/2026-05/Sns/x", "moments/4"},
		{"wechat4", AccountScope, "cache/2026-05/Emoticon/x", "stickers/4"},
		{"wechat4", AccountScope, "temp", "never"},
		{"wechat4", AccountScope, "temporary/x", "other/4"},
		{"wechat4", RootScope, "all_users/head_imgs/a", "avatars/4"},
		{"wechat4", RootScope, "all_users/config/a", "config/0"},
		{"wechat4", RootScope, "all_users/sqlite/lock.ini", "never"},
		{"wechat4", RootScope, "Backup/x/pkg.lock", "never"},
		{"wechat4", RootScope, "old_account/msg/file/2020-01/a.pdf", "other/4"},
		{"wechat4", RuntimeScope, "config/0123.ini", "config/0"},
		{"wechat4", RuntimeScope, "All Users/x", "config/0"},
		{"wechat4", RuntimeScope, "new/x.mmap3", "never"},
		{"wechat4", RuntimeScope, "new/x", "other/4"},

		{"wechat3", AccountScope, "Msg/MicroMsg.db", "contacts/0"},
		{"wechat3", AccountScope, "Msg/HardLinkImage.db", "media_index/1"},
		{"wechat3", AccountScope, "Msg/PublicMsgMedia.db", "voice/1"},
		{"wechat3", AccountScope, "Msg/New/New.db", "messages/0"},
		{"wechat3", AccountScope, "Video/2015-01/a.mp4", "videos/3"},
		{"wechat3", AccountScope, "Attachment/a.doc", "files/2"},
		{"wechat3", AccountScope, "FileStorage/Temp/a", "never"},
		{"wechat3", RootScope, "All Users/config/config.data", "config/0"},
		{"wechat3", RootScope, "All Users/a.jpg", "avatars/4"},
		{"wechat3-macos", AccountScope, "Message/fts/ftsmessage.db", "search_index/4"},
		{"wechat3-macos", AccountScope, "Message/MessageTemp/0123/File/a.xlog", "files/2"},
		{"wechat3-macos", AccountScope, "MMLive/live_main.db", "other/1"},
		{"wechat3-macos", RootScope, "Backup/0123/x/Backup.db", "phone_backup/1"},
		{"qq", AccountScope, "nt_qq/nt_db/nt_msg.db", "messages/0"},
		{"qq", AccountScope, "nt_qq/nt_data/Video/2026-01/a.mp4", "videos/3"},
		{"qq", AccountScope, "nt_db/group_msg_fts.db", "search_index/4"},
		{"qq", AccountScope, "nt_db/nt_msg.db-shm", "never"},
		{"qq", RootScope, "Partitions/x/GPUCache/y", "never"},
		{"signal", AccountScope, "attachments.noindex/ab/abcd", "files/2"},
		{"signal", AccountScope, "attachments.noindex/logs/x", "files/2"},
		{"signal", AccountScope, "logs/main.log", "never"},
		{"signal", AccountScope, "config.json", "config/0"},
	}
	for _, tt := range tests {
		c, kept, why := builtin(t, tt.profile).Classify(tt.scope, tt.path, 1)
		if got := said(c, kept); got != tt.want {
			t.Errorf("%s, %s: %s is %s, want %s", tt.profile, tt.scope, tt.path, got, tt.want)
		}
		if kept == (why == NeverKept) {
			t.Errorf("%s: kept %v for the reason %q", tt.path, kept, why)
		}
	}
}

// Whatever a document is called, in the folders where an app puts documents it
// is kept.
func TestDocumentsAreNeverDroppedByName(t *testing.T) {
	folders := map[string][]string{
		"wechat4":       {"msg/file/2026-05/", "msg/migrate/File/2020-01/", chat + "Rec/0123456789abcdef/F/1/"},
		"wechat3":       {"FileStorage/File/2020-01/", "FileStorage/MsgAttach/0123/File/2020-01/", "Files/", "Attachment/"},
		"wechat3-macos": {"Message/MessageTemp/0123/File/"},
		"qq":            {"nt_data/File/2026-01/", "nt_qq/nt_data/File/"},
		"signal":        {"attachments.noindex/ab/", "downloads.noindex/"},
	}
	ends := strings.Fields("xlog mmap3 log dmp tmp temp lock ini db db-shm db-wal sock material DS_Store hl.tmp crdownload")
	names := strings.Fields("Thumbs.db desktop.ini .DS_Store SingletonLock LOCK Cache/x temp/x log/x pkg.lock WMPF/x")
	for _, end := range ends {
		names = append(names, "a."+end)
	}
	for profile, list := range folders {
		p := builtin(t, profile)
		for _, folder := range list {
			for _, name := range names {
				c, kept, _ := p.Classify(AccountScope, folder+name, 1)
				if !kept || c.Kind != File || c.Sidecar != "" || c.Category != "files" {
					t.Errorf("%s: %s is %s, kind %s", profile, folder+name, said(c, kept), c.Kind)
				}
			}
			for dir := folder; dir != ""; dir = dir[:strings.LastIndexByte(strings.TrimSuffix(dir, "/"), '/')+1] {
				if p.neverIn(AccountScope, strings.ToLower(strings.TrimSuffix(dir, "/"))) {
					t.Errorf("%s: nobody looks into %s", profile, dir)
				}
			}
		}
	}
}

func TestLargeFilesGoLater(t *testing.T) {
	p := builtin(t, "wechat4")
	for size, want := range map[int64]string{256 << 20: "files/2", 256<<20 + 1: "files/3"} {
		c, kept, _ := p.Classify(AccountScope, "msg/file/2026-05/a.iso", size)
		if got := said(c, kept); got != want {
			t.Errorf("%d bytes: %s, want %s", size, got, want)
		}
	}
}

func TestKinds(t *testing.T) {
	for path, want := range map[string]Kind{
		"db_storage/message/message_0.db": Database, "db_storage/new/x.db": Database, "new/x.sqlite": Database,
		"db_storage/MMKV/a": File, "msg/file/2026-05/x.db": File, "config/a": File,
		"db_storage/message/message_0.db.factory/restore/a.db": File,
	} {
		if c, _, _ := builtin(t, "wechat4").Classify(AccountScope, path, 1); c.Kind != want {
			t.Errorf("%s is a %s, want %s", path, c.Kind, want)
		}
	}
	if c, _, _ := builtin(t, "wechat4").Classify(RootScope, "Backup/x", 1); c.Kind != Unit {
		t.Errorf("a phone's backup is a %s", c.Kind)
	}
}

func TestFoldersNobodyLooksInto(t *testing.T) {
	p := builtin(t, "wechat4")
	for path, want := range map[string]bool{
		"temp": true, "business/emoticon/temp": true, "cache/2026-05/httpresource": true, "wmpf": true,
		"cache": false, "cache/2026-05": false, "business/emoticon": false, "msg": false, "db_storage": false, "msg/temp": false,
	} {
		if got := p.neverIn(AccountScope, path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

// Every category is one of the list and every rule is reached by its scope.
func TestBuiltinProfiles(t *testing.T) {
	if got, want := strings.Join(Apps(), " "), "qq signal wechat"; got != want {
		t.Errorf("apps %s, want %s", got, want)
	}
	if n := len(Categories()); n != 17 {
		t.Errorf("%d categories", n)
	}
	names := map[string]bool{}
	for _, p := range Builtin() {
		if names[p.Name] || p.Name != p.App && names[p.App] {
			t.Errorf("two are called %s", p.Name)
		}
		names[p.Name] = true
		if p.Layout == "" || len(p.Places) == 0 {
			t.Errorf("%s has no layout or no places", p.Name)
		}
	}
	if list := Named(Builtin(), "wechat"); len(list) != 3 || list[0].Name != "wechat4" {
		t.Errorf("profiles of wechat: %v", list)
	}
}

func BenchmarkClassify(b *testing.B) {
	p := builtin(b, "wechat4")
	for _, path := range []string{
		chat + "Img/0123456789abcdef0123456789abcdef_t.dat", chat + "Rec/0123456789abcdef/F/1/合同.pdf",
		"msg/file/2026-05/季度报告(1).xlsx", "msg/video/2026-05/0123456789abcdef.mp4",
		"cache/2026-05/Message/0123456789abcdef/Thumb/x", "db_storage/message/message_0.db", "new/file",
	} {
		b.Run(strings.ReplaceAll(path, "/", "|"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Classify(AccountScope, path, 1)
			}
		})
	}
}

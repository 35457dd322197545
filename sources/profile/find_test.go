package profile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/sources"
)

func TestTwoAccounts(t *testing.T) {
	h := newHome(t)
	h.wechat("文档/xwechat_files", "wxid_madeup0001_5ff1", "lin_madeup")
	h.plant("文档/xwechat_files/all_users/login/x/key_info.db", "文档/xwechat_files/Backup/x/1", "文档/xwechat_files/WMPF/x", "文档/xwechat_files/stray/")
	h.plant(".xwechat/config/0.ini")
	h.want(h.find(Options{}),
		"wechat-lin_madeup 文档/xwechat_files/lin_madeup",
		"wechat-wxid_madeup0001_5ff1 文档/xwechat_files/wxid_madeup0001_5ff1",
		"wechat-phone-backup 文档/xwechat_files",
		"wechat-settings .xwechat",
		"wechat-shared 文档/xwechat_files",
	)
}

func TestPlacesOnLinux(t *testing.T) {
	for _, root := range []string{
		"xwechat_files", "Documents/xwechat_files", ".var/app/com.tencent.WeChat/xwechat_files",
		"文档/WeChat_Data/xwechat_files", "文档/WeChat_Data/home/xwechat_files", "aur/xwechat_files",
	} {
		h := newHome(t)
		h.Getenv = func(name string) string {
			return map[string]string{"WECHAT_DATA_DIR": filepath.Join(h.Home, "aur")}[name]
		}
		h.wechat(root, "a_0001")
		h.want(h.find(Options{}), "wechat-a_0001 "+root+"/a_0001")
	}
}

func TestPlacesElsewhere(t *testing.T) {
	for name, tt := range map[string]struct{ os, file, want string }{
		"3, Windows":      {"windows", "文档/WeChat Files/a/Msg/MicroMsg.db", "文档/WeChat Files/a"},
		"4 in 3, Windows": {"windows", "文档/WeChat Files/a/db_storage/message/message_0.db", "文档/WeChat Files/a"},
		"3 under Wine":    {"linux", "Documents/WeChat Files/a/Msg/Multi/MSG0.db", "Documents/WeChat Files/a"},
		"4, macOS": {"macos", "Library/Containers/com.tencent.xinWeChat/Data/Documents/xwechat_files/a/db_storage/session/session.db",
			"Library/Containers/com.tencent.xinWeChat/Data/Documents/xwechat_files/a"},
		"3, macOS": {"macos", "Library/Containers/com.tencent.xinWeChat/Data/Library/Application Support/com.tencent.xinWeChat/2.0b4.0.9/" +
			strings.Repeat("0a", 16) + "/Message/msg_0.db",
			"Library/Containers/com.tencent.xinWeChat/Data/Library/Application Support/com.tencent.xinWeChat/2.0b4.0.9/" + strings.Repeat("0a", 16)},
	} {
		h := newHome(t)
		h.OS = tt.os
		h.plant(tt.file)
		f := h.find(Options{})
		if len(f.Accounts) != 1 || f.Accounts[0].Root() != filepath.Join(h.Home, tt.want) {
			t.Errorf("%s: %v", name, f.Accounts)
		}
	}
}

func TestOtherApps(t *testing.T) {
	h := newHome(t)
	h.plant(".config/QQ/nt_qq_0a0b/nt_db/nt_msg.db", ".config/QQ/nt_qq/nt_db/login.db", ".config/QQ/GPUCache/x",
		".config/Signal/sql/db.sqlite", ".var/app/org.signal.Signal/config/Signal/sql/db.sqlite")
	h.want(h.find(Options{Name: "qq"}), "qq-nt_qq_0a0b .config/QQ/nt_qq_0a0b", "qq-shared .config/QQ")
	flat := ".var/app/org.signal.Signal/config/Signal"
	h.want(h.find(Options{Name: "signal"}), "signal .config/Signal", "signal-"+digest(filepath.Join(h.Home, flat))+" "+flat)
	w := newHome(t)
	w.OS = "windows"
	w.plant("文档/Tencent Files/10001/nt_qq/nt_db/nt_msg.db")
	w.want(w.find(Options{Name: "qq"}), "qq-10001 文档/Tencent Files/10001")
}

func TestTwoRoots(t *testing.T) {
	h := newHome(t)
	h.wechat("文档/xwechat_files", "same_0001", "one_0001")
	h.wechat(".var/app/com.tencent.WeChat/xwechat_files", "same_0001", "two_0001")
	flat := ".var/app/com.tencent.WeChat/xwechat_files"
	want := []string{
		"wechat-one_0001 文档/xwechat_files/one_0001",
		"wechat-same_0001 文档/xwechat_files/same_0001",
		"wechat-same_0001-" + digest(filepath.Join(h.Home, flat, "same_0001")) + " " + flat + "/same_0001",
		"wechat-two_0001 " + flat + "/two_0001",
	}
	h.want(h.find(Options{}), want...)
}

// A root that the user moved is found by the app's own settings.
func TestMovedRoot(t *testing.T) {
	for name, tt := range map[string]struct{ os, ini, text string }{
		"the folder it is in":  {"linux", ".xwechat/config/0123.ini", "HOME/moved\n"},
		"the root":             {"linux", ".xwechat/config/0123.INI", "HOME/moved/xwechat_files"},
		"Flatpak":              {"linux", ".var/app/com.tencent.WeChat/.xwechat/config/a.ini", "HOME/moved"},
		"Windows":              {"windows", "AppData/Tencent/xwechat/config/a.ini", "HOME/moved\r\n\x00"},
		"Windows, marked":      {"windows", "AppData/Tencent/xwechat/config/a.ini", "\ufeffHOME/moved"},
		"Windows, GBK":         {"windows", "AppData/Tencent/xwechat/config/a.ini", "HOME/\xce\xc4\xb5\xb5/\xcc\xab"},
		"Windows, placeholder": {"windows", "AppData/Tencent/xwechat/config/a.ini", "MyDocument:"},
	} {
		h := newHome(t)
		h.OS = tt.os
		h.Getenv = func(name string) string {
			return map[string]string{"APPDATA": filepath.Join(h.Home, "AppData")}[name]
		}
		root := "moved/xwechat_files"
		switch {
		case strings.Contains(tt.text, "\xcc"):
			root = "文档/太/xwechat_files"
		case strings.HasPrefix(tt.text, "My"):
			root = "文档/xwechat_files"
		}
		h.wechat(root, "a_0001")
		h.write(tt.ini, strings.ReplaceAll(tt.text, "HOME", h.Home))
		f := h.find(Options{Accounts: []string{"a"}})
		if len(f.Accounts) != 1 || f.Accounts[0].Root() != filepath.Join(h.Home, root, "a_0001") {
			t.Errorf("%s: %v", name, f.Accounts)
		}
		if tt.os == "linux" && !slices.Contains(f.Looked, Looked{filepath.Join(h.Home, root), BySettings, true}) {
			t.Errorf("%s: looked at %v", name, f.Looked)
		}
	}
}

// A setting is data of the app's: what is no path leads nowhere.
func TestOddSettings(t *testing.T) {
	for _, text := range []string{
		"", "relative/path", "a\nb", "/no/such/folder", "../..", "\xff\xff", strings.Repeat("/a", maxSmall), "MyDocument:../x\x01",
	} {
		h := newHome(t)
		h.wechat("xwechat", "a_0001")
		h.write(".xwechat/config/0.ini", text)
		for _, a := range h.find(Options{}).Accounts {
			if a.scope != RuntimeScope {
				t.Errorf("%.20q leads to %s", text, a.Root())
			}
		}
	}
}

func TestRegistry(t *testing.T) {
	h := newHome(t)
	h.OS = "windows"
	h.Registry = func(key string) string {
		if key == `HKCU\Software\Tencent\WeChat\FileSavePath` {
			return filepath.Join(h.Home, "moved")
		}
		return ""
	}
	h.plant("moved/WeChat Files/a/Msg/MicroMsg.db")
	h.want(h.find(Options{}), "wechat-a moved/WeChat Files/a")
}

func TestSymlinkedRootIsCountedOnce(t *testing.T) {
	h := newHome(t)
	h.wechat("disk/xwechat_files", "a_0001")
	h.plant("文档/xwechat_files -> disk/xwechat_files", "xwechat_files -> disk/xwechat_files",
		"disk/xwechat_files/b_0001 -> disk/xwechat_files/a_0001")
	h.want(h.find(Options{}), "wechat-a_0001 文档/xwechat_files/a_0001")
}

func TestSymlinkedAccount(t *testing.T) {
	h := newHome(t)
	h.wechat("disk", "a_0001")
	h.plant("xwechat_files/a_0001 -> disk/a_0001")
	h.want(h.find(Options{}), "wechat-a_0001 xwechat_files/a_0001")
	kept, _, _ := walk(t, h.view(Options{}, "a_0001"))
	if _, ok := kept["msg/file/2026-05/a.pdf"]; !ok {
		t.Errorf("kept %v", kept)
	}
}

func TestNoneFound(t *testing.T) {
	h := newHome(t)
	h.plant("文档/xwechat_files/all_users/x")
	s := h.source(Options{})
	f, err := s.Find(context.Background())
	if err != nil || len(f.Accounts) != 0 {
		t.Fatalf("found %v, %v", f, err)
	}
	if want := (Looked{filepath.Join(h.Home, "文档/xwechat_files"), Known, false}); len(f.Looked) < 5 || f.Looked[0] != want {
		t.Errorf("looked at %v", f.Looked)
	}
	_, err = s.None().View(context.Background())
	if !errors.Is(err, sources.ErrVanished) || !hint.Is(err, "no_accounts") || s.None().Name() != "wechat" || s.None().Kind() != "wechat" {
		t.Errorf("an account that stands for none: %v", err)
	}
	if !filepath.IsAbs(s.None().Root()) {
		t.Errorf("its root is %s", s.None().Root())
	}
}

func TestGivenRoot(t *testing.T) {
	h := newHome(t)
	h.wechat("xwechat_files", "found_0001")
	h.wechat("nas/old", "a_0001")
	h.plant("nas/old/Backup/x")
	h.want(h.find(Options{Root: filepath.Join(h.Home, "nas/old")}),
		"wechat-a_0001 nas/old/a_0001", "wechat-phone-backup nas/old")
	h.want(h.find(Options{Root: filepath.Join(h.Home, "nas/old/a_0001")}), "wechat-a_0001 nas/old/a_0001")
	h.want(h.find(Options{Root: filepath.Join(h.Home, "gone")}), "wechat gone")
}

func TestWantedAccounts(t *testing.T) {
	h := newHome(t)
	h.wechat("xwechat_files", "lin_madeup_0001", "wang_0002")
	h.plant("xwechat_files/all_users/x")
	h.want(h.find(Options{Accounts: []string{"LIN_madeup"}}), "wechat-lin_madeup_0001 xwechat_files/lin_madeup_0001")
	f := h.find(Options{Accounts: []string{"wang_0002", "typo"}})
	h.want(f, "wechat-typo typo", "wechat-wang_0002 xwechat_files/wang_0002")
	_, err := f.Accounts[0].View(context.Background())
	if !errors.Is(err, sources.ErrVanished) {
		t.Errorf("an account that isn't there: %v", err)
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("长", 30)
	for label, want := range map[string]string{
		"wxid_madeup0001_5ff1": "wechat-wxid_madeup0001_5ff1",
		"":                     "wechat",
		"聊天":                   "wechat-聊天",
		"a b":                  "wechat-a-b-" + digest("a b"),
		"a/b":                  "wechat-a-b-" + digest("a/b"),
		"a\xffb":               "wechat-a-b-" + digest("a\xffb"),
		long:                   "wechat-" + strings.Repeat("长", 17) + "-" + digest(long),
	} {
		if got := nameOf("wechat", label); got != want || sources.CheckName(got) != nil {
			t.Errorf("%q is called %q, want %q", label, got, want)
		}
	}
	if name := nameOf(strings.Repeat("s", 80), "label"); sources.CheckName(name) != nil {
		t.Errorf("%q can't be a name", name)
	}
}

func TestRecognise(t *testing.T) {
	h := newHome(t)
	h.wechat("any/where", "a_0001")
	h.plant("3/a/Msg/MicroMsg.db", "Signal/sql/db.sqlite", "photos/2026/a.jpg", "file")
	for path, want := range map[string]string{
		"any/where": "wechat4", "any/where/a_0001": "wechat4", "any": "", "3": "wechat3", "Signal": "signal",
		"photos": "", "file": "", "gone": "",
	} {
		got := ""
		if p := Recognise(Builtin(), filepath.Join(h.Home, path)); p != nil {
			got = p.Name
		}
		if got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

func TestHere(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	h := Here()
	home := os.Getenv("HOME")
	if h.Home == home && h.Documents != filepath.Join(home, "Documents") {
		t.Errorf("documents are in %s", h.Documents)
	}
	if err := os.Mkdir(filepath.Join(home, ".config"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".config/user-dirs.dirs"), []byte("XDG_DOCUMENTS_DIR=\"$HOME/文档\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if h := Here(); h.OS == "linux" && h.Documents != filepath.Join(home, "文档") {
		t.Errorf("documents are in %s", h.Documents)
	}
	if h.Network(home) != "" {
		t.Logf("the tests run on %s", h.Network(home))
	}
}

func TestPath(t *testing.T) {
	h := &Host{Home: "/home/li", Documents: "/d", Getenv: func(name string) string { return map[string]string{"X": "/x"}[name] }}
	for text, want := range map[string]string{
		"~/a": "/home/li/a", "${HOME}/a/": "/home/li/a", "${DOCUMENTS}": "/d", "${X}/y": "/x/y",
		"${MISSING}/y": "", "${CONFIG}/QQ": "", "relative": "", "": "", "~li/x": "",
	} {
		if got := h.path(text); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}

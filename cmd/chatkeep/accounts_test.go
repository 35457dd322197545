package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/i18n"
	"github.com/chatkeep/chatkeep/sources/profile"
)

// An account on a network drive is named with what that costs.
func TestAccountOnANetworkDrive(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "a_0001", "db_storage", "message"), 0o755); err != nil {
		t.Fatal(err)
	}
	host := profile.Here()
	host.Network = func(string) string { return "smb" }
	src, err := profile.New(profile.Options{Name: "wechat", Profiles: profile.Named(profile.Builtin(), "wechat"), Root: root, Host: host})
	if err != nil {
		t.Fatal(err)
	}
	list, err := src.Accounts(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%d accounts, %v", len(list), err)
	}
	for lang, want := range map[string]string{i18n.English: "on a network drive or the like (smb)", i18n.Chinese: "网络硬盘一类的地方（smb）"} {
		var out bytes.Buffer
		a := &app{out: &out, notes: &out, say: i18n.For(lang).Say}
		d, err := a.account(t.Context(), &entry{source: config.Source{App: "wechat"}, app: src}, list[0])
		if err != nil {
			t.Fatal(err)
		}
		a.tellAccount(d)
		if d.Network != "smb" || d.Locks != "none" || len(d.Notes) != 1 || d.Notes[0].Code != "network" || !strings.Contains(out.String(), want) {
			t.Errorf("%+v\n%s", d, out.String())
		}
	}
}

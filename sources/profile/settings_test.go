package profile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSettingOf(t *testing.T) {
	for text, want := range map[string]string{
		"D:\\WeChat\r\n":          `D:\WeChat`,
		"\ufeff/home/li/聊天\n\x00": "/home/li/聊天",
		"/\xce\xa2\xd0\xc5":       "/微信",
		"/a\n/b":                  "",
		"/\xff\xff":               "",
		"":                        "",
		"MyDocument:":             "MyDocument:",
	} {
		if got := settingOf([]byte(text)); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestReadSmall(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"small": maxSmall, "large": maxSmall + 1} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]int{"small": maxSmall, "large": 0, "gone": 0, ".": 0} {
		if got := len(readSmall(filepath.Join(dir, name))); got != want {
			t.Errorf("%s: %d bytes, want %d", name, got, want)
		}
	}
}

// Whatever a file of settings holds, what comes out is one line of text.
func FuzzSetting(f *testing.F) {
	for _, text := range []string{"/home/li\n", "\ufeffD:\\a", "/\xce\xa2\xd0\xc5", "MyDocument:x", "\x00", "a\u0085b", "\xa1"} {
		f.Add([]byte(text))
	}
	h := &Host{Documents: "/d"}
	f.Fuzz(func(t *testing.T, file []byte) {
		got := settingOf(file)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\n\r") {
			t.Errorf("%q from %q", got, file)
		}
		h.fromSetting(got)
	})
}

package profile

import (
	"path/filepath"
	"testing"
)

func TestUserDir(t *testing.T) {
	for file, want := range map[string]string{
		"XDG_DOCUMENTS_DIR=\"$HOME/文档\"":                               "/home/li/文档",
		"# x\n XDG_DOCUMENTS_DIR = \"/d/\"\nXDG_MUSIC_DIR=\"$HOME/m\"": "/d",
		"XDG_DOCUMENTS_DIR=\"$HOME\"":                                  "/home/li",
		"XDG_DOCUMENTS_DIR=\"$HOME/a\"\nXDG_DOCUMENTS_DIR=\"$HOME/b\"": "/home/li/b",
		`XDG_DOCUMENTS_DIR="$HOME/a\"b\\c\$d"`:                         `/home/li/a"b\c$d`,
		"XDG_DOCUMENTS_DIR=\"relative\"":                               "",
		"XDG_DOCUMENTS_DIR=$HOME/x":                                    "",
		"XDG_DOCUMENTS_DIR=\"$HOMER/x\"":                               "",
		"XDG_DOCUMENTS_DIR=\"$HOME/x":                                  "",
		"XDG_DOCUMENTS_DIR=\"\"":                                       "",
		"":                                                             "",
	} {
		if got := userDir([]byte(file), "XDG_DOCUMENTS_DIR", "/home/li"); got != want {
			t.Errorf("%q gives %q, want %q", file, got, want)
		}
	}
	if got := userDir([]byte(`XDG_DOCUMENTS_DIR="$HOME/x"`), "XDG_DOCUMENTS_DIR", ""); got != "" {
		t.Errorf("without a home: %q", got)
	}
}

// Whatever the file holds, what comes out is an absolute path or nothing.
func FuzzUserDir(f *testing.F) {
	f.Add([]byte("XDG_DOCUMENTS_DIR=\"$HOME/文档\"\n"))
	f.Add([]byte(`XDG_DOCUMENTS_DIR="\"`))
	f.Fuzz(func(t *testing.T, file []byte) {
		if got := userDir(file, "XDG_DOCUMENTS_DIR", "/home/li"); got != "" && got != filepath.Clean(got) || got != "" && !filepath.IsAbs(got) {
			t.Errorf("%q gives %q", file, got)
		}
	})
}

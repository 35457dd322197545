package main

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// A changed file keeps its mode, and a symlink goes on naming the same file.
func TestChangeConfigKeepsTheFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("modes and symlinks are others here; the content is what counts")
	}
	const text = "sources: [/a]\nremote: drive:x # away\nnotify: [wecom]\n"
	s := newSession(t)
	s.write("dotfiles/chat.yaml", text)
	target := s.path("dotfiles", "chat.yaml")
	if err := os.Chmod(target, 0o664); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("dotfiles/chat.yaml", s.path("chatkeep.yaml")); err != nil {
		t.Fatal(err)
	}
	a := &app{getenv: func(k string) string { return s.env[k] }}
	if err := a.addName("notify", "phone"); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(text, "[wecom]", "[wecom, phone]", 1)
	if got, err := os.ReadFile(target); err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
	info, err := os.Lstat(s.path("chatkeep.yaml"))
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the symlink is gone: %v, %v", info, err)
	}
	if info, err := os.Stat(target); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o664 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if err := a.removeName("notify", "phone"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != text {
		t.Errorf("%v\n%s", err, got)
	}
}

// A file that another program changes meanwhile, or that has mistakes, stays as
// it is.
func TestChangeConfigLeavesTheFile(t *testing.T) {
	s := newSession(t)
	a := &app{getenv: func(k string) string { return s.env[k] }}
	const mine, theirs = "remote: drive:x\n", "remote: drive:y\n"
	s.write("chatkeep.yaml", mine)
	err := a.changeConfig("notify", "phone", func(file string, text []byte, path, name string) ([]byte, error) {
		s.write("chatkeep.yaml", theirs)
		return config.AddName(file, text, path, name)
	})
	if got, _ := os.ReadFile(s.path("chatkeep.yaml")); err == nil || !strings.Contains(err.Error(), "another program") || string(got) != theirs {
		t.Errorf("%v\n%s", err, got)
	}
	s.write("chatkeep.yaml", "remote: 7\n")
	if err := a.addName("notify", "phone"); !hint.Is(err, config.CodeBad) {
		t.Errorf("a file with mistakes: %v", err)
	}
	if err := os.Remove(s.path("chatkeep.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := a.addName("notify", "phone"); !hint.Is(err, config.CodeMissing) {
		t.Errorf("no file: %v", err)
	}
}

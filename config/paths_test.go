package config

import (
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestLocate(t *testing.T) {
	const own, etc = "/home/li/.config/chatkeep/chatkeep.yaml", "/etc/chatkeep/chatkeep.yaml"
	tests := []struct {
		name, flag string
		env        func(string) string
		there      []string
		want       string
	}{
		{"flag wins", "x.yaml", env("CHATKEEP_CONFIG", "/y"), []string{own}, "x.yaml"},
		{"then the variable", "", env("CHATKEEP_CONFIG", "/y", "HOME", "/home/li"), []string{own, etc}, "/y"},
		{"then the user's", "", env("HOME", "/home/li"), []string{own, etc}, own},
		{"then the computer's", "", env("HOME", "/home/li"), []string{etc}, etc},
		{"where a new one belongs", "", env("HOME", "/home/li"), nil, own},
		{"XDG", "", env("HOME", "/home/li", "XDG_CONFIG_HOME", "/xdg"), nil, "/xdg/chatkeep/chatkeep.yaml"},
		{"relative XDG is ignored", "", env("HOME", "/home/li", "XDG_CONFIG_HOME", "xdg"), nil, own},
		{"a service without a home", "", env(), nil, etc},
	}
	for _, tt := range tests {
		p := places{"linux", tt.env}
		got := p.locate(tt.flag, func(path string) bool { return slices.Contains(tt.there, path) })
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if got := Locate("", env("HOME", t.TempDir())); got == "" {
		t.Error("no place at all")
	}
}

func TestDirs(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // the paths below are written for the others
	}
	tests := []struct {
		os           string
		env          func(string) string
		state, cache string
	}{
		{"linux", env("HOME", "/h"), "/h/.local/state/chatkeep", "/h/.cache/chatkeep"},
		{"linux", env("HOME", "/h", "XDG_STATE_HOME", "/s", "XDG_CACHE_HOME", "/c"), "/s/chatkeep", "/c/chatkeep"},
		{"linux", env("CHATKEEP_STATE", "/s", "CHATKEEP_CACHE", "/c"), "/s", "/c"},
		{"linux", env(), "", ""},
		{"darwin", env("HOME", "/h"), "/h/Library/Application Support/chatkeep/state", "/h/Library/Caches/chatkeep/cache"},
		{"darwin", env("HOME", "/h", "XDG_STATE_HOME", "/s"), "/s/chatkeep", "/h/Library/Caches/chatkeep/cache"},
		{"windows", env("LocalAppData", "/l"), "/l/chatkeep/state", "/l/chatkeep/cache"},
		{"windows", env(), "", ""},
	}
	for _, tt := range tests {
		p := places{tt.os, tt.env}
		state, err := p.dir("CHATKEEP_STATE", "state", "XDG_STATE_HOME", ".local/state", "Library/Application Support")
		if state != tt.state || (err == nil) != (tt.state != "") {
			t.Errorf("%s: state %s, %v, want %s", tt.os, state, err, tt.state)
		}
		cache, err := p.dir("CHATKEEP_CACHE", "cache", "XDG_CACHE_HOME", ".cache", "Library/Caches")
		if cache != tt.cache || (err == nil) != (tt.cache != "") {
			t.Errorf("%s: cache %s, %v, want %s", tt.os, cache, err, tt.cache)
		}
	}
}

func TestRelativeDirsBecomeAbsolute(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	state, err := StateDir(env("CHATKEEP_STATE", "s"))
	if err != nil || state != filepath.Join(dir, "s") {
		t.Errorf("%s, %v", state, err)
	}
	cache, err := CacheDir(env("CHATKEEP_CACHE", "c"))
	if err != nil || cache != filepath.Join(dir, "c") {
		t.Errorf("%s, %v", cache, err)
	}
}

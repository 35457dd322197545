package config

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// places knows where files belong on a kind of computer.
type places struct {
	os     string
	getenv func(string) string
}

// here is this computer.
func here(getenv func(string) string) places { return places{runtime.GOOS, getenv} }

// Locate returns the path of the configuration: flag if it is given, else
// $CHATKEEP_CONFIG, else the first of the user's own
// ($XDG_CONFIG_HOME/chatkeep/chatkeep.yaml) and the computer's
// (/etc/chatkeep/chatkeep.yaml) that exists. If none does it is the user's
// own, which is where a new one belongs; [Load] then says that it is missing.
func Locate(flag string, getenv func(string) string) string {
	return here(getenv).locate(flag, exists)
}

func (p places) locate(flag string, exists func(string) bool) string {
	if flag != "" {
		return flag
	}
	if path := p.getenv("CHATKEEP_CONFIG"); path != "" {
		return path
	}
	paths := p.configs()
	for _, path := range paths {
		if exists(path) {
			return path
		}
	}
	return paths[0]
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// configs returns the places of a configuration, the user's first.
func (p places) configs() []string {
	var list []string
	if dir := p.userDir("XDG_CONFIG_HOME", ".config", "Library/Application Support", "AppData"); dir != "" {
		list = append(list, filepath.Join(dir, "chatkeep", "chatkeep.yaml"))
	}
	if p.os == "windows" {
		return append(list, filepath.Join(p.getenv("ProgramData"), "chatkeep", "chatkeep.yaml"))
	}
	return append(list, "/etc/chatkeep/chatkeep.yaml")
}

// StateDir returns the folder for keys, what was seen, and history:
// $CHATKEEP_STATE, else $XDG_STATE_HOME/chatkeep or ~/.local/state/chatkeep;
// on macOS ~/Library/Application Support/chatkeep/state, on Windows
// %LocalAppData%\chatkeep\state. It need not exist. The error says that the
// home folder is not known.
func StateDir(getenv func(string) string) (string, error) {
	return here(getenv).dir("CHATKEEP_STATE", "state", "XDG_STATE_HOME", ".local/state", "Library/Application Support")
}

// CacheDir returns the folder for what can be deleted at any time:
// $CHATKEEP_CACHE, else $XDG_CACHE_HOME/chatkeep or ~/.cache/chatkeep; on macOS
// ~/Library/Caches/chatkeep/cache, on Windows %LocalAppData%\chatkeep\cache.
// It need not exist. The error says that the home folder is not known.
func CacheDir(getenv func(string) string) (string, error) {
	return here(getenv).dir("CHATKEEP_CACHE", "cache", "XDG_CACHE_HOME", ".cache", "Library/Caches")
}

// dir returns the folder that the variable own names, made absolute, or the
// default one.
func (p places) dir(own, kind, xdg, unix, mac string) (string, error) {
	if path := p.getenv(own); path != "" {
		return filepath.Abs(path)
	}
	dir := p.userDir(xdg, unix, mac, "LocalAppData")
	switch {
	case dir == "":
		return "", errors.New("find " + kind + " folder: the home folder is not known; set " + own)
	case p.os == "darwin" && p.xdg(xdg) == "" || p.os == "windows":
		return filepath.Join(dir, "chatkeep", kind), nil
	}
	return filepath.Join(dir, "chatkeep"), nil
}

// userDir returns the user's folder for a kind of files, or "" if it can't
// be known.
func (p places) userDir(xdg, unix, mac, windows string) string {
	if p.os == "windows" {
		return p.getenv(windows)
	}
	if dir := p.xdg(xdg); dir != "" {
		return dir
	}
	home := p.getenv("HOME")
	switch {
	case home == "":
		return ""
	case p.os == "darwin":
		return filepath.Join(home, mac)
	}
	return filepath.Join(home, unix)
}

// xdg returns an XDG variable. The specification says to ignore a relative
// one.
func (p places) xdg(name string) string {
	if dir := p.getenv(name); filepath.IsAbs(dir) {
		return dir
	}
	return ""
}

package profile

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// Host is the computer that accounts are looked for on. Tests make one up.
type Host struct {
	OS        string // linux, windows or macos
	Home      string
	Documents string              // the user's folder of documents
	Config    string              // the user's folder of apps' files
	Getenv    func(string) string // the environment
	Proc      string              // where Linux shows programs that run; "": nowhere
	UID       int                 // whose programs are looked at
	Registry  func(key string) string
	// Network returns the kind of network file system that path is on, or "".
	Network func(path string) string
}

// Here is this computer and its user.
func Here() *Host {
	h := &Host{OS: runtime.GOOS, Getenv: os.Getenv, UID: os.Getuid(), Registry: readRegistry, Network: networkOf}
	h.Home, _ = os.UserHomeDir() // without one, the places in it are not looked at
	switch h.OS {
	case "darwin":
		h.OS = "macos"
	case "linux":
		h.Proc = "/proc"
	}
	h.Config = os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(h.Config) && h.Home != "" {
		h.Config = filepath.Join(h.Home, ".config")
	}
	h.Documents = h.documents()
	return h
}

// documents asks the system, which may have moved them or give them a name in
// the user's language.
func (h *Host) documents() string {
	if dir := knownDocuments(); dir != "" {
		return dir
	}
	if h.OS == "linux" && h.Config != "" {
		if dir := userDir(readSmall(filepath.Join(h.Config, "user-dirs.dirs")), "XDG_DOCUMENTS_DIR", h.Home); dir != "" {
			return dir
		}
	}
	if h.Home == "" {
		return ""
	}
	return filepath.Join(h.Home, "Documents")
}

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

// path returns what a place's path means here, or "" if a part of it is not
// known or it is not absolute.
func (h *Host) path(text string) string {
	if rest, ok := strings.CutPrefix(text, "~/"); ok {
		text = "${HOME}/" + rest
	}
	missing := false
	text = variable.ReplaceAllStringFunc(text, func(name string) string {
		value := h.value(name[2 : len(name)-1])
		missing = missing || value == ""
		return value
	})
	text = filepath.FromSlash(text)
	if missing || !filepath.IsAbs(text) {
		return ""
	}
	return filepath.Clean(text)
}

func (h *Host) value(name string) string {
	switch name {
	case "HOME":
		return h.Home
	case "DOCUMENTS":
		return h.Documents
	case "CONFIG":
		return h.Config
	}
	return h.Getenv(name)
}

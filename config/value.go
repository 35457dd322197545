package config

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decode reads the sources, or the only one.
func (list *Sources) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.ScalarNode {
		var elements []Source
		d.list(n, path, reflect.ValueOf(&elements).Elem())
		*list = elements
		return
	}
	*list = make(Sources, 1)
	d.value(n, path+"[0]", reflect.ValueOf(*list).Index(0))
}

// decode reads a source from its keys, or from the app or folder alone.
func (s *Source) decode(d *decoder, n *yaml.Node, path string) {
	switch n.Kind {
	case yaml.MappingNode:
		d.group(n, path, reflect.ValueOf(s).Elem())
		s.decodeApp(d, n, path)
		s.Folder = d.absolute(join(path, "folder"), s.Folder)
		s.Root = d.absolute(join(path, "root"), s.Root)
	case yaml.ScalarNode:
		s.decodeText(d, n, path)
	default:
		d.fail(n, path, "want_source")
	}
}

// decodeApp looks whether the keys are those of an app or of a folder.
func (s *Source) decodeApp(d *decoder, n *yaml.Node, path string) {
	app := join(path, "app")
	if !d.has(app) {
		d.require(n, path, "folder")
		s.refuseKeys(d, path, "only_with_app", "account", "root", "locks", "leave_out")
		return
	}
	s.refuseKeys(d, path, "not_with_app", "folder", "include", "exclude", "max_file_size")
}

func (s *Source) refuseKeys(d *decoder, path string, code Code, keys ...string) {
	for _, key := range keys {
		if at := join(path, key); d.has(at) {
			d.fail(d.at(at), at, code, "key", at)
		}
	}
}

// decodeText reads a source that is only text. Whether there is an app of this
// name is known once profiles are read.
func (s *Source) decodeText(d *decoder, n *yaml.Node, path string) {
	s.alone = true
	switch text := d.text(n, path); {
	case text == "":
	case looksLikePath(text):
		s.Folder = d.folder(n, path, text)
	default:
		s.App = text
	}
}

// Alone reports whether the source is only text: an app's name, or a path that
// may be an app's folder.
func (s *Source) Alone() bool { return s.alone }

// MarshalYAML writes a source as it was: what is only text stays so, since it
// may mean more than a folder.
func (s Source) MarshalYAML() (any, error) {
	type group Source
	switch {
	case !s.alone:
		return group(s), nil
	case s.App != "":
		return s.App, nil
	}
	return s.Folder, nil
}

// looksLikePath tells a folder from the name of an app.
func looksLikePath(text string) bool {
	return strings.ContainsAny(text, "/"+string(filepath.Separator)) || filepath.VolumeName(text) != "" ||
		text[0] == '~' || text[0] == '.' || text[0] == '$'
}

// folder returns the absolute path that text means, or reports why it means
// none and returns "".
func (d *decoder) folder(n *yaml.Node, path, text string) string {
	rest, atHome := cutHome(text)
	switch {
	case atHome:
		home, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(home) {
			d.fail(n, path, "no_home", "value", shorten(text))
			return ""
		}
		return filepath.Join(home, rest)
	case text[0] == '~': // another user's home, which only a shell knows
		d.fail(n, path, "bad_folder", "value", shorten(text))
		return ""
	case filepath.IsAbs(text):
		return filepath.Clean(text)
	}
	return filepath.Join(d.dir, text)
}

// absolute is folder for a value that may not be there.
func (d *decoder) absolute(path, text string) string {
	if text == "" {
		return ""
	}
	return d.folder(d.at(path), path, text)
}

// cutHome returns what follows ~, $HOME or ${HOME} at the beginning of text.
func cutHome(text string) (rest string, ok bool) {
	for _, home := range []string{"~", "$HOME", "${HOME}"} {
		rest, ok := strings.CutPrefix(text, home)
		if ok && (rest == "" || os.IsPathSeparator(rest[0])) {
			return rest, true
		}
	}
	return "", false
}

// hostName returns this computer's name in a form that can be a device's.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		name = ""
	}
	name, _, _ = strings.Cut(name, ".")
	if name = usableName(name); name == "" {
		return runtime.GOOS
	}
	return name
}

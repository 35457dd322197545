package config

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/internal/hint"
	"go.yaml.in/yaml/v3"
)

// decode reads a source from its keys or from the folder alone.
func (s *Source) decode(d *decoder, n *yaml.Node, path string) {
	switch n.Kind {
	case yaml.MappingNode:
		d.group(n, path, reflect.ValueOf(s).Elem())
		d.require(n, path, "folder")
		if at := join(path, "folder"); s.Folder != "" {
			s.Folder = d.folder(d.at(at), at, s.Folder)
		}
	case yaml.ScalarNode:
		s.decodeFolder(d, n, path)
	default:
		d.fail(n, path, "want_source")
	}
}

// decodeFolder reads a source that is only text.
func (s *Source) decodeFolder(d *decoder, n *yaml.Node, path string) {
	switch text := d.text(n, path); {
	case text == "":
	case slices.Contains(laterSources, strings.ToLower(text)):
		d.fail(n, path, "later_source", "name", text)
	case !looksLikePath(text):
		d.fail(n, path, "not_a_path", "value", shorten(text))
	default:
		s.Folder = d.folder(n, path, text)
	}
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

// decode reads a remote from its keys or from TYPE:FOLDER.
func (r *Remote) decode(d *decoder, n *yaml.Node, path string) {
	switch n.Kind {
	case yaml.MappingNode:
		d.group(n, path, reflect.ValueOf(r).Elem())
		d.require(n, path, "type", "folder")
		if at := join(path, "folder"); r.Folder != "" && r.Type != "" {
			r.Folder = d.folder(d.at(at), at, r.Folder)
		}
	case yaml.ScalarNode:
		r.decodeText(d, n, path, d.text(n, path))
	default:
		d.fail(n, path, "want_remote")
	}
}

// decodeText reads TYPE:FOLDER; an empty text was reported already.
func (r *Remote) decodeText(d *decoder, n *yaml.Node, path, text string) {
	if text == "" {
		return
	}
	kind, folder, ok := strings.Cut(text, ":")
	if !ok || kind == "" || folder == "" {
		d.fail(n, path, "want_remote")
		return
	}
	if r.Type = d.remoteType(n, path, kind); r.Type != "" {
		r.Folder = d.folder(n, path, folder)
	}
}

// decode reads the kind of a remote.
func (t *RemoteType) decode(d *decoder, n *yaml.Node, path string) {
	if text := d.text(n, path); text != "" {
		*t = d.remoteType(n, path, text)
	}
}

// remoteType returns the kind that text names, or reports why it names none
// and returns "".
func (d *decoder) remoteType(n *yaml.Node, path, text string) RemoteType {
	word := strings.ToLower(text)
	switch {
	case slices.Contains(laterRemotes, word) || slices.Contains(laterRemotes, other[word]):
		d.fail(n, path, "later_remote", "name", text)
	case !slices.Contains(RemoteTypes(), RemoteType(text)):
		d.fail(n, path, "unknown_type", "value", shorten(text)).Nearest = nearest(text, RemoteTypes())
	default:
		return RemoteType(text)
	}
	return ""
}

// ParseRemote reads TYPE:FOLDER as it stands on a command line. A relative
// local folder is taken from the working folder. The error is an [Errors]
// with the hint bad_remote.
func ParseRemote(text string) (Remote, error) {
	d := &decoder{positions: positions{}}
	var err error
	if d.dir, err = os.Getwd(); err != nil {
		return Remote{}, err
	}
	r := Remote{PackSize: DefaultPackSize}
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text}
	if text == "" {
		n.Value = ":" // wrong in the same way, with the sentence for it
	}
	r.decode(d, n, "remote")
	if len(d.errs) > 0 {
		return Remote{}, hint.New("bad_remote", d.errs)
	}
	return r, nil
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

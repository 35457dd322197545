package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// CodeEdit is the hint of a change that chatkeep doesn't dare to make in a
// user's file: path is the file, key the list, line what is to stand there.
const CodeEdit hint.Code = "config_edit"

// AddName returns text, a configuration, with name in the list at path: notify
// (or notify.to, which is the same) or network.trusted. Everything else stays
// as its owner wrote it, byte for byte. File is the file's path, as for [Parse].
//
// What comes out is read again, and must mean the same but for the name. Where
// that is not so, or where it is not clear how to write it, the error has the
// hint config_edit and says the line to write by hand. A name that is in the
// list already gives text itself.
func AddName(file string, text []byte, path, name string) ([]byte, error) {
	return edit(file, text, path, name, true)
}

// RemoveName is AddName the other way round. An empty list stays where the last
// name was: no trusted network is more than no rule about networks. A comment
// behind a name that has its own line goes with it.
func RemoveName(file string, text []byte, path, name string) ([]byte, error) {
	return edit(file, text, path, name, false)
}

func edit(file string, text []byte, path, name string, add bool) ([]byte, error) {
	before, root, err := read(file, text)
	if err != nil {
		return nil, err
	}
	list := namesAt(before, path)
	at := slices.Index(*list, name)
	if add == (at >= 0) {
		return text, nil
	}
	if add && !isName(name) {
		d := &decoder{file: file, positions: positions{}}
		d.badName(path, name)
		d.errs[0].Line = 0 // not from the file
		return nil, hint.New(CodeBad, d.errs)
	}
	want := append(slices.Clone(*list), name)
	if !add {
		want = slices.Delete(slices.Clone(*list), at, at+1)
	}
	var after *Config
	out, err := newEditor(text, root).change(path, name, at)
	if err == nil {
		after, _, err = read(file, out)
	}
	if err == nil && !sameBut(before, after, path, want) {
		err = errors.New("the file would mean something else")
	}
	if err != nil {
		key, line := byHand(root, path, want)
		return nil, hint.New(CodeEdit, fmt.Errorf("change %s in %s: %w", key, file, err), "path", file, "key", key, "line", line)
	}
	return out, nil
}

// namesAt returns the list at path.
func namesAt(c *Config, path string) *[]string {
	switch path {
	case "network.trusted":
		return (*[]string)(&c.Network.Trusted)
	case "notify", "notify.to":
		return (*[]string)(&c.Notify.To)
	}
	panic("config: " + path + " is no list of names that can be changed")
}

// sameBut reports whether two configurations differ in nothing but the list at
// path, which is want in the second.
func sameBut(before, after *Config, path string, want []string) bool {
	a, b := *before, *after
	got := namesAt(&b, path)
	if !slices.Equal(*got, want) {
		return false
	}
	*got = *namesAt(&a, path)
	a.positions, b.positions = nil, nil
	return reflect.DeepEqual(a, b)
}

// byHand returns what a person has to write, and under which key.
func byHand(root *yaml.Node, path string, names []string) (key, line string) {
	keys := keysTo(root, path)
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quote(name)
	}
	return strings.Join(keys, "."), keys[len(keys)-1] + ": [" + strings.Join(quoted, ", ") + "]"
}

// keysTo splits path. The names of notify stand alone, or in a group.
func keysTo(root *yaml.Node, path string) []string {
	if path == "network.trusted" {
		return []string{"network", "trusted"}
	}
	if _, value := lookUp(root, "notify"); value != nil && value.Kind == yaml.MappingNode {
		return []string{"notify", "to"}
	}
	return []string{"notify"}
}

// lookUp returns a key of a mapping, and its value.
func lookUp(group *yaml.Node, key string) (k, value *yaml.Node) {
	for i := 0; i+1 < len(group.Content); i += 2 {
		if group.Content[i].Value == key {
			return group.Content[i], group.Content[i+1]
		}
	}
	return nil, nil
}

// quote writes a name so that YAML takes it for text, in a list too.
func quote(name string) string {
	text, err := yaml.Marshal(name)
	plain := strings.TrimSuffix(string(text), "\n")
	if err != nil || plain != name || strings.ContainsAny(name[:1], "-.") {
		return `"` + name + `"` // names have no quote and no backslash
	}
	return name
}

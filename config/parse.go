package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/chatkeep/chatkeep/internal/hint"
	"go.yaml.in/yaml/v3"
)

// maxFile bounds what is read. Names of 10,000 folders fit ten times.
const maxFile = 1 << 20

// maxErrors bounds what a file that is no configuration at all says about
// itself.
const maxErrors = 100

// Hints attached by Load and Parse.
const (
	CodeMissing hint.Code = "no_config"  // path
	CodeBad     hint.Code = "bad_config" // none; the [Errors] inside say all
)

// Load reads the file at path. If there is none the error wraps
// [fs.ErrNotExist] with the hint no_config; if it has mistakes the error is an
// [Errors] with the hint bad_config, and no Config is returned.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.New(CodeMissing, fmt.Errorf("read configuration: %w", err), "path", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse reads the file's content. Name is the file's path: messages begin
// with it, and relative folders are taken from the folder it is in. Parse
// looks at nothing on the disk; it does ask for the home folder and the host
// name. Errors are as for [Load].
func Parse(name string, data []byte) (*Config, error) {
	c, _, err := read(name, data)
	if err != nil {
		return nil, err
	}
	c.defaults()
	return c, nil
}

// read is Parse without the defaults, with the nodes of the file.
func read(name string, data []byte) (*Config, *yaml.Node, error) {
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	d := &decoder{file: name, dir: dir, positions: positions{"": {1, 1}}}
	c := &Config{file: name, positions: d.positions}
	root := d.document(data)
	if root != nil {
		d.group(root, "", reflect.ValueOf(c).Elem())
		c.check(d, root)
	}
	if err := d.errs.Bad(); err != nil {
		return nil, nil, err
	}
	return c, root, nil
}

// document returns the mapping that the file is, or nil after reporting why
// it is none.
func (d *decoder) document(data []byte) *yaml.Node {
	if !d.readable(data) {
		return nil
	}
	root, ok := d.yaml(data)
	if !ok {
		return nil
	}
	if root == nil || root.ShortTag() == "!!null" { // an empty file, or only comments
		return &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}
	}
	before := len(d.errs)
	d.features(root)
	if len(d.errs) > before {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		if !d.diagnose(data) {
			d.fail(root, "", "want_map", "key", filepath.Base(d.file))
		}
		return nil
	}
	return root
}

// readable looks at size and encoding.
func (d *decoder) readable(data []byte) bool {
	if len(data) > maxFile {
		d.fail(start, "", "too_large", "max", Size(maxFile))
		return false
	}
	for line, text := range bytes.Split(data, []byte("\n")) {
		if !utf8.Valid(text) {
			column := len([]rune(validPrefix(text))) + 1
			d.fail(&yaml.Node{Line: line + 1, Column: column}, "", "not_utf8")
			return false
		}
	}
	return true
}

var start = &yaml.Node{Line: 1, Column: 1}

// validPrefix returns text up to the first byte that is not UTF-8.
func validPrefix(text []byte) string {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return string(text[:i])
		}
		i += size
	}
	return string(text)
}

// yaml parses the one document of the file. It returns nil for an empty one.
func (d *decoder) yaml(data []byte) (root *yaml.Node, ok bool) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case err == io.EOF:
		return nil, true
	case err != nil:
		d.syntax(data, err)
		return nil, false
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		d.fail(&second, "", "several_documents")
		return nil, false
	case err != io.EOF:
		d.syntax(data, err)
		return nil, false
	}
	return doc.Content[0], true
}

// features refuses what makes a file mean something else than it shows.
// Aliases are not followed, so that a small file stays small.
func (d *decoder) features(n *yaml.Node) {
	feature := ""
	switch {
	case n.Kind == yaml.AliasNode:
		feature = "*" + n.Value
	case n.Anchor != "":
		feature = "&" + n.Anchor
	case n.ShortTag() == "!!merge":
		feature = "<<"
	case n.Style&yaml.TaggedStyle != 0:
		feature = n.ShortTag()
	}
	if feature != "" {
		d.fail(n, "", "yaml_feature", "feature", shorten(feature))
	}
	for _, child := range n.Content {
		d.features(child)
	}
}

// YAML returns the configuration in effect, with every default filled in and
// every folder absolute. [Parse] reads it back to the same Config.
func (c *Config) YAML() []byte {
	var b strings.Builder
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(c), enc.Close()); err != nil {
		panic(fmt.Sprintf("config: write YAML: %v", err)) // strings and numbers can be written
	}
	return []byte(b.String())
}

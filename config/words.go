package config

import (
	"slices"
	"strings"
	"time"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// What the words can be.
var (
	lockWords   = []string{"brief", "none"}
	systemWords = []string{"linux", "windows", "macos"}
	scopeWords  = []string{"account", "root", "runtime"}
	kindWords   = []string{"file", "database", "unit"}
)

func (l *Locks) decode(d *decoder, n *yaml.Node, path string) { *l = Locks(d.word(n, path, lockWords)) }
func (s *System) decode(d *decoder, n *yaml.Node, path string) {
	*s = System(d.word(n, path, systemWords))
}
func (s *Scope) decode(d *decoder, n *yaml.Node, path string) {
	*s = Scope(d.word(n, path, scopeWords))
}
func (k *Kind) decode(d *decoder, n *yaml.Node, path string) { *k = Kind(d.word(n, path, kindWords)) }

// word reads one of a few words, or reports why it is none and returns "".
func (d *decoder) word(n *yaml.Node, path string, words []string) string {
	text := d.text(n, path)
	if text == "" || slices.Contains(words, text) {
		return text
	}
	d.fail(n, path, "not_one_of", "key", path, "value", shorten(text), "choices", strings.Join(words, ", ")).Nearest = nearest(text, words)
	return ""
}

func (c *Category) decode(d *decoder, n *yaml.Node, path string) {
	text := Category(d.text(n, path))
	if text == "" || slices.Contains(Categories(), text) {
		*c = text
		return
	}
	d.fail(n, path, "unknown_category", "value", shorten(string(text))).Nearest = nearest(string(text), Categories())
}

// ParseCategory reads a category as it stands on a command line. The error is
// an [Errors] with the hint bad_category.
func ParseCategory(text string) (Category, error) {
	d := &decoder{positions: positions{}}
	var c Category
	c.decode(d, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text}, "category")
	if len(d.errs) > 0 {
		return "", hint.New("bad_category", d.errs)
	}
	return c, nil
}

func (t *Duration) decode(d *decoder, n *yaml.Node, path string) {
	text := d.text(n, path)
	if text == "" {
		return
	}
	if length, err := time.ParseDuration(text); err != nil || length <= 0 {
		d.fail(n, path, "bad_duration", "value", shorten(text))
		return
	}
	*t = Duration(text)
}

// decode reads one name or a list.
func (names *Names) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.SequenceNode {
		if text := d.text(n, path); text != "" {
			*names = Names{text}
		}
		return
	}
	var list []string
	d.list(n, path, valueOf(&list))
	*names = noneIfEmpty(list)
}

// JSONSchema lists the words.
func (Locks) JSONSchema() *jsonschema.Schema    { return wordSchema(lockWords) }
func (System) JSONSchema() *jsonschema.Schema   { return wordSchema(systemWords) }
func (Scope) JSONSchema() *jsonschema.Schema    { return wordSchema(scopeWords) }
func (Kind) JSONSchema() *jsonschema.Schema     { return wordSchema(kindWords) }
func (Category) JSONSchema() *jsonschema.Schema { return wordSchema(Categories()) }

func wordSchema[T ~string](words []T) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, w := range words {
		s.Enum = append(s.Enum, string(w))
	}
	return s
}

// JSONSchema describes how a time is written.
func (Duration) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^([0-9.]+(h|m|s|ms))+$`, Examples: []any{"30s", "10m"}}
}

// JSONSchema allows one name or a list.
func (Names) JSONSchema() *jsonschema.Schema {
	name := &jsonschema.Schema{Type: "string", MinLength: new(uint64(1))}
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{name, {Type: "array", Items: name}}}
}

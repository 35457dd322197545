package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// decoder walks the YAML nodes beside the structs, and collects every mistake
// instead of stopping at the first.
type decoder struct {
	file      string
	dir       string // relative folders are taken from here; absolute
	positions positions
	errs      Errors
}

// form is a type with a way of its own to be written.
type form interface {
	decode(d *decoder, n *yaml.Node, path string)
}

// fail reports a mistake at n. Pairs are a name and a value for the sentence.
func (d *decoder) fail(n *yaml.Node, path string, code Code, pairs ...any) *Error {
	e := &Error{File: d.file, Line: n.Line, Column: n.Column, Path: path, Code: code, Args: map[string]any{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		e.Args[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	d.errs = append(d.errs, e)
	return e
}

// value reads n into v, which is of one of the kinds the structs are made of.
func (d *decoder) value(n *yaml.Node, path string, v reflect.Value) {
	d.positions[path] = position{n.Line, n.Column}
	if n.ShortTag() == "!!null" {
		d.fail(n, path, "empty_value", "key", path)
		return
	}
	if f, ok := v.Addr().Interface().(form); ok {
		f.decode(d, n, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.group(n, path, v)
	case reflect.Slice:
		d.list(n, path, v)
	case reflect.String:
		v.SetString(d.text(n, path))
	case reflect.Int:
		v.SetInt(d.number(n, path))
	case reflect.Bool:
		v.SetBool(d.yes(n, path))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, path, v.Elem())
	default:
		panic(fmt.Sprintf("config: %s is of a kind that is not read: %s", path, v.Type()))
	}
}

// group reads a mapping into a struct.
func (d *decoder) group(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "want_map", "key", path)
		return
	}
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		keyPath := join(path, keyText(key))
		if first := seen[key.Value]; first != nil {
			d.fail(key, keyPath, "duplicate_key", "key", keyPath, "line", first.Line)
			continue
		}
		seen[key.Value] = key
		if field := fieldByKey(v, key); field.IsValid() {
			d.value(value, keyPath, field)
			continue
		}
		d.unknown(key, path, v.Type())
	}
}

// keyText returns a key as messages show it.
func keyText(key *yaml.Node) string {
	if key.Kind != yaml.ScalarNode || key.Value == "" {
		return `""`
	}
	return shorten(key.Value)
}

// join returns the path of a key inside of path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// fieldByKey returns the field of a struct that is written as key, or the
// zero Value.
func fieldByKey(v reflect.Value, key *yaml.Node) reflect.Value {
	if key.Kind == yaml.ScalarNode {
		for i := range v.NumField() {
			if name := keyOf(v.Type().Field(i)); name != "" && name == key.Value {
				return v.Field(i)
			}
		}
	}
	return reflect.Value{}
}

// keyOf returns a field's key in the YAML, or "" if it has none.
func keyOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

// keysOf returns the keys of a struct, those that work first.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if key := keyOf(t.Field(i)); key != "" {
			keys = append(keys, key)
		}
	}
	return append(keys, later[t]...)
}

// unknown says what is wrong with a key of the group at parent that has no
// field. What was probably meant is not missing too.
func (d *decoder) unknown(key *yaml.Node, parent string, t reflect.Type) {
	path, meant := join(parent, keyText(key)), ""
	switch {
	case slices.Contains(later[t], key.Value):
		d.fail(key, path, "later", "key", path)
	case fullWidthColon(key.Value):
		d.fail(key, path, "fullwidth", "found", "：", "want", ":")
		meant, _, _ = strings.Cut(key.Value, "：")
	default:
		meant = nearest(key.Value, keysOf(t))
		d.fail(key, path, "unknown_key", "key", path).Nearest = meant
	}
	if at := join(parent, meant); meant != "" && !d.has(at) {
		d.positions[at] = position{key.Line, key.Column}
	}
}

// list reads a sequence into a slice. What is wrong with one element does not
// keep the others from being read.
func (d *decoder) list(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, path, "want_list", "key", path)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, element := range n.Content {
		d.value(element, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
	}
}

// number reads a whole number that is not negative, or reports why it is none
// and returns 0.
func (d *decoder) number(n *yaml.Node, path string) int64 {
	v, err := strconv.ParseInt(n.Value, 10, 32)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || v < 0 {
		d.fail(n, path, "want_number", "key", path)
		return 0
	}
	return v
}

// yes reads true or false, or reports why it is neither and returns false.
func (d *decoder) yes(n *yaml.Node, path string) bool {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		d.fail(n, path, "want_bool", "key", path)
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

// valueOf is what a pointer points at, for list.
func valueOf(to *[]string) reflect.Value { return reflect.ValueOf(to).Elem() }

// text reads a string, or reports why it is none and returns "".
func (d *decoder) text(n *yaml.Node, path string) string {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		d.fail(n, path, "want_text", "key", path)
		return ""
	}
	if n.Value == "" {
		d.fail(n, path, "empty_value", "key", path)
		return ""
	}
	if strings.ContainsFunc(n.Value, func(r rune) bool { return !unicode.IsPrint(r) && r != '\u3000' }) {
		d.fail(n, path, "bad_text", "key", path)
		return ""
	}
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 && d.mistyped(n, path) {
		return ""
	}
	return n.Value
}

// mistyped reports what an input method or a missing space made of plain
// text: such a value is valid YAML, but not what was meant.
func (d *decoder) mistyped(n *yaml.Node, path string) bool {
	if quote := n.Value[:strings.IndexFunc(n.Value+" ", notQuote)]; quote != "" {
		d.fail(n, path, "fullwidth", "found", quote, "want", `"`)
		return true
	}
	if fullWidthColon(n.Value) {
		d.fail(n, path, "fullwidth", "found", "：", "want", ":")
		return true
	}
	if fixed, found := tightColon(n.Value); found {
		d.fail(n, path, "colon_space", "want", shorten(fixed))
		return true
	}
	return false
}

func notQuote(r rune) bool { return !strings.ContainsRune("“”‘’「", r) }

// shorten cuts text that a message repeats.
func shorten(text string) string {
	const most = 60
	runes := []rune(text)
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

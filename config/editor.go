package config

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// errUnclear is why a change is left to a person.
var errUnclear = errors.New("it is written in a way that is not changed by itself")

// editor changes a list of names in the text of a file. It knows from YAML
// where values begin; where they end it finds out itself, and gives up where
// that is not plain to see.
type editor struct {
	text  []byte
	lines []int // offsets
	eol   string
	root  *yaml.Node
}

func newEditor(text []byte, root *yaml.Node) *editor {
	e := &editor{text: text, eol: "\n", root: root}
	start := len(text) - len(bytes.TrimPrefix(text, []byte("\ufeff")))
	e.lines = append(e.lines, start)
	for i := start; i < len(text); {
		n := lineBreak(text[i:])
		if n > 0 {
			if len(e.lines) == 1 {
				e.eol = string(text[i : i+n])
			}
			e.lines = append(e.lines, i+n)
		}
		i += max(n, 1)
	}
	return e
}

// lineBreak returns the length of the line break, in YAML's sense, that text
// begins with, or 0.
func lineBreak(text []byte) int {
	for _, end := range []string{"\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"} {
		if bytes.HasPrefix(text, []byte(end)) {
			return len(end)
		}
	}
	return 0
}

// change adds name to the list at path, or removes its element at if that is
// not negative.
func (e *editor) change(path, name string, at int) ([]byte, error) {
	var key *yaml.Node
	list := e.root
	keys := keysTo(e.root, path)
	for i := range keys {
		within, group := key, list
		if key, list = lookUp(group, keys[i]); list == nil {
			return e.addKey(within, group, keys[i:], quote(name))
		}
	}
	if at < 0 {
		return e.add(list, quote(name))
	}
	return e.remove(key, list, at)
}

// addKey puts the keys that lead to the list into a group, which is the file
// if it has no key itself: at the end of the file, else right below its key.
func (e *editor) addKey(key, group *yaml.Node, keys []string, name string) ([]byte, error) {
	start, err := e.offset(group)
	if err != nil {
		return nil, err
	}
	list := ": [" + name + "]"
	if group.Style&yaml.FlowStyle != 0 {
		text := strings.Join(keys, ": {") + list + strings.Repeat("}", len(keys)-1)
		if len(group.Content) > 0 {
			text += ", "
		}
		return e.insert(start+1, text), nil
	}
	indent := strings.Repeat(" ", group.Column-1)
	text := indent + strings.Join(keys, ":"+e.eol+indent+"  ") + list
	switch end := len(e.text); {
	case key != nil && key.Line < group.Line && key.Line < len(e.lines):
		return e.insert(e.lines[key.Line], text+e.eol), nil // before the line after the key's
	case key != nil:
		return nil, errUnclear
	case end == e.lines[len(e.lines)-1]:
		return e.insert(end, text+e.eol), nil
	default:
		return e.insert(end, e.eol+text), nil
	}
}

// add puts one more name into a list, or makes a list of the only one.
func (e *editor) add(list *yaml.Node, name string) ([]byte, error) {
	start, err := e.offset(list)
	if err != nil {
		return nil, err
	}
	if list.Kind == yaml.ScalarNode {
		end, err := e.end(list)
		if err != nil {
			return nil, err
		}
		out := e.insert(end, ", "+name+"]")
		return slices.Insert(out, start, '['), nil
	}
	if len(list.Content) == 0 { // [] is always a flow list
		return e.insert(start+1, name), nil
	}
	last := list.Content[len(list.Content)-1]
	if list.Style&yaml.FlowStyle != 0 {
		end, err := e.end(last)
		if err != nil {
			return nil, err
		}
		return e.insert(end, ", "+name), nil
	}
	prefix, err := e.dash(last)
	if err != nil {
		return nil, err
	}
	next := last.Line // the line after it, from 0
	if next < len(e.lines) {
		return e.insert(e.lines[next], prefix+name+e.eol), nil
	}
	return e.insert(len(e.text), e.eol+prefix+name), nil
}

// remove takes the element at from a list.
func (e *editor) remove(key, list *yaml.Node, at int) ([]byte, error) {
	if list.Kind == yaml.ScalarNode {
		start, err := e.offset(list)
		if err != nil {
			return nil, err
		}
		end, err := e.end(list)
		if err != nil {
			return nil, err
		}
		return e.replace(start, end, "[]"), nil
	}
	if list.Style&yaml.FlowStyle != 0 {
		return e.removeFlow(list, at)
	}
	element := list.Content[at]
	if _, err := e.dash(element); err != nil {
		return nil, err
	}
	from, to := e.lines[element.Line-1], len(e.text)
	if element.Line < len(e.lines) {
		to = e.lines[element.Line]
	}
	out := e.replace(from, to, "")
	if len(list.Content) > 1 {
		return out, nil
	}
	end, err := e.end(key)
	if err != nil || end >= from || e.text[end] != ':' {
		return nil, errUnclear
	}
	return slices.Insert(out, end+1, []byte(" []")...), nil
}

// removeFlow takes an element and one comma from [a, b]. A comment between
// elements stays.
func (e *editor) removeFlow(list *yaml.Node, at int) ([]byte, error) {
	start, err := e.offset(list.Content[at])
	if err != nil {
		return nil, err
	}
	end, err := e.end(list.Content[at])
	if err != nil {
		return nil, err
	}
	blank := func(i int) int { // the end of the blanks at i
		for i < len(e.text) && (e.text[i] == ' ' || e.text[i] == '\t') {
			i++
		}
		return i
	}
	if at > 0 && at == len(list.Content)-1 {
		previous, err := e.end(list.Content[at-1])
		if err != nil {
			return nil, err
		}
		if strings.Trim(string(e.text[previous:start]), " \t") == "," {
			return e.replace(previous, end, ""), nil
		}
	}
	if comma := blank(end); comma < len(e.text) && e.text[comma] == ',' {
		end = blank(comma + 1)
	}
	return e.replace(start, end, ""), nil
}

// dash returns what stands before an element on its line, if that is a dash
// alone.
func (e *editor) dash(element *yaml.Node) (string, error) {
	start, err := e.offset(element)
	if err != nil {
		return "", err
	}
	if _, err := e.end(element); err != nil {
		return "", err
	}
	prefix := string(e.text[e.lines[element.Line-1]:start])
	if strings.TrimLeft(strings.TrimRight(prefix, " "), " ") != "-" {
		return "", errUnclear
	}
	return prefix, nil
}

// offset returns where a node begins.
func (e *editor) offset(n *yaml.Node) (int, error) {
	if n.Line < 1 || n.Line > len(e.lines) {
		return 0, errUnclear
	}
	at := e.lines[n.Line-1]
	for range n.Column - 1 {
		if at >= len(e.text) || lineBreak(e.text[at:]) > 0 {
			return 0, errUnclear
		}
		_, size := utf8.DecodeRune(e.text[at:])
		at += size
	}
	if at >= len(e.text) {
		return 0, errUnclear
	}
	return at, nil
}

// end returns where a name or a key ends that is on one line and has no
// escapes.
func (e *editor) end(n *yaml.Node) (int, error) {
	start, err := e.offset(n)
	if err != nil || n.Kind != yaml.ScalarNode {
		return 0, errUnclear
	}
	written := n.Value
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		written = `"` + n.Value + `"`
	case n.Style&yaml.SingleQuotedStyle != 0:
		written = "'" + n.Value + "'"
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return 0, errUnclear
	}
	if !bytes.HasPrefix(e.text[start:], []byte(written)) || strings.ContainsFunc(n.Value, unicode.IsControl) {
		return 0, errUnclear
	}
	return start + len(written), nil
}

func (e *editor) insert(at int, text string) []byte { return e.replace(at, at, text) }

func (e *editor) replace(from, to int, text string) []byte {
	return slices.Concat(e.text[:from], []byte(text), e.text[to:])
}

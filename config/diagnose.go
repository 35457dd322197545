package config

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// syntax reports a file that the YAML parser refuses.
func (d *decoder) syntax(data []byte, err error) {
	if d.diagnose(data) {
		return
	}
	line, problem := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(problem); m != nil {
		line, _ = strconv.Atoi(m[1])
		problem = m[2]
	}
	d.fail(&yaml.Node{Line: max(line, 1), Column: 1}, "", "syntax", "problem", problem)
}

var yamlLine = regexp.MustCompile(`^line (\d+): (.*)$`)

// diagnose looks for the usual reasons why a file is no YAML, whose own
// messages help nobody, and reports the first it finds.
func (d *decoder) diagnose(data []byte) bool {
	for i, line := range strings.Split(string(data), "\n") {
		text := strings.TrimLeft(line, " \t\u3000")
		indent := line[:len(line)-len(text)]
		if text == "" || text[0] == '#' {
			continue
		}
		at := func(before string) *yaml.Node {
			return &yaml.Node{Line: i + 1, Column: utf8.RuneCountInString(before) + 1}
		}
		if before, _, found := strings.Cut(indent, "\t"); found {
			d.fail(at(before), "", "tab")
			return true
		}
		if cut := strings.IndexAny(indent, "\u3000"); cut >= 0 {
			d.fail(at(indent[:cut]), "", "fullwidth_space")
			return true
		}
		item := strings.TrimLeft(strings.TrimPrefix(text, "- "), " ")
		if fullWidthColon(item) {
			before, _, _ := strings.Cut(line, "：")
			d.fail(at(before), "", "fullwidth", "found", "：", "want", ":")
			return true
		}
		if fixed, found := tightColon(item); found {
			before, _, _ := strings.Cut(line, ":")
			d.fail(at(before), "", "colon_space", "want", shorten(fixed))
			return true
		}
	}
	return false
}

// allKeys are the keys anywhere in the file.
var allKeys = slices.Concat(keysOf(reflect.TypeFor[Config]()), keysOf(reflect.TypeFor[Source]()), keysOf(reflect.TypeFor[Remote]()), keysOf(reflect.TypeFor[Network]()),
	keysOf(reflect.TypeFor[Schedule]()), keysOf(reflect.TypeFor[Timing]()), keysOf(reflect.TypeFor[Pull]()), keysOf(reflect.TypeFor[Power]()),
	keysOf(reflect.TypeFor[Overdue]()), keysOf(reflect.TypeFor[Notify]()),
	keysOf(reflect.TypeFor[Profile]()), keysOf(reflect.TypeFor[Place]()), keysOf(reflect.TypeFor[Marker]()), keysOf(reflect.TypeFor[Rule]()))

// fullWidthColon reports whether text is "key：value".
func fullWidthColon(text string) bool {
	key, _, found := strings.Cut(text, "：")
	return found && slices.Contains(allKeys, strings.TrimSpace(key))
}

// tightColon reports whether text is "key:value", and how it is written.
func tightColon(text string) (fixed string, found bool) {
	key, value, found := strings.Cut(text, ":")
	if !found || value == "" || value[0] == ' ' || value[0] == '\r' {
		return "", false
	}
	return key + ": " + strings.TrimSpace(value), slices.Contains(allKeys, key)
}

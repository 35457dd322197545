package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v3"
)

const day = 24 * time.Hour

// spanText has so few digits that a Span never overflows.
var spanText = regexp.MustCompile(`^([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$`)

var spanUnits = []time.Duration{day, time.Hour, time.Minute, time.Second}

// Duration returns the time, which is 0 if it is off or not given.
func (s Span) Duration() time.Duration { return time.Duration(max(s, 0)) }

// String returns the span as it is written.
func (s Span) String() string {
	if s == Off {
		return never
	}
	var b strings.Builder
	rest := time.Duration(s)
	for i, unit := range spanUnits {
		n := rest / unit
		if unit == day && (n < 2 || rest%unit != 0) { // 24h and 36h are read more easily than 1d and 1d12h
			continue
		}
		if n > 0 {
			fmt.Fprintf(&b, "%d%c", n, "dhms"[i])
		}
		rest -= n * unit
	}
	return b.String()
}

// MarshalYAML writes the span as String shows it.
func (s Span) MarshalYAML() (any, error) { return s.String(), nil }

// JSONSchema describes how a span is written.
func (Span) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^(off|([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?)$`,
		MinLength: new(uint64(2)), Examples: []any{"10m", "36h", "3d"}}
}

// decode reads a span, or off. Every key with a Span can be turned off.
func (s *Span) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, "bad_span", "value", path)
		return
	}
	if n.Value == never {
		*s = Off
		return
	}
	var total time.Duration
	if m := spanText.FindStringSubmatch(n.Value); m != nil {
		for i, part := range m[1:] {
			count, _ := strconv.Atoi(strings.TrimRight(part, "dhms")) // digits, or nothing
			total += time.Duration(count) * spanUnits[i]
		}
	}
	if total == 0 {
		d.fail(n, path, "bad_span", "value", shorten(n.Value))
		return
	}
	*s = Span(total)
}

var percentText = regexp.MustCompile(`^[0-9]{1,3}%$`)

// String returns the percentage as it is written.
func (p Percent) String() string { return strconv.Itoa(int(p)) + "%" }

// MarshalYAML writes the percentage as String shows it.
func (p Percent) MarshalYAML() (any, error) { return p.String(), nil }

// JSONSchema describes how a percentage is written.
func (Percent) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^([1-9][0-9]?|100)%$`, Examples: []any{"20%"}}
}

// decode reads 1% to 100%.
func (p *Percent) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.ScalarNode || !percentText.MatchString(n.Value) {
		value := shorten(n.Value)
		if n.Kind != yaml.ScalarNode {
			value = path
		}
		d.fail(n, path, "bad_percent", "value", value)
		return
	}
	v, _ := strconv.Atoi(strings.TrimSuffix(n.Value, "%"))
	if v < 1 || v > 100 {
		d.fail(n, path, "size_range", "value", n.Value, "min", Percent(1), "max", Percent(100))
		return
	}
	*p = Percent(v)
}

// String returns the hours as they are written.
func (h Hours) String() string { return clock(h.From) + "-" + clock(h.To) }

// MarshalYAML writes the hours as String shows them.
func (h Hours) MarshalYAML() (any, error) { return h.String(), nil }

// JSONSchema describes how hours are written.
func (Hours) JSONSchema() *jsonschema.Schema {
	const at = `([01][0-9]|2[0-3]):[0-5][0-9]`
	return &jsonschema.Schema{Type: "string", Pattern: "^" + at + "-" + at + "$", Examples: []any{"22:00-07:00"}}
}

// decode reads HH:MM-HH:MM, two different times.
func (h *Hours) decode(d *decoder, n *yaml.Node, path string) {
	text := d.text(n, path)
	if text == "" || d.wide(n, path, text) {
		return
	}
	from, to, _ := strings.Cut(text, "-")
	since, ok := timeOfDay(from)
	until, alsoOK := timeOfDay(to)
	if !ok || !alsoOK || since == until {
		d.fail(n, path, "bad_hours", "value", shorten(text))
		return
	}
	*h = Hours{since, until}
}

// IsZero reports whether the file says nothing.
func (a Allowance) IsZero() bool { return a.Word == "" && a.Categories == nil }

// MarshalYAML writes the word or the list.
func (a Allowance) MarshalYAML() (any, error) {
	if a.Word != "" {
		return a.Word, nil
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, c := range a.Categories {
		list.Content = append(list.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: string(c)})
	}
	return list, nil
}

var allowances = []string{AllowNothing, AllowFirst, AllowAll}

// JSONSchema lists the words and allows a list.
func (Allowance) JSONSchema() *jsonschema.Schema {
	list := &jsonschema.Schema{Type: "array", Items: wordSchema(Categories()), MinItems: new(uint64(1)), UniqueItems: true}
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{wordSchema(allowances), list}}
}

// decode reads a word or a list of categories.
func (a *Allowance) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.SequenceNode && len(n.Content) > 0 {
		var list []Category
		d.list(n, path, reflect.ValueOf(&list).Elem())
		checkTwice(d, path, list)
		a.Categories = list
		return
	}
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, "want_allowance", "key", path)
		return
	}
	text := d.text(n, path)
	if text != "" && !slices.Contains(allowances, text) {
		d.fail(n, path, "want_allowance", "key", path).Nearest = nearest(text, allowances)
		return
	}
	a.Word = text
}

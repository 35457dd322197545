package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v3"
)

// unlimited is how no limit is written.
const unlimited = "unlimited"

// String returns the rate with the largest unit that shows it exactly.
func (r Rate) String() string {
	if r == 0 {
		return unlimited
	}
	return Size(r).String() + "/s"
}

// MarshalYAML writes the rate as String shows it.
func (r Rate) MarshalYAML() (any, error) { return r.String(), nil }

// JSONSchema describes how a rate is written.
func (Rate) JSONSchema() *jsonschema.Schema {
	pattern := "^(" + unlimited + "|" + strings.Trim(sizeHelp, "^$") + "/s)$"
	return &jsonschema.Schema{Type: "string", Pattern: pattern, Examples: []any{"2MiB/s", unlimited}}
}

func (r *Rate) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, "bad_rate", "value", path)
		return
	}
	*r, _ = d.rate(n, path, n.Value)
}

// rate returns the rate that text means, or reports why it means none.
func (d *decoder) rate(n *yaml.Node, path, text string) (Rate, bool) {
	if text == unlimited {
		return 0, true
	}
	number, ok := strings.CutSuffix(text, "/s")
	m := sizeText.FindStringSubmatch(number)
	if m == nil {
		d.fail(n, path, "bad_rate", "value", shorten(text))
		return 0, false
	}
	unit, known := unitBytes(m[2])
	if !known || !ok {
		if !known {
			m[2] = likelyUnit(m[2])
		}
		d.fail(n, path, "size_unit", "value", text, "want", m[1]+m[2]+"/s")
		return 0, false
	}
	bytes, fits := multiply(m[1], unit)
	if !fits || bytes == 0 {
		d.fail(n, path, "bad_rate", "value", text)
		return 0, false
	}
	return Rate(bytes), true
}

// decode reads "HH:MM,RATE HH:MM,UP:DOWN".
func (t *Timetable) decode(d *decoder, n *yaml.Node, path string) {
	text := d.text(n, path)
	if d.wide(n, path, text) {
		return
	}
	var slots Timetable
	for _, word := range strings.Fields(text) {
		s, ok := d.slot(n, path, word)
		if !ok {
			return
		}
		if slices.ContainsFunc(slots, func(other Slot) bool { return other.At == s.At }) {
			d.fail(n, path, "duplicate_value", "value", clock(s.At))
			return
		}
		slots = append(slots, s)
	}
	slices.SortFunc(slots, func(a, b Slot) int { return int(a.At - b.At) })
	if text != "" && slots == nil {
		d.fail(n, path, "bad_timetable", "value", shorten(text))
	}
	*t = slots
}

// wide reports what an input method made of the signs in a time.
func (d *decoder) wide(n *yaml.Node, path, text string) bool {
	at := strings.IndexAny(text, "，：－　")
	if at < 0 {
		return false
	}
	found := string([]rune(text[at:])[:1])
	d.fail(n, path, "fullwidth", "found", found, "want", map[string]string{"，": ",", "：": ":", "－": "-", "　": "a space"}[found])
	return true
}

// timeOfDay reads HH:MM.
func timeOfDay(text string) (since time.Duration, ok bool) {
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return 0, false
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, true
}

// slot reads one word of a timetable.
func (d *decoder) slot(n *yaml.Node, path, word string) (s Slot, ok bool) {
	at, rates, _ := strings.Cut(word, ",")
	if s.At, ok = timeOfDay(at); !ok || rates == "" {
		d.fail(n, path, "bad_timetable", "value", shorten(word))
		return s, false
	}
	up, down, both := strings.Cut(rates, ":")
	if !both {
		down = up
	}
	if s.Upload, ok = d.rate(n, path, up); !ok {
		return s, false
	}
	if !both {
		s.Download = s.Upload
		return s, true
	}
	s.Download, ok = d.rate(n, path, down)
	return s, ok
}

// clock writes a time of day.
func clock(at time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(at.Hours()), int(at.Minutes())%60)
}

// String returns the timetable as it is written.
func (t Timetable) String() string {
	words := make([]string, len(t))
	for i, s := range t {
		words[i] = clock(s.At) + "," + s.Upload.String()
		if s.Upload != s.Download {
			words[i] += ":" + s.Download.String()
		}
	}
	return strings.Join(words, " ")
}

// MarshalYAML writes the timetable as String shows it.
func (t Timetable) MarshalYAML() (any, error) { return t.String(), nil }

// JSONSchema describes how a timetable is written.
func (Timetable) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", MinLength: new(uint64(1)), Examples: []any{"08:00,512KiB/s 23:00,unlimited"}}
}

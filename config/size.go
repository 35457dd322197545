package config

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v3"
)

// Size is a number of bytes, written with its unit: 512KiB, 64MiB, 1.5GiB,
// 20MB. It is never zero or negative.
type Size int64

// units are what a size can be written with, the largest first.
var units = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6},
	{"KiB", 1 << 10}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1},
}

var (
	sizeText = regexp.MustCompile(`^([0-9]{1,18}(?:\.[0-9]{1,18})?) ?([A-Za-z]*)$`)
	sizeHelp = `^[0-9]+(\.[0-9]+)? ?([KMGT]i?B|kB|B)$`
)

// String returns the size with the largest unit that shows it exactly.
func (s Size) String() string {
	for _, u := range units {
		if n := int64(s); n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return "0B"
}

// MarshalYAML writes the size as String shows it.
func (s Size) MarshalYAML() (any, error) { return s.String(), nil }

// JSONSchema describes how a size is written.
func (Size) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: sizeHelp, Examples: []any{"20MiB", "2GiB"}}
}

// decode reads a size. A number without a unit is refused, since nobody
// agrees what it would mean.
func (s *Size) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, "bad_size", "value", path)
		return
	}
	m := sizeText.FindStringSubmatch(n.Value)
	if m == nil {
		d.fail(n, path, "bad_size", "value", shorten(n.Value))
		return
	}
	unit, ok := unitBytes(m[2])
	if !ok {
		d.fail(n, path, "size_unit", "value", n.Value, "want", m[1]+likelyUnit(m[2]))
		return
	}
	bytes, ok := multiply(m[1], unit)
	if !ok || bytes == 0 {
		d.fail(n, path, "bad_size", "value", n.Value)
		return
	}
	*s = Size(bytes)
}

func unitBytes(name string) (int64, bool) {
	for _, u := range units {
		if u.name == name {
			return u.bytes, true
		}
	}
	return 0, false
}

// likelyUnit guesses what was meant by 20, 20M or 20mb.
func likelyUnit(name string) string {
	if name != "" {
		for _, u := range units {
			if strings.EqualFold(u.name[:1], name[:1]) && u.bytes > 1 {
				return u.name
			}
		}
	}
	return "MiB"
}

// multiply returns number × unit in whole bytes, and false if that is more
// than fits.
func multiply(number string, unit int64) (int64, bool) {
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, false
	}
	r.Mul(r, new(big.Rat).SetInt64(unit))
	bytes := new(big.Int).Quo(r.Num(), r.Denom())
	return bytes.Int64(), bytes.IsInt64()
}

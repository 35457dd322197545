package providers

import (
	"math"
	"strings"
	"testing"
)

func TestValidName(t *testing.T) {
	long := Name(strings.Repeat("x", 160))
	for _, name := range []Name{"README.txt", "a", "packs/0/dev-0a.age", ".a", "a..b", "-", "...", long} {
		if err := ValidName(name); err != nil {
			t.Errorf("ValidName(%q) = %v", name, err)
		}
	}
	for name, why := range map[Name]string{
		"":             "name is empty",
		long + "x":     "longer than 160",
		"README.TXT":   `holds 'R'`,
		"a/README.txt": `holds 'R'`,
		"a_b":          `holds '_'`,
		"a\nb":         `holds '\n'`,
		"é":            "only a-z",
		"a//b":         `element ""`,
		"/a":           `element ""`,
		"a/":           `element ""`,
		".":            `element "."`,
		"a/./b":        `element "."`,
		"../a":         `element ".."`,
	} {
		if err := ValidName(name); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("ValidName(%q) = %v, want %q", name, err, why)
		}
	}
}

func TestValidPrefix(t *testing.T) {
	for prefix, valid := range map[Name]bool{
		"": true, "a/": true, "a/b/": true, "a": false, "/": false, "a//": false, "../": false, "A/": false,
	} {
		if err := ValidPrefix(prefix); (err == nil) != valid {
			t.Errorf("ValidPrefix(%q) = %v", prefix, err)
		}
	}
}

func TestValidRange(t *testing.T) {
	for part, valid := range map[[2]int64]bool{
		{0, -1}: true, {0, 0}: true, {5, 5}: true, {math.MaxInt64, -1}: true, {1, math.MaxInt64 - 1}: true,
		{-1, 1}: false, {0, -2}: false, {1, math.MaxInt64}: false, {math.MaxInt64, math.MaxInt64}: false,
	} {
		if err := ValidRange(part[0], part[1]); (err == nil) != valid {
			t.Errorf("ValidRange(%d, %d) = %v", part[0], part[1], err)
		}
	}
}

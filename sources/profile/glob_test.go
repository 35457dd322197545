package profile

import (
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
)

func TestAlternatives(t *testing.T) {
	for pattern, want := range map[string]string{
		"a":              "a",
		"{a,b}":          "a b",
		"x{a,b}y{1,2}":   "xay1 xay2 xby1 xby2",
		"{a/,}b":         "a/b b",
		"{a,{b,c}d}/**":  "a/** bd/** cd/**",
		`\{a,b\}`:        `\{a,b\}`,
		"[{]a,[}]{b,c}":  "[{]a,[}]b [{]a,[}]c",
		"{}":             "",
		"a{,b}":          "a ab",
		"{a,b}/{c}":      "a/c b/c",
		`{a\,b,c}`:       `a\,b c`,
		"**/{x,y}.{d,e}": "**/x.d **/x.e **/y.d **/y.e",
	} {
		if got := strings.Join(alternatives(pattern), " "); got != want {
			t.Errorf("%s stands for %q, want %q", pattern, got, want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, pattern := range []string{"", "/", "/a", "a/", "[a", "{a", "a{b,c", `a\`} {
		if _, err := compile(pattern); err == nil {
			t.Errorf("%q is accepted", pattern)
		}
	}
}

func TestLiteral(t *testing.T) {
	for pattern, want := range map[string]string{
		"db_storage/message/*.db": "db_storage/message", "a/b": "a", "a": "", "**/x": "", "a/**/x": "a", "a/b*/c": "a",
	} {
		list, err := compile(pattern)
		if err != nil || list[0].literal() != want {
			t.Errorf("%s begins with %q, want %q (%v)", pattern, list[0].literal(), want, err)
		}
	}
}

// The shortcuts say what doublestar does.
func FuzzGlob(f *testing.F) {
	for _, p := range Builtin() {
		for _, r := range p.Rules {
			for _, pattern := range r.Include {
				f.Add(pattern, "db_storage/message/message_0.db")
				f.Add(pattern, "msg/attach/a/b/Rec/c/F/x")
			}
		}
	}
	f.Add("a/**", "a")
	f.Add("a/*/**", "a/b")
	f.Add("**", "a/b")
	f.Add("a/**/*", "a")
	f.Add("**/*.{db,x}", "y.db")
	f.Add("a/**b/c", "a/b/c")
	f.Add("[^a]/?", "b/c")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		pattern, path = strings.ToLower(pattern), strings.ToLower(path)
		list, err := compile(pattern)
		if err != nil || len(list) > 100 || slices.Contains(strings.Split(path, "/"), "") {
			return
		}
		for _, g := range list {
			if !doublestar.ValidatePattern(g.text) {
				return // braces inside of a class
			}
			if got, want := g.match(path), doublestar.MatchUnvalidated(g.text, path); got != want {
				t.Errorf("%q for %q: %v, doublestar says %v", g.text, path, got, want)
			}
			if g.first != "" && g.match(path) {
				if first, _, _ := strings.Cut(path, "/"); first != g.first {
					t.Errorf("%q matches %q, but is looked up under %q", g.text, path, g.first)
				}
			}
			if l := g.literal(); g.match(path) && !isWithin(path, l) {
				t.Errorf("%q matches %q, which is not in %q", g.text, path, l)
			}
		}
	})
}

package profile

import (
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// glob is one compiled pattern. Most are decided name by name, or by how the
// path begins and ends; only the rest asks doublestar, which tells what
// patterns mean.
type glob struct {
	text   string // in lower case, without alternatives
	first  string // the first element, if it has no magic
	head   string // the path begins like this
	tail   string // and its last element ends like this
	plain  bool   // text is the path
	simple bool   // each element is a name or *, the last may be **
	folder string // what stands before a /** at the end, if anything does
}

// maxGroups bounds what alternatives multiply to.
const maxGroups = 8

const magic = `*?[]\`

// compile turns a pattern into one glob for each of its alternatives.
func compile(pattern string) ([]glob, error) {
	switch {
	case pattern == "" || strings.Trim(pattern, "/") != pattern:
		return nil, fmt.Errorf("%q names nothing; a pattern is a path without a slash at its ends", pattern)
	case !doublestar.ValidatePattern(pattern):
		return nil, fmt.Errorf("%q is not a pattern; brackets and braces must be closed", pattern)
	case strings.Count(pattern, "{") > maxGroups:
		return nil, fmt.Errorf("%q has more than %d groups of alternatives", pattern, maxGroups)
	}
	var list []glob
	for _, text := range alternatives(strings.ToLower(pattern)) {
		list = append(list, newGlob(text))
	}
	return list, nil
}

func newGlob(text string) glob {
	g := glob{text: text, plain: !strings.ContainsAny(text, magic)}
	if first, _, _ := strings.Cut(text, "/"); !strings.ContainsAny(first, magic) {
		g.first = first
	}
	g.folder, _ = strings.CutSuffix(text, "/**")
	if g.folder == text {
		g.folder = ""
	}
	g.simple = isSimple(text)
	if strings.Contains(text, `\`) {
		return g
	}
	if i := strings.IndexAny(text, magic); i >= 0 && g.folder == "" {
		g.head = text[:strings.LastIndexByte(text[:i], '/')+1]
	}
	g.tail = text[strings.LastIndexAny(text, "/"+magic)+1:]
	return g
}

// match reports whether the pattern names path, which is in lower case.
func (g *glob) match(path string) bool {
	switch {
	case g.plain:
		return path == g.text
	case g.simple:
		return matchSimple(g.text, path)
	case !strings.HasPrefix(path, g.head) || !strings.HasSuffix(path, g.tail):
		return false
	}
	return doublestar.MatchUnvalidated(g.text, path)
}

// isSimple reports whether matchSimple can do it.
func isSimple(text string) bool {
	elements := strings.Split(text, "/")
	for i, x := range elements {
		if strings.ContainsAny(x, magic) && x != "*" && (x != "**" || i == 0 || i+1 < len(elements)) {
			return false
		}
	}
	return true
}

// matchSimple compares name by name.
func matchSimple(pattern, path string) bool {
	for {
		want, pattern2, more := strings.Cut(pattern, "/")
		name, path2, below := strings.Cut(path, "/")
		if want != name && want != "*" {
			return false
		}
		switch {
		case pattern2 == "**":
			return true
		case more != below:
			return false
		case !more:
			return true
		}
		pattern, path = pattern2, path2
	}
}

// matchFolder reports whether the pattern names all that lies in the folder at
// path.
func (g *glob) matchFolder(path string) bool {
	switch {
	case g.folder == "":
		return false
	case g.simple:
		return matchSimple(g.folder, path)
	}
	return doublestar.MatchUnvalidated(g.folder, path)
}

// literal returns the folders before the first one that is not a name.
func (g *glob) literal() string {
	i := strings.IndexAny(g.text, magic)
	if i < 0 {
		i = len(g.text)
	}
	return g.text[:max(0, strings.LastIndexByte(g.text[:i], '/'))]
}

// alternatives returns the patterns that a valid pattern with {a,b} stands
// for.
func alternatives(pattern string) []string {
	open, commas, end := braces(pattern)
	if end < 0 {
		return []string{pattern}
	}
	var list []string
	from := open + 1
	for _, to := range append(commas, end) {
		list = append(list, alternatives(pattern[:open]+pattern[from:to]+pattern[end+1:])...)
		from = to + 1
	}
	return list
}

// braces finds the first group of alternatives; end is -1 if there is none.
func braces(pattern string) (open int, commas []int, end int) {
	depth, class := 0, false
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '{':
			if depth == 0 {
				open, commas = i, nil
			}
			depth++
		case c == ',' && depth == 1:
			commas = append(commas, i)
		case c == '}' && depth > 0:
			if depth--; depth == 0 {
				return open, commas, i
			}
		}
	}
	return 0, nil, -1
}

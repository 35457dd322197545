package folder

import (
	"fmt"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/tree"
)

// rules are the user's patterns, ready to match. [Options] says what they
// mean. To the walk they are a [tree.Judge].
type rules struct {
	include, exclude []pattern
	maxSize          int64
	priority         int
}

// pattern is one compiled line. A glob without any magic is compared as it
// is, which is all that most patterns need.
type pattern struct {
	glob      string
	wholePath bool // held against the path from the root, not the base name
	dirOnly   bool
	plain     bool // no magic in it
}

func newRules(include, exclude []string) (r rules, err error) {
	if r.include, err = compile("include", include); err != nil {
		return rules{}, err
	}
	if r.exclude, err = compile("exclude", exclude); err != nil {
		return rules{}, err
	}
	return r, nil
}

func compile(list string, lines []string) ([]pattern, error) {
	var out []pattern
	for _, line := range lines {
		p := pattern{glob: strings.TrimRight(line, "/")}
		p.dirOnly = p.glob != line
		p.wholePath = strings.Contains(p.glob, "/")
		p.glob = strings.TrimLeft(p.glob, "/")
		p.plain = !strings.ContainsAny(p.glob, `*?[]{}\`)
		if p.glob == "" {
			return nil, fmt.Errorf("%s %q: names nothing", list, line)
		}
		if !doublestar.ValidatePattern(p.glob) {
			return nil, fmt.Errorf("%s %q: not a pattern; brackets and braces must be closed", list, line)
		}
		out = append(out, p)
	}
	return out, nil
}

// Dir leaves an excluded folder with all it holds, and keeps one that is
// included or lies in one that is. Any other is looked into for files that
// are.
func (r *rules) Dir(e *sources.Entry, within bool) tree.Choice {
	e.Category, e.Priority = Category, r.priority
	base := path.Base(e.Path)
	switch {
	case matchAny(r.exclude, e.Path, base, true):
		return tree.Choice{}
	case within || r.includes(e.Path, base, true):
		return tree.Choice{Take: tree.Keep}
	}
	return tree.Choice{Take: tree.Look}
}

// File keeps what is included and not too large.
func (r *rules) File(e *sources.Entry, within bool) tree.Choice {
	e.Category, e.Priority = Category, r.priority
	base := path.Base(e.Path)
	switch {
	case matchAny(r.exclude, e.Path, base, false), !within && !r.includes(e.Path, base, false):
		return tree.Choice{}
	case r.maxSize > 0 && e.Type == sources.File && e.Size > r.maxSize:
		return tree.Choice{Reason: sources.TooLarge, Err: fmt.Errorf("%d bytes, the limit is %d", e.Size, r.maxSize)}
	}
	return tree.Choice{Take: tree.Keep}
}

// includes reports whether the entry at path is named by an include pattern.
// Without any, everything is.
func (r *rules) includes(path, base string, isDir bool) bool {
	return len(r.include) == 0 || matchAny(r.include, path, base, isDir)
}

func matchAny(list []pattern, path, base string, isDir bool) bool {
	for i := range list {
		if list[i].match(path, base, isDir) {
			return true
		}
	}
	return false
}

func (p *pattern) match(path, base string, isDir bool) bool {
	if p.dirOnly && !isDir {
		return false
	}
	name := base
	if p.wholePath {
		name = path
	}
	if p.plain {
		return p.glob == name
	}
	return doublestar.MatchUnvalidated(p.glob, name)
}

package folder

import (
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// rules are the user's patterns, ready to match. [Options] says what they
// mean.
type rules struct{ include, exclude []pattern }

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

// excludes reports whether the entry at path is left out. Its folders are not:
// they were asked before.
func (r *rules) excludes(path, base string, isDir bool) bool {
	return matchAny(r.exclude, path, base, isDir)
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

package profile

import (
	"slices"
	"strings"
)

// Class is what a path is.
type Class struct {
	Category string
	Priority int // 0 goes first
	Kind     Kind
	// Sidecar says that the file belongs to the database of which the rest
	// speaks: "-wal", "-journal" or "-shm".
	Sidecar string

	rule *rule // nil: no rule knows it
}

// Reason says why something is left out.
type Reason string

// Reasons.
const (
	NeverKept Reason = "app_temporary" // the app makes it again by itself
	ByUser    Reason = "leave_out"     // the user leaves its category out
)

// largeFile is from where on a rule's Large counts.
const largeFile = 256 << 20

// sidecars are what an app keeps beside a database.
var sidecars = []string{"-wal", "-shm", "-journal"}

// databaseNames are how databases end that no rule knows.
var databaseNames = []string{".db", ".sqlite", ".sqlite3"}

// rule is a compiled [Rule], or one line of a [Never] if class is nil.
type rule struct {
	glob
	class *Rule
	order int
}

// scope holds the compiled rules of one scope, never before all others, by the
// first element of the paths they can match.
type scope struct {
	all     []*rule
	byFirst map[string][]*rule
	anyway  []*rule // whatever the first element is
}

func (s *scope) add(list []glob, class *Rule) {
	for _, g := range list {
		s.all = append(s.all, &rule{g, class, len(s.all)})
	}
}

// index is called after the last add.
func (s *scope) index() {
	s.byFirst = map[string][]*rule{}
	for _, r := range s.all {
		if r.first == "" {
			s.anyway = append(s.anyway, r)
			continue
		}
		s.byFirst[r.first] = append(s.byFirst[r.first], r)
	}
	for first, list := range s.byFirst {
		list = append(list, s.anyway...)
		slices.SortFunc(list, func(a, b *rule) int { return a.order - b.order })
		s.byFirst[first] = list
	}
}

// rulesFor returns the rules that can match a path, in order.
func (s *scope) rulesFor(path string) []*rule {
	first, _, _ := strings.Cut(path, "/")
	if list, ok := s.byFirst[first]; ok {
		return list
	}
	return s.anyway
}

// Classify says what the file at path is, which has size bytes, and whether it
// is kept. It looks at names only: whether a sidecar's database exists is for
// the caller to see.
func (p *Profile) Classify(in Scope, path string, size int64) (c Class, kept bool, why Reason) {
	return p.classify(in, strings.ToLower(path), size)
}

func (p *Profile) classify(in Scope, path string, size int64) (c Class, kept bool, why Reason) {
	s := p.scopes[in]
	rules := s.rulesFor(path)
	for _, r := range rules {
		if r.class != nil {
			break
		}
		if r.match(path) {
			return Class{}, false, NeverKept
		}
	}
	if base, sidecar := cutSidecar(path); sidecar != "" {
		if c := byRules(rules, base, 0); c.Kind == Database {
			c.Sidecar = sidecar
			return c, true, ""
		}
	}
	return byRules(rules, path, size), true, ""
}

// byRules finds the rule that counts.
func byRules(rules []*rule, path string, size int64) Class {
	for _, r := range rules {
		if r.class != nil && r.match(path) {
			return r.classOf(size)
		}
	}
	for _, end := range databaseNames {
		if strings.HasSuffix(path, end) {
			return Class{Category: other, Priority: unknownDatabases, Kind: Database}
		}
	}
	return unknown
}

var unknown = Class{Category: other, Priority: lastPriority, Kind: File}

func (r *rule) classOf(size int64) Class {
	c := Class{Category: r.class.Category, Priority: *r.class.Priority, Kind: r.class.Kind, rule: r}
	if r.class.Large != nil && size > largeFile {
		c.Priority = *r.class.Large
	}
	return c
}

// folderClass says what a folder is: what a file in it would be, or else what
// a database would be.
func (p *Profile) folderClass(in Scope, path string) Class {
	c, kept, _ := p.classify(in, path+"/x", 0)
	if kept && c.Category == other {
		c, kept, _ = p.classify(in, path+"/x.db", 0)
	}
	if !kept {
		return unknown
	}
	return c
}

// neverIn reports whether nothing that lies in the folder at path is ever
// kept.
func (p *Profile) neverIn(in Scope, path string) bool {
	for _, r := range p.scopes[in].rulesFor(path) {
		if r.class == nil && r.matchFolder(path) {
			return true
		}
	}
	return false
}

// unitAt returns the rule of the unit whose folder is at path, or nil.
func (p *Profile) unitAt(in Scope, path string) *Rule {
	for _, r := range p.scopes[in].rulesFor(path) {
		if r.class != nil && r.class.Kind == Unit && r.matchFolder(path) {
			return r.class
		}
	}
	return nil
}

// cutSidecar returns the database that a path would be beside.
func cutSidecar(path string) (base, sidecar string) {
	for _, end := range sidecars {
		if base, ok := strings.CutSuffix(path, end); ok {
			return base, end
		}
	}
	return path, ""
}

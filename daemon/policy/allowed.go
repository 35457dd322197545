package policy

import (
	"slices"
	"strings"
)

// Allowed says what may be sent: everything, or only some categories, which
// may be none. The zero value is nothing.
type Allowed struct {
	All        bool     `json:"all"`
	Categories []string `json:"categories,omitempty"`
}

// Everything and Nothing are the ends of what may be allowed.
var (
	Everything = Allowed{All: true}
	Nothing    = Allowed{}
)

// Covers reports whether the category may be sent.
func (a Allowed) Covers(category string) bool {
	return a.All || slices.Contains(a.Categories, category)
}

// None reports whether nothing may be sent.
func (a Allowed) None() bool { return !a.All && len(a.Categories) == 0 }

// And returns what both allow.
func (a Allowed) And(other Allowed) Allowed {
	if a.All {
		return Allowed{All: other.All, Categories: slices.Clone(other.Categories)}
	}
	var both []string
	for _, category := range a.Categories {
		if other.Covers(category) {
			both = append(both, category)
		}
	}
	return Allowed{Categories: both}
}

// with returns what a allows, and the categories.
func (a Allowed) with(categories []string) Allowed {
	if a.All {
		return a
	}
	list := slices.Clone(a.Categories)
	for _, category := range categories {
		if !slices.Contains(list, category) {
			list = append(list, category)
		}
	}
	return Allowed{Categories: list}
}

// StricterThan reports whether a forbids something that other allows: a job
// that runs under other has to be stopped when only a is allowed.
func (a Allowed) StricterThan(other Allowed) bool {
	if a.All || other.All {
		return !a.All
	}
	return slices.ContainsFunc(other.Categories, func(category string) bool { return !a.Covers(category) })
}

// String is for logs.
func (a Allowed) String() string {
	switch {
	case a.All:
		return "everything"
	case a.None():
		return "nothing"
	}
	return strings.Join(a.Categories, ", ")
}

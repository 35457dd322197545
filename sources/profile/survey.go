package profile

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/tree"
)

// Survey is an account in numbers.
type Survey struct {
	Categories []Count // those that go first in front
	Left       []Left
	Waiting    []string // folders of units that are being written
	Unreadable int      // files and folders
}

// Count is what one category amounts to.
type Count struct {
	Category  string
	Priority  int // of what goes first in it
	Files     int
	Databases int   // of the files
	Bytes     int64 // with what lies beside databases
	LeftOut   bool  // by the user
}

// Left is what one reason leaves out.
type Left struct {
	Reason Reason
	Files  int
	Bytes  int64
}

// Survey counts everything there is, also what a backup leaves out.
func (a *Account) Survey(ctx context.Context) (*Survey, error) {
	v, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	s := &surveyor{judge: v.newJudge(ctx), counts: map[string]*Count{}, left: map[Reason]*Left{}}
	err = v.Tree.Walk(ctx, s, func(sources.Entry) error { return nil }, s.skipped)
	if err != nil {
		return nil, err
	}
	return s.survey(), nil
}

// surveyor counts instead of keeping, and looks into everything.
type surveyor struct {
	*judge
	counts     map[string]*Count
	left       map[Reason]*Left
	waiting    []string
	unreadable int
}

func (s *surveyor) skipped(k sources.Skipped) {
	if k.Reason == sources.Unreadable {
		s.unreadable++
	}
}

// Dir looks into everything but other accounts.
func (s *surveyor) Dir(e *sources.Entry, _ bool) tree.Choice {
	profile, scope := s.account.profile, s.account.scope
	rule := profile.unitAt(scope, strings.ToLower(e.Path))
	switch {
	case s.isOthers(e.Path), rule != nil && s.noUnits():
		return tree.Choice{}
	case rule != nil && !s.isQuiet(e, rule.Quiet):
		s.waiting = append(s.waiting, e.Path)
	}
	return tree.Choice{Take: tree.Look}
}

func (s *surveyor) File(e *sources.Entry, _ bool) tree.Choice {
	if s.isOthers(e.Path) || e.Type != sources.File {
		return tree.Choice{}
	}
	c, why := s.class(e.Path, e.Size)
	if (c.Kind != Unit && s.onlyUnits()) || (c.Kind == Unit && s.noUnits()) {
		return tree.Choice{}
	}
	if why == NeverKept {
		s.leave(why, e.Size)
		return tree.Choice{}
	}
	if c.Kind == Database && c.Sidecar == "" {
		s.databases[e.Path] = why == ""
	}
	switch {
	case c.Sidecar != "" && !s.beside(e, c):
		c, why = s.ordered(unknown, true, "")
	case c.Sidecar == "-shm": // read by a capture, never kept
		return tree.Choice{}
	}
	s.count(e, c, why)
	return tree.Choice{Take: tree.Keep}
}

// beside reports whether a sidecar's database is there.
func (s *surveyor) beside(e *sources.Entry, c Class) bool {
	_, seen := s.databases[e.Path[:len(e.Path)-len(c.Sidecar)]]
	return seen
}

func (s *surveyor) count(e *sources.Entry, c Class, why Reason) {
	n := s.counts[c.Category]
	if n == nil {
		n = &Count{Category: c.Category, Priority: c.Priority}
		s.counts[c.Category] = n
	}
	n.Priority = min(n.Priority, c.Priority)
	n.LeftOut = why == ByUser
	n.Bytes += e.Size
	if c.Sidecar == "" {
		n.Files++
		if c.Kind == Database {
			n.Databases++
		}
	}
	if why != "" {
		s.leave(why, e.Size)
	}
}

func (s *surveyor) leave(why Reason, size int64) {
	n := s.left[why]
	if n == nil {
		n = &Left{Reason: why}
		s.left[why] = n
	}
	n.Files++
	n.Bytes += size
}

func (s *surveyor) survey() *Survey {
	out := &Survey{Waiting: s.waiting, Unreadable: s.unreadable}
	for _, n := range s.counts {
		out.Categories = append(out.Categories, *n)
	}
	for _, n := range s.left {
		out.Left = append(out.Left, *n)
	}
	slices.SortFunc(out.Categories, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(place(a.Category), place(b.Category)))
	})
	slices.SortFunc(out.Left, func(a, b Left) int { return cmp.Compare(a.Reason, b.Reason) })
	return out
}

// place is where a category stands in the list of all.
func place(name string) int {
	return slices.IndexFunc(categories, func(c Category) bool { return c.Name == name })
}

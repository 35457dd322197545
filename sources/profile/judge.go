package profile

import (
	"context"
	"strings"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/tree"
)

// judge decides for one walk.
type judge struct {
	*view
	ctx context.Context
	// databases were seen, with whether they are kept: their sidecars, whose
	// names come after theirs, share their fate.
	databases map[string]bool
	unit      string // the unit that the walk is in
	now       int64
}

func (v *view) newJudge(ctx context.Context) *judge {
	return &judge{view: v, ctx: ctx, databases: map[string]bool{}, now: v.account.source.now().UnixNano()}
}

// Dir leaves what is never kept, other accounts, and units that are not quiet.
// A folder of a category that is left out stays if something else is in it.
func (j *judge) Dir(e *sources.Entry, _ bool) tree.Choice {
	path := strings.ToLower(e.Path)
	profile, scope := j.account.profile, j.account.scope
	if j.isOthers(e.Path) || profile.neverIn(scope, path) {
		return tree.Choice{}
	}
	c, why := j.ordered(profile.folderClass(scope, path), true, "")
	e.Category = c.Category
	if j.unit != "" && strings.HasPrefix(e.Path, j.unit+"/") {
		return tree.Choice{Take: tree.Keep}
	}
	j.unit = ""
	if rule := profile.unitAt(scope, path); rule != nil {
		return j.enter(e, rule, why)
	}
	if j.onlyUnits() || why != "" {
		return tree.Choice{Take: tree.Look}
	}
	return tree.Choice{Take: tree.Keep}
}

// enter keeps a unit that nobody is writing.
func (j *judge) enter(e *sources.Entry, rule *Rule, why Reason) tree.Choice {
	switch {
	case why != "" || j.noUnits():
		return tree.Choice{}
	case !j.isQuiet(e, rule.Quiet):
		return tree.Choice{Reason: sources.Waiting}
	}
	j.unit = e.Path
	return tree.Choice{Take: tree.Keep}
}

// File gives an entry its class, and leaves what the class says.
func (j *judge) File(e *sources.Entry, _ bool) tree.Choice {
	if j.isOthers(e.Path) {
		return tree.Choice{}
	}
	c, why := j.class(e.Path, e.Size)
	if c.Sidecar != "" {
		c, why = j.sidecar(e, c, why)
	}
	if c.Kind == Database && c.Sidecar == "" && e.Type == sources.File {
		j.databases[e.Path] = why == ""
	}
	if why != "" || (c.Kind != Unit && j.onlyUnits()) || (c.Kind == Unit && j.noUnits()) {
		return tree.Choice{}
	}
	c.complete(e)
	return tree.Choice{Take: tree.Keep}
}

// follows is the reason why a sidecar is no entry: it is its database's.
const follows Reason = "database"

// sidecar lets a file follow the database it lies beside. Without one it is a
// file like any other that is not known.
func (j *judge) sidecar(e *sources.Entry, c Class, why Reason) (Class, Reason) {
	base := e.Path[:len(e.Path)-len(c.Sidecar)]
	kept, seen := j.databases[base]
	switch {
	case !seen || e.Type != sources.File:
		return j.ordered(unknown, true, "")
	case !kept:
		return c, why
	case c.Sidecar != "-journal":
		return c, follows
	}
	e.JournalOf = base
	return c, why
}

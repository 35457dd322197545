package profile

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/tree"
)

// Databases keeps the promises of [sources.Databases]. It looks only into
// folders for which the profile has databases.
func (v *view) Databases(ctx context.Context) ([]sources.Entry, error) {
	j := &databaseJudge{v.newJudge(ctx), v.databaseFolders()}
	var list []sources.Entry
	err := v.Tree.Walk(ctx, j, func(e sources.Entry) error {
		if e.Database {
			list = append(list, e)
		}
		return nil
	}, func(sources.Skipped) {}) // Walk says it
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b sources.Entry) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(v.turn(a), v.turn(b)), strings.Compare(a.Path, b.Path))
	})
	return list, nil
}

// turn puts what is captured before others of its priority in front.
func (v *view) turn(e sources.Entry) int {
	if c, _ := v.class(e.Path, e.Size); c.rule != nil && c.rule.class.Before != "" {
		return 0
	}
	return 1
}

// databaseFolders returns the folders, in lower case, below which rules name
// databases. "" is the whole account.
func (v *view) databaseFolders() []string {
	var list []string
	for _, r := range v.account.profile.scopes[v.account.scope].all {
		if r.class != nil && r.class.Kind == Database {
			list = append(list, r.literal())
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// databaseJudge is a judge that doesn't look into folders without databases.
type databaseJudge struct {
	*judge
	folders []string
}

func (j *databaseJudge) Dir(e *sources.Entry, inside bool) tree.Choice {
	path := strings.ToLower(e.Path)
	if !slices.ContainsFunc(j.folders, func(folder string) bool { return isWithin(path, folder) || isWithin(folder, path) }) {
		return tree.Choice{}
	}
	return j.judge.Dir(e, inside)
}

// isWithin reports whether path is folder or lies in it.
func isWithin(path, folder string) bool {
	rest, ok := strings.CutPrefix(path, folder)
	return ok && (folder == "" || rest == "" || rest[0] == '/')
}

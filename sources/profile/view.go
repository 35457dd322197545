package profile

import (
	"context"
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/tree"
)

// settle is how long media must have been left alone: what is being downloaded
// grows.
const settle = 3 * time.Second

var settling = []string{"images", "videos", "files", "voice", "stickers"}

// view is one look at an account: the tree opens and reads.
type view struct {
	*tree.Tree
	account *Account
}

// Walk keeps the promises of [sources.View]. A unit that is being written is
// not looked into, and named as waiting.
func (v *view) Walk(ctx context.Context, entry func(sources.Entry) error, skipped func(sources.Skipped)) error {
	return v.Tree.Walk(ctx, v.newJudge(ctx), entry, skipped)
}

// class is what the entry at path is to this account, as the user orders it.
// The reason says why it is left out.
func (v *view) class(path string, size int64) (c Class, why Reason) {
	return v.ordered(v.account.profile.Classify(v.account.scope, path, size))
}

func (v *view) ordered(c Class, kept bool, why Reason) (Class, Reason) {
	if !kept {
		return c, why
	}
	c, kept = v.account.source.order.apply(c)
	if !kept {
		return c, ByUser
	}
	return c, ""
}

// isOthers reports whether path, directly in a root, is an account of its own.
func (v *view) isOthers(path string) bool { return slices.Contains(v.account.others, path) }

// onlyUnits says that the account is the units of a root, and noUnits that
// they are none of it.
func (v *view) onlyUnits() bool {
	return v.account.scope == RootScope && v.account.label == labelUnits
}

func (v *view) noUnits() bool { return v.account.scope == RootScope && v.account.label == labelShared }

// complete fills in what only the profile knows.
func (c Class) complete(e *sources.Entry) {
	e.Category, e.Priority = c.Category, c.Priority
	if e.Type != sources.File || c.Sidecar != "" {
		return
	}
	switch {
	case c.Kind == Database:
		e.Database = true
	case c.Kind == Unit:
		e.Settle = c.rule.class.Quiet
	case slices.Contains(settling, c.Category):
		e.Settle = settle
	}
}

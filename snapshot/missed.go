package snapshot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// missed returns the accounts that the last snapshot has of an app and that
// were not found today.
func (t *taker) missed(ctx context.Context, found []sources.Account) (list []opened, err error) {
	if t.writer.Head() == nil || len(t.opt.Apps) == 0 {
		return nil, nil
	}
	root, err := t.writer.HeadRoot(ctx)
	if root == nil || err != nil {
		return nil, err
	}
	for _, src := range root.Sources {
		there := slices.ContainsFunc(found, func(a sources.Account) bool { return strings.EqualFold(a.Name(), src.Name) })
		if !there && slices.ContainsFunc(t.opt.Apps, func(a App) bool { return a.has(src) }) {
			o := opened{Account: missedAccount{src}}
			if len(t.opt.Only) == 0 {
				_, o.err = o.View(ctx)
			}
			list = append(list, o)
		}
	}
	return list, nil
}

func (a App) has(src format.SourceTree) bool {
	return src.Kind == a.Kind && (src.Name == a.Name || strings.HasPrefix(src.Name, a.Name+"-"))
}

// missedAccount is what the last snapshot knows of an account.
type missedAccount struct{ src format.SourceTree }

func (m missedAccount) Name() string { return m.src.Name }
func (m missedAccount) Kind() string { return m.src.Kind }
func (m missedAccount) Root() string { return m.src.Place }

func (m missedAccount) View(context.Context) (sources.View, error) {
	return nil, hint.New("source_vanished", fmt.Errorf("look for %s: %w", m.src.Place, sources.ErrVanished), "source", m.src.Name)
}

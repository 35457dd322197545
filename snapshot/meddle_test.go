package snapshot

import (
	"cmp"
	"context"
	"errors"
	"path"
	"strings"

	"github.com/chatkeep/chatkeep/sources"
)

// meddling stands between an account and the backup: it does at a certain
// moment what an app does at any, or says what a view says only then.
type meddling struct {
	busy     string // a folder that is being written
	captured func(path string, got *sources.Captured)
	walks    func() // called when a walk begins; may be nil
	fail     string // a database that can't be read,
	err      error  // and why
}

func (m *meddling) wrap(a sources.Account) sources.Account { return &appAccount{a, m} }

type appAccount struct {
	sources.Account
	m *meddling
}

func (a *appAccount) View(ctx context.Context) (sources.View, error) {
	v, err := a.Account.View(ctx)
	if err != nil {
		return nil, err
	}
	return &appView{v.(sources.Databases), a.m}, nil
}

type databases = sources.Databases // whose name is also that of a method

type appView struct {
	databases
	m *meddling
}

func (v *appView) Walk(ctx context.Context, entry func(sources.Entry) error, skipped func(sources.Skipped)) error {
	if v.m.walks != nil {
		v.m.walks()
	}
	return v.databases.Walk(ctx, func(e sources.Entry) error {
		switch {
		case v.m.busy == "" || e.Path != v.m.busy && !strings.HasPrefix(e.Path, v.m.busy+"/"):
			return entry(e)
		case path.Clean(e.Path) == v.m.busy:
			skipped(sources.Skipped{Path: e.Path, Reason: sources.Waiting})
		}
		return nil
	}, skipped)
}

func (v *appView) Capture(ctx context.Context, e sources.Entry, t sources.Target, o sources.CaptureOptions) (*sources.Captured, error) {
	if e.Path == v.m.fail {
		return nil, cmp.Or(v.m.err, errors.New("input/output error"))
	}
	got, err := v.databases.Capture(ctx, e, t, o)
	if err == nil && v.m.captured != nil {
		v.m.captured(e.Path, got)
	}
	return got, err
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/snapshot"
)

// follower is a pull that stays.
type follower struct {
	*app
	f      pullFlags
	key    *crypto.Identity // nil: as this device
	where  target
	remote providers.Remote // nil until it can be opened
	folder *snapshot.PullFolder
	told   bool   // that it is watching
	wrong  string // what the last pull found wrong, which is not said again
}

// followPull pulls, and stays to pull what changes. It holds neither the state
// folder nor anything of the repository while it waits, so that this device's
// backups go on.
func (a *app) followPull(ctx context.Context, f pullFlags) (err error) {
	w := &follower{app: a, f: f}
	if f.identity != "" {
		if w.key, err = a.readIdentity(ctx, f.identity, f.unlock); err != nil {
			return err
		}
	}
	where, err := a.target(f.remote)
	if err != nil {
		return err
	}
	w.where = a.reach(where)
	if where.Type == "local" {
		if err := checkApart(f.to, where.Folder); err != nil {
			return err
		}
	}
	if w.folder, err = snapshot.OpenPullFolder(f.to); err != nil {
		return err
	}
	defer w.folder.Close()
	loop := snapshot.Following{Every: f.every, Changed: w.changed, Pull: w.pull, Ends: endsFollowing, Trouble: w.trouble,
		Over: func() { a.note("pull.again") }}
	err = loop.Run(ctx)
	if w.remote != nil {
		err = errors.Join(err, w.remote.Close())
	}
	a.silent = true // each pull was a document of its own
	if err != nil {
		a.silent = false
	}
	return err
}

// changed asks the remote. One that can't tell has always changed.
func (w *follower) changed(ctx context.Context) (bool, error) {
	watcher, ok := w.contact.remote.(providers.Watcher)
	if !ok {
		return true, nil
	}
	changed, err := watcher.Changed(ctx)
	if changed {
		return true, nil // also where the service can't tell
	}
	return false, err
}

// pull opens the repository anew, so that it sees what is there now.
func (w *follower) pull(ctx context.Context) error {
	if w.remote == nil {
		remote, err := w.where.openWith(ctx, w.f.patience)
		if err != nil {
			return err
		}
		w.remote = remote
		if _, err := w.changed(ctx); err != nil { // what changes from here on wakes it
			return err
		}
	}
	r, done, err := w.open(ctx)
	if err != nil {
		return err
	}
	out, err := w.folder.Pull(ctx, r, w.f.PullOptions)
	if err = errors.Join(err, done()); err != nil {
		return err
	}
	return w.tell(r, out)
}

func (w *follower) open(ctx context.Context) (*repo.Repo, func() error, error) {
	if w.key != nil {
		r, err := repo.Open(ctx, w.remote, repo.Options{Recovery: w.key})
		return r, func() error { return nil }, err
	}
	o, err := w.openToLook(ctx, w.remote, true)
	if err != nil {
		return nil, nil, err
	}
	return o.Repo, o.state.Close, nil // the remote stays open
}

// tell says what a pull did, if it did anything. The exit code is that of the
// last one.
func (w *follower) tell(r *repo.Repo, out *snapshot.Pulled) error {
	wrong := wrongIn(r, out)
	if !w.told || out.Changed() || out.Files > 0 || wrong != w.wrong {
		w.wrong, w.code = wrong, exitDone
		d := w.tellPull(r, out, w.f.to)
		if w.json && out.Changed() {
			enc := json.NewEncoder(w.out) // a document a line
			enc.SetEscapeHTML(false)
			if err := enc.Encode(d); err != nil {
				return err
			}
		}
	}
	if !w.told {
		w.told = true
		w.note("pull.following")
	}
	return nil
}

// wrongIn sums up what a pull found wrong.
func wrongIn(r *repo.Repo, out *snapshot.Pulled) string {
	var list []string
	for _, x := range r.Alarms() {
		list = append(list, string(x.Code), x.Error())
	}
	for _, x := range out.Failed {
		list = append(list, x.Path, x.Reason)
	}
	for _, x := range out.Aside {
		list = append(list, x.To)
	}
	return strings.Join(slices.Concat(list, out.Older, out.Torn, out.Held), "\x00")
}

// trouble is told once; then it is waited until it is over.
func (w *follower) trouble(err error) {
	_, text, advice := w.explain(err)
	w.complain(text, advice)
	w.note("pull.waiting")
}

// endsFollowing reports whether waiting does not help: somebody has to do
// something.
func endsFollowing(err error) bool {
	if errors.Is(err, repo.ErrIntegrity) {
		return true
	}
	h := hint.Find(err)
	if h == nil {
		return false
	}
	return slices.Contains(wrongUse, h.Code) || slices.Contains([]hint.Code{repo.CodeWrongKey, repo.CodeNoKey, repo.CodeOtherRepository, repo.CodeNewer,
		repo.CodeBackupOnly, repo.CodeRevoked, "not_member", "bad_key", snapshot.CodePullFull, snapshot.CodeTargetFull}, h.Code)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/sources"
)

// place says where a command finds the repository and its key.
type place struct {
	remote   string // --remote
	identity string // --identity
	unlock   keyUnlock
	patience providers.RetryOptions
	changes  bool // the command is not only to look, so nobody else may be at work here
	long     bool // it looks for so long that the daemon's jobs must not wait for it
}

// flags adds what every reading command takes.
func (p *place) flags(a *app, c *cobra.Command) {
	c.Flags().StringVar(&p.remote, "remote", "", a.say("flag.remote"))
	c.Flags().StringVar(&p.identity, "identity", "", a.say("flag.identity"))
	p.unlock.flags(a, c)
}

// opened is an open repository with what must be closed after it.
type opened struct {
	*repo.Repo
	state *repo.State
}

// Close ends the use of the repository and gives up the state folder.
func (o *opened) Close() error {
	err := o.Repo.Close()
	if o.state != nil {
		err = errors.Join(err, o.state.Close())
	}
	return err
}

// loadConfig reads the configuration.
func (a *app) loadConfig() (*config.Config, error) {
	cfg, err := config.Load(config.Locate(a.config, a.getenv))
	if err != nil {
		return nil, err
	}
	if err := checkRemote(cfg); err != nil {
		return nil, err
	}
	return cfg, nil
}

// open opens the repository: with --identity from nothing but the remote, else
// as this device. While another process has the state folder, a command that
// only looks opens it without the lock.
func (a *app) open(ctx context.Context, p place) (*opened, error) {
	where, err := a.target(p.remote)
	if err != nil {
		return nil, err
	}
	remote, err := a.reach(where).openWith(ctx, p.patience)
	if err != nil {
		return nil, err
	}
	o, err := a.openOn(ctx, remote, p)
	if err != nil {
		return nil, errors.Join(err, remote.Close())
	}
	return o, nil
}

func (a *app) openOn(ctx context.Context, remote providers.Remote, p place) (*opened, error) {
	if p.identity != "" {
		key, err := a.readIdentity(ctx, p.identity, p.unlock)
		if err != nil {
			return nil, err
		}
		r, err := repo.Open(ctx, remote, repo.Options{Recovery: key})
		if err != nil {
			return nil, err
		}
		return &opened{Repo: r}, nil
	}
	if p.changes {
		return a.openDevice(ctx, remote)
	}
	return a.openToLook(ctx, remote, p.long)
}

// openDevice opens the repository with this device's own keys. Until it is
// closed, nobody else changes anything of this device.
func (a *app) openDevice(ctx context.Context, remote providers.Remote) (*opened, error) {
	return a.openMember(ctx, remote, a.openState)
}

func (a *app) openMember(ctx context.Context, remote providers.Remote, openState func(dir string) (*repo.State, error)) (*opened, error) {
	dir, err := config.StateDir(a.getenv)
	if err != nil {
		return nil, err
	}
	cache, err := config.CacheDir(a.getenv)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); err != nil && a.keyCredential() == "" {
		return nil, hint.New("not_member", fmt.Errorf("open repository %s: this device has no keys", remote))
	}
	state, err := openState(dir)
	if err != nil {
		return nil, err
	}
	r, err := repo.Open(ctx, remote, repo.Options{State: state, Cache: cache})
	if err != nil {
		return nil, errors.Join(err, state.Close())
	}
	return &opened{r, state}, nil
}

// accounts turns the configured sources into what Take wants. A source whose
// accounts are not there is in the list too, so that a backup names it.
func accounts(ctx context.Context, cfg *config.Config) ([]sources.Account, error) {
	entries, err := configured(ctx, cfg)
	if err != nil {
		return nil, err
	}
	var list []sources.Account
	for _, e := range entries {
		list = append(list, e.expected()...)
	}
	return list, nil
}

// namedAccounts returns the names of the accounts that names stand for: each is
// an account's or a source's.
func namedAccounts(entries []entry, names []string) (found []string, err error) {
	for _, name := range names {
		n := len(found)
		for _, e := range entries {
			for _, acc := range e.expected() {
				if name == e.name || name == e.source.Name || name == acc.Name() {
					found = append(found, acc.Name())
				}
			}
		}
		if len(found) == n {
			return nil, hint.New("no_such_source", fmt.Errorf("back up %s: no source of that name", name), "source", name)
		}
	}
	return found, nil
}

// checkPlaces refuses a remote that lies inside a source: the backup would
// back itself up, and grow with every run.
func checkPlaces(remote providers.Remote, list []sources.Account) error {
	local := remote.Traits().LocalPath
	if local == "" {
		return nil
	}
	for _, acc := range list {
		if inside(local, acc.Root()) {
			return hint.New("remote_inside_source", fmt.Errorf("back up %s: %s lies inside it", acc.Root(), local))
		}
	}
	return nil
}

// inside reports whether path is dir or lies in it, whatever symlinks lead
// there. Neither needs to exist.
func inside(path, dir string) bool {
	path, dir = realPath(path), realPath(dir)
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// realPath resolves symlinks as far as the path exists.
func realPath(p string) string {
	p, err := filepath.Abs(p)
	if err != nil {
		return p
	}
	if real, err := filepath.EvalSymlinks(p); err == nil {
		return real
	}
	parent := filepath.Dir(p)
	if parent == p {
		return p
	}
	return filepath.Join(realPath(parent), filepath.Base(p))
}

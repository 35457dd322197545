package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
)

// target is a remote with what the configuration says of the way there.
type target struct {
	config.Remote
	network config.Network
	opened  func(providers.Remote) // is told of the remote; may be nil
}

// targetOf is the configured remote.
func targetOf(cfg *config.Config) target { return target{Remote: cfg.Remote, network: cfg.Network} }

// target is the remote of --remote, or the configured one. One that is named
// has the settings of the configured one, if it is that.
func (a *app) target(named string) (target, error) {
	if named == "" {
		cfg, err := a.loadConfig()
		if err != nil {
			return target{}, err
		}
		return targetOf(cfg), nil
	}
	where, err := config.ParseRemote(named)
	if err != nil {
		return target{}, err
	}
	if cfg, err := a.loadConfig(); err == nil && cfg.Remote.String() == where.String() {
		return targetOf(cfg), nil
	}
	return target{Remote: where}, nil
}

// place is where it is, without the way there.
func (t target) place() providers.Place {
	return providers.Place{Type: string(t.Type), Path: t.Folder}
}

// options are what the place is opened with. A folder of this computer needs
// nothing remembered.
func (t target) options() (cloud.Options, error) {
	o := cloud.Options{Settings: t.Options, Proxy: t.Proxy, CACert: t.CACert, Limits: limitsOf(t.Remote, t.network)}
	if t.Type == "local" {
		return o, nil
	}
	var err error
	o.Home, err = remoteHome(t.Remote)
	return o, err
}

// openBare opens a place as it is: each call is made once.
func (t target) openBare(ctx context.Context) (providers.Remote, error) {
	o, err := t.options()
	if err != nil {
		return nil, err
	}
	remote, err := cloud.Open(ctx, t.place(), o)
	if err == nil && t.opened != nil {
		t.opened(remote)
	}
	return remote, err
}

// open opens a place with retries and verification above it.
func (t target) open(ctx context.Context) (providers.Remote, error) {
	return t.openWith(ctx, providers.RetryOptions{})
}

// hurried is the patience of what somebody waits for.
var hurried = providers.RetryOptions{Tries: 3, LongestWait: 10 * time.Second}

func (t target) openWith(ctx context.Context, o providers.RetryOptions) (providers.Remote, error) {
	remote, err := t.openBare(ctx)
	if err != nil {
		return nil, err
	}
	return providers.Reliable(remote, o), nil
}

// checkSignIn makes a call with a new sign-in before it replaces an older one.
// A token that was refreshed on the way is kept, and whose account it is.
//
// It lies beside the remote's home meanwhile, and not in the system's temporary
// folder: whoever is killed here leaves a secret no further out than the one it
// replaces, and the next sign-in removes it.
func (a *app) checkSignIn(ctx context.Context, where config.Remote, values map[string]string) error {
	t := target{Remote: where}
	o, err := t.options()
	if err != nil {
		return err
	}
	trials := o.Home + ".new"
	if err := os.RemoveAll(trials); err != nil {
		return err
	}
	defer os.RemoveAll(trials)
	// Each has a folder of its own: two at once must not take each other's.
	o.Home = filepath.Join(trials, rand.Text())
	fresh := cloud.NewSignIn(o.Home)
	if err := fresh.Save(values); err != nil {
		return err
	}
	remote, err := cloud.Open(ctx, t.place(), o)
	if err != nil {
		return err
	}
	defer remote.Close()
	u, err := remote.(providers.Accountant).Usage(ctx)
	if h := hint.Find(err); errors.Is(err, providers.ErrNotExist) && (h == nil || h.Code == providers.HintMissing) {
		err = nil // the folder, which the first backup makes
	}
	if err != nil {
		return err
	}
	if u.Account != "" {
		a.tell("login.account", "account", printable(u.Account))
	}
	if fresh, err = cloud.OpenSignIn(o.Home); err == nil {
		for key, value := range fresh.Values() {
			values[key] = value
		}
	}
	return err
}

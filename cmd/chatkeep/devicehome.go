package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
)

// homeFlags are where a new member finds the repository, and what it backs up.
type homeFlags struct {
	remote  string
	name    string
	folders []string
	apps    []string
}

func (f *homeFlags) flags(a *app, c *cobra.Command) {
	c.Flags().StringVar(&f.remote, "remote", "", a.say("flag.member_remote"))
	c.Flags().StringVar(&f.name, "name", "", a.say("flag.member_name"))
	c.Flags().StringArrayVar(&f.folders, "folder", nil, a.say("flag.member_folder"))
	c.Flags().StringArrayVar(&f.apps, "app", nil, a.say("flag.member_app"))
}

// backsUp reports whether something is named to back up.
func (f *homeFlags) backsUp() bool { return len(f.folders)+len(f.apps) > 0 }

// home is what a device needs to become a member.
type home struct {
	*config.Config
	path   string
	fresh  bool // the configuration is still to be written
	remote providers.Remote
	state  *repo.State
	cache  string
}

func (h *home) close() error { return errors.Join(h.state.Close(), h.remote.Close()) }

// name is what the device shall be called.
func (h *home) name(f homeFlags) string {
	if f.name != "" {
		return f.name
	}
	return h.Device
}

// callIt gives the device its name in a configuration that is still to be
// written.
func (h *home) callIt(name string) {
	if h.fresh {
		h.Device = name
	}
}

// openHome finds or makes the configuration, checks what it names and opens the
// place and the state folder. A device that is a member already is refused.
func (a *app) openHome(ctx context.Context, f homeFlags) (_ *home, err error) {
	if f.name != "" {
		if err := a.checkDeviceName(f.name); err != nil {
			return nil, err
		}
	}
	h := &home{path: config.Locate(a.config, a.getenv)}
	if h.Config, h.fresh, err = a.memberConfig(h.path, f); err != nil {
		return nil, err
	}
	if h.cache, err = config.CacheDir(a.getenv); err != nil {
		return nil, err
	}
	if h.remote, err = a.reach(targetOf(h.Config)).open(ctx); err != nil {
		return nil, err
	}
	if err := a.checkNewMember(ctx, h); err != nil {
		return nil, errors.Join(err, h.remote.Close())
	}
	return h, nil
}

func (a *app) checkNewMember(ctx context.Context, h *home) error {
	list, err := accounts(ctx, h.Config)
	if err == nil {
		err = checkPlaces(h.remote, list)
	}
	if err == nil && h.fresh {
		err = checkThere(ctx, list)
	}
	if err != nil {
		return err
	}
	dir, err := config.StateDir(a.getenv)
	if err != nil {
		return err
	}
	if h.state, err = a.openState(dir); err != nil {
		return err
	}
	if h.state.HasKeys() {
		err = hint.New(repo.CodeMember, fmt.Errorf("join %s: this device belongs to a repository (%s)", h.remote, dir))
		return errors.Join(err, h.state.Close())
	}
	return nil
}

// memberConfig loads the configuration, or makes one of the flags where there
// is none. One that is there is never changed, so the flags must agree with it.
func (a *app) memberConfig(path string, f homeFlags) (cfg *config.Config, fresh bool, err error) {
	cfg, err = a.loadConfig()
	switch {
	case err == nil:
		return cfg, false, a.agreesWith(cfg, f)
	case !hint.Is(err, config.CodeMissing):
		return nil, false, err
	case f.remote == "":
		return nil, false, usageError(errors.New(a.say("usage.member_remote")))
	}
	cfg, err = flagConfig(path, f)
	return cfg, true, err
}

// flagConfig is the configuration that the flags describe.
func flagConfig(path string, f homeFlags) (*config.Config, error) {
	remote, err := config.ParseRemote(f.remote)
	if err != nil {
		return nil, err
	}
	list, err := firstSources(f.apps, f.folders)
	if err != nil {
		return nil, err
	}
	text, err := configText(f.name, remote, list)
	if err != nil {
		return nil, err
	}
	return config.Parse(path, text)
}

// agreesWith refuses flags that say something else than the configuration.
func (a *app) agreesWith(cfg *config.Config, f homeFlags) error {
	if f.remote != "" {
		where, err := config.ParseRemote(f.remote)
		if err != nil {
			return err
		}
		if where.String() != cfg.Remote.String() {
			return usageError(errors.New(a.say("usage.member_other", "path", printable(cfg.File()), "remote", printable(cfg.Remote.String()))))
		}
	}
	if !f.backsUp() {
		return nil
	}
	f.remote, f.name = cfg.Remote.String(), ""
	named, err := flagConfig(cfg.File(), f)
	if err == nil && !reflect.DeepEqual(named.Sources, cfg.Sources) {
		err = hint.New(durable.CodeExists, fmt.Errorf("write configuration %s: %w", cfg.File(), fs.ErrExist), "path", cfg.File())
	}
	return err
}

// writeHome writes the configuration if there was none.
func (a *app) writeHome(h *home) error {
	if !h.fresh {
		return nil
	}
	if err := writeConfig(h.path, h.Config); err != nil {
		return err
	}
	h.fresh = false
	a.tell("init.config", "path", h.path)
	return nil
}

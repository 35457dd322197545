package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

type initFlags struct {
	recovery   string
	backupOnly bool
	folders    []string
	apps       []string
	remote     string
}

func (a *app) initCommand() *cobra.Command {
	var f initFlags
	c := &cobra.Command{
		Use: "init", Short: a.say("cmd.init"), Long: a.say("cmd.init") + "\n\n" + a.say("cmd.init.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.init(c.Context(), f) },
	}
	c.Flags().StringVar(&f.recovery, "recovery", "", a.say("flag.recovery"))
	c.Flags().BoolVar(&f.backupOnly, "backup-only", false, a.say("flag.backup_only"))
	c.Flags().StringArrayVar(&f.folders, "folder", nil, a.say("flag.init_folder"))
	c.Flags().StringArrayVar(&f.apps, "app", nil, a.say("flag.init_app"))
	c.Flags().StringVar(&f.remote, "remote", "", a.say("flag.init_remote"))
	return c
}

// init makes the repository, this device's keys and the recovery key. With
// --app or --folder, and --remote, it also writes the configuration.
func (a *app) init(ctx context.Context, f initFlags) error {
	path := config.Locate(a.config, a.getenv)
	cfg, fresh, err := a.initConfig(path, f)
	if err != nil {
		return err
	}
	if f.recovery == "" {
		f.recovery = filepath.Join(filepath.Dir(path), "recovery.key")
	}
	if f.recovery, err = filepath.Abs(f.recovery); err != nil {
		return err
	}
	remote, err := a.reach(targetOf(cfg)).open(ctx)
	if err != nil {
		return err
	}
	defer remote.Close()
	list, err := accounts(ctx, cfg)
	if err == nil {
		err = checkPlaces(remote, list)
	}
	if err == nil {
		err = checkBeginning(ctx, remote, list, f.recovery)
	}
	if err != nil {
		return err
	}
	device, err := a.found(ctx, cfg, remote, f)
	if err != nil {
		return err
	}
	if fresh {
		if err := writeConfig(path, cfg); err != nil {
			return err
		}
		a.tell("init.config", "path", path)
	}
	a.tell("init.done", "remote", remote.String(), "device", device)
	a.tell("init.recovery", "path", f.recovery, "typed", shellWord(f.recovery))
	if f.backupOnly {
		a.tell("init.backup_only")
	}
	return a.document(map[string]string{"remote": remote.String(), "device": device, "recovery": f.recovery, "config": path})
}

// checkBeginning refuses what would only show its trouble later: a source that
// is not there, a recovery key beside the backups it opens, and a remote in a
// folder that is used for something else.
func checkBeginning(ctx context.Context, remote providers.Remote, list []sources.Account, recovery string) error {
	if err := checkThere(ctx, list); err != nil {
		return err
	}
	local := remote.Traits().LocalPath
	if local == "" {
		return nil
	}
	if inside(recovery, local) {
		return hint.New("recovery_inside", fmt.Errorf("write recovery key %s: it would lie beside the backups", recovery), "path", recovery)
	}
	return checkUnused(local)
}

// checkThere refuses sources that can't be opened.
func checkThere(ctx context.Context, list []sources.Account) error {
	for _, acc := range list {
		view, err := acc.View(ctx)
		if err != nil {
			return err
		}
		if err := view.Close(); err != nil {
			return err
		}
	}
	return nil
}

// checkUnused refuses a folder that holds files of somebody else. What a
// repository leaves there is for repo.Init to judge.
func checkUnused(local string) error {
	entries, err := os.ReadDir(local)
	if err != nil {
		return nil // not there yet, or the remote itself says what is wrong
	}
	for _, e := range entries {
		name := e.Name()
		if name == "lost+found" || strings.HasPrefix(name, ".") || name == providers.ProbeFolder || repo.Belongs(name) {
			continue
		}
		return hint.New("remote_not_empty", fmt.Errorf("make repository at %s: %s is there", local, name), "path", local)
	}
	return nil
}

// initConfig loads the configuration, or makes one of the flags where there is
// none yet.
func (a *app) initConfig(path string, f initFlags) (cfg *config.Config, fresh bool, err error) {
	named := len(f.folders)+len(f.apps) > 0
	if !named && f.remote == "" {
		cfg, err = config.Load(path)
		return cfg, false, err
	}
	if !named || f.remote == "" {
		return nil, false, usageError(errors.New(a.say("usage.together", "one", "--folder", "two", "--remote")))
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		belongs, err := a.belongs()
		if err != nil {
			return nil, false, err
		}
		if belongs {
			return nil, false, hint.New("set_up_already", fmt.Errorf("make repository: %s is there, and so are this device's keys", path))
		}
		return nil, false, hint.New(durable.CodeExists, fmt.Errorf("write configuration %s: %w", path, fs.ErrExist), "path", path)
	}
	remote, err := config.ParseRemote(f.remote)
	if err != nil {
		return nil, false, err
	}
	list, err := firstSources(f.apps, f.folders)
	if err != nil {
		return nil, false, err
	}
	text, err := configText("", remote, list)
	if err != nil {
		return nil, false, err
	}
	cfg, err = config.Parse(path, text)
	return cfg, true, err
}

// belongs reports whether this device has keys of a repository.
func (a *app) belongs() (bool, error) {
	dir, err := config.StateDir(a.getenv)
	if err != nil {
		return false, err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return a.keyCredential() != "", nil
	}
	state, err := a.openState(dir)
	if err != nil {
		return false, err
	}
	return state.HasKeys(), state.Close()
}

// found makes keys and repository. The recovery key is on disk before anything
// is made that only it can open; if nothing was made, it goes again.
func (a *app) found(ctx context.Context, cfg *config.Config, remote providers.Remote, f initFlags) (device string, err error) {
	dir, err := config.StateDir(a.getenv)
	if err != nil {
		return "", err
	}
	cache, err := config.CacheDir(a.getenv)
	if err != nil {
		return "", err
	}
	state, err := a.openState(dir)
	if err != nil {
		return "", err
	}
	defer state.Close()
	if err := repo.Vacant(ctx, remote, state); err != nil {
		return "", err
	}
	recovery, err := crypto.GenerateIdentity()
	if err != nil {
		return "", err
	}
	if err := a.writeRecovery(f.recovery, recovery, remote); err != nil {
		return "", err
	}
	role := format.Full
	if f.backupOnly {
		role = format.BackupOnly
	}
	r, err := repo.Init(ctx, remote, repo.InitOptions{State: state, Cache: cache, Recovery: recovery, Device: cfg.Device, Role: role, Client: client()})
	if err != nil {
		if !state.HasKeys() {
			err = errors.Join(err, os.Remove(f.recovery))
		}
		return "", err
	}
	return r.DeviceName(r.Device().ID), nil
}

func (a *app) writeRecovery(path string, id *crypto.Identity, remote providers.Remote) error {
	text := fmt.Sprintf("# %s\n# %s\n# %s\n%s\n", a.say("recovery.what"), a.say("recovery.keep"),
		a.say("recovery.place", "remote", remote.String(), "time", time.Now().Format("2006-01-02")), id)
	err := durable.WriteSecret(path, []byte(text))
	if errors.Is(err, fs.ErrExist) {
		return hint.New("recovery_exists", err, "path", path)
	}
	return err
}

// writeConfig writes a first configuration: what it is about and nothing that
// could be left out, so that later versions may choose better.
func writeConfig(path string, cfg *config.Config) error {
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	text, err := yamlText(struct {
		Device  string         `yaml:"device"`
		Sources config.Sources `yaml:"sources,omitempty"`
		Remote  config.Remote  `yaml:"remote"`
	}{cfg.Device, cfg.Sources, cfg.Remote})
	if err != nil {
		return err
	}
	return durable.WriteFile(path, text, 0o600)
}

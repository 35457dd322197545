package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/profile"
)

// checkLive refuses to pull over, into or around the chats of an app on this
// computer, or a folder that is backed up.
func (a *app) checkLive(ctx context.Context, to string) error {
	list, err := liveAccounts(ctx)
	if err != nil {
		return err
	}
	if cfg, err := a.loadConfig(); err == nil {
		configured, err := accounts(ctx, cfg)
		if err != nil {
			return err // what is not known can't be kept out of
		}
		list = append(list, configured...)
	}
	for _, acc := range list {
		if err := checkApart(to, acc.Root()); err != nil {
			return err
		}
		if x, ok := acc.(*profile.Account); ok {
			if err := checkApart(to, x.Beside()); err != nil {
				return err
			}
		}
	}
	return nil
}

// liveAccounts finds the accounts of all apps we know, whatever is configured.
func liveAccounts(ctx context.Context) (list []sources.Account, err error) {
	for _, app := range profile.Apps() {
		e := entry{source: config.Source{App: app}, name: app}
		if err := e.find(ctx, &config.Config{}, profile.Builtin()); err != nil {
			return nil, err
		}
		list = append(list, e.accounts...)
	}
	return list, nil
}

// checkApart refuses a folder that is another one, lies in it or holds it.
func checkApart(to, other string) error {
	if other == "" || !inside(to, other) && !inside(other, to) && !below(to, other) && !below(other, to) {
		return nil
	}
	return hint.New("pull_in_use", fmt.Errorf("pull to %s: %s is in use", to, other), "path", other)
}

// below reports whether a folder is another one or lies in it, whatever it is
// called: names may differ in case alone, and a folder may be mounted twice.
func below(path, dir string) bool {
	want, err := os.Stat(dir)
	if err != nil {
		return false
	}
	for path = realPath(path); ; path = filepath.Dir(path) {
		if info, err := os.Stat(path); err == nil && os.SameFile(info, want) {
			return true
		}
		if path == filepath.Dir(path) {
			return false
		}
	}
}

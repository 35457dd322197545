package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/folder"
	"github.com/chatkeep/chatkeep/sources/profile"
)

// entry is one entry of the configured sources, with what it comes to.
type entry struct {
	source   config.Source
	name     string          // its accounts' names begin with it
	app      *profile.Source // nil for a folder
	accounts []sources.Account
	looked   []profile.Looked
	of       string // the app whose folder it turned out to be, though only a folder was named
}

// expected is accounts, or what stands for them where none is found.
func (e *entry) expected() []sources.Account {
	if len(e.accounts) == 0 {
		return []sources.Account{e.app.None()} // a folder is always one
	}
	return e.accounts
}

// configured finds the accounts of all configured sources.
func configured(ctx context.Context, cfg *config.Config) ([]entry, error) {
	profiles, err := profilesOf(cfg)
	if err != nil {
		return nil, err
	}
	list := make([]entry, len(cfg.Sources))
	for i, s := range cfg.Sources {
		at := fmt.Sprintf("sources[%d]", i)
		list[i] = entry{source: s, name: s.Name}
		list[i].recognise(cfg, profiles)
		if err := list[i].find(ctx, cfg, profiles); err != nil {
			return nil, hint.New(config.CodeBad, cfg.At(at, err))
		}
	}
	return list, differentNames(cfg, list)
}

// profilesOf returns our profiles and the user's own.
func profilesOf(cfg *config.Config) ([]*profile.Profile, error) {
	list := slices.Clone(profile.Builtin())
	for i, own := range cfg.Profiles {
		text, err := yaml.Marshal(own)
		if err != nil {
			return nil, err
		}
		p, err := profile.Parse(text)
		if err != nil {
			at := fmt.Sprintf("profiles[%d]", i)
			var mistake *profile.Mistake
			if errors.As(err, &mistake) {
				at, err = at+"."+mistake.Path, mistake.Err
			}
			return nil, hint.New(config.CodeBad, cfg.At(at, err))
		}
		list = append(list, p)
	}
	return list, nil
}

// recognise looks whether a folder is an app's. If it stands alone, the app is
// meant.
func (e *entry) recognise(cfg *config.Config, profiles []*profile.Profile) {
	if e.source.App != "" {
		return
	}
	p := profile.Recognise(profiles, e.source.Folder)
	if p == nil {
		return
	}
	e.of = p.App
	if !e.source.Alone() {
		return
	}
	e.source.App, e.source.Root = p.App, e.source.Folder
	if !slices.ContainsFunc(cfg.Sources, func(s config.Source) bool { return strings.EqualFold(s.Name, p.App) }) {
		e.name = p.App
	}
}

// find fills in the accounts.
func (e *entry) find(ctx context.Context, cfg *config.Config, profiles []*profile.Profile) error {
	s := e.source
	if s.App == "" {
		src, err := folder.New(folder.Options{Name: e.name, Root: s.Folder, Include: s.Include, Exclude: s.Exclude, MaxFileSize: int64(s.MaxFileSize),
			Priority: profile.Priority(folder.Category, words(cfg.First))})
		if err != nil {
			return err
		}
		e.accounts, err = src.Accounts(ctx)
		return err
	}
	var err error
	e.app, err = profile.New(profile.Options{
		Name: e.name, Profiles: profile.Named(profiles, s.App), Root: s.Root, Accounts: s.Account, Locks: profile.Locks(s.Locks),
		First: words(cfg.First), LeaveOut: words(slices.Concat(cfg.LeaveOut, s.LeaveOut)),
	})
	if err != nil {
		return err
	}
	found, err := e.app.Find(ctx)
	if err != nil {
		return err
	}
	e.looked = found.Looked
	for _, acc := range found.Accounts {
		e.accounts = append(e.accounts, acc)
	}
	return nil
}

func words(list []config.Category) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = string(c)
	}
	return out
}

// differentNames refuses two accounts of one name: they would be one folder of
// a restore.
func differentNames(cfg *config.Config, list []entry) error {
	taken := map[string]bool{}
	for i, e := range list {
		for _, acc := range e.accounts {
			name := strings.ToLower(acc.Name())
			if taken[name] {
				return hint.New(config.CodeBad, cfg.At(fmt.Sprintf("sources[%d]", i),
					fmt.Errorf("the name %s is taken by another source's account; give this source another name", acc.Name())))
			}
			taken[name] = true
		}
	}
	return nil
}

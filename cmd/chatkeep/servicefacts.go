package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/i18n"
	"github.com/chatkeep/chatkeep/sources/profile"
	"github.com/chatkeep/chatkeep/systemd"
)

// serviceFacts is where a user's chatkeep lies, and what it needs to see.
type serviceFacts struct {
	Home   string             `json:"home"`
	Config string             `json:"config"`
	State  string             `json:"state"`
	Cache  string             `json:"cache"`
	Env    []systemd.Variable `json:"env"`
	Write  []string           `json:"write"`
	Read   []string           `json:"read"`
	Hide   []string           `json:"hide"`
	Keys   bool               `json:"keys"`   // this device's lie in the state folder
	Remark []string           `json:"remark"` // codes of what the service can't do
}

// serviceFactsCommand tells the facts of the user who runs it. It is for install
// --system, where root must neither read a user's files nor follow the user's
// links: it runs this command as that user.
func (a *app) serviceFactsCommand() *cobra.Command {
	return &cobra.Command{Use: "facts", Hidden: true, Args: a.atMost(0), RunE: func(c *cobra.Command, _ []string) error {
		facts, err := a.serviceFacts(c.Context())
		if err != nil {
			return err
		}
		a.json = true
		return a.document(facts)
	}}
}

func (a *app) serviceFacts(ctx context.Context) (*serviceFacts, error) {
	cfg, err := a.loadConfig()
	if err != nil {
		return nil, err
	}
	f := &serviceFacts{Home: a.getenv("HOME"), Write: []string{}, Read: []string{}, Hide: []string{}, Remark: []string{}}
	if f.Config, err = filepath.Abs(cfg.File()); err != nil {
		return nil, err
	}
	if f.State, err = config.StateDir(a.getenv); err != nil {
		return nil, err
	}
	if f.Cache, err = config.CacheDir(a.getenv); err != nil {
		return nil, err
	}
	f.Keys = isThere(filepath.Join(f.State, "device.json"))
	f.Env = []systemd.Variable{{Name: "CHATKEEP_CONFIG", Value: f.Config}, {Name: "CHATKEEP_STATE", Value: f.State}, {Name: "CHATKEEP_CACHE", Value: f.Cache},
		{Name: "CHATKEEP_LANG", Value: i18n.Match(langFlag(a.args), a.getenv("CHATKEEP_LANG"), a.getenv("LC_ALL"), a.getenv("LC_MESSAGES"), a.getenv("LANG"))}}
	for _, name := range []string{"XDG_CONFIG_HOME", "WECHAT_DATA_DIR"} { // apps are looked for there
		if value := a.getenv(name); value != "" {
			f.Env = append(f.Env, systemd.Variable{Name: name, Value: value})
		}
	}
	entries, err := configured(ctx, cfg)
	if err != nil {
		return nil, err
	}
	f.sourcePaths(entries)
	f.configPaths()
	f.remotePaths(cfg)
	for _, list := range []*[]string{&f.Write, &f.Read, &f.Hide, &f.Remark} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return f, nil
}

// configPaths shows the folder of the configuration: editors replace the file,
// and the old one would stay in sight. The recovery key, which lies there if
// nobody put it away, is hidden, unless it is backed up, too. A folder that holds
// other things is not shown.
func (f *serviceFacts) configPaths() {
	dir, sources := filepath.Dir(f.Config), slices.Clone(f.Read)
	if filepath.Base(dir) == "chatkeep" {
		f.Read = append(f.Read, dir)
	} else {
		f.Read = append(f.Read, f.Config)
		f.Remark = append(f.Remark, "config_alone")
	}
	key := filepath.Join(dir, "recovery.key")
	if !slices.ContainsFunc(sources, func(root string) bool { return inside(key, root) }) {
		f.Hide = append(f.Hide, key)
	}
}

// remotePaths shows what the configuration names besides sources.
func (f *serviceFacts) remotePaths(cfg *config.Config) {
	if cfg.Remote.Type == "local" {
		f.Write = append(f.Write, cfg.Remote.Folder)
	}
	if cfg.Pull.To != "" {
		f.Write = append(f.Write, cfg.Pull.To)
	}
	files := []string{cfg.Remote.CACert, cfg.Remote.Options["key_file"], cfg.Remote.Options["known_hosts_file"]}
	if cfg.Remote.Type == "sftp" {
		files = append(files, "~/.ssh/known_hosts")
	}
	for _, file := range files {
		if rest, ok := strings.CutPrefix(file, "~/"); ok {
			file = filepath.Join(f.Home, rest)
		}
		if filepath.IsAbs(file) {
			f.Read = append(f.Read, file)
		}
	}
}

// sourcePaths shows the roots that accounts lie in, so that a new account is
// seen too, and what is looked at to find them.
func (f *serviceFacts) sourcePaths(entries []entry) {
	for _, e := range entries {
		for _, acc := range e.accounts {
			f.Read = append(f.Read, acc.Root())
			if x, ok := acc.(*profile.Account); ok {
				f.Read = append(f.Read, x.Beside())
			}
		}
		if e.app == nil {
			continue
		}
		f.Read = append(f.Read, filepath.Join(profile.Here().Config, "user-dirs.dirs"))
		for _, l := range e.looked {
			if l.Found && l.How == profile.ByProgram {
				f.Remark = append(f.Remark, "by_program")
			}
		}
	}
}

// factsOf gets the facts of the manager's user. If they can't be had, the
// command that looks for them has said why, and nil is returned.
func (a *app) factsOf(ctx context.Context, m *manager) (*serviceFacts, error) {
	if m.user == "" {
		return a.serviceFacts(ctx)
	}
	program, err := m.program()
	if err != nil {
		return nil, err
	}
	args := []string{program, "service", "facts"}
	if a.config != "" {
		path, err := filepath.Abs(a.config)
		if err != nil {
			return nil, err
		}
		args = append(args, "--config", path)
	}
	if a.json {
		args = append(args, "--json")
	}
	if lang := langFlag(a.args); lang != "" {
		args = append(args, "--lang", lang)
	}
	out, err := m.runAs(ctx, a.getenv, args...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		return nil, a.passOn(out, err, exit.ExitCode())
	}
	if err != nil {
		return nil, err
	}
	f := new(serviceFacts)
	if err := json.Unmarshal(out, f); err != nil {
		return nil, fmt.Errorf("read facts of user %s: %w", m.user, err)
	}
	return f, nil
}

// passOn says what a command of ours said that ran for us, and ends as it did.
func (a *app) passOn(out []byte, err error, code int) error {
	e, ok := errors.AsType[*programError](err)
	if !ok || a.json && len(out) == 0 || !a.json && !strings.HasPrefix(e.stderr, "chatkeep: ") {
		return err // it was not ours
	}
	a.silent = true
	a.raise(code)
	_, werr := a.out.Write(out)
	_, nerr := io.WriteString(a.notes, e.stderr)
	return errors.Join(werr, nerr)
}

// runAs runs a program as the owner, with nothing of our environment but what
// says where chatkeep lies and in which language.
func (m *manager) runAs(ctx context.Context, getenv func(string) string, args ...string) ([]byte, error) {
	o := m.owner
	all := []string{"--reuid=" + o.Uid, "--regid=" + o.Gid, "--init-groups", "--", "env", "-i",
		"HOME=" + o.HomeDir, "USER=" + o.Username, "LOGNAME=" + o.Username, "PATH=/usr/local/bin:/usr/bin:/bin"}
	for _, name := range []string{"CHATKEEP_CONFIG", "CHATKEEP_STATE", "CHATKEEP_CACHE", "CHATKEEP_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := getenv(name); value != "" {
			all = append(all, name+"="+value)
		}
	}
	return m.run(ctx, nil, nil, "setpriv", append(all, args...)...)
}

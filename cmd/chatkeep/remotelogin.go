package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
	"github.com/chatkeep/chatkeep/providers/cloud/signin"
)

type loginFlags struct {
	remote       string
	clientID     string
	clientFile   string
	noBrowser    bool
	device       bool
	rclone       string
	section      string
	token        string
	driveID      string
	region       string
	user         string
	passwordFile string
	keyFile      string
	options      []string
}

func (a *app) remoteLoginCommand() *cobra.Command {
	var f loginFlags
	c := &cobra.Command{
		Use: "login", Short: a.say("cmd.remote.login"), Long: a.say("cmd.remote.login") + "\n\n" + a.say("cmd.remote.login.more"),
		Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.remoteLogin(c.Context(), f) },
	}
	s := c.Flags()
	s.StringVar(&f.remote, "remote", "", a.say("flag.remote"))
	s.StringVar(&f.clientID, "client-id", "", a.say("flag.client_id"))
	s.StringVar(&f.clientFile, "client-file", "", a.say("flag.client_file"))
	s.BoolVar(&f.noBrowser, "no-browser", false, a.say("flag.no_browser"))
	s.BoolVar(&f.device, "device", false, a.say("flag.device"))
	s.StringVar(&f.rclone, "from-rclone", "", a.say("flag.from_rclone"))
	s.StringVar(&f.section, "section", "", a.say("flag.section"))
	s.StringVar(&f.token, "token", "", a.say("flag.token"))
	s.StringVar(&f.driveID, "drive-id", "", a.say("flag.drive_id"))
	s.StringVar(&f.region, "region", "", a.say("flag.region"))
	s.StringVar(&f.user, "user", "", a.say("flag.user"))
	s.StringVar(&f.passwordFile, "password-file", "", a.say("flag.password_file"))
	s.StringVar(&f.keyFile, "key-file", "", a.say("flag.key_file"))
	s.StringArrayVar(&f.options, "option", nil, a.say("flag.option"))
	return c
}

// remoteLogin signs in to a remote. It needs no configuration if the remote is
// named.
func (a *app) remoteLogin(ctx context.Context, f loginFlags) error {
	where, err := a.loginRemote(f.remote)
	if err != nil {
		return err
	}
	login, err := a.login(where, f)
	if err != nil {
		return err
	}
	home, err := remoteHome(where)
	if err != nil {
		return err
	}
	client, err := remoteClient(where)
	if err != nil {
		return err
	}
	store, err := a.oldSignIn(home)
	if err != nil {
		return err
	}
	err = signin.LogIn(ctx, store, login, signin.Env{
		Client: client, OpenBrowser: a.showPage, Ask: a.asker(), Say: a.speak, Text: a.say,
		Check: func(ctx context.Context, values map[string]string) error { return a.checkSignIn(ctx, where, values) },
	})
	if h := hint.Find(err); h != nil && h.Code == providers.HintAuth { // none has ended: this one never began
		err = hint.New("login_refused", err)
	}
	if err != nil {
		return err
	}
	a.tell("login.done", "remote", where.String(), "path", store.Path())
	d := loginDocument(where, store)
	for _, key := range d.HostKeys {
		a.tell("login.host_key", "fingerprint", key)
	}
	return a.document(d)
}

type loginJSON struct {
	Remote   string   `json:"remote"`
	File     string   `json:"file"`
	Expires  string   `json:"expires,omitempty"`   // the service ends it then, whatever one does
	HostKeys []string `json:"host_keys,omitempty"` // fingerprints of an SSH server's, as OpenSSH shows them
}

func loginDocument(where config.Remote, store *cloud.SignIn) loginJSON {
	doc := loginJSON{Remote: where.String(), File: store.Path(), HostKeys: fingerprints(store.Values()[cloud.KeyHostKeys])}
	if until := store.Expires(); !until.IsZero() {
		doc.Expires = until.UTC().Format(time.RFC3339)
	}
	return doc
}

// fingerprints are those of the keys that rclone keeps of an SSH server.
func fingerprints(kept string) (list []string) {
	for entry := range strings.SplitSeq(kept, ",") {
		kind, text, _ := strings.Cut(strings.Trim(entry, ` "`), " ")
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) == 0 {
			continue
		}
		sum := sha256.Sum256(key)
		list = append(list, "SHA256:"+base64.RawStdEncoding.EncodeToString(sum[:])+" ("+kind+")")
	}
	return list
}

// loginRemote is the remote to sign in to. One that is named has the settings
// of the configured one, if it is that.
func (a *app) loginRemote(named string) (config.Remote, error) {
	cfg, err := a.loadConfig()
	if named == "" && hint.Is(err, config.CodeMissing) {
		return config.Remote{}, usageError(errors.New(a.say("usage.login_remote")))
	}
	if named == "" {
		if err != nil {
			return config.Remote{}, err
		}
		return cfg.Remote, nil
	}
	where, perr := config.ParseRemote(named)
	if perr == nil && err == nil && cfg.Remote.String() == where.String() {
		where = cfg.Remote
	}
	return where, perr
}

// oldSignIn opens what is there. One that can't be used is no obstacle to a
// new one.
func (a *app) oldSignIn(home string) (*cloud.SignIn, error) {
	store, err := cloud.OpenSignIn(home)
	if hint.Is(err, cloud.HintSignInDamaged) || hint.Is(err, cloud.HintSignInPermissions) {
		_, text, _ := a.explain(err)
		a.note("login.replaces", "text", text)
		return cloud.NewSignIn(home), nil
	}
	return store, err
}

// login joins the configuration and the flags.
func (a *app) login(where config.Remote, f loginFlags) (signin.Login, error) {
	if !signin.SignsIn(string(where.Type)) {
		return signin.Login{}, usageError(errors.New(a.say("usage.login_type", "type", string(where.Type))))
	}
	if err := a.oneWay(f); err != nil {
		return signin.Login{}, err
	}
	l := signin.Login{
		Type: string(where.Type), Settings: where.Options, Options: map[string]string{},
		ClientID: f.clientID, ClientFile: f.clientFile, DriveID: f.driveID,
		Rclone: f.rclone, Section: f.section, User: f.user, KeyFile: f.keyFile,
	}
	switch {
	case f.noBrowser:
		l.Way = signin.Paste
	case f.device:
		l.Way = signin.Device
	}
	if f.region != "" {
		l.Options["region"] = f.region
	}
	for _, option := range f.options {
		key, value, ok := strings.Cut(option, "=")
		if !ok || key == "" || value == "" {
			return l, usageError(errors.New(a.say("usage.login_option")))
		}
		if config.IsSecret(key) || config.HoldsPassword(value) { // it would stay in the shell's history
			return l, usageError(errors.New(a.say("usage.login_secret", "key", key)))
		}
		l.Options[key] = value
	}
	var err error
	if l.Token, err = readInput("--token", f.token); err != nil {
		return l, err
	}
	l.Password, err = readInput("--password-file", f.passwordFile)
	l.Password = strings.TrimSuffix(strings.TrimSuffix(l.Password, "\n"), "\r")
	return l, err
}

// oneWay refuses flags that contradict each other.
func (a *app) oneWay(f loginFlags) error {
	var ways []string
	for _, w := range []struct {
		flag string
		set  bool
	}{{"--no-browser", f.noBrowser}, {"--device", f.device}, {"--from-rclone", f.rclone != ""}, {"--token", f.token != ""}} {
		if w.set {
			ways = append(ways, w.flag)
		}
	}
	switch {
	case len(ways) > 1:
		return usageError(errors.New(a.say("usage.login_ways", "flags", ways)))
	case (f.rclone == "") != (f.section == ""):
		return usageError(errors.New(a.say("usage.together", "one", "--from-rclone", "two", "--section")))
	case f.token == "-" && f.passwordFile == "-":
		return usageError(errors.New(a.say("usage.login_ways", "flags", []string{"--token -", "--password-file -"})))
	}
	return nil
}

// maxInput bounds a secret that is read for a flag.
const maxInput = 64 << 10

// readInput reads what a flag names: a file, or stdin for "-". A secret is
// never itself on a command line, where every user of the computer sees it.
func readInput(flag, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	from := io.ReadCloser(os.Stdin)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", hint.New("login_input", fmt.Errorf("read %s: %w", flag, withoutPath(err)), "flag", flag)
		}
		defer f.Close()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, maxInput+1))
	switch {
	case err != nil:
		err = withoutPath(err)
	case len(text) > maxInput:
		err = errors.New("it is too long")
	case strings.TrimSpace(string(text)) == "":
		err = errors.New("it is empty")
	}
	return string(text), hint.New("login_input", wrap("read "+flag, err), "flag", flag)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// withoutPath drops the name of a file: whoever writes the secret itself in
// place of a file's name shall not find it in a log.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

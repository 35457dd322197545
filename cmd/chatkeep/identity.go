package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers/cloud/signin"
)

// keyUnlock says what opens a key that is itself sealed.
type keyUnlock struct {
	passphrase string // --passphrase-file
	plugin     string // --plugin-identity
}

// flags adds what every command with --identity takes.
func (k *keyUnlock) flags(a *app, c *cobra.Command) {
	c.Flags().StringVar(&k.passphrase, "passphrase-file", "", a.say("flag.passphrase_file"))
	c.Flags().StringVar(&k.plugin, "plugin-identity", "", a.say("flag.plugin_identity"))
}

// credentialPrefix begins the name of a credential that systemd hands over.
const credentialPrefix = "credential:"

// readIdentity reads a key from where --identity says: a file only its owner
// can read, "-" for stdin, or credential:NAME. The key stands there as text, or
// in an age file that a passphrase or a plugin opens.
func (a *app) readIdentity(ctx context.Context, path string, u keyUnlock) (*crypto.Identity, error) {
	if path == "-" && u.passphrase == "-" {
		return nil, usageError(errors.New(a.say("usage.login_ways", "flags", []string{"--identity -", "--passphrase-file -"})))
	}
	b, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	file := parseKeyFile(b)
	if file.sealed != nil {
		if file, err = a.unlock(ctx, path, file, u); err != nil {
			return nil, err
		}
	}
	id, err := file.identity()
	return id, atKey(path, err)
}

// readKeyFile returns what --identity names.
func readKeyFile(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, hint.New("bad_key", fmt.Errorf("read key %s: it is a folder", path), "path", path)
	}
	var b []byte
	var err error
	if name, ok := strings.CutPrefix(path, credentialPrefix); ok {
		return readCredential(name)
	} else if path == "-" {
		b, err = io.ReadAll(io.LimitReader(os.Stdin, maxInput))
	} else {
		b, err = durable.ReadSecret(path)
	}
	if hint.Is(err, durable.CodePermissions) {
		// An age file may be read by others: so age itself writes it.
		if sealed, rerr := os.ReadFile(path); rerr == nil && crypto.IsWrapped(sealed) {
			b, err = sealed, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.New("no_key_file", fmt.Errorf("read key: %w", err), "path", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	return b, nil
}

// readCredential reads what systemd put there for this service alone. Its
// permissions are systemd's: an access list may show as a group's.
func readCredential(name string) ([]byte, error) {
	missing := func(err error) error {
		return hint.New("no_credential", fmt.Errorf("read credential %s: %w", name, err), "name", name)
	}
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	switch {
	case name == "" || name != filepath.Base(name) || !filepath.IsLocal(name):
		return nil, missing(errors.New("that is no name of a credential"))
	case dir == "":
		return nil, missing(errors.New("CREDENTIALS_DIRECTORY is not set: systemd did not start this with any"))
	}
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(errors.New("this service has none of that name"))
	}
	if err != nil {
		return nil, missing(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxInput))
	if err != nil {
		return nil, missing(err)
	}
	return b, nil
}

// tries is how often a passphrase is asked for.
const tries = 3

// unlock opens a sealed key and returns the file inside.
func (a *app) unlock(ctx context.Context, path string, file keyFile, u keyUnlock) (keyFile, error) {
	if len(file.lines) > 0 {
		return keyFile{}, atKey(path, errTwoKeys)
	}
	if u.plugin != "" {
		named, err := readPluginIdentity(u.plugin)
		if err != nil {
			return keyFile{}, err
		}
		file.plugins = append(file.plugins, named...)
	}
	ask := a.asker()
	how := crypto.Unlock{Passphrase: a.passphraseFrom(u.passphrase, ask), Plugins: file.plugins, Person: a.pluginPerson(ask)}
	for n := 1; ; n++ {
		text, err := crypto.OpenWrapped(ctx, file.sealed, how)
		if errors.Is(err, crypto.ErrWrongPassphrase) && u.passphrase == "" && n < tries {
			a.speak("identity.again")
			continue
		}
		if err != nil {
			return keyFile{}, sealedError(path, err)
		}
		inside := parseKeyFile(text)
		if inside.sealed != nil {
			return keyFile{}, atKey(path, errNoKey)
		}
		return inside, nil
	}
}

// passphraseFrom returns what gives a passphrase: the file of
// --passphrase-file, or else the person.
func (a *app) passphraseFrom(path string, ask askPerson) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if path == "" {
			return ask(ctx, signin.Question{Key: "identity.passphrase", Flag: "--passphrase-file", Secret: true})
		}
		if path != "-" { // others must not read it either
			if _, err := durable.ReadSecret(path); hint.Is(err, durable.CodePermissions) {
				return "", err
			}
		}
		text, err := readInput("--passphrase-file", path)
		return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"), err
	}
}

// readPluginIdentity returns the AGE-PLUGIN-… lines of a file.
func readPluginIdentity(path string) ([]string, error) {
	b, err := durable.ReadSecret(path)
	if err != nil {
		return nil, fmt.Errorf("read plugin identity: %w", err)
	}
	file := parseKeyFile(b)
	if len(file.plugins) == 0 {
		return nil, hint.New("bad_plugin_identity", fmt.Errorf("read plugin identity %s: no line begins with %s", path, pluginPrefix), "path", path)
	}
	return file.plugins, nil
}

// sealedError attaches what to do.
func sealedError(path string, err error) error {
	text := fmt.Errorf("open the sealed key %s: %w", path, err)
	if e, ok := errors.AsType[*crypto.WeakSealError](err); ok {
		return hint.New("identity_weak", text, "path", path, "kind", e.Kind)
	}
	if e, ok := errors.AsType[*crypto.WorkFactorError](err); ok && e.Weak() {
		return hint.New("identity_guessable", text, "path", path, "least", crypto.LeastWorkFactor)
	} else if ok {
		return hint.New("identity_heavy", text, "path", path, "most", crypto.MostWorkFactor)
	}
	if e, ok := errors.AsType[*crypto.PluginError](err); ok && e.Missing {
		return hint.New("identity_plugin_missing", text, "name", e.Name)
	} else if ok {
		return hint.New("identity_plugin_failed", text, "name", e.Name)
	}
	switch {
	case errors.Is(err, crypto.ErrWrongPassphrase):
		return hint.New("identity_passphrase", text, "path", path)
	case errors.Is(err, crypto.ErrNoPlugin):
		return hint.New("identity_needs_plugin", text, "path", path)
	case errors.Is(err, crypto.ErrNoMatch):
		return hint.New("identity_other_key", text, "path", path)
	case errors.Is(err, crypto.ErrBroken):
		return hint.New("identity_damaged", text, "path", path)
	}
	return err // a question that nobody answered, or Ctrl-C
}

// askPerson asks the person at the terminal.
type askPerson = func(context.Context, signin.Question) (string, error)

// pluginPerson lets a plugin talk to the person, who is told each time that it
// is the plugin who speaks.
func (a *app) pluginPerson(ask askPerson) crypto.Person {
	return crypto.Person{
		Tell:    func(plugin, message string) { a.speak("identity.plugin_says", "plugin", plugin, "text", message) },
		Waiting: func(plugin string) { a.speak("identity.plugin_waits", "plugin", plugin) },
		Ask: func(ctx context.Context, plugin, prompt string, secret bool) (string, error) {
			return a.askForPlugin(ctx, ask, plugin, prompt, signin.Question{Key: "identity.plugin_answer", Secret: secret})
		},
		Confirm: func(ctx context.Context, plugin, prompt, yes, no string) (bool, error) {
			q := signin.Question{Key: "identity.plugin_choice", Choices: []signin.Choice{{ID: "yes", Text: yes}}}
			if no != "" {
				q.Choices = append(q.Choices, signin.Choice{ID: "no", Text: no})
			}
			for {
				answer, err := a.askForPlugin(ctx, ask, plugin, prompt, q)
				switch {
				case err != nil:
					return false, err
				case answer == "yes" || no == "" && answer == "":
					return true, nil
				case answer == "no" && no != "":
					return false, nil
				}
			}
		},
	}
}

// askForPlugin passes a plugin's question on. Only a person can answer it.
func (a *app) askForPlugin(ctx context.Context, ask askPerson, plugin, prompt string, q signin.Question) (string, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", hint.New("identity_plugin_asks", fmt.Errorf("age-plugin-%s asks: there is no terminal", plugin), "name", plugin)
	}
	a.speak("identity.plugin_asks", "plugin", plugin, "text", prompt)
	return ask(ctx, q)
}

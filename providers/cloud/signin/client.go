package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// Hints of Google's file of a client; their value is path.
const (
	HintClientFile hint.Code = "signin_client_file"
	HintClientKind hint.Code = "signin_client_kind" // not of a desktop app
)

// secretLike is the shape of Google's client secrets, old and new.
var secretLike = regexp.MustCompile(`^[A-Za-z0-9_-]{10,64}$`)

// clientID finds the client to sign in with: as given, as of the last sign-in,
// or as the person makes one now.
func (l Login) clientID(ctx context.Context, c *consent, old map[string]string, env Env) (id, secret string, err error) {
	switch {
	case l.ClientFile != "" && c == &google:
		if id, secret, err = readClientFile(l.ClientFile); err != nil {
			return "", "", err
		}
	case l.ClientFile != "":
		return "", "", unsupported(l.Type, "--client-file")
	case l.ClientID != "":
		id, secret = l.ClientID, l.ClientSecret
		if secret == "" && id == old["client_id"] {
			secret = old["client_secret"]
		}
	case l.setting("client_id") != "":
		id, secret = l.setting("client_id"), l.setting("client_secret")
	case old["client_id"] != "":
		return old["client_id"], old["client_secret"], nil
	default:
		l.walkThrough(c, env)
		if id, err = env.ask(ctx, Question{Key: "login.ask.client_id." + c.name, Flag: c.flag()}); err != nil {
			return "", "", err
		}
	}
	id = strings.TrimSpace(id)
	if c.secret && isFile(id) { // dragged into the terminal
		if id, secret, err = readClientFile(id); err != nil {
			return "", "", err
		}
	}
	if !c.clientID.MatchString(id) {
		return "", "", badShape("client_id", c.like)
	}
	if c.secret && secret == "" {
		if secret, err = env.ask(ctx, Question{Key: "login.ask.client_secret", Flag: "--client-file", Secret: true}); err != nil {
			return "", "", err
		}
	}
	secret = strings.TrimSpace(secret)
	if c.secret && !secretLike.MatchString(secret) {
		return "", "", badShape("client_secret", "GOCSPX-…")
	}
	return id, secret, nil
}

func (c *consent) flag() string {
	if c.secret {
		return "--client-file"
	}
	return "--client-id"
}

func badShape(what, like string) error {
	return hint.New(HintSignInClientShape, fmt.Errorf("that is no %s", strings.ReplaceAll(what, "_", " ")), "what", what, "like", like)
}

// walkThrough says step by step how a client is made.
func (l Login) walkThrough(c *consent, env Env) {
	if c == &google && l.Way == Device {
		env.Say("login.drive.steps_device") // another kind of client
		return
	}
	env.Say("login." + c.name + ".steps")
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// readClientFile reads the file that Google's console offers for download.
func readClientFile(path string) (id, secret string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", hint.New(HintClientFile, fmt.Errorf("read client: %w", err), "path", path)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return "", "", hint.New(HintClientFile, fmt.Errorf("read client: %w", err), "path", path)
	}
	return parseClientFile(path, text)
}

func parseClientFile(path string, text []byte) (id, secret string, err error) {
	type client struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	var file struct {
		Installed *client        `json:"installed"`
		Web       map[string]any `json:"web"`
		Type      string         `json:"type"`
	}
	err = json.Unmarshal(text, &file)
	switch {
	case err != nil:
		return "", "", hint.New(HintClientFile, fmt.Errorf("read client %s: it is not JSON", path), "path", path)
	case file.Installed != nil && file.Installed.ID != "" && file.Installed.Secret != "":
		return file.Installed.ID, file.Installed.Secret, nil
	case file.Web != nil || file.Type == "service_account":
		return "", "", hint.New(HintClientKind, fmt.Errorf("read client %s: it is not of a desktop app", path), "path", path)
	}
	err = errors.New("it holds no client id and secret")
	return "", "", hint.New(HintClientFile, fmt.Errorf("read client %s: %w", path, err), "path", path)
}

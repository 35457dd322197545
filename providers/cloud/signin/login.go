package signin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/rclone/rclone/fs"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers/cloud"
)

// Login is what to sign in to, and what is known of it beforehand. What is
// missing is asked for.
type Login struct {
	Type     string            // kind of service, or a preset
	Settings map[string]string // rclone's options of the backend that are set elsewhere
	Options  map[string]string // more of them, which belong to the sign-in

	Way          Way
	ClientID     string
	ClientSecret string
	ClientFile   string // Google's client_secret….json
	DriveID      string

	Token   string // pasted from rclone authorize
	Rclone  string // path of an rclone.conf to import from
	Section string // and the section

	User     string
	Password string
	KeyFile  string // of SSH
}

// Way is how a person meets the service's consent page.
type Way int

// The ways. Device is not known to every service.
const (
	Browser Way = iota // of this computer, which comes back by itself
	Paste              // of any device; the address it ends at is pasted
	Device             // of any device, where a short code is typed
)

// Env is the person and the way to the network.
type Env struct {
	// Client goes through the remote's proxy and knows its CA.
	Client *http.Client
	// OpenBrowser shows an address to the person. An error with a hint ends the
	// sign-in; after any other the person opens the address by hand.
	OpenBrowser func(url string) error
	// Ask asks the person.
	Ask func(context.Context, Question) (string, error)
	// Say tells the person something; the key and the values are those of
	// Text.
	Say func(key string, pairs ...any)
	// Text is a sentence in the person's language.
	Text func(key string, pairs ...any) string
	// Check makes one call with the new sign-in before it replaces an older
	// one, and shows which account it is. It may change the values. Nil checks
	// nothing.
	Check func(ctx context.Context, values map[string]string) error
}

// Question is something only the person knows.
type Question struct {
	Key     string // of the sentence that asks
	Flag    string // of the command line that would have answered
	Secret  bool   // not to be shown as it is typed
	Pipe    bool   // may also be read from a pipe
	Choices []Choice
}

// Choice is one of several answers.
type Choice struct{ ID, Text string }

// Hints of a sign-in that did not come about.
const (
	HintSignInUnsupported hint.Code = "signin_unsupported" // type, way
	HintSignInOption      hint.Code = "signin_option"      // option, type
	HintSignInEmpty       hint.Code = "signin_empty"       // flag
)

// LogIn signs in, checks that it works, and only then lets the new sign-in
// replace the one in store.
func LogIn(ctx context.Context, store *cloud.SignIn, l Login, env Env) error {
	s, ok := services[l.Type]
	if !ok {
		return unsupported(l.Type, "remote login")
	}
	if err := l.checkOptions(s); err != nil {
		return err
	}
	values, err := l.values(ctx, s, store.Values(), env)
	if err == nil {
		maps.Copy(values, l.Options)
		carry(s, store.Values(), values)
		l.pinHost(s, values)
		if env.Check != nil {
			err = env.Check(ctx, values)
		}
		cloud.Pinned(values)
	}
	if err == nil {
		err = ctx.Err() // what was interrupted is not taken for an answer
	}
	if err != nil {
		return fmt.Errorf("sign in to %s: %w", l.Type, err)
	}
	if err := store.Save(values); err != nil {
		return err
	}
	if until := store.Expires(); !until.IsZero() {
		env.Say("login.expires", "time", until.Local().Format("2006-01-02 15:04"))
	}
	return nil
}

// service is how one kind of service lets people in.
type service struct {
	backend string // rclone's name
	options []string
	oauth   *consent
	asks    []field
}

// services are the kinds that need a sign-in. options are those of rclone's
// that say who one is and which server it is; all others are for the
// configuration.
var services = map[string]service{
	"drive": {backend: "drive", oauth: &google, options: []string{
		"client_id", "client_secret", "token", "service_account_credentials", "service_account_file", "team_drive"}},
	"onedrive": {backend: "onedrive", oauth: &microsoft, options: []string{
		"client_id", "client_secret", "token", "region", "tenant", "drive_id", "drive_type"}},
	"dropbox":     {backend: "dropbox", oauth: &dropbox, options: []string{"client_id", "client_secret", "token"}},
	"webdav":      {backend: "webdav", asks: webdavFields, options: webdavOptions},
	"jianguoyun":  {backend: "webdav", asks: webdavFields[1:], options: webdavOptions},
	"openlist":    {backend: "webdav", asks: webdavFields, options: webdavOptions},
	"sftp":        {backend: "sftp", asks: sftpFields, options: sftpOptions},
	"smb":         {backend: "smb", asks: smbFields, options: smbOptions},
	"s3":          {backend: "s3", asks: s3Fields, options: s3Options},
	"tencent-cos": {backend: "s3", asks: s3Fields, options: s3Options},
	"aliyun-oss":  {backend: "s3", asks: s3Fields, options: s3Options},
	"qiniu":       {backend: "s3", asks: s3Fields, options: s3Options},
}

// SignsIn reports whether a kind of service needs a sign-in.
func SignsIn(kind string) bool {
	_, ok := services[kind]
	return ok
}

// checkOptions refuses an option that rclone's backend does not know, one that
// is not the person's to set, and a value it can't have.
func (l Login) checkOptions(s service) error {
	backend, err := fs.Find(s.backend)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(l.Options)) {
		if err := l.checkOption(key, backend.Options.Get(key)); err != nil {
			err = fmt.Errorf("sign in to %s: option %s: %w", l.Type, key, err)
			return hint.New(HintSignInOption, err, "option", key, "type", l.Type)
		}
	}
	return nil
}

func (l Login) checkOption(key string, o *fs.Option) error {
	if o == nil {
		return errors.New("there is no such option")
	}
	return cloud.CheckSignInOption(l.Type, o, l.Options[key])
}

// values gets a sign-in by the way that was chosen.
func (l Login) values(ctx context.Context, s service, old map[string]string, env Env) (map[string]string, error) {
	switch {
	case l.Rclone != "":
		return l.fromRclone(ctx, s, env)
	case l.Token != "" && s.oauth == nil:
		return nil, unsupported(l.Type, "--token")
	case l.Token != "":
		return l.fromToken(ctx, s.oauth, old, env)
	case s.oauth != nil:
		return l.byConsent(ctx, s.oauth, old, env)
	case l.Way != Browser:
		return nil, unsupported(l.Type, map[Way]string{Paste: "--no-browser", Device: "--device"}[l.Way])
	}
	return l.byPassword(ctx, s.asks, env)
}

// setting is an option's value from the command line or the configuration.
func (l Login) setting(key string) string {
	if v := l.Options[key]; v != "" {
		return v
	}
	return l.Settings[key]
}

// carry takes over what was found out about a place, if the new sign-in sees
// the same files: those of another client or drive are others.
func carry(s service, old, values map[string]string) {
	if s.oauth == nil || old["client_id"] != values["client_id"] || old["drive_id"] != values["drive_id"] {
		return
	}
	if id, ok := old["root_folder_id"]; ok && values["root_folder_id"] == "" {
		values["root_folder_id"] = id
	}
}

// ask asks for something that can't be left empty.
func (e Env) ask(ctx context.Context, q Question) (string, error) {
	answer, err := e.Ask(ctx, q)
	if err == nil && answer == "" {
		err = hint.New(HintSignInEmpty, errors.New("the answer is empty"), "flag", q.Flag)
	}
	return answer, err
}

func unsupported(kind, way string) error {
	err := fmt.Errorf("sign in to %s: not possible with %s", kind, way)
	return hint.New(HintSignInUnsupported, err, "type", kind, "way", way)
}

// expires notes when a sign-in ends that the service has limited.
func expires(values map[string]string, left time.Duration) {
	values[cloud.KeyExpires] = time.Now().Add(left).UTC().Format(time.RFC3339)
}

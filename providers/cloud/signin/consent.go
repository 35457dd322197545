package signin

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

// Hints of a service's token endpoint.
const (
	HintSignInClient      hint.Code = "signin_client"       // client id or secret refused; reason
	HintSignInClientShape hint.Code = "signin_client_shape" // what, like
	HintSignInCode        hint.Code = "signin_code"         // code used up or too old
	HintSignInScope       hint.Code = "signin_scope"        // the files were left unticked
	HintSignInNoRefresh   hint.Code = "signin_no_refresh"   // it would end within hours
	HintSignInExpired     hint.Code = "signin_expired"      // nobody answered in time
)

// consent is a service that asks the person on a web page.
type consent struct {
	name     string // as its texts are called in the catalogue
	clientID *regexp.Regexp
	like     string // an example of a client id
	secret   bool   // a client has a secret
	scopes   []string
	needs    []string // what must be among the scopes granted
	options  []oauth2.AuthCodeOption
	endpoint func(values map[string]string) oauth2.Endpoint
	// redirect is the host the page sends the browser back to; where it is
	// empty the page shows a code instead.
	redirect string
	// finish completes the sign-in with what a token says or opens.
	finish func(context.Context, Login, *oauth2.Token, map[string]string, Env) error
}

// google lets a program see the files it made, and no others. A client is the
// person's own: the one that rclone ships is being switched off.
var google = consent{
	name:     "drive",
	clientID: regexp.MustCompile(`^[0-9]+-[a-z0-9]+\.apps\.googleusercontent\.com$`),
	like:     "123456789012-abc….apps.googleusercontent.com",
	secret:   true,
	scopes:   []string{"https://www.googleapis.com/auth/drive.file"},
	needs:    []string{"https://www.googleapis.com/auth/drive.file"},
	// Without the question Google leaves out the refresh token if it has given
	// one before.
	options:  []oauth2.AuthCodeOption{oauth2.AccessTypeOffline, oauth2.SetAuthURLParam("prompt", "consent")},
	redirect: "127.0.0.1",
	finish:   googleFinish,
	endpoint: func(map[string]string) oauth2.Endpoint {
		return oauth2.Endpoint{
			AuthURL:       "https://accounts.google.com/o/oauth2/v2/auth",
			TokenURL:      "https://oauth2.googleapis.com/token",
			DeviceAuthURL: "https://oauth2.googleapis.com/device/code",
			AuthStyle:     oauth2.AuthStyleInParams,
		}
	},
}

// microsoft takes a public client, which has no secret that could run out. It
// is the person's own: rclone's is no public one and works only with rclone's
// secret, and another program's name on the consent page would be a lie. It
// allows any port on localhost, but not on 127.0.0.1.
var microsoft = consent{
	name:     "onedrive",
	clientID: regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`),
	like:     "1b2c3d4e-0000-0000-0000-000000000000",
	scopes:   []string{"Files.ReadWrite", "offline_access", "User.Read"},
	needs:    []string{"Files.ReadWrite"},
	options:  []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("prompt", "select_account")},
	redirect: "localhost",
	finish:   microsoftFinish,
	endpoint: func(values map[string]string) oauth2.Endpoint {
		base := regions[values["region"]].login + "/" + cmp.Or(values["tenant"], "common") + "/oauth2/v2.0/"
		return oauth2.Endpoint{
			AuthURL: base + "authorize", TokenURL: base + "token", DeviceAuthURL: base + "devicecode",
			AuthStyle: oauth2.AuthStyleInParams,
		}
	},
}

// dropbox accepts only addresses that were registered, port and all. So it
// shows the code, which the verifier ties to this attempt.
var dropbox = consent{
	name:     "dropbox",
	clientID: regexp.MustCompile(`^[a-z0-9]{10,20}$`),
	like:     "a1b2c3d4e5f6g7h",
	// Asked for or not, they are those that the app was given.
	needs:   []string{"account_info.read", "files.metadata.write", "files.content.write", "files.content.read"},
	options: []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("token_access_type", "offline")},
	endpoint: func(map[string]string) oauth2.Endpoint {
		return oauth2.Endpoint{
			AuthURL:   "https://www.dropbox.com/oauth2/authorize",
			TokenURL:  "https://api.dropboxapi.com/oauth2/token",
			AuthStyle: oauth2.AuthStyleInParams,
		}
	},
}

// byConsent signs in on a web page.
func (l Login) byConsent(ctx context.Context, c *consent, old map[string]string, env Env) (map[string]string, error) {
	config, values, err := l.client(ctx, c, old, env)
	if err != nil {
		return nil, err
	}
	token, err := l.token(ctx, c, config, env)
	if err != nil {
		return nil, err
	}
	if granted, _ := token.Extra("scope").(string); !c.granted(granted) {
		return nil, hint.New(HintSignInScope, errors.New("access to the files was not granted"))
	}
	return values, c.keep(ctx, l, token, values, env)
}

// client says who asks, with the client's own values.
func (l Login) client(ctx context.Context, c *consent, old map[string]string, env Env) (*oauth2.Config, map[string]string, error) {
	values, err := l.server(c)
	if err != nil {
		return nil, nil, err
	}
	id, secret, err := l.clientID(ctx, c, old, env)
	if err != nil {
		return nil, nil, err
	}
	values["client_id"] = id
	if secret != "" {
		values["client_secret"] = secret
	}
	return &oauth2.Config{ClientID: id, ClientSecret: secret, Scopes: c.scopes, Endpoint: c.endpoint(values)}, values, nil
}

// server says which of Microsoft's servers to ask: those of another cloud, or
// of one organisation.
func (l Login) server(c *consent) (map[string]string, error) {
	values := map[string]string{}
	if c != &microsoft {
		return values, nil
	}
	for _, key := range []string{"region", "tenant"} {
		if v := l.setting(key); v != "" {
			values[key] = v
		}
	}
	return values, l.checkServer(values)
}

func (l Login) checkServer(values map[string]string) error {
	if _, ok := regions[values["region"]]; !ok {
		return unsupported(l.Type, "region "+values["region"])
	}
	if tenant := values["tenant"]; tenant != "" && !tenantLike.MatchString(tenant) {
		return badShape("tenant", "contoso.onmicrosoft.com")
	}
	return nil
}

// tenantLike is an organisation's name or id; it becomes part of an address.
var tenantLike = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,254}$`)

// granted reports whether the answer lists what is needed. Microsoft may write
// the whole address of a scope. An answer that lists nothing grants what was
// asked.
func (c *consent) granted(list string) bool {
	has := strings.Fields(strings.ToLower(list))
	return len(has) == 0 || !slices.ContainsFunc(c.needs, func(need string) bool {
		need = strings.ToLower(need)
		return !slices.ContainsFunc(has, func(s string) bool { return s == need || strings.HasSuffix(s, "/"+need) })
	})
}

// keep puts a token into values as rclone wants it, and finishes.
func (c *consent) keep(ctx context.Context, l Login, token *oauth2.Token, values map[string]string, env Env) error {
	if token.RefreshToken == "" {
		return hint.New(HintSignInNoRefresh, errors.New("the token can't be refreshed"))
	}
	text, err := json.Marshal(token)
	if err != nil {
		return errors.New("the token can't be kept")
	}
	values["token"] = string(text)
	if c.finish != nil {
		return c.finish(ctx, l, token, values, env)
	}
	return nil
}

// token lets the person consent, and fetches the token.
func (l Login) token(ctx context.Context, c *consent, config *oauth2.Config, env Env) (*oauth2.Token, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, env.Client)
	if l.Way == Device {
		return c.byDevice(ctx, config, env)
	}
	verifier, state := oauth2.GenerateVerifier(), rand.Text()
	options := append([]oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}, c.options...)
	var code string
	var err error
	switch {
	case c.redirect == "":
		code, err = c.byCode(ctx, config.AuthCodeURL(state, options...), state, l.Way, env)
	case l.Way == Paste:
		config.RedirectURL = fmt.Sprintf("http://%s:%d", c.redirect, nobodysPort())
		code, err = askPaste(ctx, "address", config.AuthCodeURL(state, options...), state, env)
	default:
		code, err = c.byBrowser(ctx, config, state, options, env)
	}
	if err != nil {
		return nil, err
	}
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	return token, tokenError(ctx, err)
}

// nobodysPort is a port of the other device that most likely nobody listens
// on: the browser is meant to fail there and to keep the address.
func nobodysPort() int64 {
	n, err := rand.Int(rand.Reader, big.NewInt(16000))
	if err != nil {
		panic(err) // the system has no randomness
	}
	return 49152 + n.Int64()
}

// byCode is for a page that shows a code.
func (c *consent) byCode(ctx context.Context, url, state string, way Way, env Env) (string, error) {
	if way == Browser && env.OpenBrowser != nil {
		_ = env.OpenBrowser(url) // the address is shown in any case
	}
	return askPaste(ctx, "code", url, state, env)
}

// pastes is how often something else may be pasted.
const pastes = 3

// askPaste shows the address and takes what the person brings back.
func askPaste(ctx context.Context, what, url, state string, env Env) (string, error) {
	env.Say("login.open."+what, "url", url)
	var wrong error
	for range pastes {
		text, err := env.Ask(ctx, Question{Key: "login.ask." + what, Flag: "--no-browser", Pipe: true})
		if err != nil {
			return "", errors.Join(wrong, err)
		}
		code, err := parsePaste(text, state)
		if err == nil || hint.Is(err, HintSignInDenied) || hint.Is(err, HintSignInRefused) {
			return code, err
		}
		wrong = err
		env.Say("login.again", "reason", env.Text("error."+string(hint.Find(err).Code)))
	}
	return "", wrong
}

// byDevice lets the person type a short code on another device.
func (c *consent) byDevice(ctx context.Context, config *oauth2.Config, env Env) (*oauth2.Token, error) {
	if config.Endpoint.DeviceAuthURL == "" {
		return nil, unsupported(c.name, "--device")
	}
	auth, err := beginDevice(ctx, config)
	if err != nil {
		return nil, tokenError(ctx, err)
	}
	env.Say("login.device", "url", auth.VerificationURI, "code", auth.UserCode)
	token, err := config.DeviceAccessToken(ctx, auth)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, hint.New(HintSignInExpired, errors.New("the code on the screen has expired"))
	}
	return token, tokenError(ctx, err)
}

// beginDevice asks for a code. The library does not stop with ctx; its request
// ends with the client's own patience.
func beginDevice(ctx context.Context, config *oauth2.Config) (*oauth2.DeviceAuthResponse, error) {
	type answer struct {
		auth *oauth2.DeviceAuthResponse
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		auth, err := config.DeviceAuth(ctx)
		done <- answer{auth, err}
	}()
	select {
	case a := <-done:
		return a.auth, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// tokenError says what a token endpoint answered. Its own words are left out:
// they may name the account.
func tokenError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return providers.Fail(providers.ErrTemporary, fmt.Errorf("fetch token: %w", err))
	}
	failed := refused(answer.ErrorCode, answer.ErrorDescription)
	switch answer.ErrorCode {
	case "invalid_grant":
		return hint.New(HintSignInCode, plain(failed))
	case "invalid_client", "unauthorized_client", "deleted_client", "disabled_client":
		return hint.New(HintSignInClient, plain(failed), "reason", hint.Find(failed).Args["reason"])
	case "authorization_declined": // Microsoft's access_denied at a device code
		return hint.New(HintSignInDenied, plain(failed))
	case "expired_token":
		return hint.New(HintSignInExpired, plain(failed))
	case "invalid_request": // Google's word for a missing secret
		if strings.Contains(answer.ErrorDescription, "client_secret") {
			return hint.New(HintSignInClient, plain(failed), "reason", "client_secret")
		}
	case "":
		if answer.Response != nil && answer.Response.StatusCode >= 500 {
			return providers.Fail(providers.ErrTemporary, fmt.Errorf("fetch token: %s", answer.Response.Status))
		}
		return providers.Fail(providers.ErrTemporary, errors.New("fetch token: the answer is none of the service's"))
	}
	return failed
}

// plain is an error without its hint.
func plain(err error) error {
	if h := hint.Find(err); h != nil {
		return h.Err
	}
	return err
}

// trial is the most that Google gives to a project in "Testing": a week. It
// says so in the answer, where it says nothing of a published one.
const trial = 7 * 24 * time.Hour

// googleFinish warns of a sign-in that ends by itself.
func googleFinish(_ context.Context, _ Login, token *oauth2.Token, values map[string]string, env Env) error {
	left, ok := token.Extra("refresh_token_expires_in").(float64)
	if !ok || left <= 0 {
		return nil
	}
	expires(values, time.Duration(left)*time.Second)
	if time.Duration(left)*time.Second <= trial {
		env.Say("login.drive.testing")
	}
	return nil
}

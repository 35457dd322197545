package fakecloud

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	accessTokenLife  = time.Hour
	refreshTokenLife = 90 * 24 * time.Hour // without use
	authCodeLife     = 10 * time.Minute
	deviceCodeLife   = 15 * time.Minute
)

// What SignIn asks for, as chatkeep's own sign-in does.
var defaultScopes = []string{"Files.ReadWrite", "User.Read", "offline_access"}

// signIns is the state of Microsoft's sign-in.
type signIns struct {
	Apps    []*app
	Access  map[string]*accessToken
	Refresh map[string]*refreshToken
	Codes   map[string]*authCode
	Devices map[string]*deviceCode
	Browser string // the account that consents in the browser; "" declines
	Rotate  bool   // a refresh token dies when it is used
}

// app is a registered application. One without a secret is a public client.
type app struct {
	ID, Secret, Region string
}

// accessToken opens what its scopes allow, on one service.
type accessToken struct {
	Account  string
	Region   string
	Audience string // "" is Graph, else a SharePoint host
	Scopes   []string
	Expires  time.Time
	Dead     bool // the server knows it no more, whatever the client thinks
}

// refreshToken buys access tokens.
type refreshToken struct {
	Account string
	App     string
	Scopes  []string
	Issued  time.Time
	Error   string // the code of what answers it instead
}

// newSignIns registers an application without a secret in both clouds, one
// with a secret, and lets the account "personal" sit at the browser.
func newSignIns() signIns {
	return signIns{
		Apps: []*app{
			{ID: guid("app"), Region: "global"},
			{ID: guid("app of china"), Region: "cn"},
			{ID: guid("app with a secret"), Secret: "fake~secret-of-an-app", Region: "global"},
		},
		Access: map[string]*accessToken{}, Refresh: map[string]*refreshToken{},
		Codes: map[string]*authCode{}, Devices: map[string]*deviceCode{},
		Browser: "personal",
	}
}

func (s *signIns) app(id string) *app {
	i := slices.IndexFunc(s.Apps, func(a *app) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return s.Apps[i]
}

// appOf is the application without a secret in a cloud.
func (s *signIns) appOf(region string) *app {
	i := slices.IndexFunc(s.Apps, func(a *app) bool { return a.Secret == "" && a.Region == region })
	return s.Apps[i]
}

// issue makes an access token, and a refresh token where the scopes ask for
// one.
func (g *Graph) issue(a *microsoftUser, scopes []string) map[string]any {
	audience, asked := "", scopes
	if len(scopes) > 0 && strings.HasSuffix(scopes[0], "/.default") {
		audience = strings.TrimSuffix(strings.TrimPrefix(scopes[0], "https://"), "/.default")
		asked = []string{"AllSites.Write", "Files.ReadWrite"}
	}
	access := "EwB4" + rand.Text() + rand.Text()
	g.SignIns.Access[access] = &accessToken{
		Account: a.Name, Region: a.region(), Audience: audience, Scopes: asked,
		Expires: g.now().Add(accessTokenLife),
	}
	return map[string]any{
		"token_type": "Bearer", "scope": strings.Join(asked, " "),
		"expires_in": int(accessTokenLife/time.Second) - 1, "ext_expires_in": int(accessTokenLife/time.Second) - 1,
		"access_token": access,
	}
}

// renewable makes a refresh token.
func (g *Graph) renewable(a *microsoftUser, client string, scopes []string) string {
	token := "M.C5" + rand.Text() + rand.Text()
	g.SignIns.Refresh[token] = &refreshToken{Account: a.Name, App: client, Scopes: scopes, Issued: g.now()}
	return token
}

// SignIn signs an account in without a browser and returns the options of
// rclone's onedrive backend for its own drive.
func (g *Graph) SignIn(account string) map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.account(account)
	client := g.SignIns.appOf(a.region())
	got := g.issue(a, defaultScopes)
	token, err := json.Marshal(map[string]any{
		"access_token": got["access_token"], "token_type": "Bearer",
		"refresh_token": g.renewable(a, client.ID, defaultScopes),
		"expiry":        g.now().Add(accessTokenLife).Format(time.RFC3339Nano),
	})
	if err != nil {
		panic(err) // strings only
	}
	return map[string]string{
		"client_id": client.ID, "token": string(token), "region": a.region(),
		"drive_id": a.Drives[0].ID, "drive_type": a.Drives[0].Type,
	}
}

// AddApp registers an application in a region, "global" or "cn"; one without a
// secret is a public client.
func (g *Graph) AddApp(id, secret, region string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.SignIns.Apps = append(g.SignIns.Apps, &app{id, secret, region})
}

// Email returns the address of an account.
func (g *Graph) Email(account string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.account(account).address()
}

// App returns the id of the application without a secret that is registered
// in a region, "global" or "cn".
func (g *Graph) App(region string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.SignIns.appOf(region).ID
}

// SecretApp returns the id and the secret of the application that has one.
func (g *Graph) SecretApp() (id, secret string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.IndexFunc(g.SignIns.Apps, func(a *app) bool { return a.Secret != "" })
	return g.SignIns.Apps[i].ID, g.SignIns.Apps[i].Secret
}

// Expire makes all access tokens die on the server while their owners still
// take them for good.
func (g *Graph) Expire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.SignIns.Access {
		t.Dead = true
	}
}

// Revoke makes all refresh tokens answer invalid_grant, as after a change of
// the password. Access tokens stay good until they expire.
func (g *Graph) Revoke() { g.spoil("AADSTS50173") }

// Lapse makes all refresh tokens answer invalid_grant with AADSTS700082, as
// after 90 days without use.
func (g *Graph) Lapse() { g.spoil("AADSTS700082") }

// RequireInteraction makes all refresh tokens answer interaction_required:
// the organization wants a second factor.
func (g *Graph) RequireInteraction() { g.spoil("AADSTS50076") }

func (g *Graph) spoil(code string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.SignIns.Refresh {
		t.Error = code
	}
}

// RotateStrictly says whether a refresh token dies when it is used. Microsoft
// leaves the old one alive; other services don't.
func (g *Graph) RotateStrictly(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.SignIns.Rotate = on
}

// caller returns the account that a request is made for.
func (g *Graph) caller(r *http.Request, host string) (*microsoftUser, *accessToken, *refusal) {
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nil, nil, unauthorized("Access token is empty.", "invalid_request")
	}
	token := g.SignIns.Access[bearer]
	audience := ""
	if host != graphHost && host != graphHostChina {
		audience = host
	}
	switch {
	case token == nil:
		return nil, nil, unauthorized("IDX14100: JWT is not well formed, there are no dots (.).", "invalid_token")
	case token.Region != regionOf(host) || token.Audience != audience:
		return nil, nil, unauthorized("Access token validation failure. Invalid audience.", "invalid_token")
	case token.Dead || g.now().After(token.Expires):
		return nil, nil, unauthorized("Lifetime validation failed, the token is expired.", "expired_token")
	}
	return g.account(token.Account), token, nil
}

func unauthorized(message, reason string) *refusal {
	e := refuse(http.StatusUnauthorized, "InvalidAuthenticationToken", message)
	e.header = map[string]string{"WWW-Authenticate": `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", ` +
		`client_id="00000003-0000-0000-c000-000000000000", error="` + reason + `", error_description="` + message + `"`}
	return e
}

// may reports whether a token has one of some scopes. A token for SharePoint
// has what its owner consented to.
func (t *accessToken) may(scopes ...string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool {
		return slices.ContainsFunc(t.Scopes, func(have string) bool {
			return strings.EqualFold(strings.TrimPrefix(have, "https://graph.microsoft.com/"), s)
		})
	})
}

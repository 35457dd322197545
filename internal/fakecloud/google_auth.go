package fakecloud

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The client ids that exist from the start. The second is of the type "TVs
// and Limited Input devices", the only one that gets device codes.
const (
	GoogleClientID           = "451000000001-desktop.apps.googleusercontent.com"
	GoogleClientSecret       = "GOCSPX-desktop"
	GoogleDeviceClientID     = "451000000001-device.apps.googleusercontent.com"
	GoogleDeviceClientSecret = "GOCSPX-device"
)

const (
	googleScope       = "https://www.googleapis.com/auth/"
	googleTokenLife   = time.Hour
	googleTestingLife = 7 * 24 * time.Hour
	googleCodeLife    = 10 * time.Minute
	googleDeviceLife  = 30 * time.Minute
)

// googleClient is what a developer registered.
type googleClient struct {
	ID, Secret string
	Testing    bool // the project is not published: grants last a week
	Device     bool
}

// googleGrant is what a token stands for.
type googleGrant struct {
	User, Client string
	Scopes       []string
	Issued       time.Time
	Expires      time.Time // of an access token
	Refresh      string    // of an access token: what it was made from
}

// has reports whether one of the scopes was granted.
func (g *googleGrant) has(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(g.Scopes, googleScope+n) })
}

func (d *Drive) addClient(id, secret string) *googleClient {
	c := &googleClient{ID: id, Secret: secret}
	d.Clients[id] = c
	return c
}

// AddClient registers a client id of the type "Desktop app".
func (d *Drive) AddClient(id, secret string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addClient(id, secret)
}

// SetTesting puts a client's project back to "Testing", or publishes it.
func (d *Drive) SetTesting(clientID string, testing bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Clients[clientID].Testing = testing
}

// SignIn returns what a client keeps after an account agreed to drive.file:
// rclone's options client_id, client_secret, scope and token.
func (d *Drive) SignIn(account string) map[string]string {
	return d.SignInWith(account, GoogleClientID, "drive.file")
}

// SignInWith is SignIn for one client id, registered if need be, and scopes
// by their short names, with spaces between.
func (d *Drive) SignInWith(account, clientID, scopes string) map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	client := d.Clients[clientID]
	if client == nil {
		client = d.addClient(clientID, "GOCSPX-"+rand.Text())
	}
	grant := googleGrant{User: d.user(account).Email, Client: client.ID}
	for _, s := range strings.Fields(scopes) {
		grant.Scopes = append(grant.Scopes, googleScope+s)
	}
	reply := d.issue(grant, true)
	return map[string]string{
		"client_id": client.ID, "client_secret": client.Secret, "scope": strings.Join(strings.Fields(scopes), ","),
		"token": jsonText(map[string]any{
			"access_token": reply["access_token"], "token_type": "Bearer", "refresh_token": reply["refresh_token"],
			"expiry": d.c.now().Add(googleTokenLife).Format(time.RFC3339Nano),
		}),
	}
}

// Expire ends all access tokens on the server; clients may still think that
// theirs are valid.
func (d *Drive) Expire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.Access)
}

// Revoke takes back all consent: refresh tokens answer invalid_grant, and
// access tokens are dead too.
func (d *Drive) Revoke() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.Access)
	clear(d.Refresh)
	clear(d.Consents)
}

// issue makes an access token, with a new refresh token or of an old one.
func (d *Drive) issue(g googleGrant, refresh bool) map[string]any {
	g.Issued = d.c.now()
	reply := map[string]any{
		"access_token": "ya29.a0" + rand.Text() + rand.Text(), "token_type": "Bearer",
		"expires_in": int(googleTokenLife/time.Second) - 1, "scope": strings.Join(g.Scopes, " "),
	}
	if refresh {
		token := "1//0e" + rand.Text() + rand.Text()
		grant := g
		d.Refresh[token] = &grant
		g.Refresh, reply["refresh_token"] = token, token
		if d.Clients[g.Client].Testing {
			reply["refresh_token_expires_in"] = int(googleTestingLife/time.Second) - 1
		}
	}
	g.Expires = g.Issued.Add(googleTokenLife)
	d.Access[reply["access_token"].(string)] = &g
	return reply
}

// authorize finds out who is asking. An upload's URL is as good as a token.
func (d *Drive) authorize(c *driveCall) error {
	token, ok := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
	if !ok && c.query.Has("upload_id") {
		return nil
	}
	g := d.Access[token]
	if g == nil || d.c.now().After(g.Expires) {
		return driveErr(http.StatusUnauthorized, "authError", "Invalid Credentials")
	}
	c.grant, c.user = g, d.user(g.User)
	return nil
}

// serveUserinfo says whose token it is.
func (d *Drive) serveUserinfo(c *driveCall) (driveAnswer, error) {
	if !strings.HasPrefix(c.URL.Path, "/oauth2/") || !strings.HasSuffix(c.URL.Path, "/userinfo") {
		return driveAnswer{}, driveErr(404, "notFound", "Not Found")
	}
	m := map[string]any{"sub": permissionID(c.user.Email), "id": permissionID(c.user.Email)}
	if c.grant.has("userinfo.email") || slices.Contains(c.grant.Scopes, "email") {
		m["email"], m["email_verified"], m["verified_email"] = c.user.Email, true, true
	}
	return driveAnswer{body: m}, nil
}

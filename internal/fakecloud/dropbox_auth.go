package fakecloud

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const dropboxTokenLife = 4 * time.Hour

// dropboxSignIns is the state of Dropbox's sign-in.
type dropboxSignIns struct {
	Key     string // of the one application; its secret is optional with PKCE
	Secret  string
	Access  map[string]*dropboxToken
	Refresh map[string]*dropboxToken
	Codes   map[string]*authCode
	Browser string // the account that consents in the browser; "" declines
}

type dropboxToken struct {
	Account string
	Expires time.Time // of an access token
	Dead    bool
}

func newDropboxSignIns() dropboxSignIns {
	return dropboxSignIns{
		Key: "5jcck7diasz0rqy", Secret: "fake1secret2app",
		Access: map[string]*dropboxToken{}, Refresh: map[string]*dropboxToken{}, Codes: map[string]*authCode{},
		Browser: "personal",
	}
}

// App returns the key and the secret of the application.
func (d *Dropbox) App() (key, secret string) { return d.SignIns.Key, d.SignIns.Secret }

// SignIn signs an account in without a browser and returns the options of
// rclone's dropbox backend.
func (d *Dropbox) SignIn(account string) map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.account(account)
	access, refresh := d.issue(a), "rt."+rand.Text()
	d.SignIns.Refresh[refresh] = &dropboxToken{Account: a.Name}
	token, err := json.Marshal(map[string]any{
		"access_token": access, "token_type": "bearer", "refresh_token": refresh,
		"expiry": d.now().Add(dropboxTokenLife).Format(time.RFC3339Nano),
	})
	if err != nil {
		panic(err) // strings only
	}
	return map[string]string{"client_id": d.SignIns.Key, "client_secret": d.SignIns.Secret, "token": string(token)}
}

// Consent says which account consents from now on, in the browser. "" declines.
func (d *Dropbox) Consent(account string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.SignIns.Browser = account
}

// Expire makes all access tokens die on the server.
func (d *Dropbox) Expire() { d.kill(d.SignIns.Access) }

// Revoke makes all refresh tokens answer invalid_grant.
func (d *Dropbox) Revoke() { d.kill(d.SignIns.Refresh) }

func (d *Dropbox) kill(tokens map[string]*dropboxToken) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range tokens {
		t.Dead = true
	}
}

func (d *Dropbox) issue(a *dropboxUser) string {
	access := "sl.u." + rand.Text() + rand.Text()
	d.SignIns.Access[access] = &dropboxToken{Account: a.Name, Expires: d.now().Add(dropboxTokenLife)}
	return access
}

// caller returns the account a request is made for.
func (d *Dropbox) caller(r *http.Request) (*dropboxUser, *dropboxError) {
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	t := d.SignIns.Access[bearer]
	switch {
	case t == nil:
		return nil, &dropboxError{status: http.StatusUnauthorized, tags: []string{"invalid_access_token"}}
	case t.Dead || d.now().After(t.Expires):
		return nil, &dropboxError{status: http.StatusUnauthorized, tags: []string{"expired_access_token"}}
	}
	return d.account(t.Account), nil
}

// authorize is the page a browser opens: the account at the browser agrees at
// once. Without an address to go back to, the page shows the code.
func (d *Dropbox) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if q.Get("client_id") != d.SignIns.Key || q.Get("response_type") != "code" || err != nil || q.Get("redirect_uri") != "" && !loopback(back) {
		dropboxText(w, http.StatusBadRequest, "Invalid client_id or redirect_uri")
		return
	}
	answer := back.Query()
	answer.Set("state", q.Get("state"))
	code := rand.Text()
	if d.SignIns.Browser == "" {
		answer.Set("error", "access_denied")
		answer.Set("error_description", "The user chose not to give your app access to their Dropbox account.")
	} else {
		answer.Set("code", code)
		d.SignIns.Codes[code] = &authCode{
			Account: d.SignIns.Browser, Redirect: q.Get("redirect_uri"), Challenge: q.Get("code_challenge"), Issued: d.now(),
			Scopes: []string{q.Get("token_access_type")},
		}
	}
	if q.Get("redirect_uri") == "" {
		dropboxText(w, http.StatusOK, "Enter this code to finish the process: "+answer.Get("code"))
		return
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// token answers the token endpoint. A refresh token stays as it is.
func (d *Dropbox) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		dropboxText(w, http.StatusBadRequest, err.Error())
		return
	}
	key, secret, _ := r.BasicAuth()
	if key == "" {
		key, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if key != d.SignIns.Key || secret != "" && secret != d.SignIns.Secret {
		oauthFail(w, "invalid_client", "Invalid client_id or client_secret")
		return
	}
	switch r.PostForm.Get("grant_type") {
	case "refresh_token":
		t := d.SignIns.Refresh[r.PostForm.Get("refresh_token")]
		if t == nil || t.Dead {
			oauthFail(w, "invalid_grant", "refresh token is invalid or revoked")
			return
		}
		d.grant(w, t.Account, "")
	case "authorization_code":
		d.redeem(w, r, secret)
	default:
		oauthFail(w, "unsupported_grant_type", "given \"grant_type\" is not supported")
	}
}

func (d *Dropbox) redeem(w http.ResponseWriter, r *http.Request, secret string) {
	c := d.SignIns.Codes[r.PostForm.Get("code")]
	switch {
	case c == nil || c.Used || d.now().Sub(c.Issued) > authCodeLife:
		oauthFail(w, "invalid_grant", "code doesn't exist or has expired")
	case c.Redirect != r.PostForm.Get("redirect_uri"):
		oauthFail(w, "invalid_grant", "redirect_uri mismatch")
	case c.Challenge != challenge(r.PostForm.Get("code_verifier")), c.Challenge == "" && secret == "":
		oauthFail(w, "invalid_grant", "invalid code verifier")
	default:
		c.Used = true
		refresh := ""
		if c.Scopes[0] == "offline" {
			refresh = "rt." + rand.Text()
			d.SignIns.Refresh[refresh] = &dropboxToken{Account: c.Account}
		}
		d.grant(w, c.Account, refresh)
	}
}

func (d *Dropbox) grant(w http.ResponseWriter, account, refresh string) {
	a := d.account(account)
	got := map[string]any{
		"access_token": d.issue(a), "token_type": "bearer", "expires_in": int(dropboxTokenLife / time.Second),
		"scope": "account_info.read files.content.read files.content.write files.metadata.read files.metadata.write",
		"uid":   "12345", "account_id": "dbid:" + guid("dropbox "+a.Name),
	}
	if refresh != "" {
		got["refresh_token"] = refresh
	}
	writeJSON(w, http.StatusOK, got)
}

func oauthFail(w http.ResponseWriter, code, description string) {
	writeJSON(w, http.StatusBadRequest, map[string]any{"error": code, "error_description": description})
}

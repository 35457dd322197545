package fakecloud

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// tokenError is an error of the token endpoint.
type tokenError struct {
	status       int
	code, detail string
}

func (e *tokenError) write(w http.ResponseWriter) {
	m := map[string]any{"error": e.code}
	if e.detail != "" {
		m["error_description"] = e.detail
	}
	writeJSON(w, e.status, m)
}

// serveTokens answers on oauth2.googleapis.com.
func (d *Drive) serveTokens(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost {
		(&tokenError{400, "invalid_request", "Bad Request"}).write(w)
		return
	}
	reply, err := d.token(r)
	if err != nil {
		err.write(w)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, reply)
}

func (d *Drive) token(r *http.Request) (map[string]any, *tokenError) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch r.URL.Path {
	case "/revoke":
		return d.revoke(r.Form.Get("token"))
	case "/device/code":
		return d.deviceCode(r.Form)
	case "/token":
	default:
		return nil, &tokenError{404, "not_found", ""}
	}
	client, err := d.tokenClient(r)
	if err != nil {
		return nil, err
	}
	switch r.Form.Get("grant_type") {
	case "refresh_token":
		return d.refresh(client, r.Form.Get("refresh_token"))
	case "authorization_code":
		return d.redeem(client, r.Form)
	case "urn:ietf:params:oauth:grant-type:device_code":
		return d.pollDevice(client, r.Form.Get("device_code"))
	}
	return nil, &tokenError{400, "unsupported_grant_type", "Invalid grant_type: " + r.Form.Get("grant_type")}
}

// tokenClient checks the client's id and secret, in the form or the header.
func (d *Drive) tokenClient(r *http.Request) (*googleClient, *tokenError) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.Form.Get("client_id"), r.Form.Get("client_secret")
	}
	client := d.Clients[id]
	switch {
	case client == nil:
		return nil, &tokenError{401, "invalid_client", "The OAuth client was not found."}
	case secret == "":
		return nil, &tokenError{400, "invalid_request", "client_secret is missing."}
	case secret != client.Secret:
		return nil, &tokenError{401, "invalid_client", "Unauthorized"}
	}
	return client, nil
}

func (d *Drive) refresh(client *googleClient, token string) (map[string]any, *tokenError) {
	g := d.Refresh[token]
	switch {
	case g == nil, client.Testing && d.c.now().Sub(g.Issued) > googleTestingLife:
		return nil, &tokenError{400, "invalid_grant", "Token has been expired or revoked."}
	case g.Client != client.ID:
		return nil, &tokenError{401, "unauthorized_client", "Unauthorized"}
	}
	fresh := *g
	fresh.Refresh = token
	return d.issue(fresh, false), nil // Google keeps the refresh token as it is
}

// redeem exchanges the code from the consent page, once.
func (d *Drive) redeem(client *googleClient, form url.Values) (map[string]any, *tokenError) {
	code := d.Codes[form.Get("code")]
	delete(d.Codes, form.Get("code"))
	switch {
	case code == nil || code.Grant.Client != client.ID || d.c.now().Sub(code.Issued) > googleCodeLife:
		return nil, &tokenError{400, "invalid_grant", "Malformed auth code."}
	case code.Redirect != form.Get("redirect_uri"):
		return nil, &tokenError{400, "redirect_uri_mismatch", "Bad Request"}
	case code.Challenge != "" && form.Get("code_verifier") == "":
		return nil, &tokenError{400, "invalid_grant", "Missing code verifier."}
	case code.Challenge != "" && !code.verifies(form.Get("code_verifier")):
		return nil, &tokenError{400, "invalid_grant", "Invalid code verifier."}
	}
	return d.issue(code.Grant, code.Offline), nil
}

func (c *googleCode) verifies(verifier string) bool {
	if c.Method == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		verifier = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return verifier == c.Challenge
}

// revoke takes back what a token stands for, whichever of the two it is.
func (d *Drive) revoke(token string) (map[string]any, *tokenError) {
	if g := d.Access[token]; g != nil && g.Refresh != "" {
		token = g.Refresh
	}
	if d.Refresh[token] == nil && d.Access[token] == nil {
		return nil, &tokenError{400, "invalid_token", "Token expired or revoked"}
	}
	delete(d.Refresh, token)
	for access, g := range d.Access {
		if access == token || g.Refresh == token {
			delete(d.Access, access)
		}
	}
	return map[string]any{}, nil
}

// deviceScope reports whether a device may ask for a scope.
func deviceScope(scope string) bool {
	switch strings.TrimPrefix(scope, googleScope) {
	case "drive.file", "drive.appdata", "userinfo.email", "userinfo.profile", "email", "openid", "profile":
		return true
	}
	return false
}

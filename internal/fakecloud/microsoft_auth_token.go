package fakecloud

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// serveSignIn answers on the hosts where people and programs sign in.
func (g *Graph) serveSignIn(w http.ResponseWriter, r *http.Request) {
	tenant, page, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch page {
	case "oauth2/v2.0/authorize":
		g.authorize(w, r, tenant)
	case "oauth2/v2.0/devicecode":
		g.startDevice(w, r)
	case "oauth2/v2.0/token":
		g.token(w, r, tenant)
	default:
		http.NotFound(w, r)
	}
}

// token answers the token endpoint.
func (g *Graph) token(w http.ResponseWriter, r *http.Request, tenant string) {
	client, code := g.client(r)
	if code == "" {
		code = g.grant(w, r, client, tenant)
	}
	if code != "" {
		g.aadFail(w, code)
	}
}

// client finds the application that asks and checks its secret. An empty
// secret in a header is none: that is how programs try first which way to
// send it.
func (g *Graph) client(r *http.Request) (*app, string) {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, password, ok := r.BasicAuth(); ok && password != "" {
		id, secret = user, password
	}
	client := g.SignIns.app(id)
	switch {
	case id == "":
		return nil, "AADSTS900144"
	case client == nil || client.Region != regionOf(hostOf(r)):
		return nil, "AADSTS700016"
	case client.Secret == "" && secret != "":
		return nil, "AADSTS700025"
	case client.Secret != "" && secret == "":
		return nil, "AADSTS7000218"
	case secret != client.Secret:
		return nil, "AADSTS7000215"
	}
	return client, ""
}

func (g *Graph) grant(w http.ResponseWriter, r *http.Request, client *app, tenant string) (code string) {
	switch r.PostForm.Get("grant_type") {
	case "refresh_token":
		return g.refresh(w, r, client, tenant)
	case "authorization_code":
		return g.redeem(w, r, client, tenant)
	case "urn:ietf:params:oauth:grant-type:device_code":
		return g.pollDevice(w, r, client)
	}
	return "AADSTS70003"
}

// refresh answers a refresh token with an access token and, always, a new
// refresh token.
func (g *Graph) refresh(w http.ResponseWriter, r *http.Request, client *app, tenant string) (code string) {
	old := r.PostForm.Get("refresh_token")
	known := g.SignIns.Refresh[old]
	switch {
	case known == nil || known.App != client.ID:
		return "AADSTS70000"
	case known.Error != "":
		return known.Error
	case g.now().Sub(known.Issued) > refreshTokenLife:
		return "AADSTS700082"
	}
	a := g.account(known.Account)
	if code := a.livesIn(tenant); code != "" {
		return code
	}
	if g.SignIns.Rotate {
		known.Error = "AADSTS70000"
	}
	scopes := known.Scopes
	if asked := strings.Fields(r.PostForm.Get("scope")); len(asked) > 0 {
		scopes = asked
	}
	got := g.issue(a, scopes)
	got["refresh_token"] = g.renewable(a, client.ID, known.Scopes)
	writeJSON(w, http.StatusOK, got)
	return ""
}

// livesIn says what is wrong with an account at a tenant's endpoint, or "".
func (a *microsoftUser) livesIn(tenant string) (code string) {
	switch tenant {
	case "common":
		return ""
	case "consumers":
		if a.Kind != Personal {
			return "AADSTS50020"
		}
		return ""
	case "organizations", guid("tenant"), "contoso.onmicrosoft.com", "contoso.partner.onmschina.cn":
		if a.Kind == Personal {
			return "AADSTS50020"
		}
		return ""
	}
	return "AADSTS90002"
}

// redeem answers a code that the browser brought.
func (g *Graph) redeem(w http.ResponseWriter, r *http.Request, client *app, tenant string) (code string) {
	c := g.SignIns.Codes[r.PostForm.Get("code")]
	switch {
	case c == nil || c.App != client.ID:
		return "AADSTS70000"
	case c.Used:
		return "AADSTS54005"
	case g.now().Sub(c.Issued) > authCodeLife:
		return "AADSTS70008"
	case c.Redirect != r.PostForm.Get("redirect_uri"):
		return "AADSTS500112"
	case c.Challenge != challenge(r.PostForm.Get("code_verifier")):
		return "AADSTS501481"
	}
	a := g.account(c.Account)
	if code := a.livesIn(tenant); code != "" {
		return code
	}
	c.Used = true
	g.grantAll(w, a, client, c.Scopes)
	return ""
}

// grantAll answers what a person consented to.
func (g *Graph) grantAll(w http.ResponseWriter, a *microsoftUser, client *app, scopes []string) {
	got := g.issue(a, scopes)
	for _, scope := range scopes {
		if scope == "offline_access" {
			got["refresh_token"] = g.renewable(a, client.ID, scopes)
		}
	}
	writeJSON(w, http.StatusOK, got)
}

// challenge is PKCE's S256 of a verifier; of none it is none.
func challenge(verifier string) string {
	if verifier == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

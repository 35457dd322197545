package fakecloud

import (
	"crypto/rand"
	"html"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// authCode is what the browser carries back to the program.
type authCode struct {
	Account, App, Redirect, Challenge string
	Scopes                            []string
	Issued                            time.Time
	Used                              bool
}

// Consent says which account consents from now on, in the browser. "" declines.
func (g *Graph) Consent(account string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.SignIns.Browser = account
}

// authorize is the page a browser opens. Nobody has to click: the account at
// the browser consents, or declines, at once. What can't be trusted to be the
// program's own address gets a page and no redirect.
func (g *Graph) authorize(w http.ResponseWriter, r *http.Request, tenant string) {
	q := r.Form
	client := g.SignIns.app(q.Get("client_id"))
	back, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case client == nil || client.Region != regionOf(hostOf(r)):
		aadPage(w, "AADSTS700016")
		return
	case err != nil || !loopback(back):
		aadPage(w, "AADSTS50011")
		return
	}
	answer := back.Query()
	if state := q.Get("state"); state != "" {
		answer.Set("state", state)
	}
	g.consent(answer, q, client, tenant)
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// consent fills in what is sent back to the program.
func (g *Graph) consent(answer, q url.Values, client *app, tenant string) {
	fail := func(e, description string) {
		answer.Set("error", e)
		answer.Set("error_description", description)
	}
	method := q.Get("code_challenge_method")
	switch {
	case q.Get("response_type") != "code":
		fail("unsupported_response_type", "AADSTS700054: response_type is not enabled for the application.")
		return
	case q.Get("scope") == "":
		fail("invalid_request", "AADSTS900144: The request body must contain the following parameter: 'scope'.")
		return
	case client.Secret == "" && (q.Get("code_challenge") == "" || method != "S256"):
		fail("invalid_request", "AADSTS9002325: "+aadErrors["AADSTS9002325"].text)
		return
	case g.SignIns.Browser == "":
		fail("access_denied", "AADSTS65004: "+aadErrors["AADSTS65004"].text)
		answer.Set("error_subcode", "cancel")
		return
	}
	a := g.account(g.SignIns.Browser)
	if code := a.livesIn(tenant); code != "" {
		fail("access_denied", code+": "+aadErrors[code].text)
		return
	}
	code := "M.C5" + rand.Text()
	g.SignIns.Codes[code] = &authCode{
		Account: a.Name, App: client.ID, Redirect: q.Get("redirect_uri"), Challenge: q.Get("code_challenge"),
		Scopes: strings.Fields(q.Get("scope")), Issued: g.now(),
	}
	answer.Set("code", code)
}

// loopback tells whether an address is on the computer of the person. For
// localhost the port isn't compared with what was registered.
func loopback(u *url.URL) bool {
	return u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1")
}

func aadPage(w http.ResponseWriter, code string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusBadRequest)
	w.Write([]byte("<!DOCTYPE html><title>Sign in to your account</title><h1>Sorry, but we’re having trouble signing you in.</h1><p>" +
		html.EscapeString(code+": "+aadErrors[code].text)))
}

package fakecloud

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// googleCode is what the consent page hands to the browser.
type googleCode struct {
	Grant             googleGrant
	Redirect          string
	Challenge, Method string
	Offline           bool // comes with a refresh token
	Issued            time.Time
}

// googleDevice is a device that waits for its user.
type googleDevice struct {
	UserCode string
	Grant    googleGrant // without a user until somebody agrees
	Issued   time.Time
	Refused  bool
}

// serveConsent plays a user who agrees at once: a valid request is answered
// with a redirect that has the code. The account is the one of login_hint, or
// the first.
func (d *Drive) serveConsent(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch r.URL.Path {
	case "/o/oauth2/v2/auth", "/o/oauth2/auth":
		to, err := d.consent(q)
		if err != nil {
			http.Error(w, "Access blocked. Error "+err.Error(), http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, to, http.StatusFound)
	case "/device":
		if err := d.ApproveDevice(q.Get("user_code"), q.Get("login_hint")); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintln(w, "Success! Device connected.")
	default:
		http.NotFound(w, r)
	}
}

// consent returns where the browser goes next, or what the page complains of.
func (d *Drive) consent(q url.Values) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	client := d.Clients[q.Get("client_id")]
	redirect, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case client == nil:
		return "", errors.New("401: invalid_client: The OAuth client was not found")
	case client.Device:
		return "", fmt.Errorf("400: invalid_request: this type of client has no redirects")
	case err != nil || redirect.Scheme != "http" || !isLoopback(redirect.Hostname()):
		return "", fmt.Errorf("400: redirect_uri_mismatch")
	case q.Get("response_type") != "code":
		return "", fmt.Errorf("400: unsupported_response_type")
	case q.Get("scope") == "":
		return "", fmt.Errorf("400: invalid_request: Missing required parameter: scope")
	case q.Has("code_challenge") && !slices.Contains([]string{"", "plain", "S256"}, q.Get("code_challenge_method")):
		return "", fmt.Errorf("400: invalid_request: invalid code challenge method")
	}
	back := redirect.Query()
	if q.Has("state") {
		back.Set("state", q.Get("state"))
	}
	if d.Refuses {
		back.Set("error", "access_denied")
	} else {
		back.Set("code", d.newCode(client, q))
		back.Set("scope", q.Get("scope"))
	}
	redirect.RawQuery = back.Encode()
	return redirect.String(), nil
}

// newCode makes a code. A refresh token comes with it only where the client
// asks for offline access, and then only the first time or with a prompt.
func (d *Drive) newCode(client *googleClient, q url.Values) string {
	u := d.user(q.Get("login_hint"))
	agreed := u.Email + " " + client.ID
	code := "4/0" + rand.Text() + rand.Text()
	d.Codes[code] = &googleCode{
		Grant:     googleGrant{User: u.Email, Client: client.ID, Scopes: strings.Fields(q.Get("scope"))},
		Redirect:  q.Get("redirect_uri"),
		Challenge: q.Get("code_challenge"), Method: q.Get("code_challenge_method"),
		Offline: q.Get("access_type") == "offline" && (!d.Consents[agreed] || strings.Contains(q.Get("prompt"), "consent")),
		Issued:  d.c.now(),
	}
	d.Consents[agreed] = true
	return code
}

func isLoopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

// RefuseConsent lets users say no from now on, or yes again.
func (d *Drive) RefuseConsent(refuse bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Refuses = refuse
}

// deviceCode begins the sign-in of a device without a browser.
func (d *Drive) deviceCode(form url.Values) (map[string]any, *tokenError) {
	client, scopes := d.Clients[form.Get("client_id")], strings.Fields(form.Get("scope"))
	switch {
	case client == nil:
		return nil, &tokenError{401, "invalid_client", "The OAuth client was not found."}
	case !client.Device:
		return nil, &tokenError{401, "invalid_client", "Invalid client type."}
	case len(scopes) == 0 || slices.ContainsFunc(scopes, func(s string) bool { return !deviceScope(s) }):
		return nil, &tokenError{400, "invalid_scope", "Invalid device flow scope: " + form.Get("scope")}
	}
	code, text := "AH-1Ng"+rand.Text()+rand.Text(), rand.Text()
	device := &googleDevice{
		UserCode: text[:4] + "-" + text[4:8], Issued: d.c.now(),
		Grant: googleGrant{Client: client.ID, Scopes: scopes},
	}
	d.Devices[code] = device
	return map[string]any{
		"device_code": code, "user_code": device.UserCode, "verification_url": "https://www.google.com/device",
		"expires_in": int(googleDeviceLife / time.Second),
		"interval":   1, // Google says 5; tests wait for real
	}, nil
}

func (d *Drive) pollDevice(client *googleClient, code string) (map[string]any, *tokenError) {
	device := d.Devices[code]
	switch {
	case device == nil || device.Grant.Client != client.ID:
		return nil, &tokenError{400, "invalid_grant", "Malformed device code."}
	case d.c.now().Sub(device.Issued) > googleDeviceLife:
		return nil, &tokenError{400, "expired_token", "The device code has expired."}
	case device.Refused:
		return nil, &tokenError{403, "access_denied", "Forbidden"}
	case device.Grant.User == "":
		return nil, &tokenError{428, "authorization_pending", "Precondition Required"}
	}
	delete(d.Devices, code)
	return d.issue(device.Grant, true), nil
}

// ApproveDevice plays the user who types the code into the browser.
func (d *Drive) ApproveDevice(userCode, account string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, device := range d.Devices {
		if device.UserCode == userCode {
			device.Refused = d.Refuses
			device.Grant.User = d.user(account).Email
			return nil
		}
	}
	return fmt.Errorf("no device waits with the code %q", userCode)
}

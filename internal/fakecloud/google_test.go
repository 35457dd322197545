package fakecloud_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
)

func form(t *testing.T, h *http.Client, path string, fields map[string]string) answer {
	t.Helper()
	q := url.Values{}
	for k, v := range fields {
		q.Set(k, v)
	}
	return do(t, h, "POST", "https://oauth2.googleapis.com"+path, q.Encode(), map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
}

// refresh asks for an access token with what SignIn returned.
func refresh(t *testing.T, h *http.Client, signIn map[string]string) answer {
	t.Helper()
	var token struct {
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal([]byte(signIn["token"]), &token); err != nil {
		t.Fatal(err)
	}
	return form(t, h, "/token", map[string]string{
		"grant_type": "refresh_token", "refresh_token": token.Refresh,
		"client_id": signIn["client_id"], "client_secret": signIn["client_secret"],
	})
}

func wantOAuth(t *testing.T, a answer, status int, code string) {
	t.Helper()
	if a.status != status || a.text("error") != code {
		t.Errorf("%d %s %v, want %d %s", a.status, a.body, a.err, status, code)
	}
}

func TestGoogleTokensExpire(t *testing.T) {
	c := start(t, fakecloud.Options{Virtual: true})
	signIn := c.Drive().SignIn("ada")
	d := driveOf(t, c, signIn)
	about := url.Values{"fields": {"user"}}
	c.Advance(time.Hour)
	d.get("about", about)
	c.Advance(time.Second)
	d.wantError(d.get("about", about), 401, "authError")
	d.token = refresh(t, d.client, signIn).text("access_token")
	if a := d.get("about", about); a.status != 200 {
		t.Errorf("with a fresh token: %+v", a)
	}
	c.Drive().Expire()
	d.wantError(d.get("about", about), 401, "authError")
	if a := refresh(t, d.client, signIn); a.status != 200 || a.text("refresh_token") != "" || a.text("expires_in") != "3599" {
		t.Errorf("refresh: %+v", a)
	}
	c.Drive().Revoke()
	wantOAuth(t, refresh(t, d.client, signIn), 400, "invalid_grant")
	d.token = "made up"
	d.wantError(d.get("about", about), 401, "authError")
}

func TestGoogleTokenErrors(t *testing.T) {
	c := start(t, fakecloud.Options{})
	h, signIn := client(t, c), c.Drive().SignIn("ada")
	with := func(key, value string) answer {
		changed := maps.Clone(signIn)
		changed[key] = value
		return refresh(t, h, changed)
	}
	wantOAuth(t, with("client_id", "nobody"), 401, "invalid_client")
	wantOAuth(t, with("client_secret", "wrong"), 401, "invalid_client")
	wantOAuth(t, with("client_secret", ""), 400, "invalid_request")
	wantOAuth(t, with("token", `{"refresh_token":"1//made-up"}`), 400, "invalid_grant")
	wantOAuth(t, with("token", c.Drive().SignInWith("ada", "other", "drive")["token"]), 401, "unauthorized_client")
	wantOAuth(t, form(t, h, "/token", map[string]string{
		"grant_type": "password", "client_id": signIn["client_id"], "client_secret": signIn["client_secret"],
	}), 400, "unsupported_grant_type")
}

// What a project in "Testing" grants ends after a week.
func TestGoogleTestingProject(t *testing.T) {
	c := start(t, fakecloud.Options{Virtual: true})
	h := client(t, c)
	c.Drive().SetTesting(fakecloud.GoogleClientID, true)
	signIn := c.Drive().SignIn("ada")
	other := c.Drive().SignInWith("ada", "published", "drive.file")
	c.Advance(7 * 24 * time.Hour)
	if a := refresh(t, h, signIn); a.status != 200 {
		t.Errorf("after 7 days: %+v", a)
	}
	c.Advance(time.Second)
	wantOAuth(t, refresh(t, h, signIn), 400, "invalid_grant")
	if a := refresh(t, h, other); a.status != 200 {
		t.Errorf("a published project: %+v", a)
	}
}

// consent opens the page with some parameters changed; "" removes one.
func consent(t *testing.T, h *http.Client, change map[string]string) answer {
	t.Helper()
	q := url.Values{
		"client_id": {fakecloud.GoogleClientID}, "redirect_uri": {"http://127.0.0.1:12345/back"}, "response_type": {"code"},
		"scope": {"https://www.googleapis.com/auth/drive.file"}, "state": {"s t&te"}, "access_type": {"offline"},
		"code_challenge": {challenge("verifier")}, "code_challenge_method": {"S256"},
	}
	for k, v := range change {
		if q.Set(k, v); v == "" {
			q.Del(k)
		}
	}
	return do(t, h, "GET", "https://accounts.google.com/o/oauth2/v2/auth?"+q.Encode(), "", nil)
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// redirected returns the query of where the page leads.
func redirected(t *testing.T, a answer) url.Values {
	t.Helper()
	u, err := url.Parse(a.header.Get("Location"))
	if a.status != 302 || err != nil || u.Host != "127.0.0.1:12345" || u.Path != "/back" {
		t.Fatalf("consent: %+v", a)
	}
	return u.Query()
}

func TestGoogleConsent(t *testing.T) {
	c := start(t, fakecloud.Options{Virtual: true})
	h := client(t, c)
	redeem := func(code string, change map[string]string) answer {
		fields := map[string]string{
			"grant_type": "authorization_code", "code": code, "redirect_uri": "http://127.0.0.1:12345/back",
			"client_id": fakecloud.GoogleClientID, "client_secret": fakecloud.GoogleClientSecret, "code_verifier": "verifier",
		}
		maps.Copy(fields, change)
		return form(t, h, "/token", fields)
	}
	back := redirected(t, consent(t, h, map[string]string{"login_hint": "ada@gmail.example"}))
	if back.Get("state") != "s t&te" {
		t.Errorf("state: %q", back)
	}
	a := redeem(back.Get("code"), nil)
	if a.status != 200 || a.text("refresh_token") == "" || a.text("refresh_token_expires_in") != "" {
		t.Fatalf("redeem: %+v", a)
	}
	d := drive{t, h, a.text("access_token")}
	if got := d.get("about", url.Values{"fields": {"user"}}).text("user.emailAddress"); got != "ada@gmail.example" {
		t.Errorf("signed in as %q", got)
	}
	wantOAuth(t, redeem(back.Get("code"), nil), 400, "invalid_grant") // a code is good once

	for name, tt := range map[string]struct {
		change map[string]string
		code   string
	}{
		"another verifier": {map[string]string{"code_verifier": "guess"}, "invalid_grant"},
		"no verifier":      {map[string]string{"code_verifier": ""}, "invalid_grant"},
		"another redirect": {map[string]string{"redirect_uri": "http://127.0.0.1:1/"}, "redirect_uri_mismatch"},
		"another code":     {map[string]string{"code": "4/0made-up"}, "invalid_grant"},
	} {
		a := redeem(redirected(t, consent(t, h, nil)).Get("code"), tt.change)
		if a.status != 400 || a.text("error") != tt.code {
			t.Errorf("%s: %+v", name, a)
		}
	}
	code := redirected(t, consent(t, h, nil)).Get("code")
	c.Advance(11 * time.Minute)
	wantOAuth(t, redeem(code, nil), 400, "invalid_grant")
	// Whoever agreed before gives no refresh token, but where the page asks.
	if a := redeem(redirected(t, consent(t, h, nil)).Get("code"), nil); a.text("refresh_token") != "" {
		t.Errorf("a second refresh token: %s", a.body)
	}
	if a := redeem(redirected(t, consent(t, h, map[string]string{"prompt": "consent"})).Get("code"), nil); a.text("refresh_token") == "" {
		t.Errorf("no refresh token: %s", a.body)
	}
	c.Drive().SetTesting(fakecloud.GoogleClientID, true)
	if a := redeem(redirected(t, consent(t, h, map[string]string{"prompt": "consent"})).Get("code"), nil); a.text("refresh_token_expires_in") != "604799" {
		t.Errorf("a project in testing: %s", a.body)
	}
	c.Drive().RefuseConsent(true)
	if back := redirected(t, consent(t, h, nil)); back.Get("error") != "access_denied" || back.Has("code") {
		t.Errorf("refused: %v", back)
	}
}

func TestGoogleConsentComplains(t *testing.T) {
	h := client(t, start(t, fakecloud.Options{}))
	for want, change := range map[string]map[string]string{
		"invalid_client":            {"client_id": "nobody"},
		"redirect_uri_mismatch":     {"redirect_uri": "http://example.com/"},
		"Error 400: redirect_uri":   {"redirect_uri": "https://127.0.0.1/"},
		"unsupported_response_type": {"response_type": "token"},
		"parameter: scope":          {"scope": ""},
		"code challenge method":     {"code_challenge_method": "S512"},
	} {
		if a := consent(t, h, change); a.status != 400 || !strings.Contains(a.body, want) {
			t.Errorf("%v: %d %s, want %s", change, a.status, a.body, want)
		}
	}
}

func TestGoogleDeviceCode(t *testing.T) {
	c := start(t, fakecloud.Options{Virtual: true})
	h := client(t, c)
	begin := map[string]string{"client_id": fakecloud.GoogleDeviceClientID, "scope": "https://www.googleapis.com/auth/drive.file"}
	poll := func(code string) answer {
		return form(t, h, "/token", map[string]string{
			"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": code,
			"client_id": fakecloud.GoogleDeviceClientID, "client_secret": fakecloud.GoogleDeviceClientSecret,
		})
	}
	a := form(t, h, "/device/code", begin)
	code := a.text("device_code")
	wantOAuth(t, poll(code), 428, "authorization_pending")
	if page := do(t, h, "GET", a.text("verification_url")+"?user_code="+a.text("user_code"), "", nil); page.status != 200 {
		t.Errorf("the user's page: %+v", page)
	}
	if a := poll(code); a.status != 200 || a.text("refresh_token") == "" {
		t.Errorf("after consent: %+v", a)
	}
	wantOAuth(t, poll(code), 400, "invalid_grant")

	c.Drive().RefuseConsent(true)
	a = form(t, h, "/device/code", begin)
	if err := c.Drive().ApproveDevice(a.text("user_code"), "ada"); err != nil {
		t.Error(err)
	}
	wantOAuth(t, poll(a.text("device_code")), 403, "access_denied")
	a = form(t, h, "/device/code", begin)
	c.Advance(31 * time.Minute)
	wantOAuth(t, poll(a.text("device_code")), 400, "expired_token")

	begin["scope"] = "https://www.googleapis.com/auth/drive"
	wantOAuth(t, form(t, h, "/device/code", begin), 400, "invalid_scope")
	begin["client_id"] = fakecloud.GoogleClientID
	wantOAuth(t, form(t, h, "/device/code", begin), 401, "invalid_client")
}

func TestGoogleRevoke(t *testing.T) {
	c := start(t, fakecloud.Options{})
	signIn := c.Drive().SignIn("ada")
	d := driveOf(t, c, signIn)
	if a := form(t, d.client, "/revoke", map[string]string{"token": d.token}); a.status != 200 {
		t.Errorf("revoke: %+v", a)
	}
	d.wantError(d.get("about", url.Values{"fields": {"user"}}), 401, "authError")
	wantOAuth(t, refresh(t, d.client, signIn), 400, "invalid_grant")
	wantOAuth(t, form(t, d.client, "/revoke", map[string]string{"token": d.token}), 400, "invalid_token")
}

package fakecloud_test

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
)

// microsoft posts a form to the sign-in of the global cloud.
func microsoft(t *testing.T, h *http.Client, path string, fields map[string]string) answer {
	t.Helper()
	return microsoftForm(t, h, "login.microsoftonline.com", path, fields)
}

func microsoftForm(t *testing.T, h *http.Client, host, path string, fields map[string]string) answer {
	t.Helper()
	q := url.Values{}
	for key, value := range fields {
		q.Set(key, value)
	}
	return do(t, h, "POST", "https://"+host+path, q.Encode(), map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
}

func wantAAD(t *testing.T, a answer, code, aadsts string) {
	t.Helper()
	if a.status < 400 || a.text("error") != code || !strings.HasPrefix(a.text("error_description"), aadsts+":") {
		t.Errorf("%d %s, want %s %s", a.status, a.body, code, aadsts)
	}
}

const pkceVerifier = "a-verifier-that-is-long-enough-to-be-accepted-by-anybody"

func pkceChallenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// microsoftPage opens the page where the user agrees and returns where that leads.
func microsoftPage(t *testing.T, h *http.Client, host, tenant string, fields map[string]string) (answer, url.Values) {
	t.Helper()
	q := url.Values{
		"response_type": {"code"}, "redirect_uri": {"http://localhost:53682/"}, "state": {"st"},
		"scope": {"Files.ReadWrite offline_access"}, "code_challenge": {pkceChallenge(pkceVerifier)}, "code_challenge_method": {"S256"},
	}
	for key, value := range fields {
		q.Set(key, value)
	}
	a := do(t, h, "GET", "https://"+host+"/"+tenant+"/oauth2/v2.0/authorize?"+q.Encode(), "", nil)
	back, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return a, back.Query()
}

// microsoftConsent lets an account agree to scopes and returns an access token.
func microsoftConsent(t *testing.T, c *fakecloud.Cloud, account, scopes string) (token string) {
	t.Helper()
	c.Graph().Consent(account)
	h, id := client(t, c), c.Graph().App("global")
	_, back := microsoftPage(t, h, "login.microsoftonline.com", "common", map[string]string{"client_id": id, "scope": scopes})
	a := microsoft(t, h, "/common/oauth2/v2.0/token", map[string]string{
		"grant_type": "authorization_code", "client_id": id, "code": back.Get("code"),
		"redirect_uri": "http://localhost:53682/", "code_verifier": pkceVerifier,
	})
	if a.status != 200 {
		t.Fatalf("token: %+v", a)
	}
	return a.text("access_token")
}

func TestMicrosoftBrowserSignIn(t *testing.T) {
	c := start(t, fakecloud.Options{Virtual: true})
	h, id := client(t, c), c.Graph().App("global")
	a, back := microsoftPage(t, h, "login.microsoftonline.com", "common", map[string]string{"client_id": id})
	if a.status != 302 || back.Get("state") != "st" || back.Get("code") == "" {
		t.Fatalf("consent: %+v", a)
	}
	right := map[string]string{
		"grant_type": "authorization_code", "client_id": id, "code": back.Get("code"),
		"redirect_uri": "http://localhost:53682/", "code_verifier": pkceVerifier,
	}
	with := func(key, value string) map[string]string {
		fields := maps.Clone(right)
		fields[key] = value
		return fields
	}
	const token = "/common/oauth2/v2.0/token"
	wantAAD(t, microsoft(t, h, token, with("code_verifier", "another")), "invalid_grant", "AADSTS501481")
	wantAAD(t, microsoft(t, h, token, with("code_verifier", "")), "invalid_grant", "AADSTS501481")
	wantAAD(t, microsoft(t, h, token, with("redirect_uri", "http://localhost:1/")), "invalid_client", "AADSTS500112")
	wantAAD(t, microsoft(t, h, token, with("client_id", "")), "invalid_request", "AADSTS900144")
	wantAAD(t, microsoft(t, h, token, with("client_id", "nobody")), "unauthorized_client", "AADSTS700016")
	wantAAD(t, microsoft(t, h, token, with("client_secret", "x")), "invalid_client", "AADSTS700025")
	wantAAD(t, microsoft(t, h, token, with("grant_type", "password")), "unsupported_grant_type", "AADSTS70003")
	wantAAD(t, microsoft(t, h, "/organizations/oauth2/v2.0/token", right), "invalid_grant", "AADSTS50020")
	wantAAD(t, microsoft(t, h, "/nowhere/oauth2/v2.0/token", right), "invalid_request", "AADSTS90002")
	a = microsoft(t, h, token, right)
	if a.status != 200 || a.text("refresh_token") == "" || a.text("expires_in") != "3599" || a.text("scope") != "Files.ReadWrite offline_access" {
		t.Fatalf("token: %+v", a)
	}
	wantAAD(t, microsoft(t, h, token, right), "invalid_grant", "AADSTS54005")
}

func TestMicrosoftRefusesAtTheBrowser(t *testing.T) {
	c := start(t, fakecloud.Options{})
	h, id := client(t, c), c.Graph().App("global")
	const host = "login.microsoftonline.com"
	for _, bad := range []map[string]string{
		{"client_id": "nobody"},
		{"client_id": c.Graph().App("cn")},
		{"client_id": id, "redirect_uri": "https://example.com/"},
		{"client_id": id, "redirect_uri": "http://localhost.example.com/"},
	} {
		if a, _ := microsoftPage(t, h, host, "common", bad); a.status != 400 || a.header.Get("Location") != "" || !strings.Contains(a.body, "AADSTS") {
			t.Errorf("%v: %+v", bad, a)
		}
	}
	for want, bad := range map[string]map[string]string{
		"invalid_request":           {"client_id": id, "code_challenge": ""},
		"unsupported_response_type": {"client_id": id, "response_type": "token"},
	} {
		if _, back := microsoftPage(t, h, host, "common", bad); back.Get("error") != want || back.Get("state") != "st" {
			t.Errorf("%v: %v", bad, back)
		}
	}
	c.Graph().Consent("")
	if _, back := microsoftPage(t, h, host, "common", map[string]string{"client_id": id}); back.Get("error") != "access_denied" {
		t.Errorf("declined: %v", back)
	}
}

// The old refresh token lives on beside the new one, unless it is told not to.
func TestMicrosoftRotates(t *testing.T) {
	c := start(t, fakecloud.Options{Virtual: true})
	h := client(t, c)
	signIn := c.Graph().SignIn("business")
	refresh := func(token string) answer {
		return microsoft(t, h, "/common/oauth2/v2.0/token", map[string]string{
			"grant_type": "refresh_token", "client_id": signIn["client_id"], "refresh_token": token,
		})
	}
	first := tokenIn(t, signIn, "refresh_token")
	a := refresh(first)
	second := a.text("refresh_token")
	if a.status != 200 || second == "" || second == first {
		t.Fatalf("refresh: %+v", a)
	}
	if a := refresh(first); a.status != 200 {
		t.Errorf("the old one: %+v", a)
	}
	c.Graph().RotateStrictly(true)
	third := refresh(second).text("refresh_token")
	wantAAD(t, refresh(second), "invalid_grant", "AADSTS70000")
	c.Advance(91 * 24 * time.Hour)
	wantAAD(t, refresh(third), "invalid_grant", "AADSTS700082")
}

func TestMicrosoftTokensDie(t *testing.T) {
	c := start(t, fakecloud.Options{Virtual: true})
	g := newGraph(t, c, "personal")
	c.Advance(time.Hour)
	if a := g.do("GET", "/me/drive", ""); a.status != 200 {
		t.Errorf("after an hour: %+v", a)
	}
	c.Advance(time.Second)
	a := g.do("GET", "/me/drive", "")
	wantGraph(t, a, 401, "InvalidAuthenticationToken")
	if !strings.Contains(a.header.Get("WWW-Authenticate"), "expired_token") {
		t.Errorf("header: %v", a.header)
	}
	g = newGraph(t, c, "personal")
	c.Graph().Expire()
	wantGraph(t, g.do("GET", "/me/drive", ""), 401, "InvalidAuthenticationToken")
	signIn := c.Graph().SignIn("personal")
	for aadsts, spoil := range map[string]func(){
		"AADSTS50173": c.Graph().Revoke, "AADSTS700082": c.Graph().Lapse, "AADSTS50076": c.Graph().RequireInteraction,
	} {
		spoil()
		code := "invalid_grant"
		if aadsts == "AADSTS50076" {
			code = "interaction_required"
		}
		wantAAD(t, microsoft(t, client(t, c), "/common/oauth2/v2.0/token", map[string]string{
			"grant_type": "refresh_token", "client_id": signIn["client_id"], "refresh_token": tokenIn(t, signIn, "refresh_token"),
		}), code, aadsts)
	}
	if g := newGraph(t, c, "personal"); g.do("GET", "/me/drive", "").status != 200 {
		t.Error("signing in again does not help")
	}
}

func TestMicrosoftDevice(t *testing.T) {
	c := start(t, fakecloud.Options{Virtual: true})
	h := client(t, c)
	for _, region := range []struct{ name, host, account string }{
		{"global", "login.microsoftonline.com", "personal"},
		{"cn", "login.chinacloudapi.cn", "china"},
	} {
		id := c.Graph().App(region.name)
		begin := func() (device, user string) {
			a := microsoftForm(t, h, region.host, "/common/oauth2/v2.0/devicecode", map[string]string{"client_id": id, "scope": "Files.ReadWrite offline_access"})
			if a.status != 200 || !strings.Contains(a.text("message"), a.text("user_code")) {
				t.Fatalf("device code: %+v", a)
			}
			return a.text("device_code"), a.text("user_code")
		}
		poll := func(device string) answer {
			return microsoftForm(t, h, region.host, "/common/oauth2/v2.0/token", map[string]string{
				"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": id, "device_code": device,
			})
		}
		device, user := begin()
		wantAAD(t, poll(device), "authorization_pending", "AADSTS70016")
		if err := c.Graph().ApproveDevice("WRONG", region.account); err == nil {
			t.Error("a wrong code was taken")
		}
		if err := c.Graph().ApproveDevice(strings.ToLower(user), region.account); err != nil {
			t.Error(err)
		}
		if a := poll(device); a.status != 200 || a.text("refresh_token") == "" {
			t.Errorf("approved: %+v", a)
		}
		wantAAD(t, poll(device), "bad_verification_code", "AADSTS70018")
		device, user = begin()
		if err := c.Graph().DeclineDevice(user); err != nil {
			t.Error(err)
		}
		wantAAD(t, poll(device), "authorization_declined", "AADSTS65004")
		device, _ = begin()
		c.Advance(16 * time.Minute)
		wantAAD(t, poll(device), "expired_token", "AADSTS70020")
	}
}

func TestMicrosoftSecrets(t *testing.T) {
	c := start(t, fakecloud.Options{})
	h := client(t, c)
	id, secret := c.Graph().SecretApp()
	ask := func(secret string) answer {
		fields := map[string]string{"grant_type": "refresh_token", "client_id": id, "refresh_token": "x"}
		if secret != "" {
			fields["client_secret"] = secret
		}
		return microsoft(t, h, "/common/oauth2/v2.0/token", fields)
	}
	wantAAD(t, ask(""), "invalid_client", "AADSTS7000218")
	wantAAD(t, ask("wrong"), "invalid_client", "AADSTS7000215")
	wantAAD(t, ask(secret), "invalid_grant", "AADSTS70000")
}

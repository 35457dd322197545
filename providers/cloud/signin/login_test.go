package signin

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/obscure"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
)

// onDrive is a sign-in to Google with the client that the fake knows.
func onDrive() Login {
	return Login{Type: "drive", ClientID: fakecloud.GoogleClientID, ClientSecret: fakecloud.GoogleClientSecret}
}

// refreshable fails the test unless values hold a token that can be renewed.
func refreshable(t *testing.T, values map[string]string) {
	t.Helper()
	var token oauth2.Token
	if err := json.Unmarshal([]byte(values["token"]), &token); err != nil || token.RefreshToken == "" || token.AccessToken == "" || token.Expiry.IsZero() {
		t.Errorf("token %s: %v", values["token"], err)
	}
}

func TestDriveInTheBrowser(t *testing.T) {
	c := startCloud(t)
	p := newPerson(t, through(t, c))
	values, err := p.logIn(onDrive())
	if err != nil {
		t.Fatal(err)
	}
	refreshable(t, values)
	if values["client_id"] != fakecloud.GoogleClientID || values["client_secret"] != fakecloud.GoogleClientSecret {
		t.Errorf("%v", slices.Sorted(maps.Keys(values)))
	}
	q, err := url.Parse(p.shown)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"scope": "https://www.googleapis.com/auth/drive.file", "access_type": "offline", "prompt": "consent",
		"code_challenge_method": "S256", "response_type": "code",
	} {
		if got := q.Query().Get(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if back := q.Query().Get("redirect_uri"); !strings.HasPrefix(back, "http://127.0.0.1:") {
		t.Errorf("comes back to %s", back)
	}
	p.pages.Wait()
	if !strings.Contains(p.page, "说 &lt;login.page.done&gt;") {
		t.Errorf("the browser shows %q", p.page)
	}
	if slices.Contains(p.said, "login.drive.testing") || len(p.asked) > 0 {
		t.Errorf("said %v, asked %v", p.said, p.asked)
	}
}

func TestDriveRefused(t *testing.T) {
	c := startCloud(t)
	c.Drive().RefuseConsent(true)
	p := newPerson(t, through(t, c))
	p.failsWith(onDrive(), HintSignInDenied)
	p.pages.Wait()
	if !strings.Contains(p.page, "login.page.refused") {
		t.Errorf("the browser shows %q", p.page)
	}
}

// A project in "Testing" is noticed, and when it ends is remembered.
func TestDriveInTesting(t *testing.T) {
	c := startCloud(t)
	c.Drive().SetTesting(fakecloud.GoogleClientID, true)
	p := newPerson(t, through(t, c))
	store := cloud.NewSignIn(t.TempDir())
	if err := LogIn(t.Context(), store, onDrive(), p.env()); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(p.said, "login.drive.testing") || !slices.Contains(p.said, "login.expires") {
		t.Errorf("said %v", p.said)
	}
	if left := time.Until(store.Expires()); left < 6*24*time.Hour || left > 7*24*time.Hour {
		t.Errorf("it ends in %v", left)
	}
}

// The next sign-in takes the client of the last one, and what was found out
// with it.
func TestDriveAgain(t *testing.T) {
	c := startCloud(t)
	p := newPerson(t, through(t, c))
	store := cloud.NewSignIn(t.TempDir())
	p.check = func(_ context.Context, values map[string]string) error {
		if values["root_folder_id"] == "" {
			values["root_folder_id"] = "folder"
		}
		return nil
	}
	if err := LogIn(t.Context(), store, onDrive(), p.env()); err != nil {
		t.Fatal(err)
	}
	p.check = nil
	first := store.Values()
	if err := LogIn(t.Context(), store, Login{Type: "drive"}, p.env()); err != nil {
		t.Fatal(err)
	}
	again := store.Values()
	if again["root_folder_id"] != "folder" || again["token"] == first["token"] || again["client_secret"] != first["client_secret"] {
		t.Errorf("%v", slices.Sorted(maps.Keys(again)))
	}
	c.Drive().AddClient("777-other.apps.googleusercontent.com", "GOCSPX-other-one")
	other := Login{Type: "drive", ClientID: "777-other.apps.googleusercontent.com", ClientSecret: "GOCSPX-other-one"}
	if err := LogIn(t.Context(), store, other, p.env()); err != nil {
		t.Fatal(err)
	}
	if id := store.Values()["root_folder_id"]; id != "" {
		t.Error("another client can't see the folder, and yet it is kept")
	}
}

func TestDriveStepByStep(t *testing.T) {
	c := startCloud(t)
	p := newPerson(t, through(t, c))
	p.answers["login.ask.client_id.drive"] = []string{" " + fakecloud.GoogleClientID + "\n"}
	p.answers["login.ask.client_secret"] = []string{fakecloud.GoogleClientSecret + " "}
	if _, err := p.logIn(Login{Type: "drive"}); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(p.said, "login.drive.steps") {
		t.Errorf("said %v", p.said)
	}

	file := filepath.Join(t.TempDir(), "client_secret.json")
	text := `{"installed":{"client_id":"` + fakecloud.GoogleClientID + `","project_id":"p","client_secret":"` + fakecloud.GoogleClientSecret + `","redirect_uris":["http://localhost"]}}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.logIn(Login{Type: "drive", ClientFile: file}); err != nil {
		t.Error(err)
	}
	p.answers["login.ask.client_id.drive"] = []string{file}
	if _, err := p.logIn(Login{Type: "drive"}); err != nil {
		t.Error(err)
	}
}

func TestClientShapes(t *testing.T) {
	p := newPerson(t, http.DefaultClient)
	for _, l := range []Login{
		{Type: "drive", ClientID: "451000000001", ClientSecret: "GOCSPX-desktop"},
		{Type: "drive", ClientID: "GOCSPX-abcdefghijklmnop", ClientSecret: "GOCSPX-desktop"},
		{Type: "drive", ClientID: fakecloud.GoogleClientID, ClientSecret: fakecloud.GoogleClientID},
		{Type: "drive", ClientID: fakecloud.GoogleClientID, ClientSecret: "not it"},
		{Type: "onedrive", ClientID: "my app"},
		{Type: "onedrive", ClientID: "e2f8c0b4-0000-0000-0000-000000000000", Settings: map[string]string{"tenant": "../../evil"}},
		{Type: "dropbox", ClientID: "My App"},
	} {
		p.failsWith(l, HintSignInClientShape)
	}
	p.failsWith(Login{Type: "drive", ClientFile: filepath.Join(t.TempDir(), "none")}, HintClientFile)
	for text, want := range map[string]hint.Code{
		"": HintClientFile, "[]": HintClientFile, "{}": HintClientFile, `{"installed":{}}`: HintClientFile,
		`{"web":{"client_id":"1","client_secret":"2"}}`: HintClientKind, `{"type":"service_account"}`: HintClientKind,
	} {
		_, _, err := parseClientFile("f", []byte(text))
		if !hint.Is(err, want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestPasteFromAnotherDevice(t *testing.T) {
	c := startCloud(t)
	for name, l := range map[string]Login{
		"drive": onDrive(), "onedrive": {Type: "onedrive", ClientID: c.Graph().App("global")},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPerson(t, through(t, c))
			p.browse = func(string) error { t.Error("a browser was opened"); return nil }
			p.answers["login.ask.address"] = []string{"https://accounts.google.com/", "http://127.0.0.1:1/?state=old&code=x", "<landing>"}
			l.Way = Paste
			values, err := p.logIn(l)
			if err != nil {
				t.Fatal(err)
			}
			refreshable(t, values)
			if got := strings.Join(p.said, " "); got != "login.open.address login.again login.again" {
				t.Errorf("said %s", got)
			}
		})
	}
}

func TestPasteGivesUp(t *testing.T) {
	c := startCloud(t)
	p := newPerson(t, through(t, c))
	l := onDrive()
	l.Way = Paste
	p.answers["login.ask.address"] = []string{"http://127.0.0.1:1/?state=old&code=x"}
	p.failsWith(l, HintSignInOtherTry)
	if len(p.asked) != pastes {
		t.Errorf("asked %v", p.asked)
	}
	p.answers["login.ask.address"] = []string{"4/0AVGzR1BqWJk_x-y7zZ"} // a code nobody gave out
	p.failsWith(l, HintSignInCode)
}

func TestDevice(t *testing.T) {
	c := startCloud(t)
	drive := Login{Type: "drive", Way: Device, ClientID: fakecloud.GoogleDeviceClientID, ClientSecret: fakecloud.GoogleDeviceClientSecret}
	graph := Login{Type: "onedrive", Way: Device, ClientID: c.Graph().App("global")}
	for _, tt := range []struct {
		name   string
		login  Login
		answer func(code string) error
		want   hint.Code
	}{
		{"drive", drive, func(code string) error { return c.Drive().ApproveDevice(code, "li") }, ""},
		{"onedrive", graph, func(code string) error { return c.Graph().ApproveDevice(code, "personal") }, ""},
		{"onedrive says no", graph, c.Graph().DeclineDevice, HintSignInDenied},
		{"drive with a desktop client", func() Login { l := onDrive(); l.Way = Device; return l }(), nil, HintSignInClient},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPerson(t, through(t, c))
			p.onSay = func(key string, values map[string]any) {
				if key != "login.device" {
					return
				}
				if err := tt.answer(values["code"].(string)); err != nil {
					t.Error(err)
				}
			}
			if tt.want != "" {
				p.failsWith(tt.login, tt.want)
				return
			}
			values, err := p.logIn(tt.login)
			if err != nil {
				t.Fatal(err)
			}
			refreshable(t, values)
		})
	}
}

func TestOneDrive(t *testing.T) {
	for _, tt := range []struct {
		name, account string
		login         Login
		kind          string
		err           hint.Code
	}{
		{"personal", "personal", Login{}, "personal", ""},
		{"business", "business", Login{}, "business", ""},
		{"business, a drive that is not there", "business", Login{DriveID: "b!nothing"}, "", HintOtherDrive},
		{"China", "china", Login{Settings: map[string]string{"region": "cn"}}, "business", ""},
		{"refused", "", Login{}, "", HintSignInDenied},
		{"unknown region", "personal", Login{Settings: map[string]string{"region": "de"}}, "", HintSignInUnsupported},
		{"of an organisation", "business", Login{Settings: map[string]string{"tenant": "contoso.onmicrosoft.com"}}, "business", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := startCloud(t)
			c.Graph().Consent(tt.account)
			p := newPerson(t, through(t, c))
			l := tt.login
			l.Type, l.ClientID = "onedrive", c.Graph().App("global")
			if l.Settings["region"] == "cn" {
				l.ClientID = c.Graph().App("cn")
			}
			if tt.err != "" {
				p.failsWith(l, tt.err)
				return
			}
			values, err := p.logIn(l)
			if err != nil {
				t.Fatal(err)
			}
			refreshable(t, values)
			if values["drive_type"] != tt.kind || values["drive_id"] == "" || values["region"] != l.Settings["region"] || values["client_secret"] != "" {
				t.Errorf("drive %q of type %q, region %q", values["drive_id"], values["drive_type"], values["region"])
			}
			if back, _ := url.Parse(p.shown); !strings.HasPrefix(back.Query().Get("redirect_uri"), "http://localhost:") {
				t.Errorf("comes back to %s", back.Query().Get("redirect_uri"))
			}
			l.DriveID = values["drive_id"]
			if again, err := p.logIn(l); err != nil || again["drive_id"] != l.DriveID {
				t.Errorf("by its id: %v", err)
			}
		})
	}
}

// Of several drives the person takes one. The list may miss the account's own
// one, and the account may be too new to have any.
func TestOneDriveChoice(t *testing.T) {
	const two = `{"value":[{"id":"B1","driveType":"business","name":"OneDrive"},{"id":"B2","driveType":"documentLibrary","name":"Team"},{"id":"","driveType":"x"}]}`
	for _, tt := range []struct {
		name      string
		list, own string // "" is answered with 404
		answer    string
		want      string
		err       hint.Code
	}{
		{"one of two", two, `{"id":"B1","driveType":"business"}`, "Team (documentLibrary)", "B2 documentLibrary", ""},
		{"by its id", two, `{"id":"B1","driveType":"business"}`, "B1", "B1 business", ""},
		{"not one of them", two, `{"id":"B1","driveType":"business"}`, "7", "", HintOtherDrive},
		{"own one missing in the list", `{"value":[]}`, `{"id":"P","driveType":"personal"}`, "", "P personal", ""},
		{"no list", "", `{"id":"P","driveType":"personal"}`, "", "P personal", ""},
		{"none", `{"value":[]}`, "", "", "", HintNoDrive},
		{"neither", "", "", "", "", HintNoDrive},
		{"captive portal", "<html>", "<html>", "", "", providers.HintUnreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token := tokenAnswer(200, "application/json", `{"access_token":"EwB4","refresh_token":"M.C5","expires_in":3599,"scope":"Files.ReadWrite User.Read"}`)
			p := newPerson(t, answering(t, func(w http.ResponseWriter, r *http.Request) {
				text, ok := map[string]string{"/v1.0/me/drives": tt.list, "/v1.0/me/drive": tt.own}[r.URL.Path]
				switch {
				case !ok:
					token(w, r)
				case r.Host != "graph.microsoft.com" || r.Header.Get("Authorization") != "Bearer EwB4":
					t.Errorf("%s asked with %q", r.Host, r.Header.Get("Authorization"))
				case text == "":
					http.NotFound(w, r)
				default:
					_, _ = w.Write([]byte(text))
				}
			}))
			p.answers["login.ask.drive"] = []string{tt.answer}
			values, err := p.logIn(Login{Type: "onedrive", ClientID: "e2f8c0b4-0000-0000-0000-000000000000"})
			if h := hint.Find(err); tt.err != "" && (h == nil || h.Code != tt.err) || tt.err == "" && err != nil {
				t.Fatalf("got %v, want %q", err, tt.err)
			}
			if got := strings.TrimSpace(values["drive_id"] + " " + values["drive_type"]); got != tt.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

// What fails, or is stopped, leaves the old sign-in as it was.
func TestLoginKeepsTheOldSignIn(t *testing.T) {
	c := startCloud(t)
	for name, spoil := range map[string]func(p *person, stop context.CancelFunc) error{
		"the check refuses": func(p *person, _ context.CancelFunc) error {
			p.check = func(context.Context, map[string]string) error { return errUnwelcome }
			return errUnwelcome
		},
		"stopped while the browser is open": func(p *person, stop context.CancelFunc) error {
			p.browse = func(string) error { stop(); return nil }
			return context.Canceled
		},
		"stopped during the check": func(p *person, stop context.CancelFunc) error {
			p.check = func(context.Context, map[string]string) error { stop(); return nil }
			return context.Canceled
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := cloud.NewSignIn(t.TempDir())
			if err := store.Save(map[string]string{"token": "old"}); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(store.Path())
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			p := newPerson(t, through(t, c))
			want := spoil(p, stop)
			if err := LogIn(ctx, store, onDrive(), p.env()); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			if after, _ := os.ReadFile(store.Path()); string(after) != string(before) {
				t.Error("the old sign-in was changed")
			}
		})
	}
}

// Any page can make the browser call the port we wait at: only the answer with
// the state of this attempt counts.
func TestLoopbackIgnoresStrangers(t *testing.T) {
	c := startCloud(t)
	p := newPerson(t, through(t, c))
	p.browse = func(address string) error {
		p.pages.Go(func() {
			landing := p.lands(address)
			u, err := url.Parse(landing)
			if err != nil {
				t.Error(err)
			}
			for _, tt := range []struct {
				method, target, host string
				want                 int
			}{
				{"GET", "/?code=evil&state=evil", "", 400},
				{"GET", "/?error=access_denied&state=evil", "", 400},
				{"GET", "/?code=evil", "", 400},
				{"GET", "/", "", 400},
				{"GET", "/favicon.ico", "", 404},
				{"POST", "/?" + u.RawQuery, "", 404},
				{"GET", "/?" + u.RawQuery, "evil.example:" + u.Port(), 404},
				{"GET", "/?" + u.RawQuery, "127.0.0.1", 404},
				{"GET", "/?" + u.RawQuery, "", 200},
			} {
				req, err := http.NewRequest(tt.method, "http://"+u.Host+tt.target, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if tt.host != "" {
					req.Host = tt.host
				}
				res, err := http.DefaultTransport.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				res.Body.Close()
				if res.StatusCode != tt.want {
					t.Errorf("%s %s to %q: %d, want %d", tt.method, u.Path, tt.host, res.StatusCode, tt.want)
				}
			}
		})
		return nil
	}
	if _, err := p.logIn(onDrive()); err != nil {
		t.Error(err)
	}
}

func TestNoBrowserIsSaid(t *testing.T) {
	c := startCloud(t)
	p := newPerson(t, through(t, c))
	p.browse = func(url string) error { // the person opens it by hand
		p.pages.Go(func() { p.page = p.get(url) })
		return errors.New("no browser")
	}
	if _, err := p.logIn(onDrive()); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(p.said, "login.no_browser") {
		t.Errorf("said %v", p.said)
	}
}

// tokenAnswer is a service that redirects at once and answers one thing at its
// token endpoint.
func tokenAnswer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if back := q.Get("redirect_uri"); back != "" && r.Method == http.MethodGet {
			http.Redirect(w, r, back+"/?code=0123456789&state="+q.Get("state"), http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestOddTokenAnswers(t *testing.T) {
	const js, html = "application/json", "text/html"
	for _, tt := range []struct {
		name        string
		status      int
		kind, body  string
		want        hint.Code
		unreachable bool
	}{
		{"files left unticked", 200, js, `{"access_token":"ya29","refresh_token":"r","expires_in":3599,"scope":"openid"}`, HintSignInScope, false},
		{"scope that only begins so", 200, js, `{"access_token":"ya29","refresh_token":"r","scope":"https://www.googleapis.com/auth/drive.file.not"}`, HintSignInScope, false},
		{"no refresh token", 200, js, `{"access_token":"ya29","expires_in":3599,"scope":"https://www.googleapis.com/auth/drive.file"}`, HintSignInNoRefresh, false},
		{"code used twice", 400, js, `{"error":"invalid_grant","error_description":"li@example.com: Bad Request"}`, HintSignInCode, false},
		{"client deleted", 401, js, `{"error":"deleted_client","error_description":"The OAuth client was deleted."}`, HintSignInClient, false},
		{"no secret", 400, js, `{"error":"invalid_request","error_description":"client_secret is missing."}`, HintSignInClient, false},
		{"refused by a policy", 400, js, `{"error":"admin_policy_enforced"}`, HintSignInRefused, false},
		{"refused with 200", 200, js, `{"error":"org_internal"}`, HintSignInRefused, false},
		{"captive portal", 200, html, `<html>Please accept our terms ya29</html>`, providers.HintUnreachable, true},
		{"proxy's error", 502, html, `<html>Bad gateway</html>`, providers.HintUnreachable, true},
		{"server down", 503, js, ``, providers.HintUnreachable, true},
		{"empty", 200, js, `{}`, providers.HintUnreachable, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPerson(t, answering(t, tokenAnswer(tt.status, tt.kind, tt.body)))
			_, err := p.logIn(onDrive())
			if h := hint.Find(err); h == nil || h.Code != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if errors.Is(err, providers.ErrTemporary) != tt.unreachable || strings.Contains(err.Error(), "example.com") || strings.Contains(err.Error(), "ya29") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestGrantedScopes(t *testing.T) {
	for list, want := range map[string]bool{
		"": true, "Files.ReadWrite User.Read": true, "https://graph.microsoft.com/Files.ReadWrite": true,
		"https://microsoftgraph.chinacloudapi.cn/files.readwrite openid": true, "Files.Read": false, "Files.ReadWrite.All": false, "openid": false,
	} {
		if microsoft.granted(list) != want {
			t.Errorf("%q: %v", list, !want)
		}
	}
	if all := strings.Join(dropbox.needs, " "); !dropbox.granted(all) || dropbox.granted(strings.Replace(all, "files.content.write", "", 1)) {
		t.Error("a Dropbox app that may not write is let in, or one that may is not")
	}
}

// onDropbox signs in to Dropbox, where the person copies the code from the
// page.
func onDropbox(p *person, c *fakecloud.Cloud) Login {
	key, _ := c.Dropbox().App()
	p.browse = func(url string) error {
		_, code, _ := strings.Cut(p.get(url), "process: ")
		p.answers["login.ask.code"] = []string{code}
		return nil
	}
	return Login{Type: "dropbox", ClientID: key}
}

// Dropbox shows a code: no address to come back to is registered.
func TestDropbox(t *testing.T) {
	c := startCloud(t)
	p := newPerson(t, through(t, c))
	l := onDropbox(p, c)
	p.answers["login.ask.client_id.dropbox"] = []string{l.ClientID}
	l.ClientID = ""
	values, err := p.logIn(l)
	if err != nil {
		t.Fatal(err)
	}
	refreshable(t, values)
	u, err := url.Parse(p.shown)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("token_access_type") != "offline" || q.Has("redirect_uri") || q.Get("code_challenge_method") != "S256" || values["client_secret"] != "" {
		t.Errorf("%s", p.shown)
	}
	if got := strings.Join(p.said, " "); got != "login.dropbox.steps login.open.code" {
		t.Errorf("said %s", got)
	}
	p.failsWith(Login{Type: "dropbox", ClientID: "a1b2c3d4e5f6g7h", Way: Device}, HintSignInUnsupported)
	p.failsWith(Login{Type: "dropbox", ClientFile: "x"}, HintSignInUnsupported)
}

func TestPasswords(t *testing.T) {
	for _, tt := range []struct {
		name    string
		login   Login
		answers map[string]string
		want    map[string]string // pass as it is without its disguise
		err     hint.Code
	}{
		{"webdav", Login{Type: "webdav"}, map[string]string{"login.ask.url": "https://dav.example/", "login.ask.user": "li", "login.ask.password": "p w"},
			map[string]string{"url": "https://dav.example/", "user": "li", "pass": "p w"}, ""},
		{"what the configuration says is not asked", Login{Type: "webdav", Settings: map[string]string{"url": "https://dav.example/", "user": "li"}, Password: "p"}, nil,
			map[string]string{"pass": "p"}, ""},
		{"a flag wins", Login{Type: "webdav", Settings: map[string]string{"url": "https://dav.example/", "user": "li"}, User: "wang", Password: "p"}, nil,
			map[string]string{"user": "wang", "pass": "p"}, ""},
		{"jianguoyun brings its address", Login{Type: "jianguoyun", User: "li", Password: "p"}, nil, map[string]string{"user": "li", "pass": "p"}, ""},
		{"sftp", Login{Type: "sftp", Options: map[string]string{"host": "nas", "port": "2222"}, User: "li", Password: "p"}, nil,
			map[string]string{"host": "nas", "port": "2222", "user": "li", "pass": "p", "pin_host_key": "true"}, ""},
		{"sftp with a key", Login{Type: "sftp", Options: map[string]string{"host": "nas"}, User: "li", KeyFile: "/k"}, nil,
			map[string]string{"host": "nas", "user": "li", "key_file": "/k", "pin_host_key": "true"}, ""},
		{"sftp with a known server", Login{Type: "sftp", Settings: map[string]string{"host": "nas", "known_hosts_file": "/k"}, User: "li", Password: "p"}, nil,
			map[string]string{"user": "li", "pass": "p"}, ""},
		{"smb", Login{Type: "smb", User: "li", Password: "p"}, map[string]string{"login.ask.host": "nas"}, map[string]string{"host": "nas", "user": "li", "pass": "p"}, ""},
		{"s3", Login{Type: "s3"}, map[string]string{"login.ask.access_key": "AK", "login.ask.secret_key": "SK"},
			map[string]string{"access_key_id": "AK", "secret_access_key": "SK"}, ""},
		{"tencent-cos", Login{Type: "tencent-cos", User: "AK", Password: "SK"}, nil, map[string]string{"access_key_id": "AK", "secret_access_key": "SK"}, ""},
		{"empty answer", Login{Type: "s3"}, map[string]string{"login.ask.access_key": ""}, nil, HintSignInEmpty},
		{"unknown option", Login{Type: "s3", Options: map[string]string{"no_such_option": "1"}}, nil, nil, HintSignInOption},
		{"an option that is ours", Login{Type: "s3", Options: map[string]string{"encoding": "None"}}, nil, nil, HintSignInOption},
		{"an option that is the preset's", Login{Type: "tencent-cos", Options: map[string]string{"provider": "AWS"}}, nil, nil, HintSignInOption},
		{"a value it can't have", Login{Type: "webdav", Options: map[string]string{"url": "dav.example"}}, nil, nil, HintSignInOption},
		{"local", Login{Type: "local"}, nil, nil, HintSignInUnsupported},
		{"a way it has not", Login{Type: "sftp", Way: Device}, nil, nil, HintSignInUnsupported},
		{"a token it has not", Login{Type: "sftp", Token: "{}"}, nil, nil, HintSignInUnsupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPerson(t, http.DefaultClient)
			for key, answer := range tt.answers {
				p.answers[key] = []string{answer}
			}
			if tt.err != "" {
				p.failsWith(tt.login, tt.err)
				return
			}
			got, err := p.logIn(tt.login)
			if err != nil {
				t.Fatal(err)
			}
			delete(got, cloud.KeySignedIn)
			if got["pass"] != "" {
				if got["pass"], err = obscure.Reveal(got["pass"]); err != nil {
					t.Error(err)
				}
			}
			if !maps.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// The first connection keeps the server's key; from then on no other counts.
func TestServerKeyIsPinnedOnce(t *testing.T) {
	p := newPerson(t, http.DefaultClient)
	l := Login{Type: "sftp", Options: map[string]string{"host": "nas"}, User: "li", Password: "p"}
	p.check = func(_ context.Context, values map[string]string) error {
		if values["pin_host_key"] != "true" {
			t.Error("any server would be taken")
		}
		values["host_keys"] = "ssh-ed25519 AAAA"
		return nil
	}
	values, err := p.logIn(l)
	if err != nil || values["pin_host_key"] != "" || values["host_keys"] == "" {
		t.Errorf("pin %q, keys %q: %v", values["pin_host_key"], values["host_keys"], err)
	}

	p.check = nil
	home := t.TempDir()
	if err := LogIn(t.Context(), cloud.NewSignIn(home), l, p.env()); err != nil {
		t.Fatal(err)
	}
	s := openSignIn(t, home)
	s.Set("host_keys", "ssh-ed25519 AAAA") // as rclone does
	if pin, ok := openSignIn(t, home).Get("pin_host_key"); ok {
		t.Errorf("pin %q stays", pin)
	}
}

// Every option that a sign-in may hold is one of the backend's.
func TestServicesNameRealOptions(t *testing.T) {
	for _, kind := range providers.Types() {
		if s, ok := services[kind]; ok != (kind != "local") || s.backend != cloud.Backend(kind) && ok {
			t.Errorf("%s: backend %s, signs in: %v", kind, s.backend, ok)
		}
	}
	for kind, s := range services {
		backend, err := fs.Find(s.backend)
		if err != nil {
			t.Fatal(err)
		}
		options := slices.Clone(s.options)
		for _, f := range s.asks {
			options = append(options, f.key)
			if o := backend.Options.Get(f.key); o != nil && o.IsPassword != f.obscured {
				t.Errorf("%s: %s is a password: %v", kind, f.key, o.IsPassword)
			}
		}
		for _, key := range options {
			if backend.Options.Get(key) == nil {
				t.Errorf("%s has no option %s", kind, key)
			}
		}
	}
}

// A token that rclone's own backend refreshes is in the file afterwards.
func TestBackendRefreshesIntoTheFile(t *testing.T) {
	c := startCloud(t)
	for name, login := range map[string]func(p *person) Login{
		"drive":    func(*person) Login { return onDrive() },
		"onedrive": func(*person) Login { return Login{Type: "onedrive", ClientID: c.Graph().App("global")} },
		"dropbox":  func(p *person) Login { return onDropbox(p, c) },
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			p := newPerson(t, through(t, c))
			l := login(p)
			p.check = func(_ context.Context, values map[string]string) error {
				var token oauth2.Token
				if err := json.Unmarshal([]byte(values["token"]), &token); err != nil {
					return err
				}
				token.Expiry = time.Now().Add(-time.Hour)
				text, err := json.Marshal(token)
				values["token"] = string(text)
				return err
			}
			if err := LogIn(t.Context(), cloud.NewSignIn(home), l, p.env()); err != nil {
				t.Fatal(err)
			}
			store := openSignIn(t, home)
			before, _ := store.Get("token")
			openAndList(t, c, name, store)
			after, _ := openSignIn(t, home).Get("token")
			if after == before {
				t.Error("the refreshed token was not kept")
			}
			if err := store.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func openAndList(t *testing.T, c *fakecloud.Cloud, name string, store *cloud.SignIn) {
	t.Helper()
	r, err := cloud.Open(t.Context(), providers.Place{Type: name, Path: "chatkeep"}, cloud.Options{
		Home: filepath.Dir(store.Path()), Proxy: c.Proxy(), CACert: c.CAFile(), Limits: cloud.Limits{RequestsPerMinute: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.List(t.Context(), "", providers.ListOptions{}, func(providers.Info) error { return nil }); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

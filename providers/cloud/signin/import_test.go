package signin

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rclone/rclone/fs/config/configmap"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/internal/hint"
)

const rcloneToken = `{"access_token":"ya29.x","token_type":"Bearer","refresh_token":"1//r","expiry":"2099-11-22T20:00:00.123456789+08:00"}`

// writeConf writes an rclone.conf and returns its path.
func writeConf(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rclone.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const someConf = `# written by hand
[gdrive]
type = drive
client_id = 451000000001-desktop.apps.googleusercontent.com
client_secret = GOCSPX-desktop
scope = drive
token = ` + rcloneToken + `
team_drive =
chunk_size = 64M
root_folder_id = 0ABC
no_such_option = 1

[shared]
type = drive
token = ` + rcloneToken + `

[work]
type = onedrive
token = ` + rcloneToken + `
drive_id = b!1
drive_type = business

[nas]
type = sftp
host = nas.local
user = li
pass = AAAA%(user)s

[half]
type = drive
client_id = 451000000001-desktop.apps.googleusercontent.com
client_secret = GOCSPX-desktop
token = {"access_token":"ya29.x"}

[empty]
`

func TestFromRclone(t *testing.T) {
	conf := writeConf(t, someConf)
	before, err := os.Stat(conf)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		kind, section string
		want          map[string]string
		said          string
		err           hint.Code
	}{
		{"drive", "gdrive", map[string]string{"client_id": fakecloud.GoogleClientID, "client_secret": "GOCSPX-desktop"}, "login.not_imported", ""},
		{"onedrive", "work", map[string]string{"drive_id": "b!1", "drive_type": "business"}, "login.shared_client", ""},
		{"sftp", "nas", map[string]string{"host": "nas.local", "user": "li", "pass": "AAAA%(user)s"}, "", ""},
		{"drive", "shared", nil, "", HintSharedClient},
		{"drive", "half", nil, "", HintSignInNoRefresh},
		{"drive", "nas", nil, "", HintRcloneType},
		{"drive", "empty", nil, "", HintRcloneType},
		{"drive", "none", nil, "", HintRcloneSection},
		{"drive", "", nil, "", HintRcloneSection},
		{"drive", "DEFAULT", nil, "", HintRcloneSection},
	} {
		t.Run(tt.kind+" "+tt.section, func(t *testing.T) {
			p := newPerson(t, http.DefaultClient)
			l := Login{Type: tt.kind, Rclone: conf, Section: tt.section}
			if tt.err != "" {
				p.failsWith(l, tt.err)
				return
			}
			values, err := p.logIn(l)
			if err != nil {
				t.Fatal(err)
			}
			for key, want := range tt.want {
				if values[key] != want {
					t.Errorf("%s is %q", key, values[key])
				}
			}
			for _, key := range []string{"type", "scope", "chunk_size", "root_folder_id", "no_such_option", "team_drive"} {
				if _, ok := values[key]; ok {
					t.Errorf("%s was taken", key)
				}
			}
			if got := strings.Join(p.said, " "); got != tt.said {
				t.Errorf("said %q", got)
			}
		})
	}
	after, err := os.Stat(conf)
	if err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the file was touched: %v", err)
	}
}

// An old token is made new, so that the rest of the sign-in can use it.
func TestFromRcloneRefreshes(t *testing.T) {
	c := startCloud(t)
	given := c.Graph().SignIn("business")
	given["token"] = strings.Replace(given["token"], `"expiry":"20`, `"expiry":"19`, 1)
	conf := writeConf(t, "[o]\ntype = onedrive\nclient_id = "+given["client_id"]+"\ntoken = "+given["token"]+"\n")
	p := newPerson(t, through(t, c))
	values, err := p.logIn(Login{Type: "onedrive", Rclone: conf, Section: "o"})
	if err != nil {
		t.Fatal(err)
	}
	if values["drive_id"] != given["drive_id"] || values["token"] == given["token"] {
		t.Errorf("drive %q", values["drive_id"])
	}
}

func TestBadRcloneConf(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want hint.Code
	}{
		"encrypted":                {"# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nAAAA", HintRcloneEncrypted},
		"encrypted by a newer one": {"\ufeffRCLONE_ENCRYPT_V9:\nAAAA", HintRcloneEncrypted},
		"no such thing":            {"client_secret never-to-be-seen", HintRcloneFile},
		"no name":                  {"[]\nclient_secret never-to-be-seen", HintRcloneFile},
		"empty":                    {"", HintRcloneSection},
		"too large":                {strings.Repeat("#\n", maxRcloneConf), HintRcloneFile},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPerson(t, http.DefaultClient)
			l := Login{Type: "drive", Rclone: writeConf(t, tt.text), Section: "x"}
			p.failsWith(l, tt.want)
			if _, err := p.logIn(l); strings.Contains(err.Error(), "never") {
				t.Errorf("a secret in %v", err)
			}
		})
	}
	p := newPerson(t, http.DefaultClient)
	p.failsWith(Login{Type: "drive", Rclone: t.TempDir(), Section: "x"}, HintRcloneFile)
	p.failsWith(Login{Type: "drive", Rclone: filepath.Join(t.TempDir(), "none"), Section: "x"}, HintRcloneFile)
}

func TestParseToken(t *testing.T) {
	packed, err := configmap.Simple{"token": rcloneToken, "client_id": "id"}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		text string
		id   string
		err  hint.Code
	}{
		"token":             {rcloneToken, "", ""},
		"with its frame":    {"Paste the following into your remote machine --->\r\n" + rcloneToken + "\r\n<---End paste\r\n", "", ""},
		"byte order mark":   {"\ufeff" + rcloneToken, "", ""},
		"package":           {packed, "id", ""},
		"package, wrapped":  {packed[:50] + "\n" + packed[50:], "id", ""},
		"package, padded":   {packed + "==", "id", ""},
		"package, in frame": {"Paste the following into your remote machine --->\n" + packed + "\n<---End paste", "id", ""},
		"never expires":     {`{"access_token":"a","refresh_token":"r"}`, "", ""},

		"nothing":              {"", "", HintBadToken},
		"only the frame":       {"--->\n<---End paste", "", HintBadToken},
		"cut":                  {rcloneToken[:60], "", HintBadToken},
		"package, cut":         {packed[:41], "", HintBadToken},
		"a word":               {"token", "", HintBadToken},
		"a list":               {"[]", "", HintBadToken},
		"no token in it":       {"{}", "", HintBadToken},
		"package without one":  {base64.RawStdEncoding.EncodeToString([]byte(`{"a":"b"}`)), "", HintBadToken},
		"package of rubbish":   {`{"token":"rubbish"}`, "", HintBadToken},
		"wrong kind of expiry": {`{"access_token":"a","refresh_token":"r","expiry":"tomorrow"}`, "", HintBadToken},
		"no refresh token":     {`{"access_token":"a"}`, "", HintSignInNoRefresh},
		"far too long":         {strings.Repeat("{", maxToken+1), "", HintBadToken},
	} {
		t.Run(name, func(t *testing.T) {
			values, err := parseToken(tt.text)
			if tt.err != "" {
				if !hint.Is(err, tt.err) {
					t.Errorf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil || values["client_id"] != tt.id {
				t.Fatalf("%v, client %q", err, values["client_id"])
			}
			if token, err := tokenJSON(values["token"]); err != nil || token.RefreshToken == "" || token.Expiry.IsZero() {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestPastedToken(t *testing.T) {
	c := startCloud(t)
	given := c.Drive().SignIn("li")
	p := newPerson(t, through(t, c))
	packed, err := configmap.Simple{"token": given["token"], "client_id": given["client_id"], "client_secret": given["client_secret"]}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	values, err := p.logIn(Login{Type: "drive", Token: packed})
	if err != nil {
		t.Fatal(err)
	}
	if values["client_id"] != given["client_id"] {
		t.Errorf("client %q", values["client_id"])
	}
	refreshable(t, values)

	old := strings.Replace(given["token"], `"expiry":"20`, `"expiry":"19`, 1)
	l := onDrive()
	l.Token = old
	if values, err = p.logIn(l); err != nil {
		t.Fatal(err)
	}
	var token struct{ Expiry time.Time }
	if err := json.Unmarshal([]byte(values["token"]), &token); err != nil || time.Until(token.Expiry) < time.Minute {
		t.Errorf("expires %v: %v", token.Expiry, err)
	}
	c.Drive().Revoke()
	p.failsWith(l, HintSignInCode)

	graph := c.Graph().SignIn("personal")
	values, err = p.logIn(Login{Type: "onedrive", Token: graph["token"], ClientID: graph["client_id"]})
	if err != nil || values["drive_id"] != graph["drive_id"] {
		t.Errorf("%v", err)
	}
}

func FuzzRcloneSection(f *testing.F) {
	f.Add([]byte(someConf), "gdrive")
	f.Add([]byte("[a.b]\nx = %(x)s\n[a]\n\"\"\"k\"\"\" = `v`\n- = 1"), "a.b")
	f.Add([]byte("\ufeff[x]\r\n=\r\n"), "x")
	f.Add([]byte("[DEFAULT]\na = %(b)s%(b)s\nb = %(a)s%(a)s\n[x]\ny = %(a)s"), "x")
	f.Add([]byte("RCLONE_ENCRYPT_V0:\n"), "x")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		values, err := rcloneSection("f", text, name)
		if err != nil && (values != nil || hint.Find(err) == nil) {
			t.Errorf("%v, %v", values, err)
		}
		for key, value := range values {
			if len(value) > len(text) {
				t.Errorf("%s has grown", key)
			}
		}
		for kind, s := range services {
			taken, left := Login{Type: kind}.pick(s, values)
			for key := range taken {
				if !slices.Contains(s.options, key) || slices.Contains(left, key) {
					t.Errorf("%s took %s", kind, key)
				}
			}
		}
	})
}

func FuzzParseToken(f *testing.F) {
	f.Add(rcloneToken)
	f.Add("Paste --->\n" + base64.RawStdEncoding.EncodeToString([]byte(`{"token":"`+strings.ReplaceAll(rcloneToken, `"`, `\"`)+`"}`)) + "\n<---End paste")
	f.Add(`{"token":"{\"access_token\":\"a\",\"refresh_token\":\"b\"}"}`)
	f.Add("e30")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := parseToken(text)
		if err != nil {
			if hint.Find(err) == nil || values != nil {
				t.Errorf("%v, %v", values, err)
			}
			return
		}
		if token, err := tokenJSON(values["token"]); err != nil || token.RefreshToken == "" || token.Expiry.IsZero() {
			t.Errorf("%q was taken for a token: %v", text, err)
		}
	})
}

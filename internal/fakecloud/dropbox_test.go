package fakecloud_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
)

// dropbox is a client of an account.
type dropbox struct {
	t      *testing.T
	client *http.Client
	token  string
}

func newDropbox(t *testing.T, c *fakecloud.Cloud, account string) dropbox {
	t.Helper()
	return dropbox{t, client(t, c), tokenIn(t, c.Dropbox().SignIn(account), "access_token")}
}

// call makes a call whose argument is the body.
func (d dropbox) call(route, arg string) answer {
	d.t.Helper()
	return do(d.t, d.client, "POST", "https://api.dropboxapi.com/2/"+route, arg,
		map[string]string{"Authorization": "Bearer " + d.token, "Content-Type": "application/json"})
}

// content makes a call whose argument is in a header.
func (d dropbox) content(route, arg, body string, header ...string) answer {
	d.t.Helper()
	all := map[string]string{"Authorization": "Bearer " + d.token, "Dropbox-API-Arg": arg}
	for i := 0; i < len(header); i += 2 {
		all[header[i]] = header[i+1]
	}
	return do(d.t, d.client, "POST", "https://content.dropboxapi.com/2/"+route, body, all)
}

func (d dropbox) put(path, content string) (id string) {
	d.t.Helper()
	a := d.content("files/upload", `{"path":"`+path+`","mode":{".tag":"overwrite"}}`, content)
	if a.status != 200 {
		d.t.Fatalf("put %s: %+v", path, a)
	}
	return a.text("id")
}

func wantDropbox(t *testing.T, a answer, status int, summary string) {
	t.Helper()
	if a.status != status || !strings.HasPrefix(a.text("error_summary"), summary+"/") {
		t.Errorf("%d %s %v, want %d %s", a.status, a.body, a.err, status, summary)
	}
}

func TestDropboxFiles(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDropbox(t, c, "personal")
	content := strings.Repeat("x", 4<<20) + "y"
	a := d.content("files/upload", `{"path":"/A/é.bin","client_modified":"2020-02-29T12:34:56Z"}`, content)
	one, two := sha256.Sum256([]byte(content[:4<<20])), sha256.Sum256([]byte("y"))
	sum := sha256.Sum256(append(one[:], two[:]...))
	for key, want := range map[string]string{
		"name": "é.bin", "path_lower": "/a/é.bin", "path_display": "/A/é.bin", "content_hash": hex.EncodeToString(sum[:]),
		"client_modified": "2020-02-29T12:34:56Z",
	} {
		if got := a.text(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	id := a.text("id")
	a = d.content("files/download", `{"path":"`+id+`"}`, "", "Range", "bytes=4194303-4194304")
	if a.status != 206 || a.body != "xy" || a.header.Get("Content-Range") != "bytes 4194303-4194304/4194305" {
		t.Errorf("range: %d %v %q", a.status, a.header, a.body)
	}
	if about := a.header.Get("Dropbox-API-Result"); !strings.Contains(about, `\u00e9.bin`) || !strings.Contains(about, id) {
		t.Errorf("result: %s", about)
	}
	if a := d.call("files/get_metadata", `{"path":"/a/É.BIN"}`); a.text("id") != id {
		t.Errorf("another case: %+v", a)
	}
	wantDropbox(t, d.call("files/get_metadata", `{"path":"/a/nothing"}`), 409, "path/not_found")
	wantDropbox(t, d.content("files/download", `{"path":"/a"}`, ""), 409, "path/not_file")
	if a := d.call("files/get_metadata", `{"path":""}`); a.status != 400 || !strings.Contains(a.body, "root folder") {
		t.Errorf("root: %+v", a)
	}
	wantDropbox(t, d.content("files/upload", `{"path":"/a/é.bin","mode":"add"}`, "other"), 409, "path/conflict/file")
	a = d.content("files/upload", `{"path":"/a/é.bin/below"}`, "other")
	wantDropbox(t, a, 409, "path/conflict/file_ancestor")
	if !strings.Contains(a.body, `"reason":{".tag":"conflict","conflict":{".tag":"file_ancestor"}}`) {
		t.Errorf("error: %s", a.body)
	}
	wantDropbox(t, d.content("files/upload", `{"path":"bad"}`, ""), 409, "path/malformed_path")
	wantDropbox(t, d.content("files/upload", `{"path":"/Thumbs.db"}`, ""), 409, "path/disallowed_name")
	wantDropbox(t, d.content("files/upload", `{"path":"/h","content_hash":"wrong"}`, "x"), 409, "content_hash_mismatch")
	if a := d.call("files/upload", `{"path":"/x"}`); a.status != 400 {
		t.Errorf("content at the other host: %+v", a)
	}
}

func TestDropboxFolders(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDropbox(t, c, "personal")
	if a := d.call("files/create_folder_v2", `{"path":"/a/b"}`); a.text("metadata.path_display") != "/a/b" {
		t.Errorf("folder: %+v", a)
	}
	wantDropbox(t, d.call("files/create_folder_v2", `{"path":"/A/B"}`), 409, "path/conflict/folder")
	d.put("/a/b/f", "x")
	if a := d.call("files/move_v2", `{"from_path":"/a/b","to_path":"/new/c"}`); a.text("metadata.name") != "c" {
		t.Errorf("move: %+v", a)
	}
	if a := d.call("files/copy_v2", `{"from_path":"/new","to_path":"/twin"}`); a.status != 200 {
		t.Errorf("copy: %+v", a)
	}
	wantDropbox(t, d.call("files/move_v2", `{"from_path":"/nothing","to_path":"/x"}`), 409, "from_lookup/not_found")
	wantDropbox(t, d.call("files/move_v2", `{"from_path":"/new","to_path":"/twin"}`), 409, "to/conflict/folder")
	if a := d.call("files/delete_v2", `{"path":"/NEW"}`); a.text("metadata.name") != "new" {
		t.Errorf("delete: %+v", a)
	}
	wantDropbox(t, d.call("files/delete_v2", `{"path":"/new"}`), 409, "path_lookup/not_found")
	if got := c.Dropbox().Paths(); !slices.Equal(got, []string{"twin/c/f"}) {
		t.Errorf("paths: %q", got)
	}
	if got := c.Dropbox().Trashed(); !slices.Equal(got, []string{"new"}) {
		t.Errorf("deleted: %q", got)
	}
}

func TestDropboxLists(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDropbox(t, c, "personal")
	for i := range 5 {
		c.Dropbox().PutPath(fmt.Sprintf("d/F%d", i), []byte("x"))
	}
	paths := func(a answer) (list []string) {
		for i := 0; a.text(fmt.Sprintf("entries.%d.name", i)) != ""; i++ {
			list = append(list, a.text(fmt.Sprintf("entries.%d.path_lower", i)))
		}
		return list
	}
	a := d.call("files/list_folder", `{"path":"","recursive":true,"limit":2}`)
	all := paths(a)
	c.Dropbox().RemovePath("d/F0")
	for a.text("has_more") == "true" {
		a = d.call("files/list_folder/continue", `{"cursor":"`+a.text("cursor")+`"}`)
		all = append(all, paths(a)...)
	}
	if got := strings.Join(all, " "); got != "/d /d/f0 /d/f1 /d/f2 /d/f3 /d/f4" {
		t.Errorf("listed %s", got)
	}
	poll := func() string {
		return do(t, d.client, "POST", "https://notify.dropboxapi.com/2/files/list_folder/longpoll",
			`{"cursor":"`+a.text("cursor")+`"}`, nil).text("changes")
	}
	a = d.call("files/list_folder/continue", `{"cursor":"`+a.text("cursor")+`"}`)
	if got := paths(a); !slices.Contains(got, "/d/f0") || !strings.Contains(a.body, `".tag":"deleted"`) {
		t.Errorf("what was deleted meanwhile: %s", a.body)
	}
	if got := poll(); got != "false" {
		t.Errorf("changes: %s", got)
	}
	d.put("/d/new", "x")
	if got := poll(); got != "true" {
		t.Errorf("changes: %s", got)
	}
	wantDropbox(t, d.call("files/list_folder", `{"path":"/d/f1"}`), 409, "path/not_folder")
	wantDropbox(t, d.call("files/list_folder", `{"path":"/nothing"}`), 409, "path/not_found")
	wantDropbox(t, d.call("files/list_folder/continue", `{"cursor":"junk"}`), 409, "reset")
}

func TestDropboxSession(t *testing.T) {
	c := start(t, fakecloud.Options{Virtual: true})
	d := newDropbox(t, c, "personal")
	id := d.content("files/upload_session/start", `{}`, "").text("session_id")
	send := func(offset int, data string, end bool) answer {
		return d.content("files/upload_session/append_v2",
			fmt.Sprintf(`{"cursor":{"session_id":%q,"offset":%d},"close":%v}`, id, offset, end), data)
	}
	if a := send(0, "0123", false); a.status != 200 || a.body != "null" {
		t.Errorf("first: %+v", a)
	}
	a := send(0, "0123", false)
	wantDropbox(t, a, 409, "incorrect_offset")
	if a.text("error.correct_offset") != "4" {
		t.Errorf("offset: %s", a.body)
	}
	c.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Keep: 1, After: true, Drop: true})
	d.client.Transport.(*http.Transport).DisableKeepAlives = true
	if a := send(4, "45", false); a.err == nil {
		t.Errorf("dropped: %+v", a)
	}
	if a := send(5, "5", true); a.status != 200 {
		t.Errorf("rest: %+v", a)
	}
	wantDropbox(t, send(6, "6", true), 409, "closed")
	finish := func(offset int) answer {
		return d.content("files/upload_session/finish",
			fmt.Sprintf(`{"cursor":{"session_id":%q,"offset":%d},"commit":{"path":"/f","mode":"overwrite"}}`, id, offset), "")
	}
	wantDropbox(t, finish(5), 409, "lookup_failed/incorrect_offset")
	if a := finish(6); a.status != 200 || string(c.Dropbox().Files()["f"]) != "012345" {
		t.Errorf("finish: %+v", a)
	}
	wantDropbox(t, finish(6), 409, "lookup_failed/not_found")
	id = d.content("files/upload_session/start", `{"close":true}`, "abc").text("session_id")
	batch := fmt.Sprintf(`{"entries":[{"cursor":{"session_id":%q,"offset":3},"commit":{"path":"/g"}},{"cursor":{"session_id":"no","offset":0},"commit":{"path":"/h"}}]}`, id)
	a = d.call("files/upload_session/finish_batch_v2", batch)
	if a.text("entries.0.path_lower") != "/g" || a.text("entries.1.failure.lookup_failed") == "" {
		t.Errorf("batch: %s", a.body)
	}
}

func TestDropboxQuota(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDropbox(t, c, "personal")
	c.Dropbox().SetQuota(10)
	d.put("/f", "12345678")
	wantDropbox(t, d.content("files/upload", `{"path":"/g"}`, "123"), 409, "path/insufficient_space")
	a := d.call("users/get_space_usage", "null")
	if a.text("used") != "8" || a.text("allocation.allocated") != "10" {
		t.Errorf("usage: %s", a.body)
	}
	d.call("files/delete_v2", `{"path":"/f"}`)
	d.put("/g", "123")
	if a := d.call("users/get_current_account", "null"); a.text("email") != "personal@example.com" {
		t.Errorf("account: %s", a.body)
	}
}

func TestDropboxTokens(t *testing.T) {
	c := start(t, fakecloud.Options{Virtual: true})
	d := newDropbox(t, c, "personal")
	signIn := c.Dropbox().SignIn("personal")
	form := func(fields map[string]string) answer {
		q := url.Values{"client_id": {signIn["client_id"]}}
		for key, value := range fields {
			q.Set(key, value)
		}
		return do(t, d.client, "POST", "https://api.dropboxapi.com/oauth2/token", q.Encode(),
			map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
	}
	refresh := map[string]string{"grant_type": "refresh_token", "refresh_token": tokenIn(t, signIn, "refresh_token")}
	c.Advance(4*time.Hour + time.Second)
	wantDropbox(t, d.call("users/get_space_usage", "null"), 401, "expired_access_token")
	a := form(refresh)
	if a.status != 200 || a.text("refresh_token") != "" {
		t.Errorf("refresh: %+v", a)
	}
	d.token = a.text("access_token")
	if a := d.call("users/get_space_usage", "null"); a.status != 200 {
		t.Errorf("with the new one: %+v", a)
	}
	c.Dropbox().Expire()
	wantDropbox(t, d.call("users/get_space_usage", "null"), 401, "expired_access_token")
	c.Dropbox().Revoke()
	wantOAuth(t, form(refresh), 400, "invalid_grant")
	d.token = "made up"
	wantDropbox(t, d.call("users/get_space_usage", "null"), 401, "invalid_access_token")
	q := url.Values{
		"client_id": {signIn["client_id"]}, "response_type": {"code"}, "redirect_uri": {"http://localhost:1/"}, "state": {"st"},
		"token_access_type": {"offline"}, "code_challenge": {pkceChallenge(pkceVerifier)}, "code_challenge_method": {"S256"},
	}
	page := do(t, d.client, "GET", "https://www.dropbox.com/oauth2/authorize?"+q.Encode(), "", nil)
	back, err := url.Parse(page.header.Get("Location"))
	if page.status != 302 || err != nil || back.Query().Get("state") != "st" {
		t.Fatalf("consent: %+v", page)
	}
	code := map[string]string{"grant_type": "authorization_code", "code": back.Query().Get("code"), "redirect_uri": "http://localhost:1/"}
	wantOAuth(t, form(code), 400, "invalid_grant")
	code["code_verifier"] = pkceVerifier
	if a := form(code); a.status != 200 || a.text("refresh_token") == "" {
		t.Errorf("code: %+v", a)
	}
	wantOAuth(t, form(code), 400, "invalid_grant")
}

func TestDropboxSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	c := start(t, fakecloud.Options{Dir: dir})
	d := newDropbox(t, c, "personal")
	d.put("/a/f", "x")
	stop(t, c)
	c = start(t, fakecloud.Options{Dir: dir})
	d.client = client(t, c)
	if a := d.call("files/get_metadata", `{"path":"/A/F"}`); a.text("name") != "f" {
		t.Errorf("after a restart: %+v", a)
	}
}

func TestErrorBodies(t *testing.T) {
	if status, body := fakecloud.DropboxError(429, "too_many_requests"); status != 429 || body !=
		`{"error":{"reason":{".tag":"too_many_requests"},"retry_after":1},"error_summary":"too_many_requests/..."}` {
		t.Error(body)
	}
	if status, body := fakecloud.GraphError(429, "activityLimitReached", "slow down"); status != 429 ||
		(answer{body: body}).text("error.code") != "activityLimitReached" {
		t.Error(body)
	}
}

func TestDropboxKinds(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDropbox(t, c, "personal")
	id := d.put("/d/f", "x")
	for _, tt := range []struct {
		route, arg string
		want       fakecloud.Kind
	}{
		{"files/get_metadata", `{"path":"/d"}`, fakecloud.KindFolder},
		{"files/get_metadata", `{"path":"/d/f"}`, fakecloud.KindLookup},
		{"files/get_metadata", `{"path":"` + id + `"}`, fakecloud.KindGet},
		{"files/list_folder", `{"path":""}`, fakecloud.KindList},
		{"files/create_folder_v2", `{"path":"/e"}`, fakecloud.KindFolder},
		{"users/get_space_usage", "null", fakecloud.KindAbout},
		{"files/delete_v2", `{"path":"/d/f"}`, fakecloud.KindDelete},
	} {
		c.ResetRequests()
		a := d.call(tt.route, tt.arg)
		if got := c.Requests(); a.status != 200 || len(got) != 1 || got[0].Kind != tt.want {
			t.Errorf("%s %s: %d %+v", tt.route, tt.arg, a.status, got)
		}
	}
}

package fakecloud_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
)

// graph is a client of an account's own drive.
type graph struct {
	t      *testing.T
	client *http.Client
	token  string
	host   string
	drive  string
}

func newGraph(t *testing.T, c *fakecloud.Cloud, account string) graph {
	t.Helper()
	signIn := c.Graph().SignIn(account)
	g := graph{t: t, client: client(t, c), token: tokenIn(t, signIn, "access_token"), host: "graph.microsoft.com", drive: signIn["drive_id"]}
	if signIn["region"] == "cn" {
		g.host = "microsoftgraph.chinacloudapi.cn"
	}
	return g
}

// tokenIn returns a token out of what SignIn returned.
func tokenIn(t *testing.T, signIn map[string]string, which string) string {
	t.Helper()
	var token map[string]string
	if err := json.Unmarshal([]byte(signIn["token"]), &token); err != nil || token[which] == "" {
		t.Fatalf("token: %v", err)
	}
	return token[which]
}

// do asks for a path below /v1.0.
func (g graph) do(method, path, body string) answer {
	g.t.Helper()
	header := map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + g.token}
	return do(g.t, g.client, method, "https://"+g.host+"/v1.0"+path, body, header)
}

// on asks for a path below the drive.
func (g graph) on(method, path, body string) answer {
	g.t.Helper()
	return g.do(method, "/drives/"+g.drive+path, body)
}

// bare asks for a URL without a token.
func (g graph) bare(method, address, body string, header map[string]string) answer {
	g.t.Helper()
	return do(g.t, g.client, method, address, body, header)
}

func (g graph) put(path, content string) (id string) {
	g.t.Helper()
	a := g.on("PUT", "/root:/"+path+":/content", content)
	if a.status != 200 && a.status != 201 {
		g.t.Fatalf("put %s: %d %s", path, a.status, a.body)
	}
	return a.text("id")
}

func wantGraph(t *testing.T, a answer, status int, code string) {
	t.Helper()
	if a.status != status || a.text("error.code") != code {
		t.Errorf("%d %s %v, want %d %s", a.status, a.body, a.err, status, code)
	}
}

func names(a answer) (names []string) {
	var list struct{ Value []struct{ Name string } }
	json.Unmarshal([]byte(a.body), &list)
	for _, item := range list.Value {
		names = append(names, item.Name)
	}
	return names
}

// linkIn returns a link to another page; its key has a dot in it.
func linkIn(a answer, key string) string {
	var links map[string]any
	json.Unmarshal([]byte(a.body), &links)
	link, _ := links[key].(string)
	return link
}

// An item is the same however it is addressed, and its description has what
// backends read.
func TestGraphAddresses(t *testing.T) {
	for _, account := range []string{"personal", "business", "china"} {
		t.Run(account, func(t *testing.T) {
			c := start(t, fakecloud.Options{})
			g := newGraph(t, c, account)
			c.Graph().Account(account).PutPath("a/b c/it's 100%.txt", []byte("hello"))
			ways := []string{
				"/root/children('@a1')?@a1=" + url.QueryEscape("'a/b c/it''s 100%.txt'"),
			}
			if account != "china" {
				ways = append(ways, "/root:/a/b%20c/it's%20100%25.txt", "/root:/A/B%20C/IT'S%20100%25.TXT:")
			} else {
				wantGraph(t, g.on("GET", "/root:/a/b%20c/it's%20100%25.txt", ""), 400, "invalidRequest")
			}
			folder := g.on("GET", "/root/children('a')", "").text("id")
			ways = append(ways, "/items/"+url.PathEscape(folder)+"/children('@a1')?@a1="+url.QueryEscape("'b c/it''s 100%.txt'"))
			var id string
			for _, way := range ways {
				a := g.on("GET", way, "")
				if a.text("name") != "it's 100%.txt" || id != "" && a.text("id") != id {
					t.Errorf("%s: %+v", way, a)
				}
				id = a.text("id")
			}
			a := g.on("GET", "/items/"+url.PathEscape(id), "")
			for key, want := range map[string]string{
				"name": "it's 100%.txt", "size": "5", "file.hashes.quickXorHash": "aCgDG9jwBgAAAAAABQAAAAAAAAA=",
				"parentReference.driveId": g.drive, "parentReference.path": "/drives/" + g.drive + "/root:/a/b%20c",
			} {
				if got := a.text(key); got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
			if root := g.on("GET", "/root", ""); root.text("parentReference.id") != "" || root.text("folder.childCount") != "1" {
				t.Errorf("root: %s", root.body)
			}
			wantGraph(t, g.on("GET", "/root/children('nothing')", ""), 404, "itemNotFound")
			wantGraph(t, g.on("GET", "/items/nothing", ""), 404, "itemNotFound")
			wantGraph(t, g.do("GET", "/drives/nothing/root", ""), 404, "itemNotFound")
		})
	}
}

func TestGraphAccountsAreApart(t *testing.T) {
	c := start(t, fakecloud.Options{})
	mine, other, china := newGraph(t, c, "personal"), newGraph(t, c, "second"), newGraph(t, c, "china")
	mine.put("f", "x")
	other.drive = mine.drive
	wantGraph(t, other.on("GET", "/root/children", ""), 404, "itemNotFound")
	china.host = mine.host
	wantGraph(t, china.do("GET", "/me/drive", ""), 401, "InvalidAuthenticationToken")
	if a := other.do("GET", "/me/drive", ""); a.text("id") == mine.drive || a.text("driveType") != "personal" {
		t.Errorf("drive of the other: %s", a.body)
	}
	if a := other.do("GET", "/me", ""); a.text("userPrincipalName") != c.Graph().Email("second") {
		t.Errorf("me: %s", a.body)
	}
	if got := c.Graph().Account("second").Paths(); len(got) != 0 {
		t.Errorf("the other has %q", got)
	}
}

func TestGraphListsInPages(t *testing.T) {
	c := start(t, fakecloud.Options{})
	g := newGraph(t, c, "personal")
	for i := range 7 {
		c.Graph().PutPath(fmt.Sprintf("d/f%d", i), []byte("x"))
	}
	var all []string
	next := "https://" + g.host + "/v1.0/drives/" + g.drive + "/root:/d:/children?$top=3"
	for pages := 0; next != ""; pages++ {
		a := g.bare("GET", next, "", map[string]string{"Authorization": "Bearer " + g.token})
		if a.status != 200 || pages == 3 {
			t.Fatalf("page %d: %+v", pages, a)
		}
		all = append(all, names(a)...)
		next = linkIn(a, "@odata.nextLink")
		if pages == 0 { // what went away before the next page loses nothing else
			c.Graph().RemovePath("d/f2")
		}
	}
	if got := strings.Join(all, " "); got != "f0 f1 f2 f3 f4 f5 f6" {
		t.Errorf("listed %s", got)
	}
}

func TestGraphFolders(t *testing.T) {
	c := start(t, fakecloud.Options{})
	g := newGraph(t, c, "personal")
	const folder = `{"name":"%s","folder":{},"@microsoft.graph.conflictBehavior":"%s"}`
	made := g.on("POST", "/root/children", fmt.Sprintf(folder, "Chats", "fail"))
	if made.status != 201 || made.text("folder.childCount") != "0" {
		t.Errorf("made: %+v", made)
	}
	wantGraph(t, g.on("POST", "/root/children", fmt.Sprintf(folder, "chats", "fail")), 409, "nameAlreadyExists")
	if a := g.on("POST", "/root/children", fmt.Sprintf(folder, "chats", "rename")); a.text("name") != "chats 1" {
		t.Errorf("renamed: %s", a.body)
	}
	for _, bad := range []string{"a:b", "con", "COM1", "x ", "x.", "~$x", "_vti_", "", "..", strings.Repeat("n", 256)} {
		wantGraph(t, g.on("POST", "/root/children", fmt.Sprintf(folder, bad, "fail")), 400, "invalidRequest")
	}
	g.put("deep/er/file", "x")
	if got := c.Graph().Folders(); !slices.Equal(got, []string{"Chats", "chats 1", "deep", "deep/er"}) {
		t.Errorf("folders: %q", got)
	}
	wantGraph(t, g.on("PUT", "/root:/deep:/content", "x"), 409, "nameAlreadyExists")
	wantGraph(t, g.on("PUT", "/root:/deep/er/file/below:/content", "x"), 400, "invalidRequest")
}

func TestGraphMovesAndTimes(t *testing.T) {
	c := start(t, fakecloud.Options{})
	g := newGraph(t, c, "personal")
	id := g.put("a/one", "1")
	g.put("b/two", "2")
	target := g.on("GET", "/root:/b", "").text("id")
	item := "/items/" + url.PathEscape(id)
	wantGraph(t, g.on("PATCH", item, `{"name":"TWO","parentReference":{"id":"`+target+`"}}`), 409, "nameAlreadyExists")
	a := g.on("PATCH", item, `{"name":"three","parentReference":{"id":"`+target+`"},
		"fileSystemInfo":{"createdDateTime":"0001-01-01T00:00:00Z","lastModifiedDateTime":"2020-02-29T12:34:56.789Z"}}`)
	if a.status != 200 || a.text("id") != id || a.text("fileSystemInfo.lastModifiedDateTime") != "2020-02-29T12:34:56.789Z" {
		t.Errorf("moved: %+v", a)
	}
	if strings.HasPrefix(a.text("fileSystemInfo.createdDateTime"), "0001") {
		t.Errorf("a time that says nothing was taken: %s", a.body)
	}
	if got := c.Graph().Paths(); !slices.Equal(got, []string{"b/three", "b/two"}) {
		t.Errorf("paths: %q", got)
	}
	wantGraph(t, g.on("PATCH", "/root:/b", `{"parentReference":{"id":"`+target+`"}}`), 400, "invalidRequest")
	a = do(t, g.client, "DELETE", "https://"+g.host+"/v1.0/drives/"+g.drive+item, "",
		map[string]string{"Authorization": "Bearer " + g.token, "If-Match": `"old"`})
	wantGraph(t, a, 412, "resourceModified")
}

func TestGraphDeletes(t *testing.T) {
	c := start(t, fakecloud.Options{})
	g := newGraph(t, c, "personal")
	id := g.put("d/kept", "123")
	g.put("d/Gone", "12345")
	if a := g.on("POST", "/root:/d/gone:/permanentDelete", ""); a.status != 204 || a.body != "" {
		t.Errorf("permanent: %+v", a)
	}
	wantGraph(t, g.on("GET", "/root:/d/Gone", ""), 404, "itemNotFound")
	if a := g.on("DELETE", "/root:/d", ""); a.status != 204 {
		t.Errorf("trash: %+v", a)
	}
	wantGraph(t, g.on("GET", "/items/"+url.PathEscape(id), ""), 404, "itemNotFound")
	wantGraph(t, g.on("DELETE", "/root", ""), 403, "accessDenied")
	if got := c.Graph().Trashed(); !slices.Equal(got, []string{"d"}) {
		t.Errorf("trash: %q", got)
	}
	about := g.do("GET", "/me/drive", "")
	if about.text("quota.used") != "0" || about.text("quota.deleted") != "3" {
		t.Errorf("quota: %s", about.body)
	}
	if err := c.Graph().RestorePath("d"); err != nil {
		t.Fatal(err)
	}
	if a := g.on("GET", "/items/"+url.PathEscape(id), ""); a.text("name") != "kept" {
		t.Errorf("restored: %+v", a)
	}
}

func TestGraphDelta(t *testing.T) {
	c := start(t, fakecloud.Options{})
	g := newGraph(t, c, "personal")
	g.put("d/old", "x")
	gone := g.put("d/gone", "x")
	latest := g.on("GET", "/root/delta?token=latest", "")
	link := linkIn(latest, "@odata.deltaLink")
	if len(names(latest)) != 0 || !strings.Contains(link, "token=") {
		t.Fatalf("latest: %s", latest.body)
	}
	follow := func(link string) answer {
		return g.bare("GET", link, "", map[string]string{"Authorization": "Bearer " + g.token})
	}
	g.put("d/new", "x")
	c.Graph().RemovePath("d/gone")
	a := follow(link)
	if got := names(a); !slices.Contains(got, "new") || !slices.Contains(got, "d") || slices.Contains(got, "old") {
		t.Errorf("changed: %q", got)
	}
	if !strings.Contains(a.body, `{"deleted":{"state":"deleted"},"id":"`+gone) {
		t.Errorf("nothing of what was deleted: %s", a.body)
	}
	if a = follow(linkIn(a, "@odata.deltaLink")); a.status != 200 || len(names(a)) != 0 {
		t.Errorf("told twice: %s", a.body)
	}
	var all []string
	next := "https://" + g.host + "/v1.0/drives/" + g.drive + "/root/delta?$top=2"
	for next != "" {
		a = follow(next)
		all, next = append(all, names(a)...), linkIn(a, "@odata.nextLink")
	}
	if !slices.Equal(all, []string{"root", "d", "new", "old"}) {
		t.Errorf("all: %q", all)
	}
	c.Graph().ForgetChanges()
	a = follow(link)
	wantGraph(t, a, 410, "resyncRequired")
	if !strings.Contains(a.header.Get("Location"), "/delta") {
		t.Errorf("no place to begin again: %v", a.header)
	}
}

func TestGraphCopies(t *testing.T) {
	c := start(t, fakecloud.Options{})
	g := newGraph(t, c, "personal")
	g.put("d/f", "x")
	for _, tt := range []struct{ name, conflict, status, paths string }{
		{"e", "fail", "completed", "d/f e/f"},
		{"e", "fail", "failed", "d/f e/f"},
		{"e", "rename", "completed", "d/f e 1/f e/f"},
		{"e", "replace", "completed", "d/f e 1/f e/f"},
	} {
		a := g.on("POST", "/root:/d:/copy?@microsoft.graph.conflictBehavior="+tt.conflict, `{"name":"`+tt.name+`"}`)
		if a.status != 202 {
			t.Fatalf("copy: %+v", a)
		}
		if a = g.bare("GET", a.header.Get("Location"), "", nil); a.text("status") != tt.status {
			t.Errorf("%s: %s", tt.conflict, a.body)
		}
		if got := strings.Join(c.Graph().Paths(), " "); got != tt.paths {
			t.Errorf("%s: %s", tt.conflict, got)
		}
	}
}

func TestGraphVersionsTakeRoomInABusiness(t *testing.T) {
	for account, used := range map[string]int64{"personal": 2, "business": 5} {
		c := start(t, fakecloud.Options{})
		g := newGraph(t, c, account)
		g.put("f", "123")
		g.put("f", "12")
		a := g.on("GET", "/root:/f:/versions", "")
		if a.text("value.0.size") != "2" || a.text("value.1.size") != "3" || a.text("value.2") != "" {
			t.Errorf("%s: versions: %s", account, a.body)
		}
		if got := c.Graph().Account(account).Used(); got != used {
			t.Errorf("%s: %d bytes used, want %d", account, got, used)
		}
		wantGraph(t, g.on("DELETE", "/root:/f:/versions/"+a.text("value.0.id"), ""), 400, "invalidRequest")
		if a := g.on("DELETE", "/root:/f:/versions/"+a.text("value.1.id"), ""); a.status != 204 {
			t.Errorf("delete: %+v", a)
		}
		if got := c.Graph().Account(account).Used(); got != 2 {
			t.Errorf("%s: %d bytes used after that", account, got)
		}
	}
}

func TestGraphSites(t *testing.T) {
	c := start(t, fakecloud.Options{})
	wantGraph(t, newGraph(t, c, "personal").do("GET", "/sites/root/drives", ""), 400, "invalidRequest")
	g := newGraph(t, c, "business")
	wantGraph(t, g.do("GET", "/sites/root/drives", ""), 403, "accessDenied")
	g.token = microsoftConsent(t, c, "business", "Sites.Read.All Files.ReadWrite.All")
	a := g.do("GET", "/sites/root/drives", "")
	if a.text("value.0.driveType") != "documentLibrary" {
		t.Fatalf("drives: %s", a.body)
	}
	g.drive = a.text("value.0.id")
	g.put("shared", "x")
	if got := c.Graph().Library("business").Paths(); !slices.Equal(got, []string{"shared"}) {
		t.Errorf("library: %q", got)
	}
	if a := g.on("GET", "/root", ""); a.text("parentReference.driveType") != "documentLibrary" {
		t.Errorf("root: %s", a.body)
	}
}

// Corrupt damages what is downloaded and not what is reported.
func TestGraphInside(t *testing.T) {
	c := start(t, fakecloud.Options{})
	g := newGraph(t, c, "personal")
	id := g.put("f", "hello")
	before := g.on("GET", "/items/"+url.PathEscape(id), "").text("file.hashes.quickXorHash")
	if err := c.Graph().Corrupt("f"); err != nil {
		t.Fatal(err)
	}
	if got := string(c.Graph().Files()["f"]); got == "hello" || len(got) != 5 {
		t.Errorf("content %q", got)
	}
	if got := g.on("GET", "/items/"+url.PathEscape(id), "").text("file.hashes.quickXorHash"); got != before {
		t.Errorf("hash %s, want %s", got, before)
	}
	if err := c.Graph().MovePath("f", "nowhere/f"); err == nil {
		t.Error("moved to nowhere")
	}
	if err := c.Graph().TrashPath("nothing"); err == nil {
		t.Error("trashed nothing")
	}
}

func TestGraphSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	c := start(t, fakecloud.Options{Dir: dir, Virtual: true})
	g := newGraph(t, c, "business")
	g.put("d/f", "content")
	s := g.session("d/g", `{}`)
	if a := s.send(0, make([]byte, 327680), 327681); a.status != 202 {
		t.Fatalf("first: %+v", a)
	}
	stop(t, c)
	c = start(t, fakecloud.Options{Dir: dir, Virtual: true})
	c.Advance(time.Minute)
	g.client = client(t, c)
	s.graph = g
	if a := s.send(327680, []byte("x"), 327681); a.status != 201 {
		t.Errorf("last: %+v", a)
	}
	if got := c.Graph().Paths(); !slices.Equal(got, []string{"d/f", "d/g"}) {
		t.Errorf("paths: %q", got)
	}
	wantGraph(t, g.on("POST", "/root:/d:/children", `{"name":"F","folder":{}}`), 409, "nameAlreadyExists")
}

func TestGraphKinds(t *testing.T) {
	c := start(t, fakecloud.Options{})
	g := newGraph(t, c, "personal")
	id := url.PathEscape(g.put("d/f", "x"))
	for _, tt := range []struct {
		method, path, body string
		want               fakecloud.Kind
	}{
		{"GET", "/root", "", fakecloud.KindFolder},
		{"GET", "/root:/d", "", fakecloud.KindFolder},
		{"POST", "/root/children", `{"name":"e","folder":{}}`, fakecloud.KindFolder},
		{"GET", "/root:/d/f", "", fakecloud.KindLookup},
		{"GET", "/root:/d/nothing", "", fakecloud.KindLookup},
		{"GET", "/items/" + id, "", fakecloud.KindGet},
		{"GET", "/root:/d:/children?$top=1", "", fakecloud.KindList},
		{"GET", "/root/delta?token=latest", "", fakecloud.KindChanges},
		{"GET", "/items/" + id + "/content", "", fakecloud.KindDownload},
		{"POST", "/root:/d/new:/createUploadSession", "{}", fakecloud.KindCreate},
		{"PUT", "/root:/d/new:/content", "x", fakecloud.KindCreate},
		{"PATCH", "/items/" + id, "{}", fakecloud.KindUpdate},
		{"DELETE", "/items/" + id, "", fakecloud.KindDelete},
		{"GET", "", "", fakecloud.KindAbout},
	} {
		c.ResetRequests()
		a := g.on(tt.method, tt.path, tt.body)
		if got := c.Requests(); len(got) != 1 || got[0].Kind != tt.want || got[0].Status != a.status {
			t.Errorf("%s %s: %+v", tt.method, tt.path, got)
		}
	}
}

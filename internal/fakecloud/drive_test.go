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

const folderType = "application/vnd.google-apps.folder"

// drive is a client of the API with a token.
type drive struct {
	t      *testing.T
	client *http.Client
	token  string
}

func newDrive(t *testing.T, c *fakecloud.Cloud, account string) drive {
	t.Helper()
	return driveOf(t, c, c.Drive().SignIn(account))
}

func driveOf(t *testing.T, c *fakecloud.Cloud, signIn map[string]string) drive {
	t.Helper()
	var token struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(signIn["token"]), &token); err != nil || token.Access == "" {
		t.Fatalf("token: %v", err)
	}
	return drive{t, client(t, c), token.Access}
}

// on is the same client at a cloud that was started again.
func (d drive) on(c *fakecloud.Cloud) drive { return drive{d.t, client(d.t, c), d.token} }

func (d drive) do(method, path string, q url.Values, body string) answer {
	d.t.Helper()
	return do(d.t, d.client, method, "https://www.googleapis.com/drive/v3/"+path+"?"+q.Encode(), body, d.header())
}

func (d drive) header() map[string]string {
	return map[string]string{"Authorization": "Bearer " + d.token, "Content-Type": "application/json"}
}

func (d drive) get(path string, q url.Values) answer {
	d.t.Helper()
	return d.do("GET", path, q, "")
}

func (d drive) post(path, body string) answer {
	d.t.Helper()
	return d.do("POST", path, nil, body)
}

func (d drive) patch(path string, q url.Values, body string) answer {
	d.t.Helper()
	return d.do("PATCH", path, q, body)
}

// must returns the id of what an answer is about.
func (d drive) must(a answer) (id string) {
	d.t.Helper()
	if a.status != 200 || a.err != nil {
		d.t.Fatalf("%d %v: %s", a.status, a.err, a.body)
	}
	return a.text("id")
}

func (d drive) makeFolder(name, parent string) (id string) {
	d.t.Helper()
	return d.must(d.post("files", fmt.Sprintf(`{"name":%q,"mimeType":%q,"parents":[%q]}`, name, folderType, parent)))
}

const uploads = "https://www.googleapis.com/upload/drive/v3/files"

func (d drive) upload(name, parent, content string) (id string) {
	d.t.Helper()
	return d.must(d.multipart(fmt.Sprintf(`{"name":%q,"parents":[%q]}`, name, parent), content))
}

func (d drive) multipart(meta, content string) answer {
	d.t.Helper()
	body := "--b\r\nContent-Type: application/json\r\n\r\n" + meta +
		"\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n" + content + "\r\n--b--\r\n"
	h := d.header()
	h["Content-Type"] = "multipart/related; boundary=b"
	return do(d.t, d.client, "POST", uploads+"?uploadType=multipart&fields=*", body, h)
}

// open begins a resumable upload and returns its URL; size -1 is unknown.
func (d drive) open(meta string, size int64) (session string) {
	d.t.Helper()
	a := d.tryOpen(meta, size)
	if a.status != 200 || a.header.Get("Location") == "" {
		d.t.Fatalf("open session: %+v", a)
	}
	return a.header.Get("Location")
}

func (d drive) tryOpen(meta string, size int64) answer {
	d.t.Helper()
	h := d.header()
	if size >= 0 {
		h["X-Upload-Content-Length"] = fmt.Sprint(size)
	}
	return do(d.t, d.client, "POST", uploads+"?uploadType=resumable&fields=*", meta, h)
}

func (d drive) chunk(session string, at int, data []byte, total int) answer {
	d.t.Helper()
	span := fmt.Sprintf("bytes %d-%d/%d", at, at+len(data)-1, total)
	if len(data) == 0 {
		span = fmt.Sprintf("bytes */%d", total)
	}
	return do(d.t, d.client, "PUT", session, string(data), map[string]string{"Content-Range": strings.Replace(span, "/-1", "/*", 1)})
}

// names returns the sorted names of all that a query finds.
func (d drive) names(q string) []string {
	d.t.Helper()
	a := d.get("files", url.Values{"q": {q}, "pageSize": {"1000"}})
	var list struct {
		Files []struct{ Name string }
	}
	if err := json.Unmarshal([]byte(a.body), &list); err != nil || a.status != 200 {
		d.t.Fatalf("list %s: %d %v %s", q, a.status, err, a.body)
	}
	names := []string{}
	for _, f := range list.Files {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}

func (d drive) wantNames(q string, want ...string) {
	d.t.Helper()
	if got := d.names(q); !slices.Equal(got, want) {
		d.t.Errorf("%s: %q, want %q", q, got, want)
	}
}

func (d drive) wantError(a answer, status int, reason string) {
	d.t.Helper()
	if a.status != status || a.text("error.errors.0.reason") != reason || a.text("error.code") != fmt.Sprint(status) {
		d.t.Errorf("%d %s, want %d %s", a.status, a.body, status, reason)
	}
}

func TestDriveQuery(t *testing.T) {
	d := newDrive(t, start(t, fakecloud.Options{}), "ada")
	folder := d.makeFolder("folder", "root")
	d.must(d.multipart(`{"name":"it's \\ 1.txt","parents":["`+folder+`"],"modifiedTime":"2020-01-02T03:04:05Z","appProperties":{"k":"v"}}`, "x"))
	d.upload("Other.bin", folder, "x")
	d.patch("files/"+d.upload("star", "root", "x"), nil, `{"starred":true}`)
	d.patch("files/"+d.upload("gone", "root", "x"), nil, `{"trashed":true}`)
	tests := []struct {
		q    string
		want []string
	}{
		{`name='it\'s \\ 1.txt'`, []string{`it's \ 1.txt`}},
		{`name = 'OTHER.BIN'`, []string{"Other.bin"}},
		{`name='gone' and trashed=false`, nil},
		{`trashed=true`, []string{"gone"}},
		{`trashed != false`, []string{"gone"}},
		{`'root' in parents and trashed=false`, []string{"folder", "star"}},
		{`('` + folder + `' in parents or starred=true) and mimeType!='` + folderType + `'`, []string{"Other.bin", `it's \ 1.txt`, "star"}},
		{`mimeType='` + folderType + `'`, []string{"folder"}},
		{`(modifiedTime <= '2020-01-02T03:04:05' or mimeType = '` + folderType + `')`, []string{"folder", `it's \ 1.txt`}},
		{`modifiedTime < '2020-01-02T03:04:05'`, []string{}},
		{`name contains 'oth'`, []string{"Other.bin"}},
		{`name contains 'bin'`, []string{"Other.bin"}},
		{`name contains 'ther'`, []string{}},
		{`appProperties has { key='k' and value='v' }`, []string{`it's \ 1.txt`}},
		{`properties has { key='k' and value='v' }`, []string{}},
		{`not mimeType='` + folderType + `' and not trashed=true`, []string{"Other.bin", `it's \ 1.txt`, "star"}},
		{`'me' in owners and starred=true`, []string{"star"}},
		{`sharedWithMe=true`, []string{}},
		// From left to right, not "and" first.
		{`starred=true or name='folder' and trashed=true`, []string{}},
	}
	for _, tt := range tests {
		d.wantNames(tt.q, tt.want...)
	}
	for _, bad := range []string{"this is a bad query", "name=", "name='a", "(trashed=true", "trashed='true'", "size > 3", "name='a' trashed=true", "'x' in nowhere"} {
		d.wantError(d.get("files", url.Values{"q": {bad}}), 400, "invalid")
	}
}

func TestDriveListsInPages(t *testing.T) {
	d := newDrive(t, start(t, fakecloud.Options{}), "ada")
	for i := range 5 {
		d.upload(fmt.Sprint(i), "root", "x")
	}
	var got []string
	q := url.Values{"pageSize": {"2"}, "fields": {"nextPageToken,files(name)"}}
	for range 3 {
		a := d.get("files", q)
		got = append(got, a.text("files.0.name"), a.text("files.1.name"))
		if strings.Contains(a.body, `"kind"`) {
			t.Errorf("more than the fields: %s", a.body)
		}
		q.Set("pageToken", a.text("nextPageToken"))
		d.upload("in between", "root", "x")
	}
	if want := []string{"4", "3", "2", "1", "0", ""}; !slices.Equal(got, want) {
		t.Errorf("pages: %q, want %q", got, want)
	}
	d.wantError(d.get("files", url.Values{"pageToken": {"nonsense"}}), 400, "invalid")
	d.wantError(d.get("files", url.Values{"fields": {"files(name"}}), 400, "invalidParameter")
	d.wantError(d.get("about", nil), 400, "required")
}

func TestDriveOrder(t *testing.T) {
	d := newDrive(t, start(t, fakecloud.Options{}), "ada")
	for _, name := range []string{"b", "a", "c"} {
		d.upload(name, "root", "x")
	}
	d.makeFolder("d", "root")
	a := d.get("files", url.Values{"orderBy": {"folder,name desc"}})
	got := []string{a.text("files.0.name"), a.text("files.1.name"), a.text("files.2.name"), a.text("files.3.name")}
	if want := []string{"d", "c", "b", "a"}; !slices.Equal(got, want) {
		t.Errorf("order: %q, want %q", got, want)
	}
}

func TestDriveNamesRepeat(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	for range 2 {
		d.upload("same", d.makeFolder("twins", "root"), "x")
	}
	if got, want := c.Drive().Paths(), []string{"twins/", "twins/", "twins/same", "twins/same"}; !slices.Equal(got, want) {
		t.Errorf("paths: %q, want %q", got, want)
	}
}

func TestDriveGeneratedIDs(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	a := d.get("files/generateIds", url.Values{"count": {"3"}, "fields": {"ids"}})
	id := a.text("ids.0")
	meta := `{"id":"` + id + `","name":"once"}`
	if got := d.must(d.multipart(meta, "x")); got != id {
		t.Errorf("made with id %s, want %s", got, id)
	}
	d.wantError(d.multipart(meta, "x"), 409, "fileIdInUse")
	d.wantError(d.tryOpen(meta, 3), 409, "fileIdInUse")
	d.do("DELETE", "files/"+id, nil, "")
	d.wantError(d.multipart(meta, "x"), 409, "fileIdInUse")
	d.wantError(d.multipart(`{"id":"made-up","name":"x"}`, "x"), 400, "invalid")

	// Two sessions with one id: the second to end learns of the first.
	meta = `{"id":"` + a.text("ids.1") + `","name":"race"}`
	one, two := d.open(meta, 3), d.open(meta, 3)
	d.must(d.chunk(one, 0, []byte("one"), 3))
	d.wantError(d.chunk(two, 0, []byte("two"), 3), 409, "fileIdInUse")
	if got := string(c.Drive().Files()["race"]); got != "one" {
		t.Errorf("content %q", got)
	}
	// A folder can have one too.
	d.must(d.post("files", `{"id":"`+a.text("ids.2")+`","name":"f","mimeType":"`+folderType+`"}`))
	d.wantError(d.post("files", `{"id":"`+a.text("ids.2")+`","name":"f","mimeType":"`+folderType+`"}`), 409, "fileIdInUse")
}

func TestDriveTrash(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	outer := d.makeFolder("outer", "root")
	inner := d.makeFolder("inner", outer)
	file := d.upload("file", inner, "12345")
	d.must(d.patch("files/"+outer, nil, `{"trashed":true}`))
	a := d.get("files/"+file, url.Values{"fields": {"trashed,explicitlyTrashed"}})
	if a.text("trashed") != "true" || a.text("explicitlyTrashed") != "false" {
		t.Errorf("a file in a trashed folder: %s", a.body)
	}
	d.wantNames("trashed=false")
	// What is in the trash can still be read, and written to.
	if a := d.get("files/"+file, url.Values{"alt": {"media"}}); a.body != "12345" {
		t.Errorf("read from the trash: %+v", a)
	}
	d.upload("late", inner, "x")
	d.wantNames("trashed=false")
	if c.Drive().Used() != 6 || len(c.Drive().Trashed()) != 4 {
		t.Errorf("used %d, trashed %q", c.Drive().Used(), c.Drive().Trashed())
	}
	d.must(d.patch("files/"+outer, nil, `{"trashed":false}`))
	d.wantNames("trashed=false", "file", "inner", "late", "outer")
	if a := d.do("DELETE", "files/"+outer, nil, ""); a.status != 204 {
		t.Errorf("delete: %+v", a)
	}
	d.wantError(d.get("files/"+file, nil), 404, "notFound")
	if c.Drive().Used() != 0 {
		t.Errorf("used %d", c.Drive().Used())
	}
}

func TestDriveMoveCopyShortcut(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	a, b := d.makeFolder("a", "root"), d.makeFolder("b", "root")
	file := d.upload("file", a, "content")
	d.must(d.patch("files/"+file, url.Values{"addParents": {b}, "removeParents": {a}}, `{"name":"moved"}`))
	d.must(d.post("files/"+file+"/copy", `{"name":"copy","parents":["`+a+`"]}`))
	d.wantError(d.post("files/"+a+"/copy", `{}`), 403, "cannotCopyFile")
	d.wantError(d.patch("files/"+file, url.Values{"addParents": {a}}, `{}`), 403, "cannotAddParent")
	inner := d.makeFolder("inner", a)
	d.wantError(d.patch("files/"+a, url.Values{"addParents": {inner}, "removeParents": {"root"}}, `{}`), 403, "cyclicMembershipsNotAllowed")
	d.wantError(d.post("files", `{"name":"x","parents":["`+file+`"]}`), 403, "parentNotAFolder")
	short := d.must(d.post("files", `{"name":"s","mimeType":"application/vnd.google-apps.shortcut","shortcutDetails":{"targetId":"`+file+`"}}`))
	if got := d.get("files/"+short, url.Values{"fields": {"shortcutDetails(targetId)"}}).text("shortcutDetails.targetId"); got != file {
		t.Errorf("the shortcut leads to %q", got)
	}
	if got, want := c.Drive().Paths(), []string{"a/", "a/copy", "a/inner/", "b/", "b/moved", "s"}; !slices.Equal(got, want) {
		t.Errorf("paths: %q, want %q", got, want)
	}
}

func TestDriveListingsLag(t *testing.T) {
	c := start(t, fakecloud.Options{Virtual: true, Lag: 10 * time.Second})
	d := newDrive(t, c, "ada")
	file := d.upload("new", "root", "x")
	if a := d.get("files/"+file, nil); a.text("name") != "new" {
		t.Errorf("by id it is there at once: %s", a.body)
	}
	d.wantNames("trashed=false")
	c.Advance(10 * time.Second)
	d.wantNames("trashed=false", "new")

	d.must(d.patch("files/"+file, nil, `{"name":"renamed"}`))
	c.Advance(9 * time.Second)
	d.wantNames("name='new'", "new")
	d.wantNames("name='renamed'")
	c.Advance(time.Second)
	d.wantNames("trashed=false", "renamed")

	d.must(d.patch("files/"+file, nil, `{"trashed":true}`))
	d.wantNames("trashed=false", "renamed")
	c.Advance(10 * time.Second)
	d.wantNames("trashed=false")
	d.wantNames("trashed=true", "renamed")

	d.do("DELETE", "files/"+file, nil, "")
	d.wantNames("trashed=true", "renamed")
	d.wantError(d.get("files/"+file, nil), 404, "notFound")
	c.Advance(10 * time.Second)
	d.wantNames("")
}

func TestDriveIncompleteSearch(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	d.upload("a", "root", "x")
	d.upload("b", "root", "x")
	c.Drive().MissInListings(1)
	for _, want := range []string{"true", "false"} {
		a := d.get("files", nil)
		if a.text("incompleteSearch") != want || (a.text("files.1.name") == "") != (want == "true") {
			t.Errorf("incompleteSearch %s: %s", want, a.body)
		}
	}
}

func TestDriveFileScope(t *testing.T) {
	c := start(t, fakecloud.Options{})
	mine := newDrive(t, c, "ada")
	other := driveOf(t, c, c.Drive().SignInWith("ada", "other-client", "drive.file"))
	all := driveOf(t, c, c.Drive().SignInWith("ada", "third-client", "drive"))
	reader := driveOf(t, c, c.Drive().SignInWith("ada", "fourth-client", "drive.readonly"))
	folder := mine.makeFolder("folder", "root")
	mine.multipart(`{"name":"file","parents":["`+folder+`"],"appProperties":{"k":"v"}}`, "x")
	other.wantNames("")
	other.wantError(other.get("files/"+folder, nil), 404, "notFound")
	other.wantError(other.multipart(`{"name":"x","parents":["`+folder+`"]}`, "x"), 404, "notFound")
	other.upload("other", "root", "x")
	mine.wantNames("", "file", "folder")
	mine.wantError(mine.get("files/root", nil), 404, "notFound")
	all.must(all.get("files/root", nil))
	all.wantNames("", "file", "folder", "other")
	all.wantNames("appProperties has { key='k' and value='v' }") // they are private to a client
	reader.wantNames("", "file", "folder", "other")
	reader.wantError(reader.post("files", `{"name":"x"}`), 403, "insufficientPermissions")
	if got := c.Drive().Paths(); len(got) != 3 {
		t.Errorf("the user sees %q", got)
	}
}

func TestDriveAppDataFolder(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := driveOf(t, c, c.Drive().SignInWith("ada", fakecloud.GoogleClientID, "drive.appfolder"))
	d.upload("hidden", "appDataFolder", "x")
	a := d.get("files", url.Values{"spaces": {"appDataFolder"}})
	if a.text("files.0.name") != "hidden" || len(c.Drive().Paths()) != 0 {
		t.Errorf("%s; the user sees %q", a.body, c.Drive().Paths())
	}
	all := driveOf(t, c, c.Drive().SignInWith("ada", "other", "drive"))
	all.wantNames("")
	all.wantError(all.get("files", url.Values{"spaces": {"appDataFolder"}}), 403, "insufficientScopes")
}

func TestDriveAccountsAndSharing(t *testing.T) {
	c := start(t, fakecloud.Options{})
	ada := driveOf(t, c, c.Drive().SignInWith("ada", "app", "drive"))
	bob := driveOf(t, c, c.Drive().SignInWith("bob@example.com", "app", "drive"))
	folder := ada.makeFolder("shared", "root")
	file := ada.upload("file", folder, "x")
	bob.wantNames("")
	bob.wantError(bob.get("files/"+file, nil), 404, "notFound")
	if a := ada.post("files/"+folder+"/permissions", `{"type":"user","role":"reader","emailAddress":"bob@example.com"}`); a.status != 200 {
		t.Fatalf("share: %s", a.body)
	}
	bob.wantNames("sharedWithMe=true", "file", "shared")
	bob.wantError(bob.patch("files/"+file, nil, `{"name":"x"}`), 403, "insufficientFilePermissions")
	ada.post("files/"+file+"/permissions", `{"type":"anyone","role":"writer"}`)
	bob.must(bob.patch("files/"+file, nil, `{"name":"y"}`))
	// Whoever has the link may read, but nobody told carol.
	carol := driveOf(t, c, c.Drive().SignInWith("carol", "app", "drive"))
	carol.wantNames("")
	carol.must(carol.get("files/"+file, nil))
	if got := c.Drive().Account("bob@example.com").Paths(); len(got) != 0 {
		t.Errorf("bob's own drive: %q", got)
	}
	if got := c.Drive().Account("ada").Paths(); !slices.Equal(got, []string{"shared/", "shared/y"}) {
		t.Errorf("ada's drive: %q", got)
	}
}

func TestDriveAbout(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	c.Drive().SetQuota(1000)
	file := d.upload("file", "root", "12345")
	d.upload("kept", "root", "123")
	d.patch("files/"+file, nil, `{"trashed":true}`)
	a := d.get("about", url.Values{"fields": {"user(emailAddress),storageQuota"}})
	const want = `{"storageQuota":{"limit":"1000","usage":"8","usageInDrive":"8","usageInDriveTrash":"5"},"user":{"emailAddress":"ada@gmail.example"}}`
	if a.body != want {
		t.Errorf("about: %s, want %s", a.body, want)
	}
}

func TestDriveChanges(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	d.upload("before", "root", "x")
	token := d.get("changes/startPageToken", nil).text("startPageToken")
	file := d.upload("file", "root", "x")
	d.patch("files/"+file, nil, `{"name":"renamed"}`)
	gone := d.upload("gone", "root", "x")
	d.do("DELETE", "files/"+gone, nil, "")
	driveOf(t, c, c.Drive().SignInWith("ada", "other", "drive.file")).upload("foreign", "root", "x")

	a := d.get("changes", url.Values{"pageToken": {token}, "pageSize": {"1"}})
	if a.text("changes.0.file.name") != "renamed" || a.text("newStartPageToken") != "" {
		t.Errorf("first page: %s", a.body)
	}
	a = d.get("changes", url.Values{"pageToken": {a.text("nextPageToken")}})
	if a.text("changes.0.fileId") != gone || a.text("changes.0.removed") != "true" || a.text("changes.1.fileId") != "" {
		t.Errorf("second page: %s", a.body)
	}
	again := d.get("changes", url.Values{"pageToken": {a.text("newStartPageToken")}})
	if again.text("changes.0.fileId") != "" || again.text("newStartPageToken") != a.text("newStartPageToken") {
		t.Errorf("nothing new: %s", again.body)
	}
	d.wantError(d.get("changes", url.Values{"pageToken": {"100000"}}), 400, "invalid")
}

func TestDriveOwnersHand(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	folder := d.makeFolder("a", "root")
	d.makeFolder("b", "root")
	file := d.upload("file", folder, "abc")
	owner := c.Drive()
	if err := owner.MovePath("a/file", "b/renamed"); err != nil {
		t.Error(err)
	}
	if err := owner.Corrupt("b/renamed"); err != nil {
		t.Error(err)
	}
	a := d.get("files/"+file, url.Values{"alt": {"media"}})
	if a.body == "abc" || len(a.body) != 3 {
		t.Errorf("corrupted content: %q", a.body)
	}
	if got := d.get("files/"+file, url.Values{"fields": {"md5Checksum"}}).text("md5Checksum"); got != "900150983cd24fb0d6963f7d28e17f72" {
		t.Errorf("md5 of a corrupted file: %s", got)
	}
	if err := owner.TrashPath("b"); err != nil {
		t.Error(err)
	}
	if got := owner.Trashed(); !slices.Equal(got, []string{"b/", "b/renamed"}) {
		t.Errorf("trashed: %q", got)
	}
	if err := owner.TrashPath("b"); err == nil {
		t.Error("trashed twice")
	}
	if err := owner.RemovePath("a"); err != nil {
		t.Error(err)
	}
	if got := owner.Paths(); len(got) != 0 {
		t.Errorf("paths: %q", got)
	}
	owner.EmptyTrash()
	if got := owner.Trashed(); len(got) != 0 {
		t.Errorf("trashed: %q", got)
	}
}

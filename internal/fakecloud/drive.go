package fakecloud

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Drive is Google Drive v3 with Google's sign-in. Its methods that look at
// files are those of the account that signed in first; Account has others.
//
// Like the real one it lets names repeat, trashes a folder's content with the
// folder, and with the scope drive.file shows a client id only the files it
// made itself.
type Drive struct {
	GoogleAccount
	c  *Cloud
	mu sync.Mutex
	googleState
	incomplete int // listings that shall miss something
	pages      map[string][]*driveFile
}

// googleState is what is kept on disk.
type googleState struct {
	Users    []*googleUser
	Clients  map[string]*googleClient
	Access   map[string]*googleGrant // by access token
	Refresh  map[string]*googleGrant // by refresh token
	Codes    map[string]*googleCode
	Devices  map[string]*googleDevice
	Consents map[string]bool // user and client that agreed before
	Refuses  bool            // users say no
	Nodes    map[string]*driveFile
	Index    map[string][]driveVersion // what listings see, oldest first
	Changes  []driveChange
	Sessions map[string]*driveSession
	Taken    map[string]bool // ids that can't be given to a file again
	Made     int64           // counts files, for the order of listings
}

const (
	googleAPI     = "www.googleapis.com"
	googleTokens  = "oauth2.googleapis.com"
	googleConsent = "accounts.google.com"
	googleWeb     = "www.google.com"
)

func newDrive(c *Cloud) *Drive {
	d := &Drive{c: c, pages: map[string][]*driveFile{}}
	d.googleState = googleState{
		Clients: map[string]*googleClient{}, Access: map[string]*googleGrant{}, Refresh: map[string]*googleGrant{},
		Codes: map[string]*googleCode{}, Devices: map[string]*googleDevice{}, Consents: map[string]bool{},
		Nodes: map[string]*driveFile{}, Index: map[string][]driveVersion{},
		Sessions: map[string]*driveSession{}, Taken: map[string]bool{},
	}
	d.addClient(GoogleClientID, GoogleClientSecret)
	d.addClient(GoogleDeviceClientID, GoogleDeviceClientSecret).Device = true
	d.GoogleAccount = GoogleAccount{d: d, u: d.newUser("")}
	return d
}

const driveState = "drive.json"

func (d *Drive) save(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return saveState(dir, driveState, d.googleState)
}

func (d *Drive) load(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	fresh := d.googleState
	d.Users, d.Nodes, d.Index = nil, map[string]*driveFile{}, map[string][]driveVersion{}
	if err := loadState(dir, driveState, &d.googleState); err != nil {
		return err
	}
	if len(d.Users) == 0 {
		d.googleState = fresh
	}
	d.u = d.Users[0]
	return nil
}

func (d *Drive) hosts() []string {
	return []string{googleAPI, googleTokens, googleConsent, googleWeb}
}

// ServeHTTP answers a request to any of the hosts.
func (d *Drive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch hostOf(r) {
	case googleTokens:
		d.serveTokens(w, r)
	case googleConsent, googleWeb:
		d.serveConsent(w, r)
	default:
		d.serveAPI(w, r)
	}
}

// driveCall is one request to the API.
type driveCall struct {
	*http.Request
	d      *Drive
	query  url.Values
	body   []byte
	broken bool // the body ended too early
	grant  *googleGrant
	user   *googleUser
	// parts of the path behind /drive/v3/ or /upload/drive/v3/
	parts []string
}

// part returns an element of the path, or "".
func (c *driveCall) part(i int) string {
	if i < len(c.parts) {
		return c.parts[i]
	}
	return ""
}

// driveAnswer is what a call gives back: a JSON body, masked by the request's
// fields, or a file's bytes.
type driveAnswer struct {
	status  int // 200 if 0
	header  http.Header
	body    any
	plain   string // instead of a body
	content *driveFile
	mask    fieldMask
}

// serveAPI reads the request, answers it under the lock and writes the answer
// when the lock is free again.
func (d *Drive) serveAPI(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	c := &driveCall{Request: r, d: d, query: r.URL.Query(), body: body, broken: err != nil}
	a, err := d.handle(c)
	if c.broken {
		panic(http.ErrAbortHandler) // nobody is there to read an answer
	}
	if err != nil {
		writeDriveError(w, err)
		return
	}
	a.write(w, r)
}

func (d *Drive) handle(c *driveCall) (driveAnswer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.authorize(c); err != nil {
		return driveAnswer{}, err
	}
	upload := strings.HasPrefix(c.URL.Path, "/upload/")
	if c.broken && !c.query.Has("upload_id") {
		return driveAnswer{}, nil // a request cut off in the middle does nothing
	}
	path := strings.TrimPrefix(c.URL.Path, "/upload")
	rest, ok := strings.CutPrefix(path, "/drive/v3/")
	if !ok {
		return d.serveUserinfo(c)
	}
	c.parts = strings.Split(rest, "/")
	if upload {
		return d.upload(c)
	}
	return d.route(c)
}

func (d *Drive) route(c *driveCall) (driveAnswer, error) {
	switch c.parts[0] {
	case "files":
		return d.routeFiles(c)
	case "about":
		return d.about(c)
	case "changes":
		return d.routeChanges(c)
	case "drives":
		if len(c.parts) == 1 {
			return driveAnswer{body: map[string]any{"kind": "drive#driveList", "drives": []any{}}}, nil
		}
		return driveAnswer{}, driveErr(404, "notFound", "Shared drive not found: "+c.part(1))
	}
	return driveAnswer{}, driveErr(404, "notFound", "Not Found")
}

func (d *Drive) routeFiles(c *driveCall) (driveAnswer, error) {
	id, verb := c.part(1), c.part(2)
	switch c.Method + " " + verb {
	case "POST copy":
		return d.copyFile(c, id)
	case "GET listLabels":
		return driveAnswer{body: map[string]any{"kind": "drive#labelList", "labels": []any{}}}, nil
	case "POST modifyLabels":
		return driveAnswer{body: map[string]any{"kind": "drive#modifyLabelsResponse", "modifiedLabels": []any{}}}, nil
	}
	switch {
	case verb == "permissions":
		return d.routePermissions(c, id)
	case verb != "":
		return driveAnswer{}, driveErr(404, "notFound", "Not Found")
	case c.Method == "GET" && id == "":
		return d.list(c)
	case c.Method == "POST" && id == "":
		return d.create(c)
	case c.Method == "GET" && id == "generateIds":
		return d.generateIDs(c)
	case c.Method == "DELETE" && id == "trash":
		return d.emptyTrash(c)
	case c.Method == "GET":
		return d.get(c, id)
	case c.Method == "PATCH":
		return d.update(c, id)
	case c.Method == "DELETE":
		return d.deleteFile(c, id)
	}
	return driveAnswer{}, driveErr(404, "notFound", "Not Found")
}

func (a driveAnswer) write(w http.ResponseWriter, r *http.Request) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	status := a.status
	if status == 0 {
		status = http.StatusOK
	}
	switch {
	case a.content != nil:
		a.content.serve(w, r)
	case a.plain != "":
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(status)
		w.Write([]byte(a.plain))
	default:
		writeJSON(w, status, a.mask.apply(a.body))
	}
}

// driveTime is how Drive writes times.
func driveTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// number writes an int64 as Google's JSON does: as a string.
func number(n int64) string { return strconv.FormatInt(n, 10) }

package fakecloud

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	fragmentUnit  = 320 << 10 // a fragment is a multiple of it, but for the last
	sessionLife   = 7 * 24 * time.Hour
	siteTokenLife = time.Hour // of a URL that needs no sign-in
)

// uploadSession is a file that arrives in fragments. Nothing of it is seen
// before the last one.
type uploadSession struct {
	Drive    string
	Base     string // the folder's id, or the file's itself
	Path     string // below it
	Total    int64  // 0 until the first fragment tells
	Data     []byte
	Expires  time.Time
	Meta     itemPatch
	Conflict string
}

// startSession answers createUploadSession.
func (c *graphCall) startSession(string) *refusal {
	if err := c.d.checkTarget(c.base, c.path); err != nil {
		return err
	}
	var body struct {
		Item itemPatch `json:"item"`
	}
	if err := c.readBody(&body); err != nil {
		return err
	}
	conflict := c.conflict(&body.Item, "replace")
	if c.item != nil && conflict == "fail" {
		return errNameExists
	}
	if !c.d.fits(body.Item.FileSize) {
		return errQuota
	}
	c.g.Made++
	id := guid("session " + strconv.FormatInt(c.g.Made, 10))
	s := &uploadSession{
		Drive: c.d.ID, Base: c.base.ID, Path: c.path,
		Expires: c.g.now().Add(sessionLife), Meta: body.Item, Conflict: conflict,
	}
	c.g.Sessions[id] = s
	answer := s.progress()
	answer["uploadUrl"] = c.g.fileURL(c.d, "up", id)
	writeJSON(c.w, http.StatusOK, answer)
	return nil
}

// progress says what a session waits for.
func (s *uploadSession) progress() map[string]any {
	next := fmt.Sprintf("%d-", len(s.Data))
	if s.Total > 0 {
		next = fmt.Sprintf("%d-%d", len(s.Data), s.Total-1)
	}
	return map[string]any{
		"expirationDateTime": s.Expires.UTC().Format("2006-01-02T15:04:05.999Z"),
		"nextExpectedRanges": []string{next},
	}
}

// fileURL is where something of a drive is sent or fetched. On SharePoint it
// carries its own permission, unless that was retired.
func (g *Graph) fileURL(d *OneDrive, kind, rest string) string {
	if d.Type == "personal" {
		switch kind {
		case "up":
			return "https://" + personalUploads + "/up/" + rest
		case "monitor":
			return "https://" + personalMonitors + "/v1.0/monitor/" + rest
		}
		return "https://" + personalDownloads + "/y4m/" + rest + "/" + g.pass()
	}
	paths := map[string]string{"up": "/_api/v2.0/up/", "monitor": "/_api/v2.0/monitor/", "down": "/_layouts/15/download.aspx/"}
	q := url.Values{"guid": {guid(rest)}}
	if !g.Strict {
		q.Set("tempauth", "v1."+g.pass())
	}
	return "https://" + d.Host + paths[kind] + rest + "?" + q.Encode()
}

// pass is a permission to fetch, which ends.
func (g *Graph) pass() string {
	return strconv.FormatInt(g.now().Add(siteTokenLife).Unix(), 10)
}

func (g *Graph) passed(pass string) bool {
	end, err := strconv.ParseInt(strings.TrimPrefix(pass, "v1."), 10, 64)
	return err == nil && g.now().Unix() <= end
}

// RetireTempauth makes the URLs on SharePoint come without a permission of
// their own: they need a token for that host.
func (g *Graph) RetireTempauth(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.Strict = on
}

// admit checks that a request may use a URL of a drive. A URL that carries
// its permission must not come with another one.
func (g *Graph) admit(r *http.Request, d *OneDrive) *refusal {
	pre := refuse(http.StatusUnauthorized, "unauthenticated", "The caller is not authenticated.")
	tempauth := r.URL.Query().Get("tempauth")
	if d.Type == "personal" || tempauth != "" {
		if r.Header.Get("Authorization") != "" || tempauth != "" && !g.passed(tempauth) {
			return pre
		}
		return nil
	}
	a, _, err := g.caller(r, hostOf(r))
	if err != nil {
		return err
	}
	if owner, _ := g.drive(d.ID); owner != a {
		return errDenied
	}
	return nil
}

// serveSession answers an upload URL.
func (g *Graph) serveSession(w *later, r *http.Request, id string) *refusal {
	s := g.Sessions[id]
	if s != nil && g.now().After(s.Expires) {
		delete(g.Sessions, id)
		s = nil
	}
	if s == nil {
		return refuse(http.StatusNotFound, "itemNotFound", "The upload session was not found").because("uploadSessionNotFound")
	}
	a, d := g.drive(s.Drive)
	if err := g.admit(r, d); err != nil {
		return err
	}
	switch r.Method {
	case http.MethodGet:
		writeJSON(w, http.StatusOK, s.progress())
	case http.MethodDelete:
		delete(g.Sessions, id)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPut:
		return g.fragment(w, r, a, d, id, s)
	default:
		return refuse(http.StatusMethodNotAllowed, "invalidRequest", "Method not allowed")
	}
	return nil
}

// fragment takes a piece, and makes the file of the last one.
func (g *Graph) fragment(w *later, r *http.Request, a *microsoftUser, d *OneDrive, id string, s *uploadSession) *refusal {
	chunk := content(r)
	if err := s.check(r.Header.Get("Content-Range"), int64(len(chunk))); err != nil {
		return err
	}
	if !d.fits(s.Total) {
		return errQuota
	}
	s.Data = append(s.Data, keepOf(r, chunk)...)
	if int64(len(s.Data)) < s.Total {
		writeJSON(w, http.StatusAccepted, s.progress())
		return nil
	}
	base := d.Files.alive(s.Base)
	if base == nil {
		return errItemNotFound
	}
	f, created, err := d.store(base, s.Path, s.Data, s.Conflict, g.now())
	if err != nil {
		return err
	}
	s.Meta.apply(f)
	delete(g.Sessions, id)
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	c := &graphCall{g: g, w: w, r: r, a: a, d: d, host: hostOf(r)}
	writeJSON(w, status, c.itemJSON(f))
	return nil
}

// check refuses a fragment that isn't the next one.
func (s *uploadSession) check(header string, length int64) *refusal {
	var from, to, total int64
	if n, err := fmt.Sscanf(header, "bytes %d-%d/%d", &from, &to, &total); n != 3 || err != nil {
		return errInvalid("Content-Range header is missing or malformed.")
	}
	switch have := int64(len(s.Data)); {
	case s.Total != 0 && s.Total != total, to >= total, to-from+1 != length:
		return errInvalid("The Content-Range header does not fit the content or what was sent before.")
	case from < have:
		return badRange("fragmentOverlap")
	case from > have:
		return badRange("fragmentOutOfOrder")
	case to+1 < total && (to+1)%fragmentUnit != 0:
		return errInvalid("The size of a fragment must be a multiple of 320 KiB.").because("invalidFragmentSize")
	}
	s.Total = total
	return nil
}

func badRange(inner string) *refusal {
	return refuse(http.StatusRequestedRangeNotSatisfiable, "invalidRange", "The uploaded fragment overlaps with data that has already been received.").because(inner)
}

package fakecloud

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	driveSessionLife = 7 * 24 * time.Hour
	driveChunk       = 256 << 10 // all chunks but the last are multiples
)

// driveSession is an upload under way. It lives on the server until it is
// done, cancelled or a week old.
type driveSession struct {
	ID            string
	Begun         time.Time
	User, Client  string
	Scopes        []string
	File          string // the id of a file whose content is replaced, or ""
	Meta          []byte
	Media, Fields string
	Total         int64 // -1 until known
	Data          []byte
	Done          string // id of the finished file
}

// upload answers below /upload/drive/v3/files.
func (d *Drive) upload(c *driveCall) (driveAnswer, error) {
	if c.part(0) != "files" || len(c.parts) > 2 {
		return driveAnswer{}, driveErr(404, "notFound", "Not Found")
	}
	if c.query.Has("upload_id") {
		return d.uploadChunk(c)
	}
	if want := map[bool]string{true: "PATCH", false: "POST"}[c.part(1) != ""]; c.Method != want {
		return driveAnswer{}, driveErr(404, "notFound", "Not Found")
	}
	switch c.query.Get("uploadType") {
	case "resumable":
		return d.openSession(c)
	case "multipart":
		meta, media, data, err := splitRelated(c.Header.Get("Content-Type"), c.body)
		if err != nil {
			return driveAnswer{}, driveErr(400, "badContent", "Malformed multipart body.")
		}
		return d.store(c, c.part(1), meta, media, data)
	case "media":
		return d.store(c, c.part(1), nil, c.Header.Get("Content-Type"), c.body)
	}
	return driveAnswer{}, driveInvalid("uploadType")
}

// splitRelated returns the two parts of a multipart/related body. The closing
// boundary must be there: without it the sender gave up.
func splitRelated(contentType string, body []byte) (meta []byte, media string, data []byte, err error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, "", nil, err
	}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	first, err := r.NextRawPart()
	if err != nil {
		return nil, "", nil, err
	}
	if meta, err = io.ReadAll(first); err != nil {
		return nil, "", nil, err
	}
	second, err := r.NextRawPart()
	if err != nil {
		return nil, "", nil, err
	}
	if data, err = io.ReadAll(second); err != nil {
		return nil, "", nil, err
	}
	if _, err = r.NextRawPart(); err != io.EOF {
		return nil, "", nil, fmt.Errorf("after the media: %v", err)
	}
	return meta, second.Header.Get("Content-Type"), data, nil
}

// store makes a file of what was uploaded, or gives it to the file with id.
func (d *Drive) store(c *driveCall, id string, meta []byte, media string, data []byte) (driveAnswer, error) {
	f, err := d.storeFile(c, id, meta, media, data)
	if err != nil {
		return driveAnswer{}, err
	}
	return c.masked(d.resource(c, d.current, f), fileFields)
}

func (d *Drive) storeFile(c *driveCall, id string, meta []byte, media string, data []byte) (*driveFile, error) {
	m, err := parseChange(meta)
	if err != nil {
		return nil, err
	}
	if id == "" {
		f, err := d.prepare(c, m, media)
		if err != nil {
			return nil, err
		}
		if err := d.room(c.user, int64(len(data))); err != nil {
			return nil, err
		}
		f.setContent(data)
		d.add(f)
		return f, nil
	}
	f, err := c.own(id)
	if err != nil {
		return nil, err
	}
	if err := d.room(c.user, int64(len(data))-f.Size); err != nil {
		return nil, err
	}
	if m.ModifiedTime == nil {
		f.Modified = d.c.now()
	}
	if err := d.change(c, f, m); err != nil {
		return nil, err
	}
	if m.MimeType == nil && media != "" {
		f.MimeType = media
	}
	f.setContent(data)
	d.changed(f)
	return f, nil
}

// openSession checks what can be known before the content comes.
func (d *Drive) openSession(c *driveCall) (driveAnswer, error) {
	s := &driveSession{
		ID: driveID("AH", 60), Begun: d.c.now(), User: c.user.Email, Client: c.grant.Client, Scopes: c.grant.Scopes,
		File: c.part(1), Meta: c.body, Media: c.Header.Get("X-Upload-Content-Type"), Fields: c.query.Get("fields"), Total: -1,
	}
	if n, err := strconv.ParseInt(c.Header.Get("X-Upload-Content-Length"), 10, 64); err == nil {
		s.Total = n
	}
	if err := d.checkSession(c, s); err != nil {
		return driveAnswer{}, err
	}
	d.Sessions[s.ID] = s
	at := "https://" + googleAPI + c.URL.Path + "?uploadType=resumable&upload_id=" + s.ID
	return driveAnswer{header: http.Header{"Location": {at}, "X-Guploader-Uploadid": {s.ID}}}, nil
}

func (d *Drive) checkSession(c *driveCall, s *driveSession) error {
	m, err := parseChange(s.Meta)
	if err != nil {
		return err
	}
	if s.File == "" {
		_, err = d.prepare(c, m, s.Media)
	} else {
		_, err = c.own(s.File)
	}
	if err != nil {
		return err
	}
	return d.room(c.user, max(s.Total, 0))
}

// uploadChunk takes a piece of an upload, or says how far it got.
func (d *Drive) uploadChunk(c *driveCall) (driveAnswer, error) {
	s := d.Sessions[c.query.Get("upload_id")]
	if s == nil || d.c.now().Sub(s.Begun) > driveSessionLife {
		return driveAnswer{status: 404, plain: "Not Found"}, nil
	}
	if c.Method == http.MethodDelete {
		delete(d.Sessions, s.ID)
		return driveAnswer{status: 499}, nil // that is what Google says
	}
	c.become(s)
	if s.Done != "" {
		f := d.Nodes[s.Done]
		if f == nil {
			return driveAnswer{}, driveNotFound(s.Done)
		}
		return c.masked(d.resource(c, d.current, f), fileFields)
	}
	if err := d.takeChunk(c, s); err != nil {
		return driveAnswer{}, err
	}
	if s.Total < 0 || int64(len(s.Data)) < s.Total {
		return s.incomplete(c), nil
	}
	f, err := d.storeFile(c, s.File, s.Meta, s.Media, s.Data)
	if err != nil {
		return driveAnswer{}, err
	}
	s.Done, s.Data = f.ID, nil
	return c.masked(d.resource(c, d.current, f), fileFields)
}

// become lets a request act for whoever began the session: its URL is as good
// as a token.
func (c *driveCall) become(s *driveSession) {
	c.user = c.d.user(s.User)
	c.grant = &googleGrant{User: s.User, Client: s.Client, Scopes: s.Scopes}
	c.query.Set("fields", s.Fields)
}

// incomplete says how far an upload got. Google's own libraries ask for it with
// another status, since some proxies take a 308 for a redirect.
func (s *driveSession) incomplete(c *driveCall) driveAnswer {
	h := http.Header{"X-Guploader-Uploadid": {s.ID}}
	if n := len(s.Data); n > 0 {
		h.Set("Range", fmt.Sprintf("bytes=0-%d", n-1))
	}
	if c.Header.Get("X-GUploader-No-308") == "yes" {
		h.Set("X-Http-Status-Code-Override", "308")
		return driveAnswer{status: 200, header: h}
	}
	return driveAnswer{status: 308, header: h}
}

func chunkErr(format string, args ...any) error {
	return driveErr(400, "badRequest", "Invalid request. "+fmt.Sprintf(format, args...))
}

// takeChunk adds what is new in the body to the session. Bytes that are there
// already are passed over: the client didn't get the answer.
func (d *Drive) takeChunk(c *driveCall, s *driveSession) error {
	start, end, total, err := contentRange(c.Header.Get("Content-Range"), int64(len(c.body)))
	if err != nil {
		return chunkErr("Failed to parse Content-Range header.")
	}
	have, size := int64(len(s.Data)), int64(len(c.body))
	if total >= 0 {
		if s.Total >= 0 && s.Total != total || total < have {
			return chunkErr("The upload's size was %d bytes, now it is %d.", s.Total, total)
		}
		s.Total = total
	}
	if start < 0 {
		return nil // a question
	}
	if c.broken {
		size = size / driveChunk * driveChunk // what came before the connection broke
		c.body = c.body[:size]
	} else if size != end-start+1 {
		return chunkErr("There were %d byte(s) in the request body. There should have been %d byte(s).", size, end-start+1)
	} else if end+1 != s.Total && size%driveChunk != 0 {
		return chunkErr("The chunk size must be a multiple of %d.", driveChunk)
	}
	if start > have {
		return chunkErr("According to the Content-Range header, the upload offset is %d byte(s), which exceeds already uploaded size of %d byte(s).", start, have)
	}
	if s.Total >= 0 && start+size > s.Total {
		return chunkErr("The upload is longer than it was said to be.")
	}
	return d.appendChunk(c, s, c.body[min(have-start, size):])
}

func (d *Drive) appendChunk(c *driveCall, s *driveSession, chunk []byte) error {
	if err := d.room(c.user, int64(len(s.Data)+len(chunk))); err != nil {
		return err
	}
	s.Data = append(s.Data, keepOf(c.Request, chunk)...)
	return nil
}

// contentRange reads "bytes a-b/total"; start is -1 for a question ("bytes
// */total") and total -1 where it isn't known yet. Without a header the body
// is all there is.
func contentRange(header string, size int64) (start, end, total int64, err error) {
	if header == "" {
		return 0, size - 1, size, nil
	}
	span, of, ok := strings.Cut(strings.TrimPrefix(header, "bytes "), "/")
	if !ok {
		return 0, 0, 0, fmt.Errorf("no total in %q", header)
	}
	total = -1
	if of != "*" {
		if total, err = strconv.ParseInt(of, 10, 64); err != nil {
			return 0, 0, 0, err
		}
	}
	if span == "*" {
		return -1, 0, total, nil
	}
	_, err = fmt.Sscanf(span, "%d-%d", &start, &end)
	return start, end, total, err
}

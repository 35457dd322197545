package fakecloud_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
)

const unit = 256 << 10 // chunks but the last are multiples

func TestDriveMultipartSaysWhatItHas(t *testing.T) {
	d := newDrive(t, start(t, fakecloud.Options{}), "ada")
	a := d.multipart(`{"name":"file"}`, "abc")
	for key, want := range map[string]string{
		"size": "3", "md5Checksum": "900150983cd24fb0d6963f7d28e17f72",
		"sha1Checksum":   "a9993e364706816aba3e25717850c26c9cd0d89d",
		"sha256Checksum": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	} {
		if got := a.text(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if !strings.Contains(a.body, `"size":"3"`) {
		t.Errorf("sizes are strings: %s", a.body)
	}
}

// halfway sends a request whose body breaks off after data, and returns when
// the cloud is done with it.
func (d drive) halfway(c *fakecloud.Cloud, method, address, data string, header map[string]string) {
	d.t.Helper()
	arrived, stop := make(chan struct{}), make(chan struct{})
	c.Inject(fakecloud.Fault{Delay: arrived})
	r, err := http.NewRequest(method, address, io.MultiReader(strings.NewReader(data), brokenAfter(stop)))
	if err != nil {
		d.t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	failed := make(chan error)
	go func() {
		_, err := d.client.Do(r)
		failed <- err
	}()
	arrived <- struct{}{}
	close(stop)
	if err := <-failed; err == nil {
		d.t.Error("the request went through")
	}
	c.Idle()
}

// brokenAfter is a reader that fails when the channel is closed.
type brokenAfter chan struct{}

func (b brokenAfter) Read([]byte) (int, error) {
	<-b
	return 0, io.ErrUnexpectedEOF
}

// A sender that gives up closes its multipart body properly and then breaks
// the connection: only the end of the request tells.
func TestDriveBrokenUploadMakesNothing(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	body := "--b\r\nContent-Type: application/json\r\n\r\n{\"name\":\"half\"}\r\n--b\r\n\r\nhal\r\n--b--\r\n"
	h := d.header()
	h["Content-Type"] = "multipart/related; boundary=b"
	// What follows the last boundary means nothing, but it is not kept back in a buffer.
	d.halfway(c, "POST", uploads+"?uploadType=multipart", body+strings.Repeat(" ", unit), h)
	if got := c.Drive().Paths(); len(got) != 0 {
		t.Errorf("paths: %q", got)
	}
}

// Of a chunk that breaks off the server keeps whole units.
func TestDriveBrokenChunkIsKeptInPart(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	session := d.open(`{"name":"file"}`, 3*unit)
	d.halfway(c, "PUT", session, strings.Repeat("x", unit+unit/2), map[string]string{"Content-Range": "bytes 0-786431/786432"})
	if a := d.chunk(session, 0, nil, 3*unit); a.status != 308 || a.header.Get("Range") != "bytes=0-262143" {
		t.Errorf("how far: %+v", a)
	}
	d.must(d.chunk(session, unit, make([]byte, 2*unit), 3*unit))
}

func TestDriveResumable(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	content := bytes.Repeat([]byte("0123456789abcdef"), (2*unit+160)/16)
	total := len(content)
	session := d.open(`{"name":"file"}`, int64(total))
	if a := d.chunk(session, 0, nil, total); a.status != 308 || a.header.Get("Range") != "" {
		t.Errorf("how far, at first: %+v", a)
	}
	if a := d.chunk(session, 0, content[:unit], total); a.status != 308 || a.header.Get("Range") != "bytes=0-262143" {
		t.Errorf("first chunk: %+v", a)
	}
	d.wantError(d.chunk(session, 2*unit, content[2*unit:], total), 400, "badRequest") // a gap
	d.wantError(d.chunk(session, unit, content[unit:unit+100], total), 400, "badRequest")
	d.wantError(d.chunk(session, unit, content[unit:], total+1), 400, "badRequest")
	if len(c.Drive().Paths()) != 0 {
		t.Errorf("half an upload is visible: %q", c.Drive().Paths())
	}
	if a := d.chunk(session, 0, content[:unit], total); a.header.Get("Range") != "bytes=0-262143" {
		t.Errorf("the same chunk again: %+v", a)
	}
	d.must(d.chunk(session, unit, content[unit:], total))
	if !bytes.Equal(c.Drive().Files()["file"], content) {
		t.Error("the content is another one")
	}
	first := d.chunk(session, unit, content[unit:], total)
	if d.must(first) == "" || len(c.Drive().Paths()) != 1 {
		t.Errorf("the last chunk again: %+v, %q", first, c.Drive().Paths())
	}
}

// Google's own client doesn't want to see a 308.
func TestDriveResumableWithout308(t *testing.T) {
	d := newDrive(t, start(t, fakecloud.Options{}), "ada")
	session := d.open(`{"name":"file"}`, unit+1)
	a := do(t, d.client, "POST", session, strings.Repeat("x", unit), map[string]string{
		"Content-Range": "bytes 0-262143/*", "X-GUploader-No-308": "yes",
	})
	if a.status != 200 || a.header.Get("X-Http-Status-Code-Override") != "308" || a.header.Get("Range") != "bytes=0-262143" {
		t.Errorf("%+v", a)
	}
}

func TestDriveResumableOfUnknownSize(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	session := d.open(`{"name":"file"}`, -1)
	if a := d.chunk(session, 0, make([]byte, unit), -1); a.status != 308 {
		t.Errorf("first chunk: %+v", a)
	}
	d.must(d.chunk(session, unit, []byte("end"), unit+3))
	if got := len(c.Drive().Files()["file"]); got != unit+3 {
		t.Errorf("%d bytes", got)
	}
	// A stream that ends with a chunk says so afterwards.
	session = d.open(`{"name":"even"}`, -1)
	d.chunk(session, 0, make([]byte, unit), -1)
	d.must(d.chunk(session, 0, nil, unit))
}

func TestDriveKeepsHalfAChunk(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	session := d.open(`{"name":"file"}`, 3*unit)
	c.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Keep: unit})
	if a := d.chunk(session, 0, make([]byte, 2*unit), 3*unit); a.header.Get("Range") != "bytes=0-262143" {
		t.Errorf("half a chunk: %+v", a)
	}
	d.wantError(d.chunk(session, 2*unit, make([]byte, unit), 3*unit), 400, "badRequest")
	c.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Keep: -1})
	if a := d.chunk(session, unit, make([]byte, 2*unit), 3*unit); a.status != 308 || a.header.Get("Range") != "bytes=0-262143" {
		t.Errorf("nothing of a chunk: %+v", a)
	}
	d.must(d.chunk(session, unit, make([]byte, 2*unit), 3*unit))
}

func TestDriveSessionsEnd(t *testing.T) {
	c := start(t, fakecloud.Options{Virtual: true})
	d := newDrive(t, c, "ada")
	session := d.open(`{"name":"file"}`, 3)
	c.Advance(7 * 24 * time.Hour)
	if a := d.chunk(session, 0, nil, 3); a.status != 308 {
		t.Errorf("after 7 days: %+v", a)
	}
	c.Advance(time.Second)
	if a := d.chunk(session, 0, []byte("abc"), 3); a.status != 404 {
		t.Errorf("after more than 7 days: %+v", a)
	}
	d = newDrive(t, c, "ada")
	session = d.open(`{"name":"file"}`, 3)
	if a := do(t, d.client, "DELETE", session, "", nil); a.status != 499 {
		t.Errorf("cancel: %+v", a)
	}
	if a := d.chunk(session, 0, []byte("abc"), 3); a.status != 404 {
		t.Errorf("after a cancel: %+v", a)
	}
}

func TestDriveReplacesContent(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	id := d.upload("file", "root", "old")
	a := do(t, d.client, "PATCH", uploads+"/"+id+"?uploadType=media", "newer", d.header())
	d.must(a)
	a = do(t, d.client, "PATCH", uploads+"/"+id+"?uploadType=resumable", `{"name":"renamed"}`, d.header())
	d.must(d.chunk(a.header.Get("Location"), 0, []byte("newest"), 6))
	if got := string(c.Drive().Files()["renamed"]); got != "newest" || len(c.Drive().Paths()) != 1 {
		t.Errorf("%q, %q", got, c.Drive().Paths())
	}
}

func TestDriveQuotaIsCountedOnUpload(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	c.Drive().SetQuota(2 * unit)
	d.upload("some", "root", strings.Repeat("x", unit))
	const reason = "storageQuotaExceeded"
	d.wantError(d.multipart(`{"name":"too much"}`, strings.Repeat("x", unit+1)), 403, reason)
	d.wantError(d.tryOpen(`{"name":"too much"}`, unit+1), 403, reason)
	session := d.open(`{"name":"unknown"}`, -1)
	d.chunk(session, 0, make([]byte, unit), -1)
	d.wantError(d.chunk(session, unit, make([]byte, 1), unit+1), 403, reason)
	// Two sessions that fit one by one, but not both.
	one, two := d.open(`{"name":"one"}`, unit), d.open(`{"name":"two"}`, unit)
	file := d.must(d.chunk(one, 0, make([]byte, unit), unit))
	d.wantError(d.chunk(two, 0, make([]byte, unit), unit), 403, reason)
	d.wantError(d.post("files/"+file+"/copy", `{}`), 403, reason)
	// The trash counts too.
	d.patch("files/"+file, nil, `{"trashed":true}`)
	d.wantError(d.tryOpen(`{"name":"three"}`, unit), 403, reason)
	d.do("DELETE", "files/"+file, nil, "")
	d.open(`{"name":"three"}`, unit)
}

func TestDriveDownloadsRanges(t *testing.T) {
	d := newDrive(t, start(t, fakecloud.Options{}), "ada")
	id := d.upload("file", "root", "0123456789")
	media := "https://www.googleapis.com/drive/v3/files/" + id + "?alt=media"
	for _, tt := range []struct {
		span   string
		status int
		body   string
	}{
		{"", 200, "0123456789"}, {"bytes=2-4", 206, "234"}, {"bytes=7-", 206, "789"}, {"bytes=-2", 206, "89"},
		{"bytes=8-100", 206, "89"}, {"bytes=10-", 416, ""},
	} {
		h := d.header()
		if tt.span != "" {
			h["Range"] = tt.span
		}
		a := do(t, d.client, "GET", media, "", h)
		if a.status != tt.status || tt.status != 416 && a.body != tt.body {
			t.Errorf("%s: %d %q, want %d %q", tt.span, a.status, a.body, tt.status, tt.body)
		}
	}
	d.wantError(d.get("files/"+d.makeFolder("f", "root"), url.Values{"alt": {"media"}}), 403, "fileNotDownloadable")
}

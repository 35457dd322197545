package fakecloud

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
)

// downloadURL is where a file's bytes are.
func (c *graphCall) downloadURL(f *node) string {
	return c.g.fileURL(c.d, "down", url.PathEscape(c.d.ID)+"/"+url.PathEscape(f.ID))
}

// download sends the client to where the bytes are.
func (c *graphCall) download(string) *refusal {
	f, err := c.needFile()
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", c.downloadURL(f))
	c.w.WriteHeader(http.StatusFound)
	return nil
}

// stream answers with the bytes themselves.
func (c *graphCall) stream(string) *refusal {
	f, err := c.needFile()
	if err == nil {
		c.w.send(f)
	}
	return err
}

func (c *graphCall) needFile() (*node, *refusal) {
	f, err := c.need()
	if err == nil && f.Folder {
		err = errInvalid("You cannot get content for a folder")
	}
	return f, err
}

// serveDownload answers a download URL: drive, item and, for personal drives,
// the permission, which ends.
func (g *Graph) serveDownload(w *later, r *http.Request, rest string) *refusal {
	parts := strings.Split(rest, "/")
	if len(parts) < 2 {
		return errItemNotFound
	}
	_, d := g.drive(unescape(parts[0]))
	if d == nil {
		return errItemNotFound
	}
	if d.Type == "personal" && (len(parts) != 3 || !g.passed(parts[2])) {
		return refuse(http.StatusUnauthorized, "unauthenticated", "The caller is not authenticated.")
	}
	if err := g.admit(r, d); err != nil {
		return err
	}
	f := d.Files.alive(unescape(parts[1]))
	if f == nil || f.Folder {
		return errItemNotFound
	}
	w.send(f)
	return nil
}

// send answers with a file's bytes, or the range that was asked for.
func (l *later) send(f *node) {
	data, name, modified, tag := f.Data, f.Name, f.Modified, f.etag()
	l.stream = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", mimeOf(name))
		w.Header().Set("ETag", tag)
		http.ServeContent(w, r, name, modified, bytes.NewReader(data))
	}
}

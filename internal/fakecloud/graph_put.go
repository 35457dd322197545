package fakecloud

import (
	"net/http"
	"path"
	"strings"
	"time"
)

// put takes a whole file in one request.
func (c *graphCall) put(string) *refusal {
	if err := c.d.checkTarget(c.base, c.path); err != nil {
		return err
	}
	if c.item != nil {
		if err := c.unchanged(c.item); err != nil {
			return err
		}
	}
	f, created, err := c.d.store(c.base, c.path, content(c.r), c.conflict(&itemPatch{}, "replace"), c.g.now())
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	writeJSON(c.w, status, c.itemJSON(f))
	return nil
}

// checkTarget refuses a place where no file can be written.
func (d *OneDrive) checkTarget(base *node, below string) *refusal {
	at := base
	for _, name := range elements(below) {
		if err := d.checkName(base, name); err != nil {
			return err
		}
		if at != nil && !at.Folder {
			return errInvalid("The parent is a file.")
		}
		if at != nil {
			at = d.Files.child(at, name)
		}
	}
	switch {
	case at != nil && at.Folder:
		return errNameExists
	case len(d.Files.path(base))+len(below) > longestPath:
		return errInvalid("The specified file or folder name is too long.").because("pathIsTooLong")
	}
	return nil
}

// store writes a file at a path below a folder, or over base itself. Folders
// on the way are made.
func (d *OneDrive) store(base *node, below string, data []byte, conflict string, now time.Time) (f *node, created bool, err *refusal) {
	f = d.Files.find(base, below)
	room := int64(len(data))
	if f != nil && conflict == "replace" {
		room -= int64(len(f.Data))
	}
	if !d.fits(room) {
		return nil, false, errQuota
	}
	dir, name := path.Split(strings.Trim(below, "/"))
	if f != nil && conflict == "fail" {
		return nil, false, errNameExists
	}
	if f != nil && conflict == "rename" {
		name = d.freeName(d.Files.Nodes[f.Parent], name)
		f = nil
	}
	if f == nil {
		f, created = d.Files.add(d.folders(base, dir, now), name, false, now), true
	}
	d.write(f, data, now)
	return f, created, nil
}

// folders makes what is missing of a path.
func (d *OneDrive) folders(base *node, path string, now time.Time) *node {
	for _, name := range elements(path) {
		next := d.Files.child(base, name)
		if next == nil {
			next = d.Files.add(base, name, true, now)
		}
		base = next
	}
	return base
}

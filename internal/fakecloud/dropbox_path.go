package fakecloud

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

var disallowedNames = []string{"desktop.ini", "thumbs.db", ".ds_store", ".dropbox", ".dropbox.attr", ".dropbox.cache"}

// find returns what a path or an id names, or nil.
func (c *dropboxCall) find(path string) *node {
	if strings.HasPrefix(path, "id:") {
		return c.n.alive(path)
	}
	return c.n.find(c.n.root(), path)
}

// checkPath refuses paths that are none, as one of an error's tags. Two
// slashes are as good as one.
func checkPath(path string) (tag string) {
	if !strings.HasPrefix(path, "/") || !utf8.ValidString(path) {
		return "malformed_path"
	}
	for _, name := range elements(path) {
		switch {
		case name == ".", name == "..", strings.ContainsAny(name, "\\\x00\x7f"),
			strings.HasSuffix(name, " "), utf8.RuneCountInString(name) > 255:
			return "malformed_path"
		case slices.Contains(disallowedNames, strings.ToLower(name)):
			return "disallowed_name"
		}
	}
	return ""
}

// folder returns the folder a path is in, made if need be, or the tag of what
// is in the way.
func (c *dropboxCall) folder(at string) (parent *node, tag string) {
	parent = c.n.root()
	for _, name := range elements(path.Dir(at)) {
		next := c.n.child(parent, name)
		if next == nil {
			next = c.n.add(parent, name, true, c.d.now())
		}
		if !next.Folder {
			return nil, "file_ancestor"
		}
		parent = next
	}
	return parent, ""
}

// describe is a file or folder as the API describes it.
func (c *dropboxCall) describe(f *node) map[string]any {
	where := "/" + c.n.path(f)
	m := map[string]any{
		".tag": "folder", "name": f.Name, "id": f.ID, "path_display": where, "path_lower": strings.ToLower(where),
	}
	if c.n.alive(f.ID) == nil {
		m[".tag"] = "deleted"
		delete(m, "id")
		return m
	}
	if !f.Folder {
		m[".tag"], m["size"], m["content_hash"] = "file", len(f.Data), f.Hash
		m["rev"], m["is_downloadable"] = fmt.Sprintf("%015x", f.Rev), true
		m["client_modified"], m["server_modified"] = dropboxTime(f.ClientModified), dropboxTime(f.Modified)
	}
	return m
}

func dropboxTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

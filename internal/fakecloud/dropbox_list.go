package fakecloud

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

const dropboxPage = 500

// dropboxCursor is where a listing stands. At its end it tells what changed
// since its beginning.
type dropboxCursor struct {
	Account   string
	Folder    string // id
	Recursive bool
	Limit     int
	Seq       int64  // of the last change that was told
	After     string // the path of the last entry; "" when all was told
}

func (k dropboxCursor) String() string {
	data, err := json.Marshal(k)
	if err != nil {
		panic(err) // plain values only
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

func parseCursor(s string) (k dropboxCursor, ok bool) {
	data, err := base64.RawURLEncoding.DecodeString(s)
	return k, err == nil && json.Unmarshal(data, &k) == nil
}

// begin makes the cursor of a new listing.
func (c *dropboxCall) begin() (dropboxCursor, *dropboxError) {
	var ask struct {
		Path      string
		Recursive bool
		Limit     int
	}
	if err := c.arg(&ask); err != nil {
		return dropboxCursor{}, err
	}
	if ask.Path == "/" {
		return dropboxCursor{}, badCall(`Specify the root folder as an empty string rather than as "/".`)
	}
	if tag := checkPath(ask.Path); ask.Path != "" && tag == "malformed_path" {
		return dropboxCursor{}, noPath("path", tag)
	}
	f := c.find(ask.Path)
	switch {
	case f == nil:
		return dropboxCursor{}, noPath("path", "not_found")
	case !f.Folder:
		return dropboxCursor{}, noPath("path", "not_folder")
	}
	if ask.Limit < 1 || ask.Limit > 2000 {
		ask.Limit = dropboxPage
	}
	return dropboxCursor{Account: c.a.Name, Folder: f.ID, Recursive: ask.Recursive, Limit: ask.Limit, Seq: c.n.Seq}, nil
}

// list begins to list a folder.
func (c *dropboxCall) list() *dropboxError {
	k, err := c.begin()
	if err != nil {
		return err
	}
	return c.page(k, c.below(k))
}

// latest answers the cursor that a whole listing would have ended in.
func (c *dropboxCall) latest() *dropboxError {
	k, err := c.begin()
	if err != nil {
		return err
	}
	return c.reply(map[string]any{"cursor": k.String()})
}

// listOn continues a listing, or tells what changed since it ended.
func (c *dropboxCall) listOn() *dropboxError {
	var ask struct{ Cursor string }
	if err := c.arg(&ask); err != nil {
		return err
	}
	k, ok := parseCursor(ask.Cursor)
	if !ok || k.Account != c.a.Name || k.Seq > c.n.Seq {
		return noPath("reset")
	}
	if c.n.alive(k.Folder) == nil {
		return noPath("path", "not_found")
	}
	if k.After != "" {
		return c.page(k, c.below(k))
	}
	var entries []any
	for _, f := range c.changes(k) {
		entries = append(entries, c.describe(f))
	}
	k.Seq = c.n.Seq
	return c.reply(map[string]any{"entries": orEmpty(entries), "cursor": k.String(), "has_more": false})
}

// below returns what a listing is about, by path.
func (c *dropboxCall) below(k dropboxCursor) []*node {
	folder := c.n.alive(k.Folder)
	found := c.n.children(folder)
	if k.Recursive {
		found = nil
		c.n.walk(folder, func(f *node) {
			if f != folder || f.Parent != "" {
				found = append(found, f)
			}
		})
	}
	slices.SortFunc(found, func(a, b *node) int { return strings.Compare(c.key(a), c.key(b)) })
	return found
}

func (c *dropboxCall) key(f *node) string { return "/" + strings.ToLower(c.n.path(f)) }

// page answers the next entries of a listing. It goes on behind a path, so
// nothing is lost when something is deleted in between.
func (c *dropboxCall) page(k dropboxCursor, found []*node) *dropboxError {
	var entries []any
	more := false
	for _, f := range found {
		if c.key(f) <= k.After {
			continue
		}
		if more = len(entries) == k.Limit; more {
			break
		}
		entries = append(entries, c.describe(f))
	}
	if more {
		k.After = entries[len(entries)-1].(map[string]any)["path_lower"].(string)
	} else {
		k.After = ""
	}
	return c.reply(map[string]any{"entries": orEmpty(entries), "cursor": k.String(), "has_more": more})
}

// changes returns what changed below a listing's folder since its cursor.
func (c *dropboxCall) changes(k dropboxCursor) (found []*node) {
	folder := c.n.Nodes[k.Folder]
	for _, f := range c.n.changed(k.Seq) {
		if f != folder && c.n.within(f, folder) && (k.Recursive || f.Parent == folder.ID) {
			found = append(found, f)
		}
	}
	return found
}

// longpoll tells at once whether anything changed; the real one waits a while
// for that. It asks for no token: the cursor is secret enough.
func (d *Dropbox) longpoll(w *later, r *http.Request) {
	var ask struct{ Cursor string }
	k, ok := dropboxCursor{}, json.Unmarshal(content(r), &ask) == nil
	if ok {
		k, ok = parseCursor(ask.Cursor)
	}
	if !ok {
		noPath("reset").write(w)
		return
	}
	a := d.account(k.Account)
	c := &dropboxCall{d: d, w: w, r: r, a: a, n: a.Tree}
	c.reply(map[string]any{"changes": len(c.changes(k)) > 0})
}

func orEmpty(list []any) []any {
	if list == nil {
		return []any{}
	}
	return list
}

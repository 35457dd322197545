package fakecloud

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path"
)

func (c *dropboxCall) metadata() *dropboxError {
	var ask struct{ Path string }
	if err := c.arg(&ask); err != nil {
		return err
	}
	if ask.Path == "" || ask.Path == "/" {
		return badCall("The root folder is unsupported.")
	}
	f, err := c.lookup(ask.Path, "path")
	if err != nil {
		return err
	}
	return c.reply(c.describe(f))
}

// lookup finds what must be there, or says so under a tag.
func (c *dropboxCall) lookup(path, tag string) (*node, *dropboxError) {
	if bad := checkPath(path); bad == "malformed_path" && path[:min(3, len(path))] != "id:" {
		return nil, noPath(tag, bad)
	}
	f := c.find(path)
	if f == nil || f.Parent == "" {
		return nil, noPath(tag, "not_found")
	}
	return f, nil
}

// download answers with the bytes; what they are is in a header.
func (c *dropboxCall) download() *dropboxError {
	var ask struct{ Path string }
	if err := c.arg(&ask); err != nil {
		return err
	}
	f, err := c.lookup(ask.Path, "path")
	if err != nil {
		return err
	}
	if f.Folder {
		return noPath("path", "not_file")
	}
	about, bad := json.Marshal(c.describe(f))
	if bad != nil {
		panic(bad) // plain values only
	}
	data, modified, tag := f.Data, f.Modified, `W/"`+f.ID+`"`
	c.w.stream = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Dropbox-API-Result", asciiJSON(about))
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("ETag", tag)
		http.ServeContent(w, r, "", modified, bytes.NewReader(data))
	}
	return nil
}

// delete puts a file or folder among the deleted ones.
func (c *dropboxCall) delete() *dropboxError {
	var ask struct{ Path string }
	if err := c.arg(&ask); err != nil {
		return err
	}
	f, err := c.lookup(ask.Path, "path_lookup")
	if err != nil {
		return err
	}
	was := c.describe(f)
	c.n.trash(f)
	return c.reply(map[string]any{"metadata": was})
}

func (c *dropboxCall) mkdir() *dropboxError {
	var ask struct{ Path string }
	if err := c.arg(&ask); err != nil {
		return err
	}
	if tag := checkPath(ask.Path); tag != "" {
		return noPath("path", tag)
	}
	if taken := c.find(ask.Path); taken != nil {
		return noPath("path", "conflict", kindOf(taken))
	}
	parent, tag := c.folder(ask.Path)
	if tag != "" {
		return noPath("path", "conflict", tag)
	}
	f := c.n.add(parent, path.Base(ask.Path), true, c.d.now())
	return c.reply(map[string]any{"metadata": c.describe(f)})
}

func kindOf(f *node) string {
	if f.Folder {
		return "folder"
	}
	return "file"
}

func (c *dropboxCall) move() *dropboxError {
	return c.relocate(func(f, parent *node, name string) *node {
		c.n.move(f, parent, name)
		return f
	})
}

func (c *dropboxCall) copy() *dropboxError { return c.relocate(c.clone) }

// clone copies a file, or a folder with all it holds. The client's time of a
// file goes with it.
func (c *dropboxCall) clone(f, parent *node, name string) *node {
	twin := c.n.add(parent, name, f.Folder, c.d.now())
	if !f.Folder {
		c.a.write(twin, f.Data, c.d.now())
		twin.ClientModified = f.ClientModified
	}
	for _, kid := range c.n.children(f) {
		c.clone(kid, twin, kid.Name)
	}
	return twin
}

// relocate moves or copies to a place that must be free. Another spelling of
// its own name is free to what is moved.
func (c *dropboxCall) relocate(do func(f, parent *node, name string) *node) *dropboxError {
	var ask struct {
		From string `json:"from_path"`
		To   string `json:"to_path"`
	}
	if err := c.arg(&ask); err != nil {
		return err
	}
	f, err := c.lookup(ask.From, "from_lookup")
	if err != nil {
		return err
	}
	if tag := checkPath(ask.To); tag != "" {
		return noPath("to", tag)
	}
	if taken := c.find(ask.To); taken != nil && (taken != f || taken.Name == path.Base(ask.To)) {
		return noPath("to", "conflict", kindOf(taken))
	}
	parent, tag := c.folder(ask.To)
	switch {
	case tag != "":
		return noPath("to", "conflict", tag)
	case c.n.within(parent, f):
		return noPath("cant_move_folder_into_itself")
	case c.n.used()+c.n.size(f) > c.a.Quota && c.find(ask.To) == nil:
		return noPath("insufficient_quota")
	}
	return c.reply(map[string]any{"metadata": c.describe(do(f, parent, path.Base(ask.To)))})
}

package fakecloud

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"
)

// itemPatch is what clients tell about an item.
type itemPatch struct {
	Name           string          `json:"name"`
	Description    *string         `json:"description"`
	Folder         json.RawMessage `json:"folder"`
	FileSystemInfo *struct {
		Created  time.Time `json:"createdDateTime"`
		Modified time.Time `json:"lastModifiedDateTime"`
	} `json:"fileSystemInfo"`
	ParentReference *itemRef `json:"parentReference"`
	FileSize        int64    `json:"fileSize"`
	Conflict        string   `json:"@microsoft.graph.conflictBehavior"`
	OldConflict     string   `json:"@name.conflictBehavior"`
}

type itemRef struct {
	DriveID string `json:"driveId"`
	ID      string `json:"id"`
	Path    string `json:"path"`
}

// readBody decodes the request's JSON; none at all is an empty object.
func (c *graphCall) readBody(v any) *refusal {
	data := content(c.r)
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return errInvalid("Unable to read JSON request payload.")
	}
	return nil
}

// conflict says what to do about a name that is taken.
func (c *graphCall) conflict(p *itemPatch, otherwise string) string {
	for _, said := range []string{c.r.URL.Query().Get("@microsoft.graph.conflictBehavior"), p.Conflict, p.OldConflict} {
		if said != "" {
			return said
		}
	}
	return otherwise
}

// apply takes over what a patch says of times and the description. Times of
// the year 1 are a client's way to say nothing.
func (p *itemPatch) apply(f *node) {
	if p.Description != nil {
		f.Note = *p.Description
	}
	if info := p.FileSystemInfo; info != nil {
		if info.Created.Year() > 1 {
			f.ClientCreated = info.Created
		}
		if info.Modified.Year() > 1 {
			f.ClientModified = info.Modified
		}
	}
}

// mkdir makes a folder.
func (c *graphCall) mkdir(string) *refusal {
	parent, err := c.need()
	if err != nil {
		return err
	}
	var p itemPatch
	if err := c.readBody(&p); err != nil {
		return err
	}
	if p.Folder == nil || !parent.Folder {
		return errInvalid("Only folders are created here.")
	}
	if err := c.d.checkName(parent, p.Name); err != nil {
		return err
	}
	name := p.Name
	if taken := c.d.Files.child(parent, name); taken != nil {
		if c.conflict(&p, "fail") != "rename" {
			return errNameExists
		}
		name = c.d.freeName(parent, name)
	}
	f := c.d.Files.add(parent, name, true, c.g.now())
	p.apply(f)
	writeJSON(c.w, http.StatusCreated, c.itemJSON(f))
	return nil
}

// freeName makes a name like one that is taken.
func (d *OneDrive) freeName(parent *node, name string) string {
	ext := path.Ext(name)
	for i := 1; ; i++ {
		other := fmt.Sprintf("%s %d%s", strings.TrimSuffix(name, ext), i, ext)
		if d.Files.child(parent, other) == nil {
			return other
		}
	}
}

// patch renames, moves, or sets times.
func (c *graphCall) patch(string) *refusal {
	f, err := c.need()
	if err != nil {
		return err
	}
	var p itemPatch
	if err := c.readBody(&p); err != nil {
		return err
	}
	if err := c.unchanged(f); err != nil {
		return err
	}
	if err := c.relocate(f, &p); err != nil {
		return err
	}
	if p.FileSystemInfo != nil && c.d.Type != "personal" && !f.Folder {
		c.d.keepVersion(f) // SharePoint makes one of a change of times as well
	}
	f.Modified = c.g.now()
	p.apply(f)
	c.d.Files.touch(f)
	writeJSON(c.w, http.StatusOK, c.itemJSON(f))
	return nil
}

// relocate gives f the name and the folder that a patch asks for.
func (c *graphCall) relocate(f *node, p *itemPatch) *refusal {
	parent, name := c.d.Files.Nodes[f.Parent], f.Name
	if p.Name != "" {
		name = p.Name
	}
	if p.ParentReference != nil {
		d, target, err := c.place(p.ParentReference)
		if err != nil {
			return err
		}
		if d != c.d {
			return errInvalid("Items cannot be moved between drives using this request.")
		}
		parent = target
	}
	if parent == nil || parent.ID == f.Parent && name == f.Name {
		return nil // the root stays where it is
	}
	if err := c.d.checkName(parent, name); err != nil {
		return err
	}
	if c.d.Files.within(parent, f) || !parent.Folder {
		return errInvalid("The destination is inside of the item.")
	}
	if taken := c.d.Files.child(parent, name); taken != nil && taken != f {
		return errNameExists
	}
	c.d.Files.move(f, parent, name)
	return nil
}

// place finds the folder that a reference names, by id or by path.
func (c *graphCall) place(ref *itemRef) (*OneDrive, *node, *refusal) {
	d := c.d
	if ref.DriveID != "" {
		owner, other := c.g.drive(ref.DriveID)
		if other == nil || owner != c.a {
			return nil, nil, errItemNotFound
		}
		d = other
	}
	var target *node
	switch {
	case ref.ID != "":
		target = d.Files.alive(ref.ID)
	case ref.Path != "":
		_, below, _ := strings.Cut(ref.Path, ":")
		target = d.Files.find(d.Files.root(), unescape(below))
	}
	if target == nil {
		return nil, nil, errItemNotFound
	}
	return d, target, nil
}

// unchanged refuses a request that was made for an older state of the item.
func (c *graphCall) unchanged(f *node) *refusal {
	if want := c.r.Header.Get("If-Match"); want != "" && want != "*" && want != f.etag() {
		return refuse(http.StatusPreconditionFailed, "resourceModified", "ETag does not match current item's value")
	}
	return nil
}

// delete puts an item in the recycle bin.
func (c *graphCall) delete(string) *refusal { return c.drop(c.d.Files.trash) }

// deleteForGood deletes an item and leaves nothing in the recycle bin.
func (c *graphCall) deleteForGood(string) *refusal { return c.drop(c.d.Files.remove) }

func (c *graphCall) drop(away func(*node)) *refusal {
	f, err := c.need()
	if err != nil {
		return err
	}
	if f.Parent == "" {
		return errDenied
	}
	if err := c.unchanged(f); err != nil {
		return err
	}
	away(f)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

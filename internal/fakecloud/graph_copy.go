package fakecloud

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// copied is what a copy came to.
type copied struct {
	Drive, Item string
	Error       string // why there is none
}

// copy answers at once where to ask how it went. The work is done by then.
func (c *graphCall) copy(string) *refusal {
	f, err := c.need()
	if err != nil {
		return err
	}
	var p itemPatch
	if err := c.readBody(&p); err != nil {
		return err
	}
	d, parent := c.d, c.d.Files.Nodes[f.Parent]
	if p.ParentReference != nil {
		if d, parent, err = c.place(p.ParentReference); err != nil {
			return err
		}
	}
	name := f.Name
	if p.Name != "" {
		name = p.Name
	}
	if err := d.checkName(parent, name); err != nil {
		return err
	}
	c.g.Made++
	id := guid("copy " + strconv.FormatInt(c.g.Made, 10))
	c.g.Copies[id] = c.copyTo(d, parent, name, f, c.conflict(&p, "fail"))
	c.w.Header().Set("Location", c.g.fileURL(c.d, "monitor", id))
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

func (c *graphCall) copyTo(d *OneDrive, parent *node, name string, f *node, conflict string) copied {
	taken := d.Files.child(parent, name)
	switch {
	case !d.fits(c.d.Files.size(f)):
		return copied{Error: errQuota.code}
	case c.d.Files.within(parent, f):
		return copied{Error: "invalidRequest"}
	case taken != nil && (conflict == "fail" || taken == f):
		return copied{Error: errNameExists.code}
	case taken != nil && conflict == "rename":
		name = d.freeName(parent, name)
	case taken != nil:
		d.Files.trash(taken)
	}
	return copied{Drive: d.ID, Item: d.clone(parent, name, c.d, f, c.g.now()).ID}
}

// clone copies a file, or a folder with all it holds. Times, permissions and
// old versions stay behind.
func (d *OneDrive) clone(parent *node, name string, from *OneDrive, f *node, now time.Time) *node {
	twin := d.Files.add(parent, name, f.Folder, now)
	if !f.Folder {
		d.write(twin, f.Data, now)
	}
	for _, kid := range from.Files.children(f) {
		d.clone(twin, kid.Name, from, kid, now)
	}
	return twin
}

// serveMonitor tells how a copy went. Who asks with a token is sent to what
// it made.
func (g *Graph) serveMonitor(w *later, r *http.Request, id string) *refusal {
	done, ok := g.Copies[id]
	if !ok {
		return errItemNotFound
	}
	if done.Error != "" {
		writeJSON(w, http.StatusOK, map[string]any{"percentageComplete": 0.0, "status": "failed", "errorCode": done.Error})
		return nil
	}
	_, d := g.drive(done.Drive)
	if err := g.admit(r, d); err != nil {
		return err
	}
	if r.Header.Get("Authorization") != "" {
		w.Header().Set("Location", "https://"+d.Host+"/_api/v2.0/drives/"+d.ID+"/items/"+url.PathEscape(done.Item))
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	writeJSON(w, http.StatusOK, map[string]any{"percentageComplete": 100.0, "resourceId": done.Item, "status": "completed"})
	return nil
}

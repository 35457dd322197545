package fakecloud

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// list answers files.list, out of the view that lags.
func (d *Drive) list(c *driveCall) (driveAnswer, error) {
	size, err := c.pageSize(100)
	if err != nil {
		return driveAnswer{}, err
	}
	found, err := d.page(c)
	if err != nil {
		return driveAnswer{}, err
	}
	m := map[string]any{"kind": "drive#fileList", "incompleteSearch": false}
	if d.incomplete > 0 {
		d.incomplete--
		m["incompleteSearch"] = true
		found = found[:len(found)/2]
	}
	if len(found) > size {
		token := driveID("~!!~", 40)
		d.pages[token] = found[size:]
		m["nextPageToken"], found = token, found[:size]
	}
	files := make([]any, len(found))
	for i, f := range found {
		files[i] = d.resource(c, d.listed, f)
	}
	m["files"] = files
	return c.masked(m, listFields)
}

// page returns what a page token stands for, or what the query finds. A
// listing is of one moment: what happens between two pages doesn't move it.
func (d *Drive) page(c *driveCall) ([]*driveFile, error) {
	token := c.query.Get("pageToken")
	if token == "" {
		return d.search(c)
	}
	rest, ok := d.pages[token]
	if !ok {
		return nil, driveInvalid("pageToken")
	}
	return rest, nil
}

func (c *driveCall) pageSize(byDefault int) (int, error) {
	s := c.query.Get("pageSize")
	if s == "" {
		return byDefault, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1000 {
		return 0, driveInvalid("pageSize")
	}
	return n, nil
}

// search returns what the query finds, newest first or in the order asked
// for.
func (d *Drive) search(c *driveCall) (found []*driveFile, err error) {
	match := driveQuery(func(*driveCall, driveView, *driveFile) bool { return true })
	if q := c.query.Get("q"); q != "" {
		if match, err = parseQuery(q); err != nil {
			return nil, driveInvalid("q")
		}
	}
	appData, err := c.space("spaces")
	if err != nil {
		return nil, err
	}
	for id := range d.Index {
		f := d.listed(id)
		if f != nil && f.AppData == appData && !f.isRoot() && c.lists(d.listed, f) && match(c, d.listed, f) {
			found = append(found, f)
		}
	}
	return found, sortFiles(found, c.query.Get("orderBy"))
}

// space reads a parameter that chooses between what is seen and what is
// hidden in appDataFolder.
func (c *driveCall) space(parameter string) (appData bool, err error) {
	switch c.query.Get(parameter) {
	case "", "drive":
		return false, nil
	case "appDataFolder":
		if !c.grant.has("drive.appdata", "drive.appfolder") {
			return false, driveErr(403, "insufficientScopes", "The granted scopes do not give access to all of the requested spaces.")
		}
		return true, nil
	}
	return false, driveInvalid(parameter)
}

var fileOrders = map[string]func(a, b *driveFile) int{
	"name":         func(a, b *driveFile) int { return strings.Compare(a.Name, b.Name) },
	"name_natural": func(a, b *driveFile) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) },
	"createdTime":  func(a, b *driveFile) int { return a.Created.Compare(b.Created) },
	"modifiedTime": func(a, b *driveFile) int { return a.Modified.Compare(b.Modified) },
	"quotaBytesUsed": func(a, b *driveFile) int {
		return cmp.Compare(a.Size, b.Size)
	},
	"folder": func(a, b *driveFile) int {
		return cmp.Compare(btoi(a.MimeType != driveFolder), btoi(b.MimeType != driveFolder))
	},
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func sortFiles(files []*driveFile, by string) error {
	slices.SortFunc(files, func(a, b *driveFile) int { return int(b.Seq - a.Seq) })
	if by == "" {
		return nil
	}
	keys := strings.Split(by, ",")
	for _, key := range slices.Backward(keys) { // the last key first: sorting is stable
		name, desc := strings.CutSuffix(strings.TrimSpace(key), " desc")
		order := fileOrders[name]
		if order == nil {
			return driveInvalid("orderBy")
		}
		slices.SortStableFunc(files, func(a, b *driveFile) int {
			if desc {
				return order(b, a)
			}
			return order(a, b)
		})
	}
	return nil
}

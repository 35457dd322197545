package fakecloud

import (
	"net/http"
	"net/url"
	"strings"
)

// graphCall is one request about a drive.
type graphCall struct {
	g    *Graph
	w    *later
	r    *http.Request
	a    *microsoftUser // who asks
	d    *OneDrive
	host string // the API's, for links in the answer

	base  *node  // the item or root that the URL starts from
	path  string // below base, as names
	item  *node  // what base and path lead to; nil if there is nothing
	route string // what follows, such as "children"
}

// address is where a URL below a drive points, in words.
type address struct {
	id    string // of an item; "root" for the root
	path  string // below it
	route string
	colon bool // in the form id:/path:/route
}

// parseAddress understands the ways to name an item:
//
//	/root, /items/ID                       by id
//	/root:/a/b, /items/ID:/a/b:            by a path below one
//	/items/ID/children('b'), …('@a1')?@a1='a/b'   the same, the only way in China
//
// each followed by a route. What is behind the drive comes escaped, since a
// name may hold anything.
func parseAddress(rest string, query url.Values) (address, bool) {
	var a address
	if below, ok := strings.CutPrefix(rest, "/items/"); ok {
		end := strings.IndexAny(below, ":/")
		if end < 0 {
			end = len(below)
		}
		a.id, rest = unescape(below[:end]), below[end:]
	} else if below, ok := strings.CutPrefix(rest, "/root"); ok {
		a.id, rest = "root", below
	} else {
		return a, false
	}
	switch {
	case strings.HasPrefix(rest, ":/"):
		path, route, _ := strings.Cut(rest[len(":/"):], ":")
		a.path, a.route, a.colon = unescape(path), route, true
	case strings.HasPrefix(rest, "/children('"):
		key, route, ok := strings.Cut(rest[len("/children('"):], "')")
		if !ok {
			return a, false
		}
		a.path, a.route = childKey(key, query), route
	default:
		a.route = strings.TrimPrefix(rest, ":")
	}
	a.route = strings.Trim(a.route, "/")
	return a, true
}

// childKey is the name or path in children('…'), which may stand in the query
// instead.
func childKey(key string, query url.Values) string {
	key = unescape(key)
	if strings.HasPrefix(key, "@") {
		key = strings.TrimSuffix(strings.TrimPrefix(query.Get(key), "'"), "'")
	}
	return strings.ReplaceAll(key, "''", "'")
}

func unescape(s string) string {
	plain, err := url.PathUnescape(s)
	if err != nil {
		return s
	}
	return plain
}

// locate finds what the rest of a URL behind the drive means.
func (c *graphCall) locate(rest string) *refusal {
	a, ok := parseAddress(rest, c.r.URL.Query())
	if !ok {
		return errInvalid("Resource not found for the segment.")
	}
	if a.colon && regionOf(c.host) == "cn" {
		return errInvalid("Invalid request")
	}
	c.path, c.route = a.path, a.route
	c.base = c.d.Files.root()
	if a.id != "root" {
		c.base = c.d.Files.alive(a.id)
	}
	if c.base == nil {
		return errItemNotFound
	}
	c.item = c.d.Files.find(c.base, c.path)
	return nil
}

// need returns the item that the URL names, which must be there.
func (c *graphCall) need() (*node, *refusal) {
	if c.item == nil {
		return nil, errItemNotFound
	}
	return c.item, nil
}

package fakecloud

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	pageSize = 200
	maxPage  = 1000
)

// list answers a page of a folder. The token of the next page is the last
// name of this one, so nothing is lost when something is deleted in between.
func (c *graphCall) list(string) *refusal {
	folder, err := c.need()
	if err != nil {
		return err
	}
	q := c.r.URL.Query()
	top, after := pageOf(q), strings.ToLower(q.Get("$skiptoken"))
	answer := map[string]any{}
	items := []any{}
	var last string
	for _, f := range c.d.Files.children(folder) {
		name := strings.ToLower(f.Name)
		if name <= after {
			continue
		}
		if len(items) == top {
			answer["@odata.nextLink"] = c.link(folder, "children", url.Values{"$top": {strconv.Itoa(top)}, "$skiptoken": {last}})
			break
		}
		items, last = append(items, c.itemJSON(f)), name
	}
	answer["value"] = items
	writeJSON(c.w, http.StatusOK, answer)
	return nil
}

// pageOf is how many items a page holds.
func pageOf(q url.Values) int {
	top, err := strconv.Atoi(q.Get("$top"))
	if err != nil || top < 1 {
		return pageSize
	}
	return min(top, maxPage)
}

// link makes a URL of the API.
func (c *graphCall) link(f *node, route string, q url.Values) string {
	version := "/v1.0"
	if c.host != graphHost && c.host != graphHostChina {
		version = "/_api/v2.0"
	}
	place := "/items/" + url.PathEscape(f.ID)
	if f.Parent == "" {
		place = "/root"
	}
	return "https://" + c.host + version + "/drives/" + c.d.ID + place + "/" + route + "?" + q.Encode()
}

package fakecloud

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// delta answers what changed since a token. Without one it lists everything,
// folders before what they hold. A token is the number of the last change
// that was told, or "a.N.M": in the middle of listing everything as of N, M
// items were told.
func (c *graphCall) delta(id string) *refusal {
	folder, err := c.need()
	if err != nil {
		return err
	}
	if c.d.Type != "personal" && folder.Parent != "" {
		return errInvalid("Delta is only supported on the root of the drive")
	}
	token := c.r.URL.Query().Get("token")
	if id != "" { // delta(token='…')
		token = strings.TrimSuffix(strings.TrimPrefix(id, "(token='"), "')")
	}
	switch {
	case token == "latest":
		c.deltaPage(folder, nil, "@odata.deltaLink", strconv.FormatInt(c.d.Files.Seq, 10))
		return nil
	case token == "" || strings.HasPrefix(token, "a."):
		return c.deltaAll(folder, token)
	}
	since, bad := strconv.ParseInt(token, 10, 64)
	if bad != nil || since < c.d.Forgot || since > c.d.Files.Seq {
		again := *errResync
		again.header = map[string]string{"Location": c.link(folder, "delta", url.Values{})}
		return &again
	}
	c.deltaSince(folder, since)
	return nil
}

func (c *graphCall) deltaAll(folder *node, token string) *refusal {
	as, told := c.d.Files.Seq, 0
	if token != "" {
		if n, err := fmt.Sscanf(token, "a.%d.%d", &as, &told); n != 2 || err != nil {
			return errResync
		}
	}
	var all []*node
	c.d.Files.walk(folder, func(f *node) { all = append(all, f) })
	told = min(told, len(all))
	end := min(told+pageOf(c.r.URL.Query()), len(all))
	if end < len(all) {
		c.deltaPage(folder, all[told:end], "@odata.nextLink", fmt.Sprintf("a.%d.%d", as, end))
	} else {
		c.deltaPage(folder, all[told:end], "@odata.deltaLink", strconv.FormatInt(as, 10))
	}
	return nil
}

func (c *graphCall) deltaSince(folder *node, since int64) {
	var found []*node
	for _, f := range c.d.Files.changed(since) {
		if c.d.Files.within(f, folder) {
			found = append(found, f)
		}
	}
	end := min(pageOf(c.r.URL.Query()), len(found))
	for end > 0 && end < len(found) && found[end].Seq == found[end-1].Seq {
		end++ // a change and the folders it is in stay together
	}
	if end < len(found) {
		c.deltaPage(folder, found[:end], "@odata.nextLink", strconv.FormatInt(found[end-1].Seq, 10))
	} else {
		c.deltaPage(folder, found, "@odata.deltaLink", strconv.FormatInt(c.d.Files.Seq, 10))
	}
}

func (c *graphCall) deltaPage(folder *node, found []*node, link, token string) {
	items := []any{}
	for _, f := range found {
		if c.d.Files.alive(f.ID) == nil {
			items = append(items, c.deletedJSON(f))
		} else {
			items = append(items, c.itemJSON(f))
		}
	}
	q := url.Values{"token": {token}}
	if top := c.r.URL.Query().Get("$top"); top != "" {
		q.Set("$top", top)
	}
	writeJSON(c.w, http.StatusOK, map[string]any{"value": items, link: c.link(folder, "delta", q)})
}

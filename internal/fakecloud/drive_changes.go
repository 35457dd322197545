package fakecloud

import (
	"strconv"
	"time"
)

// driveChange says that something happened to a file. A page token of the
// changes is a number: how many there were before.
type driveChange struct {
	At                time.Time
	ID, Owner, Client string
	AppData           bool
}

func (d *Drive) routeChanges(c *driveCall) (driveAnswer, error) {
	switch {
	case c.part(1) == "startPageToken":
		return c.masked(map[string]any{"kind": "drive#startPageToken", "startPageToken": d.changesToken(len(d.Changes))}, "*")
	case c.Method == "GET" && len(c.parts) == 1:
		return d.listChanges(c)
	}
	return driveAnswer{}, driveErr(404, "notFound", "Not Found")
}

func (d *Drive) changesToken(n int) string { return strconv.Itoa(n + 1) }

// listChanges tells each file that changed since the token once, as it is
// now.
func (d *Drive) listChanges(c *driveCall) (driveAnswer, error) {
	n, err := strconv.Atoi(c.query.Get("pageToken"))
	if err != nil || n < 1 || n > len(d.Changes)+1 {
		return driveAnswer{}, driveInvalid("pageToken")
	}
	size, err := c.pageSize(100)
	if err != nil {
		return driveAnswer{}, err
	}
	appData, err := c.space("spaces")
	if err != nil {
		return driveAnswer{}, err
	}
	last := map[string]int{}
	for i, ch := range d.Changes {
		last[ch.ID] = i
	}
	m := map[string]any{"kind": "drive#changeList"}
	found := []any{}
	at := n - 1
	for ; at < len(d.Changes) && len(found) < size; at++ {
		if ch := d.Changes[at]; last[ch.ID] == at && ch.AppData == appData {
			if shown := d.change1(c, ch); shown != nil {
				found = append(found, shown)
			}
		}
	}
	if m["changes"] = found; at < len(d.Changes) {
		m["nextPageToken"] = d.changesToken(at)
	} else {
		m["newStartPageToken"] = d.changesToken(at)
	}
	return c.masked(m, "kind,nextPageToken,newStartPageToken,changes(kind,type,changeType,fileId,time,removed,file("+fileFields+"))")
}

// change1 shows one change to one client, or nil if it may not see it.
func (d *Drive) change1(c *driveCall, ch driveChange) map[string]any {
	m := map[string]any{
		"kind": "drive#change", "type": "file", "changeType": "file",
		"fileId": ch.ID, "time": driveTime(ch.At), "removed": false,
	}
	f := d.Nodes[ch.ID]
	if f != nil {
		if !c.lists(d.current, f) {
			return nil
		}
		m["file"] = d.resource(c, d.current, f)
		return m
	}
	gone := &driveFile{Owner: ch.Owner, Client: ch.Client, AppData: ch.AppData}
	if !c.lists(d.current, gone) || c.query.Get("includeRemoved") == "false" {
		return nil
	}
	m["removed"] = true
	return m
}

package fakecloud

import (
	"encoding/json"
	"strings"
	"time"
)

// fileChange is the body of a creation or an update. What is nil stays.
type fileChange struct {
	ID                           string             `json:"id"`
	Name                         *string            `json:"name"`
	MimeType                     *string            `json:"mimeType"`
	Parents                      []string           `json:"parents"`
	Description                  *string            `json:"description"`
	FolderColorRgb               *string            `json:"folderColorRgb"`
	Starred                      *bool              `json:"starred"`
	Trashed                      *bool              `json:"trashed"`
	CopyRequiresWriterPermission *bool              `json:"copyRequiresWriterPermission"`
	WritersCanShare              *bool              `json:"writersCanShare"`
	CreatedTime                  *string            `json:"createdTime"`
	ModifiedTime                 *string            `json:"modifiedTime"`
	ViewedByMeTime               *string            `json:"viewedByMeTime"`
	Properties                   map[string]*string `json:"properties"`
	AppProperties                map[string]*string `json:"appProperties"`
	ShortcutDetails              *struct {
		TargetID string `json:"targetId"`
	} `json:"shortcutDetails"`
}

func parseChange(body []byte) (fileChange, error) {
	var m fileChange
	if len(body) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, driveErr(400, "parseError", "Parse Error")
	}
	return m, nil
}

// update answers files.update without content.
func (d *Drive) update(c *driveCall, id string) (driveAnswer, error) {
	m, err := parseChange(c.body)
	if err != nil {
		return driveAnswer{}, err
	}
	f, err := c.own(id)
	if err != nil {
		return driveAnswer{}, err
	}
	if err := d.change(c, f, m); err != nil {
		return driveAnswer{}, err
	}
	d.changed(f)
	return c.masked(d.resource(c, d.current, f), fileFields)
}

// change applies an update to a file, or leaves it as it is.
func (d *Drive) change(c *driveCall, f *driveFile, m fileChange) error {
	if f.isRoot() && (m.Trashed != nil || m.Name != nil) {
		return driveErr(403, "insufficientFilePermissions", "The user does not have sufficient permissions for this file.")
	}
	if m.CreatedTime != nil || len(m.Parents) > 0 {
		return driveErr(403, "fieldNotWritable", "The resource body includes fields which are not directly writable.")
	}
	parent, err := d.newParent(c, f)
	if err != nil {
		return err
	}
	if m.ModifiedTime == nil && m.Name != nil && *m.Name != f.Name {
		f.Modified = d.c.now()
	}
	if err := m.apply(c, f); err != nil {
		return err
	}
	f.Parent = parent
	return nil
}

// newParent returns where an update's addParents and removeParents move f.
func (d *Drive) newParent(c *driveCall, f *driveFile) (string, error) {
	add, remove := c.query.Get("addParents"), c.query.Get("removeParents")
	if add == "" || c.alias(add) == f.Parent {
		return f.Parent, nil
	}
	if strings.Contains(add, ",") || c.alias(remove) != f.Parent {
		return "", driveErr(403, "cannotAddParent", "Increasing the number of parents is not allowed")
	}
	to, err := c.folder(add)
	if err != nil {
		return "", err
	}
	if driveView(d.current).inside(to, f.ID) {
		return "", driveErr(403, "cyclicMembershipsNotAllowed", "A folder can't be moved into itself.")
	}
	return to.ID, nil
}

// apply writes what m names into f.
func (m fileChange) apply(c *driveCall, f *driveFile) error {
	for to, s := range map[*time.Time]*string{&f.Modified: m.ModifiedTime, &f.Viewed: m.ViewedByMeTime} {
		if s == nil {
			continue
		}
		t, err := parseDriveTime(*s)
		if err != nil {
			return driveErr(400, "invalid", "Invalid value for: Invalid format: \""+*s+"\"")
		}
		*to = t.Truncate(time.Millisecond)
	}
	set(&f.Name, m.Name)
	set(&f.MimeType, m.MimeType)
	set(&f.Description, m.Description)
	set(&f.Color, m.FolderColorRgb)
	set(&f.Starred, m.Starred)
	set(&f.CopyNeedsWriter, m.CopyRequiresWriterPermission)
	set(&f.WritersShare, m.WritersCanShare)
	if m.Trashed != nil && *m.Trashed != f.Trashed {
		f.Trashed, f.TrashedAt = *m.Trashed, c.d.c.now()
	}
	f.Properties = mergeProperties(f.Properties, m.Properties)
	if len(m.AppProperties) > 0 {
		all := map[string]map[string]string{}
		for client, own := range f.AppProperties {
			all[client] = own
		}
		all[c.grant.Client] = mergeProperties(all[c.grant.Client], m.AppProperties)
		f.AppProperties = all
	}
	return nil
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// mergeProperties returns old with what changes; null removes a key.
func mergeProperties(old map[string]string, change map[string]*string) map[string]string {
	if len(change) == 0 {
		return old
	}
	merged := map[string]string{}
	for k, v := range old {
		merged[k] = v
	}
	for k, v := range change {
		if v == nil {
			delete(merged, k)
		} else {
			merged[k] = *v
		}
	}
	return merged
}

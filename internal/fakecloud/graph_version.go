package fakecloud

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// version is an older state of a file. Its bytes aren't kept.
type version struct {
	ID       string
	Modified time.Time
	Size     int64
	Counted  int64 // what it takes of the quota
}

// keepVersion keeps the present state of a file before it changes. For a
// business it takes room.
func (d *OneDrive) keepVersion(f *node) {
	if f.Hash == "" {
		return // it is being made
	}
	old := version{ID: f.versionID(), Modified: f.Modified, Size: int64(len(f.Data))}
	if d.Type != "personal" {
		old.Counted = old.Size
	}
	f.Edition++
	f.Versions = slices.Insert(f.Versions, 0, old)
}

func (f *node) versionID() string { return fmt.Sprintf("%d.0", f.Edition+1) }

// listVersions answers all versions, the present one first.
func (c *graphCall) listVersions(string) *refusal {
	f, err := c.needFile()
	if err != nil {
		return err
	}
	all := []any{c.versionJSON(version{ID: f.versionID(), Modified: f.Modified, Size: int64(len(f.Data))})}
	for _, v := range f.Versions {
		all = append(all, c.versionJSON(v))
	}
	writeJSON(c.w, http.StatusOK, map[string]any{"value": all})
	return nil
}

func (c *graphCall) versionJSON(v version) map[string]any {
	return map[string]any{
		"id": v.ID, "size": v.Size, "lastModifiedDateTime": c.d.stamp(v.Modified), "lastModifiedBy": c.a.identity(),
	}
}

func (c *graphCall) deleteVersion(id string) *refusal {
	f, err := c.needFile()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(f.Versions, func(v version) bool { return v.ID == id })
	if i < 0 {
		return errInvalid("You cannot delete the current version, or there is no such one.")
	}
	f.Versions = slices.Delete(f.Versions, i, i+1)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

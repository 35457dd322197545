package fakecloud

import (
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// get answers an item's metadata.
func (c *graphCall) get(string) *refusal {
	item, err := c.need()
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, c.itemJSON(item))
	return nil
}

// itemJSON is an item as Graph describes it.
func (c *graphCall) itemJSON(f *node) map[string]any {
	created := f.Created
	if c.d.Type != "personal" {
		created = f.ClientCreated // SharePoint keeps one time for both
	}
	item := map[string]any{
		"id": f.ID, "name": f.Name, "size": c.d.Files.size(f),
		"eTag": f.etag(), "cTag": fmt.Sprintf(`"c:{%s},%d"`, f.ID, f.Rev),
		"createdBy": c.a.identity(), "lastModifiedBy": c.a.identity(),
		"createdDateTime": c.d.stamp(created), "lastModifiedDateTime": c.d.stamp(f.Modified),
		"fileSystemInfo": map[string]any{
			"createdDateTime": c.d.stamp(f.ClientCreated), "lastModifiedDateTime": c.d.stamp(f.ClientModified),
		},
		"parentReference": c.parentJSON(f),
		"webUrl":          "https://" + c.d.Host + "/" + escapePath(c.d.Files.path(f)),
	}
	if f.Folder {
		item["folder"] = map[string]any{"childCount": len(c.d.Files.children(f))}
	} else {
		item["file"] = map[string]any{"mimeType": mimeOf(f.Name), "hashes": map[string]any{"quickXorHash": f.Hash}}
		item["@microsoft.graph.downloadUrl"] = c.downloadURL(f)
	}
	if f.Parent == "" {
		item["root"] = map[string]any{}
	}
	if f.Note != "" {
		item["description"] = f.Note
	}
	if len(f.Grants) > 0 {
		item["shared"] = map[string]any{"scope": "users", "owner": c.a.identity(),
			"sharedBy": c.a.identity(), "sharedDateTime": c.d.stamp(f.Modified)}
	}
	return item
}

// deletedJSON is what a list of changes says of an item that is gone.
func (c *graphCall) deletedJSON(f *node) map[string]any {
	return map[string]any{
		"id": f.ID, "name": f.Name, "parentReference": c.parentJSON(f),
		"deleted": map[string]any{"state": "deleted"},
	}
}

// parentJSON says where an item is. The root's has a drive but no folder.
func (c *graphCall) parentJSON(f *node) map[string]any {
	ref := map[string]any{"driveId": c.d.ID, "driveType": c.d.Type}
	if parent := c.d.Files.Nodes[f.Parent]; parent != nil {
		ref["id"] = parent.ID
		ref["path"] = "/drives/" + c.d.ID + "/root:"
		if parent.Parent != "" {
			ref["path"] = "/drives/" + c.d.ID + "/root:/" + escapePath(c.d.Files.path(parent))
		}
	}
	return ref
}

func (f *node) etag() string { return fmt.Sprintf(`"{%s},%d"`, f.ID, f.Seq) }

// stamp writes a time as exactly as the drive keeps it.
func (d *OneDrive) stamp(t time.Time) string {
	exact := time.Millisecond
	if d.Type != "personal" {
		exact = time.Second
	}
	return t.UTC().Truncate(exact).Format("2006-01-02T15:04:05.999Z")
}

func mimeOf(name string) string {
	if kind := mime.TypeByExtension(strings.ToLower(path.Ext(name))); kind != "" {
		kind, _, _ = strings.Cut(kind, ";")
		return kind
	}
	return "application/octet-stream"
}

func escapePath(path string) string {
	names := elements(path)
	for i := range names {
		names[i] = url.PathEscape(names[i])
	}
	return strings.Join(names, "/")
}

func (d *OneDrive) names() *namespace { return d.Files }

func (d *OneDrive) room() *int64 { return &d.Quota }

// write stores a content with the hash that the drive will report for it.
func (d *OneDrive) write(f *node, data []byte, now time.Time) {
	d.keepVersion(f)
	d.Files.write(f, data, base64.StdEncoding.EncodeToString(quickXor(data)), now)
}

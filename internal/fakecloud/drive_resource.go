package fakecloud

import (
	"strings"
)

// resource is a file as the API shows it to one client, in full; the fields
// of the request pick from it.
func (d *Drive) resource(c *driveCall, view driveView, f *driveFile) map[string]any {
	owner := map[string]any{
		"kind": "drive#user", "displayName": displayName(f.Owner), "emailAddress": f.Owner,
		"permissionId": permissionID(f.Owner), "me": f.Owner == c.user.Email,
	}
	m := map[string]any{
		"kind": "drive#file", "id": f.ID, "name": f.Name, "mimeType": f.MimeType,
		"starred": f.Starred, "trashed": view.trashed(f), "explicitlyTrashed": f.Trashed,
		"spaces": []string{"drive"}, "version": number(f.Version),
		"createdTime": driveTime(f.Created), "modifiedTime": driveTime(f.Modified),
		"modifiedByMe": true, "modifiedByMeTime": driveTime(f.Modified),
		"owners": []any{owner}, "lastModifyingUser": owner, "ownedByMe": f.Owner == c.user.Email,
		"shared": len(f.Permissions) > 1, "copyRequiresWriterPermission": f.CopyNeedsWriter,
		"viewersCanCopyContent": !f.CopyNeedsWriter, "writersCanShare": f.WritersShare,
		"viewedByMe": !f.Viewed.IsZero(), "isAppAuthorized": f.Client == c.grant.Client,
		"quotaBytesUsed": number(f.Size), "webViewLink": "https://drive.google.com/file/d/" + f.ID + "/view?usp=drivesdk",
	}
	if f.AppData {
		m["spaces"] = []string{"appDataFolder"}
	}
	if f.Parent != "" {
		m["parents"] = []string{f.Parent}
	}
	f.addOptional(m, c.grant.Client)
	f.addContent(m)
	f.addPermissions(m)
	if f.Shortcut != "" {
		details := map[string]any{"targetId": f.Shortcut}
		if target := d.Nodes[f.Shortcut]; target != nil {
			details["targetMimeType"] = target.MimeType
		}
		m["shortcutDetails"] = details
	}
	return m
}

// addOptional adds what is left out where it is empty.
func (f *driveFile) addOptional(m map[string]any, client string) {
	for key, v := range map[string]string{"description": f.Description, "folderColorRgb": f.Color} {
		if v != "" {
			m[key] = v
		}
	}
	if !f.Viewed.IsZero() {
		m["viewedByMeTime"] = driveTime(f.Viewed)
	}
	if f.Trashed {
		m["trashedTime"] = driveTime(f.TrashedAt)
	}
	if len(f.Properties) > 0 {
		m["properties"] = f.Properties
	}
	if own := f.AppProperties[client]; len(own) > 0 {
		m["appProperties"] = own
	}
}

func (f *driveFile) addContent(m map[string]any) {
	if !f.isBlob() {
		return
	}
	m["size"], m["originalFilename"] = number(f.Size), f.Name
	m["md5Checksum"], m["sha1Checksum"], m["sha256Checksum"] = f.MD5, f.SHA1, f.SHA256
	m["headRevisionId"] = f.ID + "." + number(f.Version)
	m["webContentLink"] = "https://drive.google.com/uc?id=" + f.ID + "&export=download"
	if i := strings.LastIndexByte(f.Name, '.'); i >= 0 {
		m["fileExtension"] = f.Name[i+1:]
	}
}

func (f *driveFile) addPermissions(m map[string]any) {
	var ids []string
	var all []any
	for _, p := range f.Permissions {
		ids, all = append(ids, p.ID), append(all, p.resource())
	}
	m["permissionIds"], m["permissions"] = ids, all
}

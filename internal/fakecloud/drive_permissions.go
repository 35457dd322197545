package fakecloud

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
)

// drivePermission lets somebody, or anyone, at a file and what is inside.
type drivePermission struct {
	ID    string
	Type  string // user, group, domain, anyone
	Role  string // owner, writer, commenter, reader
	Email string
}

func (p *drivePermission) resource() map[string]any {
	m := map[string]any{"kind": "drive#permission", "id": p.ID, "type": p.Type, "role": p.Role}
	if p.Type == "anyone" {
		m["allowFileDiscovery"] = false
		return m
	}
	m["emailAddress"], m["displayName"] = p.Email, displayName(p.Email)
	m["deleted"], m["pendingOwner"] = false, false
	return m
}

// permissionID is the same for an account on every file.
func permissionID(email string) string {
	sum := sha256.Sum256([]byte(email))
	return number(int64(binary.BigEndian.Uint64(sum[:]) >> 1))
}

func displayName(email string) string {
	name, _, _ := strings.Cut(email, "@")
	return name
}

func (d *Drive) routePermissions(c *driveCall, id string) (driveAnswer, error) {
	f, err := c.file(id)
	if c.Method != "GET" {
		f, err = c.own(id)
	}
	if err != nil {
		return driveAnswer{}, err
	}
	if c.part(3) != "" {
		return d.onePermission(c, f, c.part(3))
	}
	if c.Method == "POST" {
		return d.share(c, f)
	}
	all := []any{}
	for _, p := range f.Permissions {
		all = append(all, p.resource())
	}
	return c.masked(map[string]any{"kind": "drive#permissionList", "permissions": all}, "*")
}

const permissionFields = "kind,id,type,role"

func (d *Drive) share(c *driveCall, f *driveFile) (driveAnswer, error) {
	var body struct{ Type, Role, EmailAddress string }
	if err := json.Unmarshal(c.body, &body); err != nil || body.Type == "" || body.Role == "" {
		return driveAnswer{}, driveErr(400, "badRequest", "The permission type and role fields are required.")
	}
	p := &drivePermission{ID: "anyoneWithLink", Type: body.Type, Role: body.Role, Email: body.EmailAddress}
	if body.Type != "anyone" {
		p.ID = permissionID(body.EmailAddress)
	}
	f.Permissions = slices.DeleteFunc(slices.Clone(f.Permissions), func(old *drivePermission) bool { return old.ID == p.ID })
	f.Permissions = append(f.Permissions, p)
	d.changed(f)
	return c.masked(p.resource(), permissionFields)
}

func (d *Drive) onePermission(c *driveCall, f *driveFile, id string) (driveAnswer, error) {
	i := slices.IndexFunc(f.Permissions, func(p *drivePermission) bool { return p.ID == id })
	if i < 0 {
		return driveAnswer{}, driveErr(404, "notFound", "Permission not found: "+id+".")
	}
	switch c.Method {
	case "DELETE":
		f.Permissions = slices.Delete(slices.Clone(f.Permissions), i, i+1)
		d.changed(f)
		return driveAnswer{status: 204}, nil
	case "PATCH":
		p := *f.Permissions[i]
		if err := json.Unmarshal(c.body, &struct{ Role *string }{&p.Role}); err != nil {
			return driveAnswer{}, driveErr(400, "parseError", "Parse Error")
		}
		f.Permissions = slices.Clone(f.Permissions)
		f.Permissions[i] = &p
		d.changed(f)
	}
	return c.masked(f.Permissions[i].resource(), permissionFields)
}

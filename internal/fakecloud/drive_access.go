package fakecloud

// alias returns the id behind "root" and "appDataFolder".
func (c *driveCall) alias(id string) string {
	switch id {
	case "root":
		return c.user.Root
	case "appDataFolder":
		return c.user.appFolder(c.d, c.grant.Client)
	}
	return id
}

// me returns the account behind "me".
func (c *driveCall) me(email string) string {
	if email == "me" {
		return c.user.Email
	}
	return email
}

// role returns what an account may do with f: "owner", "writer", "reader" or
// "". What is shared is shared with all that is inside.
func (u *googleUser) role(view driveView, f *driveFile) (best string, explicit bool) {
	rank := map[string]int{"": 0, "reader": 1, "commenter": 1, "writer": 2, "organizer": 2, "owner": 3}
	for depth := 0; f != nil && depth < 200; depth++ {
		if f.Owner == u.Email {
			return "owner", true
		}
		for _, p := range f.Permissions {
			if p.Type != "anyone" && p.Email != u.Email {
				continue
			}
			explicit = explicit || p.Type != "anyone"
			if rank[p.Role] > rank[best] {
				best = p.Role
			}
		}
		f = view(f.Parent)
	}
	return best, explicit
}

// inScope reports whether the token's scopes reach f.
func (c *driveCall) inScope(f *driveFile) bool {
	switch {
	case f.AppData:
		return f.Client == c.grant.Client && c.grant.has("drive.appdata", "drive.appfolder")
	case c.grant.has("drive", "drive.readonly", "drive.metadata", "drive.metadata.readonly"):
		return true
	}
	return c.grant.has("drive.file") && f.Client == c.grant.Client
}

// lists reports whether f is in the account's listings: its own and what was
// shared with it by name.
func (c *driveCall) lists(view driveView, f *driveFile) bool {
	if !c.inScope(f) {
		return false
	}
	role, explicit := c.user.role(view, f)
	return role != "" && explicit
}

// file returns what the call may see, or the error that it isn't there: Drive
// does not tell what is hidden from what is missing.
func (c *driveCall) file(id string) (*driveFile, error) {
	f := c.d.Nodes[c.alias(id)]
	if f == nil || !c.inScope(f) {
		return nil, driveNotFound(id)
	}
	if role, _ := c.user.role(c.d.current, f); role == "" {
		return nil, driveNotFound(id)
	}
	return f, nil
}

// own returns what the call may change.
func (c *driveCall) own(id string) (*driveFile, error) {
	f, err := c.file(id)
	if err != nil {
		return nil, err
	}
	if err := c.mayWrite(); err != nil {
		return nil, err
	}
	if role, _ := c.user.role(c.d.current, f); role != "owner" && role != "writer" {
		return nil, driveErr(403, "insufficientFilePermissions", "The user does not have sufficient permissions for this file.")
	}
	return f, nil
}

func (c *driveCall) mayWrite() error {
	if !c.grant.has("drive", "drive.file", "drive.appdata", "drive.appfolder") {
		return driveErr(403, "insufficientPermissions", "Insufficient Permission: Request had insufficient authentication scopes.")
	}
	return nil
}

// folder returns a folder where the call may make files. The root is one even
// where drive.file can't see it. A trashed folder is one too.
func (c *driveCall) folder(id string) (*driveFile, error) {
	f := c.d.Nodes[c.alias(id)]
	if f == nil || f.ID != c.user.Root {
		var err error
		if f, err = c.own(id); err != nil {
			return nil, err
		}
	}
	if f.MimeType != driveFolder {
		return nil, driveErr(403, "parentNotAFolder", "The specified parent is not a folder.")
	}
	return f, c.mayWrite()
}

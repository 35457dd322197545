package fakecloud

func (d *Drive) get(c *driveCall, id string) (driveAnswer, error) {
	f, err := c.file(id)
	if err != nil {
		return driveAnswer{}, err
	}
	if c.query.Get("alt") == "media" {
		if !f.isBlob() {
			return driveAnswer{}, driveErr(403, "fileNotDownloadable", "Only files with binary content can be directly downloaded. Use Export with Docs Editors files.")
		}
		content := *f // content is replaced, never changed
		return driveAnswer{content: &content}, nil
	}
	return c.masked(d.resource(c, d.current, f), fileFields)
}

// create makes a file without content, a folder or a shortcut.
func (d *Drive) create(c *driveCall) (driveAnswer, error) {
	m, err := parseChange(c.body)
	if err != nil {
		return driveAnswer{}, err
	}
	f, err := d.prepare(c, m, "")
	if err != nil {
		return driveAnswer{}, err
	}
	if f.isBlob() {
		f.setContent(nil)
	}
	d.add(f)
	return c.masked(d.resource(c, d.current, f), fileFields)
}

// prepare makes a file that is ready to be added once its content is there.
func (d *Drive) prepare(c *driveCall, m fileChange, media string) (*driveFile, error) {
	if err := c.mayWrite(); err != nil {
		return nil, err
	}
	f := d.newFile(c.user.Email, c.grant.Client)
	f.Name, f.MimeType = "Untitled", media
	if err := d.claim(c, f, m.ID); err != nil {
		return nil, err
	}
	parent, err := c.parentOf(m)
	if err != nil {
		return nil, err
	}
	f.Parent, f.AppData = parent.ID, parent.AppData
	if m.ShortcutDetails != nil {
		target, err := c.file(m.ShortcutDetails.TargetID)
		if err != nil {
			return nil, err
		}
		f.Shortcut, f.Name = target.ID, target.Name
	}
	if err := m.apply(c, f); err != nil {
		return nil, err
	}
	if m.CreatedTime != nil {
		if f.Created, err = parseDriveTime(*m.CreatedTime); err != nil {
			return nil, driveInvalid("createdTime")
		}
	}
	if f.MimeType == "" {
		f.MimeType = "application/octet-stream"
	}
	return f, nil
}

func (c *driveCall) parentOf(m fileChange) (*driveFile, error) {
	switch len(m.Parents) {
	case 0:
		return c.folder("root")
	case 1:
		return c.folder(m.Parents[0])
	}
	return nil, driveErr(403, "teamDrivesParentLimit", "A file must have exactly one parent.")
}

func (d *Drive) copyFile(c *driveCall, id string) (driveAnswer, error) {
	m, err := parseChange(c.body)
	if err != nil {
		return driveAnswer{}, err
	}
	from, err := c.file(id)
	if err != nil {
		return driveAnswer{}, err
	}
	if from.MimeType == driveFolder {
		return driveAnswer{}, driveErr(403, "cannotCopyFile", "This file cannot be copied by the user.")
	}
	if err := d.room(c.user, from.Size); err != nil {
		return driveAnswer{}, err
	}
	if m.Name == nil {
		name := "Copy of " + from.Name
		m.Name = &name
	}
	if len(m.Parents) == 0 {
		m.Parents = []string{from.Parent}
	}
	f, err := d.prepare(c, m, from.MimeType)
	if err != nil {
		return driveAnswer{}, err
	}
	f.Shortcut = from.Shortcut
	if from.isBlob() {
		f.setContent(from.Content)
	}
	d.add(f)
	return c.masked(d.resource(c, d.current, f), fileFields)
}

// deleteFile deletes for good, past the trash.
func (d *Drive) deleteFile(c *driveCall, id string) (driveAnswer, error) {
	f, err := c.own(id)
	if err != nil {
		return driveAnswer{}, err
	}
	if f.isRoot() || f.Owner != c.user.Email {
		return driveAnswer{}, driveErr(403, "insufficientFilePermissions", "The user does not have sufficient permissions for this file.")
	}
	d.remove(f)
	return driveAnswer{status: 204}, nil
}

func (d *Drive) emptyTrash(c *driveCall) (driveAnswer, error) {
	if !c.grant.has("drive") {
		return driveAnswer{}, driveErr(403, "insufficientPermissions", "Insufficient Permission: Request had insufficient authentication scopes.")
	}
	d.emptyTrashOf(c.user)
	return driveAnswer{status: 204}, nil
}

func (d *Drive) emptyTrashOf(u *googleUser) {
	for _, f := range d.Nodes {
		if f.Trashed && f.Owner == u.Email && d.Nodes[f.ID] == f {
			d.remove(f)
		}
	}
}

package fakecloud

// about answers about.get, which has no fields by default and fails without.
func (d *Drive) about(c *driveCall) (driveAnswer, error) {
	if c.query.Get("fields") == "" {
		return driveAnswer{}, &driveError{400, "required", "The 'fields' parameter is required for this method.", "fields"}
	}
	all, trash := d.used(c.user.Email)
	quota := map[string]any{"usage": number(all), "usageInDrive": number(all), "usageInDriveTrash": number(trash)}
	if c.user.Total > 0 {
		quota["limit"] = number(c.user.Total)
	}
	return c.masked(map[string]any{
		"kind": "drive#about", "storageQuota": quota, "maxUploadSize": "5242880000000",
		"user": map[string]any{
			"kind": "drive#user", "displayName": displayName(c.user.Email), "me": true,
			"permissionId": permissionID(c.user.Email), "emailAddress": c.user.Email,
		},
		"importFormats": map[string]any{}, "exportFormats": map[string]any{},
		"canCreateDrives": false, "appInstalled": false,
	}, "*")
}

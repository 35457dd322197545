package fakecloud

import "strconv"

// claim gives a file the id it was to have. Only ids from generateIds can be
// had, and each once: the second creation learns that the first came through.
func (d *Drive) claim(c *driveCall, f *driveFile, id string) error {
	if id == "" {
		return nil
	}
	if d.Taken[id] {
		return &driveError{409, "fileIdInUse", "A file already exists with the provided ID.", ""}
	}
	if !c.user.Generated[id] {
		return driveErr(400, "invalid", "The provided file ID is not usable.")
	}
	f.ID = id
	return nil
}

// generateIDs hands out ids that files can be made with.
func (d *Drive) generateIDs(c *driveCall) (driveAnswer, error) {
	if err := c.mayWrite(); err != nil {
		return driveAnswer{}, err
	}
	count := 10
	if s := c.query.Get("count"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 1000 {
			return driveAnswer{}, driveInvalid("count")
		}
		count = n
	}
	space := c.query.Get("space")
	if space == "" {
		space = "drive"
	}
	ids := make([]any, count)
	for i := range ids {
		id := driveID("1", 32)
		ids[i], c.user.Generated[id] = id, true
	}
	return c.masked(map[string]any{"kind": "drive#generatedIds", "space": space, "ids": ids}, "*")
}

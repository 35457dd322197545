package snapshot

import "os"

// way is what is done with files on their way to their names, and with what
// stands there already.
type way interface {
	// temp is the name under which a file is written.
	temp(full string) string
	// ready is told of files that are written and synced. None has its name yet.
	ready(whole []*target) error
	// clear makes a name free for a file, or says why that can't be.
	clear(t *target) error
	// placed is told that a file has its name.
	placed(t *target)
}

// restoring is the way of a restore: nothing is replaced unless the user said
// so.
type restoring struct{ rs *restorer }

func (restoring) temp(full string) string { return tempName(full) }

func (restoring) ready([]*target) error { return nil }

// clear refuses a name that is taken meanwhile, or by a folder.
func (w restoring) clear(t *target) error {
	if w.rs.taken(t.full, func(info os.FileInfo) bool { return info.IsDir() || !w.rs.opt.Overwrite }) {
		return existsError(t.full)
	}
	if t.entry.Content.Image {
		return w.rs.clearLogs(t.full)
	}
	return nil
}

func (restoring) placed(*target) {}

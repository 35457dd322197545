package cloud

import (
	"github.com/rclone/rclone/fs/config/configmap"

	_ "github.com/rclone/rclone/backend/drive"
	_ "github.com/rclone/rclone/backend/dropbox"
	_ "github.com/rclone/rclone/backend/local"
	_ "github.com/rclone/rclone/backend/onedrive"
	_ "github.com/rclone/rclone/backend/s3"
	_ "github.com/rclone/rclone/backend/sftp"
	_ "github.com/rclone/rclone/backend/smb"
	_ "github.com/rclone/rclone/backend/webdav"
)

// kind is what we know of one kind of service.
type kind struct {
	// options are rclone's options for the backend that differ from their
	// defaults.
	options configmap.Simple
	// folder says that the place is a folder of this computer.
	folder bool
	// width is how many folders are listed at once.
	width int
}

// kinds are the services of providers.Types; the type is also the name of
// rclone's backend.
var kinds = map[string]kind{
	"local": {
		folder: true,
		width:  1, // one disk; more would only make it seek
		options: configmap.Simple{
			// Names go through unchanged. This is rclone's inner encoding, the
			// only one that translates nothing, also not in the root's path.
			"encoding": "Slash,Ctl,Del,Dot",
			// The only sum we ask for; without it each one rclone knows would
			// be offered.
			"hashes": "sha256",
			// rclone refuses to read a file whose size or time changes, but
			// only while it computes checksums, which we never ask of a read.
			// Without the check ("true") a Put over an existing object would
			// be told the size of the old one.
			"no_check_updated": "false",
			// The times of objects are those of the file system, which for a
			// network folder is the other side's clock.
			"no_set_modtime": "true",
			// Symlinks are neither followed nor kept as objects. rclone says
			// in the log that it skipped one.
			"copy_links": "false",
			"links":      "false",
			// A full disk is noticed before the copying begins, and the file
			// lies in one piece.
			"no_preallocate": "false",
			"no_sparse":      "true",
			// A full disk is an error like others; what follows is ours to say.
			"fatal_if_no_space": "false",
		},
	},
}

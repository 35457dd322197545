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

// kind is what we know of one kind of service, by the name of rclone's
// backend.
type kind struct {
	// options are rclone's options for the backend that are ours to set,
	// whatever the user's settings say.
	options configmap.Simple
	// folder says that the place is a folder of this computer.
	folder bool
	// width is how many folders are listed at once.
	width int
	// signsIn says that nothing works before a sign-in.
	signsIn bool
	// beside says that an upload shows while it is being written, although
	// rclone doesn't know it.
	beside bool
	// drive says that Google's own library creates the objects.
	drive bool
	// twice says that there can be several files of one name.
	twice bool
	// slash says that the place needs a slash at its end for rclone not to look
	// whether it is a file. With keys that are refused it would take it for one.
	slash bool
	// ownTime says that the time in the answer to an upload is our own.
	ownTime bool
	// doubtful says that rclone takes answers for "there is none" that say
	// something else: see absent.go.
	doubtful bool
}

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
	"drive": {
		width: 4, signsIn: true, drive: true, twice: true,
		options: configmap.Simple{
			"scope": "drive.file", // what this client made, and nothing else
			// Documents, shortcuts and their look-ups are none of ours.
			"skip_gdocs":     "true",
			"skip_shortcuts": "true",
			// The day's upload limit and a full account are returned, not
			// tried again for minutes.
			"stop_on_upload_limit": "true",
			// What we delete is gone: in the trash it would use up the account
			// for 30 more days.
			"use_trash": "false",
			// Google takes ciphertext for malware now and then.
			"acknowledge_abuse": "true",
		},
	},
	"onedrive": {
		width: 4, signsIn: true,
		options: configmap.Simple{
			"hard_delete": "true", // see drive's use_trash; cleared where the account is a personal one, which has no such call
			"av_override": "true", // see drive's acknowledge_abuse
			"delta":       "false",
		},
	},
	"dropbox": {
		width: 4, signsIn: true,
		options: configmap.Simple{
			"batch_mode": "off", // a batch answers before it is committed
			"chunk_size": "8Mi", // of memory, for each transfer
		},
	},
	"webdav": {width: 1, beside: true, doubtful: true, options: configmap.Simple{}},
	"s3": {
		width: 4, signsIn: true, slash: true, ownTime: true,
		options: configmap.Simple{
			"no_check_bucket": "true", // it is the user's, and may not be ours to make
			// A pack goes up in one part: only then its ETag is its MD5, and the
			// reply to the upload itself proves it.
			"upload_cutoff":     "5Gi", // what S3 takes in one part
			"no_head":           "true",
			"directory_markers": "false",
		},
	},
	"sftp": {
		width: 1,
		options: configmap.Simple{
			// Checksums would be commands in a shell, which many servers lack;
			// a time costs a request for each object.
			"shell_type":        "none",
			"disable_hashcheck": "true",
			"set_modtime":       "false",
			"ask_password":      "false",
		},
	},
	"smb": {width: 1, options: configmap.Simple{}},
}

package cloud

import (
	"errors"
	"strings"

	"github.com/pkg/sftp"
)

// failure is what an SFTP server says when it has no word for what happened.
const failure = 4

// isBelowFile fits a server without a word for a path that goes through a file,
// where nothing can be.
func isBelowFile(err error) bool {
	e, ok := errors.AsType[*sftp.StatusError](err)
	return ok && e.Code == failure && strings.Contains(e.Error(), "not a directory")
}

// isSFTPAway fits a connection that broke, and whatever a server has no word
// for: two devices that make a folder at the same moment, or a full disk.
func isSFTPAway(err error, _ *telling) bool {
	e, ok := errors.AsType[*sftp.StatusError](err)
	return ok && e.Code == failure || errors.Is(err, sftp.ErrSSHFxConnectionLost) || errors.Is(err, sftp.ErrSSHFxNoConnection)
}

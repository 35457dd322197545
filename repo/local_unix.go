//go:build unix

package repo

import (
	"errors"
	"syscall"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// localError attaches a hint to an error of this computer's own disk being
// full.
func localError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return hint.New(CodeLocalFull, err)
	}
	return err
}

package repo

import (
	"errors"
	"fmt"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// errBeyond: an object was sealed after this holder had been shut out, with keys
// it is not given. Nothing is wrong with the object.
var errBeyond = errors.New("sealed with keys that are not given to this one any more")

// shutOut tells whether the holder of the keyring no longer belongs, by a roster:
// a device that was revoked, or a recovery key that was replaced. It returns the
// code that says so, empty for everybody else.
func (r *Repo) shutOut(tip *trust.Roster) hint.Code {
	if own := r.ring.Device; own != nil {
		if d := tip.Device(own.ID); d != nil && d.Revoked {
			return CodeRevoked
		}
		return ""
	}
	if r.root != nil && r.root.Public() != tip.Root {
		return CodeReplaced
	}
	return ""
}

// beyond turns a failure to open an object into errBeyond, with an alarm that
// says why, where the holder was shut out. Other errors stay.
func (r *Repo) beyond(err error) error {
	code := hint.Code("")
	if errors.Is(err, crypto.ErrNoMatch) {
		code = r.shutOut(r.roster)
	}
	if code == "" {
		return err
	}
	r.alarm(Alarm{Code: code, Err: errBeyond})
	return hint.New(code, fmt.Errorf("open: %w", errBeyond))
}

// passedOver reports whether a snapshot that failed to open is to be passed over:
// it was made by a device after it was shut out, or after this one was.
func passedOver(err error) bool { return errors.Is(err, trust.ErrShutOut) || errors.Is(err, errBeyond) }

package providers

import (
	"errors"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// The classes of errors every Remote uses, to be told apart by errors.Is. An
// error of no class is permanent and unexpected.
var (
	ErrNotExist   = errors.New("no such object")
	ErrAuth       = errors.New("sign-in was refused")
	ErrQuota      = errors.New("storage is full")
	ErrRate       = errors.New("too many requests")
	ErrLimit      = errors.New("today's upload limit is used up")
	ErrTemporary  = errors.New("temporarily unreachable")
	ErrPermission = errors.New("permission denied")
	ErrCorrupt    = errors.New("what was stored is not what was sent")
)

// The hint codes of the classes.
const (
	HintMissing     hint.Code = "remote_missing"
	HintAuth        hint.Code = "remote_auth"
	HintFull        hint.Code = "remote_full"
	HintRate        hint.Code = "remote_rate"
	HintDayLimit    hint.Code = "remote_day_limit"
	HintUnreachable hint.Code = "remote_unreachable"
	HintPermission  hint.Code = "remote_permission"
	HintCorrupt     hint.Code = "remote_corrupt"
)

var hints = map[error]hint.Code{
	ErrNotExist:   HintMissing,
	ErrAuth:       HintAuth,
	ErrQuota:      HintFull,
	ErrRate:       HintRate,
	ErrLimit:      HintDayLimit,
	ErrTemporary:  HintUnreachable,
	ErrPermission: HintPermission,
	ErrCorrupt:    HintCorrupt,
}

// Fail says that cause is of one of the classes above, and attaches the
// class's hint with the pairs of names and values its sentence needs. The
// text stays cause's; a nil cause gives the class itself.
func Fail(class, cause error, pairs ...any) error {
	if cause == nil {
		cause = class
	}
	err := error(&classed{class, cause})
	if code, ok := hints[class]; ok {
		return hint.New(code, err, pairs...)
	}
	return err
}

// classed is an error that is also of a class.
type classed struct{ class, cause error }

func (e *classed) Error() string   { return e.cause.Error() }
func (e *classed) Unwrap() []error { return []error{e.cause, e.class} }

// RetryAfterError is an error of a service that said when to come back.
type RetryAfterError struct {
	After time.Duration // counted from when the error was returned
	Err   error         // what happened; never nil
}

// Error returns the text of what happened.
func (e *RetryAfterError) Error() string { return e.Err.Error() }

// Unwrap returns what happened.
func (e *RetryAfterError) Unwrap() error { return e.Err }

// RetryAfter returns how long the service asked to be left alone, or zero if
// it did not say.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*RetryAfterError](err); ok {
		return e.After
	}
	return 0
}

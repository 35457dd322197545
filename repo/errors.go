package repo

import (
	"errors"
	"fmt"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/image"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// Codes of this package's errors and alarms.
const (
	CodeWrongKey        hint.Code = "wrong_key"
	CodeNoKey           hint.Code = "no_key"
	CodeOtherRepository hint.Code = "other_repository"
	CodeNotRepository   hint.Code = "not_repository"
	CodeNewer           hint.Code = "newer_format"
	CodeDamaged         hint.Code = "damaged"
	CodeMissing         hint.Code = "missing_object"
	CodeForged          hint.Code = "forged"
	CodeRolledBack      hint.Code = "rolled_back"
	CodeHeadMissing     hint.Code = "head_missing"
	CodeForked          hint.Code = "forked"
	CodeRevoked         hint.Code = "device_revoked"
	CodeBackupOnly      hint.Code = "backup_only"
	CodeLocked          hint.Code = "state_locked"
	CodeInitialised     hint.Code = "already_initialised"
	CodeNoSnapshot      hint.Code = "no_such_snapshot"
	CodeLocalFull       hint.Code = "disk_full_local"
	CodeRosterForked    hint.Code = "devices_forked"
	CodeKeysMissing     hint.Code = "keys_missing"
	CodeReplaced        hint.Code = "recovery_replaced"
	CodeNotFull         hint.Code = "not_full"
	CodeLastFull        hint.Code = "last_full"
	CodeNameTaken       hint.Code = "name_taken"
	CodeBadName         hint.Code = "bad_device_name"
	CodeSelf            hint.Code = "revokes_itself"
	CodeNoDevice        hint.Code = "no_such_device"
	CodeAlreadyRevoked  hint.Code = "already_revoked"
	CodeMember          hint.Code = "already_member"
	CodeNotJoining      hint.Code = "not_joining"
	CodeNotApproved     hint.Code = "not_approved"
	CodeWordsNeeded     hint.Code = "words_needed"
	CodeWrongWords      hint.Code = "wrong_words"
	CodeNoRequest       hint.Code = "no_request"
	CodeRequestExpired  hint.Code = "request_expired"
	CodeRequestRefused  hint.Code = "request_refused"
)

// ErrIntegrity is in the chain of every error that says: what the remote shows
// is damaged, missing, forged or older than it should be.
var ErrIntegrity = errors.New("integrity")

// integrityError carries its cause's text and is an ErrIntegrity.
type integrityError struct{ error }

func (e integrityError) Is(target error) bool { return target == ErrIntegrity }
func (e integrityError) Unwrap() error        { return e.error }

// Alarm is something wrong with what a remote shows. A command goes on where
// it can, and ends with exit code 4.
type Alarm struct {
	Code     hint.Code
	Object   string // name on the remote, if it is about one object
	Device   string // name or id of the device, if it is about one
	From, To uint64 // sequence numbers that are missing
	Err      error
}

// Error describes the alarm in a line.
func (a Alarm) Error() string {
	switch {
	case a.From > 0:
		return fmt.Sprintf("device %s: snapshots %d to %d are missing from the remote", a.Device, a.From, a.To)
	case a.Object != "" && a.Err != nil:
		return a.Object + ": " + a.Err.Error()
	case a.Err != nil:
		return a.Err.Error()
	}
	return a.Object + ": " + string(a.Code)
}

// Coded returns the alarm as an error with its hint.
func (a Alarm) Coded() error {
	return hint.New(a.Code, integrityError{errors.New(a.Error())},
		"object", a.Object, "device", a.Device, "from", a.From, "to", a.To)
}

// alarmFor turns a failure to read an object into an alarm, or returns false
// if it says nothing about the object (no network, say).
func alarmFor(object string, err error) (Alarm, bool) {
	code := hint.Code("")
	switch {
	case errors.Is(err, providers.ErrNotExist), errors.Is(err, trust.ErrNoParent):
		code = CodeMissing
	case errors.Is(err, crypto.ErrForged), errors.Is(err, trust.ErrOtherRoot), errors.Is(err, trust.ErrEpoch), errors.Is(err, trust.ErrShutOut):
		code = CodeForged
	case errors.Is(err, errDigest), errors.Is(err, image.ErrProof), errors.Is(err, crypto.ErrBroken), errors.Is(err, format.ErrMalformed), errors.Is(err, crypto.ErrNoMatch):
		code = CodeDamaged
	case errors.Is(err, format.ErrNewer):
		code = CodeNewer
	default:
		return Alarm{}, false
	}
	return Alarm{Code: code, Object: object, Err: err}, true
}

// errDigest: an object's bytes are not those its name promises.
var errDigest = errors.New("content does not match its name")

// integrity says that reading failed because of what the remote holds, and
// raises the alarm; other failures pass as they are.
func (rd *Reader) integrity(op string, err error) error {
	a, ok := alarmFor("", err)
	if !ok {
		return fmt.Errorf("%s: %w", op, err)
	}
	a.Object = rd.snap.Name.String()
	return hint.New(a.Code, integrityError{fmt.Errorf("%s %s/%d: %w", op, rd.repo.DeviceName(rd.snap.Device), rd.snap.Seq, err)}, "object", a.Object)
}

// Damage reports whether err says that something on the remote is damaged,
// missing or forged, rather than out of reach.
func Damage(err error) bool {
	_, ok := alarmFor("", err)
	return ok || errors.Is(err, ErrIntegrity)
}

// Package hint ties an error to a stable code, so that the top of the program
// can say what to do in the user's language.
//
// An error names operation, object and cause; a hint says what to do. The
// floor that knows the reason attaches the code and the values the sentence
// needs; only cmd/chatkeep turns both into words. This package knows no
// sentence and no language.
package hint

import (
	"errors"
	"fmt"
)

// Code is the stable name of a kind of failure, such as "wrong_key". It is
// part of the --json output and never renamed.
type Code string

// Error is an error with a code and the values its sentences need. Values
// must never hold key material, file content, contact names or account ids.
type Error struct {
	Code Code
	Args map[string]any // values for the sentences, by name
	Err  error          // operation, object and cause; never nil
}

// New attaches code to err. The rest are pairs of a name and a value for the
// sentences. A nil err gives nil.
func New(code Code, err error, pairs ...any) error {
	if err == nil {
		return nil
	}
	e := &Error{Code: code, Err: err, Args: map[string]any{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		e.Args[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return e
}

// Error returns the text of the error without the hint.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the error the code was attached to.
func (e *Error) Unwrap() error { return e.Err }

// Find returns the outermost coded error in err's chain, or nil.
func Find(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Is reports whether any coded error in err's tree has the given code.
func Is(err error, code Code) bool {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return false
		}
		if e.Code == code {
			return true
		}
		err = e.Err
	}
	return false
}

//go:build unix && !linux && !darwin

package durable

import "errors"

// renameExclusive is not offered here; link(2) does the work.
func renameExclusive(string, string) error { return errors.ErrUnsupported }

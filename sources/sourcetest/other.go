//go:build !linux && !darwin

package sourcetest

import "fmt"

// fifo has nothing to check here.
func fifo(*subject) error { return nil }

// attributes checks that asking is no error.
func attributes(s *subject) error {
	v, e, err := s.entry("folder/file")
	if err != nil {
		return err
	}
	if _, err := v.XAttrs(e); err != nil {
		return fmt.Errorf("XAttrs: %w", err)
	}
	return nil
}

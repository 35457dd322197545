// Package quiet keeps rclone's own start-up from touching this computer.
//
// rclone's packages read RCLONE_ variables when they are initialised, end the
// process if one is wrong, and make ~/.config/rclone unless told of another
// configuration. That happens before any code of ours could say otherwise, so
// this package does, in an init of its own: since Go 1.21 packages that are
// ready are initialised in the order of their import paths, and this one needs
// only os and strings, so its turn comes before all of rclone's.
package quiet

import (
	"os"
	"strings"
)

const (
	prefix = "RCLONE_"
	file   = "RCLONE_CONFIG"
)

func init() {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, prefix) {
			_ = os.Unsetenv(name) // fails only for names that can't be set
		}
	}
	_ = os.Setenv(file, os.DevNull)
}

// Done takes the variable back, once rclone has been initialised, so that no
// process we start sees it.
func Done() { _ = os.Unsetenv(file) }

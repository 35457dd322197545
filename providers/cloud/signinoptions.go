package cloud

import (
	"errors"

	"github.com/rclone/rclone/fs"
)

// SFTP's server shows its key at the first connection. It is kept then, and no
// other key is accepted afterwards; without that rclone would talk to anybody.
const (
	KeyPinHost  = "pin_host_key"
	KeyHostKeys = "host_keys"
)

// Pinned ends the wait for a server's key once there is one.
func Pinned(values map[string]string) {
	if values[KeyHostKeys] != "" {
		delete(values, KeyPinHost)
	}
}

// CheckSignInOption tells whether an option of a type's backend can be part of a
// sign-in, with this value.
func CheckSignInOption(kind string, o *fs.Option, value string) error {
	if err := presets[kind].mine(kind, o); err != nil && !errors.Is(err, errSignIn) {
		return err
	}
	return checkValue(*o, value)
}

// Fixed reports whether a type sets an option itself.
func Fixed(kind, option string) bool {
	_, fixed := presets[kind].fixed[option]
	return fixed
}

// Backend returns the name of rclone's backend for a type.
func Backend(kind string) string { return presets[kind].backend }

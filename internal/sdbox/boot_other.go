//go:build !linux

package sdbox

import (
	"errors"
	"io"
	"time"
)

func boot([]string, io.Reader, io.Writer, time.Duration) (int, error) {
	return 0, errors.New("there is no systemd here")
}

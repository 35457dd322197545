package daemon

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// reloading is what a supervisor wants to hear when the configuration is being
// read: with the moment, on the clock that it uses for that.
func reloading() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return "RELOADING=1"
	}
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000)
}

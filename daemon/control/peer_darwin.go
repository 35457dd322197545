package control

import "golang.org/x/sys/unix"

const longestPath = 103 // bytes of a socket's name

// peerOf returns the user at the other end. known is false where the system
// doesn't say.
func peerOf(fd int) (uid uint32, known bool, err error) {
	c, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, true, err
	}
	return c.Uid, true, nil
}

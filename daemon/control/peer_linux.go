package control

import "golang.org/x/sys/unix"

const longestPath = 107 // bytes of a socket's name

// peerOf returns the user at the other end. known is false where the system
// doesn't say. A user outside of this process's user namespace, as root may be
// under PrivateUsers=, is the overflow user, which is nobody's own.
func peerOf(fd int) (uid uint32, known bool, err error) {
	c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, true, err
	}
	return c.Uid, true, nil
}

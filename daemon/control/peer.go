package control

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// checkCaller returns an error unless the caller is this user or root.
func checkCaller(c net.Conn) error {
	uid, known, err := peer(c)
	if err != nil {
		return fmt.Errorf("ask who calls: %w", err)
	}
	if known && uid != uint32(os.Geteuid()) && uid != 0 {
		return fmt.Errorf("user %d calls a daemon of user %d", uid, os.Geteuid())
	}
	return nil
}

// checkServer returns an error unless this user or root listens. To root
// anybody may: it is how root looks after another user's daemon.
func checkServer(c net.Conn) error {
	uid, known, err := peer(c)
	if err != nil {
		return fmt.Errorf("ask who listens: %w", err)
	}
	if own := os.Geteuid(); known && uid != uint32(own) && uid != 0 && own != 0 {
		return fmt.Errorf("user %d listens, not user %d", uid, own)
	}
	return nil
}

func peer(c net.Conn) (uid uint32, known bool, err error) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return 0, true, fmt.Errorf("a %T doesn't say", c)
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, true, err
	}
	outer := raw.Control(func(fd uintptr) { uid, known, err = peerOf(int(fd)) })
	if outer != nil {
		return 0, true, outer
	}
	return uid, known, err
}

//go:build unix

package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// bind makes the socket in a private folder beside path and then gives it its
// name.
func bind(path string) (*net.UnixListener, error) {
	private := privateName(path)
	dir := filepath.Dir(private)
	_ = unix.Unlink(private) // what a crash left
	_ = unix.Rmdir(dir)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	defer func() { _ = unix.Rmdir(dir) }()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: private, Net: "unix"})
	if err != nil {
		return nil, err
	}
	err = os.Chmod(private, 0o600)
	if err == nil {
		err = os.Rename(private, path)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close()) // which removes it
	}
	return l, nil
}

// checkFolder refuses a folder in which somebody else could replace the socket.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if owner, ok := ownerOf(info); ok && owner != uint32(os.Geteuid()) && owner != 0 {
		return fmt.Errorf("folder %s belongs to user %d", dir, owner)
	}
	if info.Mode()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("folder %s has permissions %#o: others may change it", dir, info.Mode().Perm())
	}
	return nil
}

func ownerOf(info fs.FileInfo) (uid uint32, ok bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return s.Uid, true
}

// isOurs reports whether what is at path belongs to this user or to root.
func isOurs(path string) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	owner, ok := ownerOf(info)
	return ok && (owner == uint32(os.Geteuid()) || owner == 0)
}

func isSocket(info fs.FileInfo) bool { return info.Mode()&fs.ModeSocket != 0 }

// isBusy reports whether a listener exists that has too many callers.
func isBusy(err error) bool { return errors.Is(err, unix.EAGAIN) }

// isNobody reports whether nobody listens.
func isNobody(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOTDIR) ||
		errors.Is(err, unix.ENOTSOCK)
}

package control

import (
	"errors"
	"io/fs"
	"net"
	"os"

	"golang.org/x/sys/windows"
)

// bind makes the socket. Windows has AF_UNIX, but no permissions and no word of
// who calls: that the socket lies in the user's own folder, whose access list
// it inherits, keeps others away.
func bind(path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

func checkFolder(string) error { return nil }

// isOurs reports whether there is something at path: the folder's access list
// says who may have put it there.
func isOurs(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// isSocket also takes what Windows says of a socket, depending on its version.
func isSocket(info fs.FileInfo) bool { return info.Mode()&(fs.ModeSocket|fs.ModeIrregular) != 0 }

func isBusy(error) bool { return false }

func isNobody(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, windows.WSAECONNREFUSED) || errors.Is(err, windows.ERROR_PATH_NOT_FOUND)
}

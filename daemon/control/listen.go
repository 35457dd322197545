package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// What can be wrong with a socket.
const (
	CodeDaemonRuns   hint.Code = "daemon_runs"   // path
	CodePathTooLong  hint.Code = "socket_long"   // path, most
	CodePathTaken    hint.Code = "socket_taken"  // path
	CodeSharedFolder hint.Code = "socket_folder" // path
)

// Listen makes the daemon's socket, which only its owner can open, and its
// folder if need be. What a daemon that is no more left there is replaced. A
// living one gives an error with CodeDaemonRuns. Closing the listener removes
// the socket.
func Listen(path string) (net.Listener, error) {
	if err := checkLength(path); err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if err := checkFolder(dir); err != nil {
		return nil, hint.New(CodeSharedFolder, fmt.Errorf("listen at %s: %w", path, err), "path", dir)
	}
	// The lock goes when the daemon does, however it ends. Where files can't be
	// locked, that somebody answers has to do.
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err == nil && !ok {
		return nil, hint.New(CodeDaemonRuns, fmt.Errorf("listen at %s: a daemon holds %s", path, lock.Path()), "path", path)
	}
	l, err := listen(path)
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	l.lock = lock
	return l, nil
}

// listen does so under the lock.
func listen(path string) (*socket, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("listen: %w", err)
	case !isSocket(info):
		return nil, hint.New(CodePathTaken, fmt.Errorf("listen at %s: it is %v", path, info.Mode()), "path", path)
	case answers(path):
		return nil, hint.New(CodeDaemonRuns, fmt.Errorf("listen at %s: a daemon answers", path), "path", path)
	}
	l, err := bind(path)
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false) // it may have been bound under another name
	made, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), l.Close())
	}
	return &socket{UnixListener: l, path: path, made: made}, nil
}

// answers reports whether a living process listens at path.
func answers(path string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		c.Close()
	}
	// One with too many callers, or one that was stopped, lives too.
	return err == nil || ctx.Err() != nil || isBusy(err)
}

// socket removes itself when it is closed.
type socket struct {
	*net.UnixListener
	path string
	made fs.FileInfo
	lock *flock.Flock
	once sync.Once
	err  error
}

// Addr returns where it listens.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

// Close ends it. A socket that somebody else has put in its place stays.
func (s *socket) Close() error {
	s.once.Do(func() {
		if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.made) {
			_ = os.Remove(s.path)
		}
		s.err = s.UnixListener.Close()
		_ = s.lock.Close() // its file stays: removing it would let two daemons in
	})
	return s.err
}

func checkLength(path string) error {
	if n := max(len(path), len(privateName(path))); n > longestPath {
		return hint.New(CodePathTooLong, fmt.Errorf("listen at %s: its name has %d bytes, and a socket's may have %d", path, n, longestPath),
			"path", path, "most", longestPath)
	}
	return nil
}

// privateName returns the name under which a socket is made. It lies in a
// folder that nobody else can enter, and so is never open to others, whatever
// the umask is.
func privateName(path string) string {
	dir, base := filepath.Split(path)
	sum := sha256.Sum256([]byte(base))
	return filepath.Join(dir, "."+hex.EncodeToString(sum[:2]), "s")
}

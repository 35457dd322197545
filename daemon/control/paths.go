package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// Variable is the name of the variable that says where the socket is.
const Variable = "CHATKEEP_SOCKET"

const (
	socketName  = "control.sock"
	pointerFile = "control"     // in the state folder: where its daemon listens
	daemonLock  = "daemon.lock" // in the state folder: there is one daemon for it
)

// Address returns where the daemon of a state folder listens: at
// $CHATKEEP_SOCKET, else in the folder that systemd made for it, else in the
// user's folder for such things, else in the state folder.
func Address(state string, getenv func(string) string) string {
	if path := getenv(Variable); path != "" {
		return path
	}
	if dir := runtimeDir(getenv); dir != "" {
		return filepath.Join(dir, socketName)
	}
	if path := userSocket(state, getenv); path != "" {
		return path
	}
	return filepath.Join(state, socketName)
}

// Paths returns where the daemon of a state folder may listen, the likeliest
// first. A daemon and a command that share a state folder meet wherever the
// other's folders are, since the daemon notes there where it listens; a command
// never meets the daemon of another state folder in this way.
func Paths(state string, getenv func(string) string) []string {
	if path := getenv(Variable); path != "" {
		return []string{path}
	}
	var paths []string
	add := func(path string) {
		for _, p := range paths {
			if p == path {
				return
			}
		}
		if path != "" {
			paths = append(paths, path)
		}
	}
	add(noted(state))
	if dir := runtimeDir(getenv); dir != "" {
		add(filepath.Join(dir, socketName))
	}
	add(userSocket(state, getenv))
	add(filepath.Join(state, socketName))
	return paths
}

// runtimeDir returns the first folder of the list.
func runtimeDir(getenv func(string) string) string {
	dir, _, _ := strings.Cut(getenv("RUNTIME_DIRECTORY"), ":")
	if !filepath.IsAbs(dir) {
		return ""
	}
	return dir
}

// userSocket has a name of the state folder's own, since a user may have
// several.
func userSocket(state string, getenv func(string) string) string {
	dir := getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(dir) {
		return ""
	}
	sum := sha256.Sum256([]byte(filepath.Clean(state)))
	return filepath.Join(dir, "chatkeep", "control-"+hex.EncodeToString(sum[:4])+".sock")
}

// noted returns where the daemon noted that it listens, if what is there
// belongs to this user or to root.
func noted(state string) string {
	file := filepath.Join(state, pointerFile)
	if !isOurs(file) {
		return ""
	}
	text, err := os.ReadFile(file)
	path := strings.TrimSuffix(string(text), "\n")
	if err != nil || !filepath.IsAbs(path) || len(path) > longestPath || strings.ContainsAny(path, "\n\x00") || !isOurs(path) {
		return ""
	}
	return path
}

// ListenFor listens for the daemon of a state folder, and notes there where.
// There is one at most: while another one lives, the error has
// CodeDaemonRuns.
func ListenFor(state string, getenv func(string) string) (net.Listener, error) {
	if err := durable.MkdirAll(state, 0o700); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	path, err := filepath.Abs(Address(state, getenv))
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	lock := flock.New(filepath.Join(state, daemonLock), flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err == nil && !ok {
		return nil, hint.New(CodeDaemonRuns, fmt.Errorf("lock %s: a daemon holds it", lock.Path()), "path", state)
	}
	l, err := Listen(path)
	if err == nil {
		err = durable.WriteFile(filepath.Join(state, pointerFile), []byte(path+"\n"), 0o600)
		if err != nil {
			err = errors.Join(fmt.Errorf("note where the daemon listens: %w", err), l.Close())
		}
	}
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return &stateListener{l, lock}, nil
}

// stateListener keeps other daemons away from a state folder until it is
// closed.
type stateListener struct {
	net.Listener
	lock *flock.Flock
}

func (l *stateListener) Close() error {
	err := l.Listener.Close()
	_ = l.lock.Close()
	return err
}

// Find returns a client of the daemon of a state folder. If none runs, the
// error is ErrNoDaemon.
func Find(ctx context.Context, state string, getenv func(string) string) (*Client, error) {
	var first error
	for _, path := range Paths(state, getenv) {
		c, err := Dial(ctx, path)
		if err == nil {
			return c, nil
		}
		if first == nil && !errors.Is(err, ErrNoDaemon) {
			first = err
		}
	}
	if first != nil {
		return nil, first
	}
	return nil, noDaemon(fmt.Errorf("state folder %s: %w", state, ErrNoDaemon))
}

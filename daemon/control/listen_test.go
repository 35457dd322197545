package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
)

func TestListen(t *testing.T) {
	path := filepath.Join(socketDir(t), "run", socketName)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if l.Addr().String() != path {
		t.Errorf("it says it listens at %s", l.Addr())
	}
	if runtime.GOOS != "windows" {
		for name, want := range map[string]fs.FileMode{path: 0o600 | fs.ModeSocket, filepath.Dir(path): 0o700 | fs.ModeDir} {
			if info, err := os.Lstat(name); err != nil || info.Mode() != want {
				t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
			}
		}
	}
	if _, err := Listen(path); !hint.Is(err, CodeDaemonRuns) {
		t.Errorf("a second one: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the end: %v", err)
	}
	l, err = Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	l.Close()
}

// A socket is never open to others, not even while it is being made: the
// folder it is made in is closed, whatever the umask is.
func TestSocketIsMadeInPrivate(t *testing.T) {
	dir := socketDir(t)
	path := filepath.Join(dir, socketName)
	made := filepath.Dir(privateName(path))
	if filepath.Dir(made) != dir || filepath.Base(privateName(path)) == filepath.Base(path) {
		t.Fatalf("it is made at %s", privateName(path))
	}
	// What a crash left there is in nobody's way.
	if err := os.Mkdir(made, 0o755); err != nil {
		t.Fatal(err)
	}
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: privateName(path), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if names, err := os.ReadDir(dir); err != nil || len(names) != 2 {
		t.Errorf("%v, %v", names, err)
	}
	// What is none of ours is not removed.
	other := filepath.Join(dir, "other.sock")
	if err := os.WriteFile(filepath.Dir(privateName(other)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(other); !errors.Is(err, fs.ErrExist) && runtime.GOOS != "windows" {
		t.Errorf("over a file: %v", err)
	}
}

func TestStaleSocket(t *testing.T) {
	path := filepath.Join(socketDir(t), socketName)
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	// It lives, although it holds no lock.
	if _, err := Listen(path); !hint.Is(err, CodeDaemonRuns) {
		t.Errorf("beside a living one: %v", err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	serveAt(t, l, &fake{})
	if _, err := dial(t, path).Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWhereNoSocketCanBe(t *testing.T) {
	dir := socketDir(t)
	file := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file); !hint.Is(err, CodePathTaken) {
		t.Errorf("over a file: %v", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "kept" {
		t.Errorf("the file: %q, %v", text, err)
	}
	if _, err := Listen(filepath.Join(file, socketName)); err == nil {
		t.Error("in a file")
	}
	long := filepath.Join(dir, strings.Repeat("x", longestPath))
	if _, err := Listen(long); !hint.Is(err, CodePathTooLong) {
		t.Errorf("a long name: %v", err)
	}
	if _, err := Dial(t.Context(), long); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("a call to a long name: %v", err)
	}
	longest := filepath.Join(dir, strings.Repeat("x", longestPath-len(dir)-1))
	l, err := Listen(longest)
	if err != nil {
		t.Fatalf("the longest name: %v", err)
	}
	l.Close()
	if runtime.GOOS == "windows" {
		return
	}
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(filepath.Join(open, socketName)); !hint.Is(err, CodeSharedFolder) {
		t.Errorf("in a folder that anybody may change: %v", err)
	}
}

func TestPaths(t *testing.T) {
	state := socketDir(t)
	own := userSocket(state, func(string) string { return "/run/user/7" })
	inState := filepath.Join(state, socketName)
	for _, tt := range []struct {
		env     map[string]string
		address string
		paths   []string
	}{
		{nil, inState, []string{inState}},
		{map[string]string{"XDG_RUNTIME_DIR": "/run/user/7"}, own, []string{own, inState}},
		{map[string]string{"XDG_RUNTIME_DIR": "/run/user/7", "RUNTIME_DIRECTORY": "/run/a:/run/b"}, "/run/a/control.sock", []string{"/run/a/control.sock", own, inState}},
		{map[string]string{"XDG_RUNTIME_DIR": "here", "RUNTIME_DIRECTORY": "there"}, inState, []string{inState}},
		{map[string]string{Variable: "/x.sock", "RUNTIME_DIRECTORY": "/run/a"}, "/x.sock", []string{"/x.sock"}},
	} {
		env := func(name string) string { return tt.env[name] }
		if got := Address(state, env); got != tt.address {
			t.Errorf("%v: it listens at %s, want %s", tt.env, got, tt.address)
		}
		if got := Paths(state, env); !reflect.DeepEqual(got, tt.paths) {
			t.Errorf("%v: paths %v, want %v", tt.env, got, tt.paths)
		}
	}
	if filepath.Dir(own) != "/run/user/7/chatkeep" || own == userSocket(state+"2", func(string) string { return "/run/user/7" }) {
		t.Errorf("two state folders have one socket: %s", own)
	}
}

// A note of where the daemon listens is followed only to what is ours.
func TestNoted(t *testing.T) {
	state := socketDir(t)
	target := filepath.Join(state, "elsewhere.sock")
	note := filepath.Join(state, pointerFile)
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		target + "\n":              target,
		target:                     target,
		"":                         "",
		"\n":                       "",
		"elsewhere.sock\n":         "",
		target + "\n" + target:     "",
		target + "\x00\n":          "",
		target + "2\n":             "",
		strings.Repeat("/x", 9000): "",
	} {
		if err := os.WriteFile(note, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := noted(state); got != want {
			t.Errorf("%.40q: %q", text, got)
		}
	}
}

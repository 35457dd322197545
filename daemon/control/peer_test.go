//go:build unix

package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/internal/needs"
)

// Users that nobody is. They need not be known to the system.
const nobody, another = "65534", "65533"

// TestMain lets the test binary be another process, and another user.
func TestMain(m *testing.M) {
	path := os.Getenv("CONTROL_TEST_PATH")
	switch os.Getenv("CONTROL_TEST") {
	case "":
		os.Exit(m.Run())
	case "listen": // and live until killed
		l, err := ListenFor(path, func(string) string { return "" })
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready")
		_ = Serve(context.Background(), l, &fake{}, quiet)
	case "call":
		become(os.Getenv("CONTROL_TEST_USER"))
		c, err := Dial(context.Background(), path)
		if err == nil {
			_, err = c.Status(context.Background())
		}
		say(err)
	case "call blindly": // without a look at who listens
		become(nobody)
		c, err := net.Dial("unix", path)
		if err != nil {
			say(err)
			return
		}
		fmt.Fprint(c, "GET /v1/status HTTP/1.0\r\n\r\n")
		answer := make([]byte, 4096)
		n, _ := c.Read(answer)
		line, _, _ := strings.Cut(string(answer[:n]), "\r\n")
		fmt.Println(line, strings.Contains(string(answer), string(CodeNotYours)))
	case "impostor":
		become(nobody)
		_ = os.Remove(path)
		l, err := net.Listen("unix", path)
		if err != nil {
			say(err)
			return
		}
		_ = os.Chmod(path, 0o666)
		fmt.Println("ready")
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}
}

func say(err error) {
	code := "none"
	if h := hint.Find(err); h != nil {
		code = string(h.Code)
	}
	fmt.Println(code, err)
}

// become gives up being root.
func become(user string) {
	id, err := strconv.Atoi(user)
	for _, err := range []error{err, syscall.Setgroups(nil), syscall.Setgid(id), syscall.Setuid(id)} {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

func asUser(t *testing.T, user, what, path string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CONTROL_TEST="+what, "CONTROL_TEST_PATH="+path, "CONTROL_TEST_USER="+user)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// openTo lets anybody reach the file, as far as permissions go.
func openTo(t *testing.T, path string) {
	t.Helper()
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(path); dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// A daemon that is killed leaves its socket and no lock: the next one begins.
func TestKilledDaemon(t *testing.T) {
	state := socketDir(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CONTROL_TEST=listen", "CONTROL_TEST_PATH="+state)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 10)
	if n, err := out.Read(said); err != nil || string(said[:n]) != "ready\n" {
		t.Fatalf("%q, %v", said[:n], err)
	}
	none := func(string) string { return "" }
	if _, err := ListenFor(state, none); !hint.Is(err, CodeDaemonRuns) {
		t.Errorf("while it lives: %v", err)
	}
	elsewhere := socketDir(t)
	env := func(name string) string { return map[string]string{"RUNTIME_DIRECTORY": elsewhere}[name] }
	if _, err := ListenFor(state, env); !hint.Is(err, CodeDaemonRuns) {
		t.Errorf("elsewhere, for the same state folder: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if _, err := Find(t.Context(), state, none); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("a call to a dead one: %v", err)
	}
	l, err := ListenFor(state, env)
	if err != nil {
		t.Fatal(err)
	}
	serveAt(t, l, &fake{})
	c, err := Find(t.Context(), state, none) // which knows no runtime folder
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Path() != filepath.Join(elsewhere, socketName) {
		t.Errorf("found at %s", c.Path())
	}
}

func TestAnotherUser(t *testing.T) {
	needs.Have(t, needs.Root)
	svc := &fake{}
	path, _ := serve(t, svc)
	if got := asUser(t, nobody, "call", path); !strings.HasPrefix(got, string(CodeNotYours)+" ") || !strings.Contains(got, "permission denied") {
		t.Errorf("as it is made: %s", got)
	}
	openTo(t, path)
	// Root may look after anybody's daemon, and so nobody may use root's: the
	// client finds nothing wrong, and the daemon refuses.
	if got := asUser(t, nobody, "call", path); !strings.HasPrefix(got, string(CodeNotYours)+" ") || !strings.Contains(got, "calls a daemon of user 0") {
		t.Errorf("if its permissions were lost: %s", got)
	}
	if got := asUser(t, nobody, "call blindly", path); got != "HTTP/1.0 403 Forbidden true\n" {
		t.Errorf("without looking: %s", got)
	}
	if svc.calls != 0 {
		t.Errorf("the daemon was asked %d times", svc.calls)
	}
	if _, err := dial(t, path).Status(t.Context()); err != nil {
		t.Errorf("its own user: %v", err)
	}
}

// impostor starts a process of another user that listens where the daemon of
// a state folder should.
func impostor(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(socketDir(t), "open", socketName)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	openTo(t, filepath.Dir(path))
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CONTROL_TEST=impostor", "CONTROL_TEST_PATH="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	said := make([]byte, 200)
	if n, err := out.Read(said); err != nil || string(said[:n]) != "ready\n" {
		t.Fatalf("%q, %v", said[:n], err)
	}
	return path
}

// A note in the state folder is not followed to another user's socket, not
// even by root.
func TestImpostor(t *testing.T) {
	needs.Have(t, needs.Root)
	path := impostor(t)
	if got := asUser(t, another, "call", path); !strings.HasPrefix(got, string(CodeNotYours)+" ") || !strings.Contains(got, "user 65534 listens") {
		t.Errorf("a command that is led there: %s", got)
	}
	state := socketDir(t)
	note := filepath.Join(state, pointerFile)
	if err := os.WriteFile(note, []byte(path+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := noted(state); got != "" {
		t.Errorf("followed to %s", got)
	}
	if err := os.WriteFile(path+"2", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(note, []byte(path+"2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if noted(state) == "" {
		t.Error("not followed to what is ours")
	}
	if err := os.Chown(note, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if got := noted(state); got != "" {
		t.Errorf("another user's note was followed to %s", got)
	}
}

func TestCallerThatIsNoSocket(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if checkCaller(a) == nil || checkServer(a) == nil {
		t.Error("nobody knows who it is")
	}
}

// A listener that takes no calls is silent, not absent.
func TestSilentDaemon(t *testing.T) {
	path := filepath.Join(socketDir(t), socketName)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := dial(t, path)
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errSilent)
	defer cancel()
	if _, err := c.Status(ctx); !hint.Is(err, CodeSilent) {
		t.Errorf("%v", err)
	}
}

//go:build unix

package cloud

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rclone/rclone/lib/atexit"

	"github.com/chatkeep/chatkeep/providers"
)

// Some promises need a process of their own: this test binary, told by a
// variable what to do.
const childVariable = "CHATKEEP_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childVariable) {
	case "put":
		childPut(os.Args[1])
	case "signal":
		childSignal()
	default:
		os.Exit(m.Run())
	}
}

func child(t *testing.T, what string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), childVariable+"="+what)
	cmd.Stderr = os.Stderr
	return cmd
}

// childPut puts a/x, says so when half of it is written, and waits to die.
func childPut(dir string) {
	r, err := Open(context.Background(), providers.Place{Type: "local", Path: dir}, Options{})
	if err == nil {
		_, err = r.Put(context.Background(), "a/x", source{noise(2 << 20), func() (int, error) {
			fmt.Println("half")
			return os.Stdin.Read(make([]byte, 1))
		}})
	}
	fmt.Println("put returned", err)
}

// A process killed in the middle of a Put leaves what the next one clears.
func TestKilledPut(t *testing.T) {
	dir := t.TempDir()
	cmd := child(t, "put", dir)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	if !said.Scan() || said.Text() != "half" {
		t.Fatalf("the child said %q", said.Text())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if left := files(t, dir); len(left) != 1 || !leftoverName.MatchString(left[0]) {
		t.Errorf("the child left %v", left)
	}
	r := openFolder(t, dir)
	if found := list(t, r, providers.ListOptions{}); len(found) != 0 {
		t.Errorf("lists %v", found)
	}
	put(t, r, "a/x", string(noise(2<<20)))
	if left := files(t, dir); len(left) != 1 || left[0] != "a/x" {
		t.Errorf("after the next put: %v", left)
	}
}

// childSignal does what an upload of rclone does, and ends itself well after
// a SIGTERM.
func childSignal() {
	IgnoreSignals()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	atexit.Register(func() { fmt.Println("rclone caught it") })
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		fmt.Println(err)
	}
	<-ended
	fmt.Println("ended well")
}

func TestIgnoreSignals(t *testing.T) {
	out, err := child(t, "signal").Output()
	if err != nil || string(out) != "ended well\n" {
		t.Errorf("the child said %q, %v", out, err)
	}
}

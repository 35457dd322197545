package sdbox

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// boot starts a box and returns the exit status of its script.
func boot(env []string, files io.Reader, out io.Writer, limit time.Duration) (int, error) {
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "--", "bash", "-c", `eval "$SDBOX_OUTER"`, "sdbox")
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, files, out, out
	// If the test dies, the box is told to clean up. The signal follows the
	// thread that started it, which must stay for that.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	late := make(chan struct{})
	timer := time.AfterFunc(limit, func() {
		close(late)
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may be gone by now
	})
	err := cmd.Wait()
	if !timer.Stop() {
		<-late
		return 0, fmt.Errorf("not done after %v", limit)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}

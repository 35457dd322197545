package profile

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestMain lets the tests start this very program as a chat app that holds a
// file open until its input ends.
func TestMain(m *testing.M) {
	if path := os.Getenv("CHATKEEP_TEST_HOLD"); path != "" {
		f, err := os.Open(path)
		fmt.Println("open", err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		f.Close()
		return
	}
	os.Exit(m.Run())
}

// run starts a copy of this program under another name, with a file open.
func (h *home) run(name, file string) {
	h.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	program := filepath.Join(h.t.TempDir(), name)
	if os.Link(exe, program) != nil { // another disk
		b, err := os.ReadFile(exe)
		if err != nil {
			h.t.Fatal(err)
		}
		if err := os.WriteFile(program, b, 0o755); err != nil {
			h.t.Fatal(err)
		}
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "CHATKEEP_TEST_HOLD="+filepath.Join(h.Home, file))
	in, err := cmd.StdinPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "open <nil>\n" {
		h.t.Fatalf("the app says %q, %v", line, err)
	}
}

func TestRunningAppShowsItsRoot(t *testing.T) {
	h := newHome(t)
	h.Proc = "/proc"
	h.wechat("odd place/容器/xwechat_files", "a_0001", "b_0001")
	h.wechat("another", "c_0001")
	h.run("wechat", "odd place/容器/xwechat_files/a_0001/db_storage/session/session.db")
	h.run("editor", "another/c_0001/db_storage/session/session.db")
	f := h.find(Options{})
	h.want(f, "wechat-a_0001 odd place/容器/xwechat_files/a_0001", "wechat-b_0001 odd place/容器/xwechat_files/b_0001")
	if !slices.Contains(f.Looked, Looked{filepath.Join(h.Home, "odd place/容器/xwechat_files"), ByProgram, true}) {
		t.Errorf("looked at %v", f.Looked)
	}
	h.UID++
	h.want(h.find(Options{})) // another user's programs are not looked at
}

func TestProgramNameAfterAnUpdate(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/opt/wechat/wechat (deleted)", filepath.Join(dir, "exe")); err != nil {
		t.Fatal(err)
	}
	if got := programName(dir); got != "wechat" {
		t.Errorf("it is called %q", got)
	}
	if got := programName(t.TempDir()); got != "" {
		t.Errorf("one that ended is called %q", got)
	}
}

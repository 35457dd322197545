package sdbox

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/needs"
)

// One boot shows what a box promises.
func TestBox(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "bound")
	if err := os.WriteFile(secret, []byte("from outside\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	out := Run(t, Box{
		Binds: map[string]string{"/srv/deep/bound": secret, "/srv/folder": filepath.Dir(secret)},
		Files: map[string]string{
			"/etc/systemd/system/reads.service": "[Service]\nType=oneshot\nDynamicUser=yes\nLoadCredential=word:/etc/word\n" +
				"ExecStart=/usr/local/bin/reads\nStandardOutput=file:/run/read\n",
			"/usr/local/bin/reads": "#!/bin/sh\ncat $CREDENTIALS_DIRECTORY/word\n",
			"/etc/word":            "a credential\n",
		},
		Script: `
[ "$(cat /proc/1/comm)" = systemd ]
echo "state $(systemctl is-active basic.target) $(hostname)"
echo "bound $(cat /srv/deep/bound) $(cat /srv/folder/bound)"
! touch /srv/folder/x 2>/dev/null
systemctl start reads
echo "read $(cat /run/read)"
echo "reads was started" | systemd-cat --identifier=cat
journalctl --sync
echo "logged $(journalctl -q -o cat -t cat)"
echo "loopback $(cat /sys/class/net/lo/carrier) $(ls /sys/class/net | wc -l)"
echo gone >/etc/sdbox-was-here
`})
	t.Logf("a box took %v", time.Since(begun).Round(time.Millisecond))
	for _, want := range []string{"state active sdbox\n", "bound from outside from outside\n", "read a credential\n", "logged reads was started\n", "loopback 1 1\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if _, err := os.Stat("/etc/sdbox-was-here"); err == nil {
		t.Error("what the box wrote is on the machine")
	}
}

// Nothing of what a script writes is lost, and its status comes out, also when
// it takes too long.
func TestStatusAndOutput(t *testing.T) {
	out, status := Try(t, Box{Script: "seq 50000; exit 7"})
	numbers, journal, found := strings.Cut(out, "---- exit status 7")
	if status != 7 || !found || journal == "" || strings.Count(numbers, "\n") != 50000 || !strings.HasSuffix(numbers, "\n50000\n") {
		t.Errorf("status %d, %d lines", status, strings.Count(numbers, "\n"))
	}
	begun := time.Now()
	if _, status := Try(t, Box{Script: "sleep 1000", Timeout: time.Second}); status == 0 {
		t.Error("a script that took too long succeeded")
	}
	if took := time.Since(begun); took > grace {
		t.Errorf("a script with a second to go took %v", took)
	}
}

func TestArchive(t *testing.T) {
	if _, err := (Box{Files: map[string]string{"etc/x": ""}}).archive(); err == nil {
		t.Error("a relative path was taken")
	}
}

// A test that is killed leaves no process and no cgroup.
func TestNothingIsLeftBehind(t *testing.T) {
	if os.Getenv("SDBOX_CHILD") != "" {
		Run(t, Box{Script: "echo booted; sleep 1000"})
		return
	}
	needs.Have(t, needs.Root, needs.Namespaces, needs.Systemd)
	cmd := exec.Command(os.Args[0], "-test.run=^TestNothingIsLeftBehind$", "-test.v")
	cmd.Env = append(os.Environ(), "SDBOX_CHILD=1")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	out := bufio.NewScanner(read)
	for booted := false; !booted; booted = strings.Contains(out.Text(), "booted") {
		if !out.Scan() {
			t.Fatal("the child ended before its box was up: ", cmd.Wait())
		}
	}
	box := descendants(t, cmd.Process.Pid)
	if len(box) < 5 {
		t.Fatalf("only %d processes belong to the box", len(box))
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for out.Scan() { // to its end: whoever could write is gone
	}
	_ = cmd.Wait()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for left := remains(t, box); len(left) > 0; left = remains(t, box) {
		select {
		case <-deadline:
			t.Fatalf("left behind: %v", left)
		case <-tick.C:
		}
	}
}

// remains names the processes of a box that still run, and its cgroup.
func remains(t *testing.T, box map[int]string) (left []string) {
	t.Helper()
	groups, err := exec.Command("unshare", "--mount", "--propagation", "private", "--", "sh", "-ec",
		"mount -t cgroup2 none /sys; for g in /sys/sdbox.*; do test ! -d $g || echo $g; done").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, groups)
	}
	for pid, began := range box {
		if began == startOf(pid) {
			left = append(left, fmt.Sprint("process ", pid))
		}
		if group := fmt.Sprintf("/sys/sdbox.%d\n", pid); strings.Contains(string(groups), group) {
			left = append(left, group)
		}
	}
	return left
}

// descendants returns the processes below pid, with when each began.
func descendants(t *testing.T, pid int) map[int]string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	parents := map[int]int{}
	for _, name := range stats {
		var child int
		if _, err := fmt.Sscanf(name, "/proc/%d/stat", &child); err != nil {
			t.Fatal(err)
		}
		if fields := statOf(child); len(fields) > 19 {
			var parent int
			if _, err := fmt.Sscan(fields[1], &parent); err != nil {
				t.Fatal(err)
			}
			parents[child] = parent
		}
	}
	found := map[int]string{}
	for child := range parents {
		for up := parents[child]; up != 0; up = parents[up] {
			if up == pid {
				found[child] = startOf(child)
				break
			}
		}
	}
	return found
}

// startOf returns when a process began, or "" if there is none.
func startOf(pid int) string {
	if fields := statOf(pid); len(fields) > 19 && fields[0] != "Z" {
		return fields[19]
	}
	return ""
}

// statOf returns the fields of a process's stat from its state on.
func statOf(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.Fields(rest)
}

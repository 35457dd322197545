// Package needs says what a test needs beyond Go, and skips it where that is
// missing.
//
// It is the only place where a test is skipped; a test of its own keeps it
// so. With CHATKEEP_TEST=all nothing is skipped: what is missing fails the
// test, so that a full run can't pass by leaving things out.
//
//	func TestStockTools(t *testing.T) {
//		needs.Have(t, needs.Zstd)
//		age := needs.Age(t)
//		…
//
// To add a need, add a constant and its line in missing.
package needs

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Need is something a test can't do without.
type Need string

// What tests need.
const (
	Cgo        Need = "cgo"        // CGO_ENABLED=1 and a C compiler
	Zstd       Need = "zstd"       // the zstd program
	Python3    Need = "python3"    // Python 3
	Root       Need = "root"       // running as root
	Namespaces Need = "namespaces" // Linux: unshare may make mount and PID namespaces
	Systemd    Need = "systemd"    // systemd, and root may mount what a box for it is made of
	DBus       Need = "dbus"       // the dbus-daemon program
	DBusMock   Need = "dbusmock"   // the dbusmock module of the system's own Python
	Restic     Need = "restic"     // the restic program
	Borg       Need = "borg"       // the borg program
	Samba      Need = "samba"      // the smbd program
	Suite      Need = "suite"      // minutes: CHATKEEP_TEST is "all" or "suite"
)

// Have skips the test unless every need is there. With CHATKEEP_TEST=all it
// fails the test instead. An unknown need always fails it.
func Have(t testing.TB, needs ...Need) {
	t.Helper()
	for _, n := range needs {
		why, known := missing[n]
		if !known {
			t.Fatalf("needs: unknown need %q", n)
		}
		if err := why(); err != nil {
			lack(t, n, err)
		}
	}
}

// lack ends the test for want of n.
func lack(t testing.TB, n Need, err error) {
	t.Helper()
	if os.Getenv("CHATKEEP_TEST") == "all" {
		t.Fatalf("needs %s, and CHATKEEP_TEST=all allows no skipping: %v", n, err)
	}
	t.Skipf("needs %s: %v", n, err)
}

// missing tells why a need is not there, or nil. Each is looked at once.
var missing = map[Need]func() error{
	Cgo:        sync.OnceValue(noCgo),
	Zstd:       program("zstd", "--version"),
	Python3:    program("python3", "-c", "import sys; assert sys.version_info[0] == 3"),
	Root:       sync.OnceValue(notRoot),
	Namespaces: sync.OnceValue(noNamespaces),
	Systemd:    program("unshare", "--mount", "--propagation", "private", "--", "sh", "-ec", bootable),
	DBus:       program("dbus-daemon", "--version"),
	DBusMock:   program("/usr/bin/python3", "-m", "dbusmock", "--help"),
	Restic:     program("restic", "version"),
	Borg:       program("borg", "--version"),
	Samba:      program("smbd", "--version"),
	Suite:      noSuite,
}

// bootable asks for systemd and D-Bus, and mounts an overlay of this machine's
// root and the cgroups, where nobody else sees them.
const bootable = `/lib/systemd/systemd --version
dbus-daemon --version
mount -t tmpfs tmpfs /sys
mkdir /sys/upper /sys/work /sys/root /sys/cgroup
mount -t overlay -o lowerdir=/,upperdir=/sys/upper,workdir=/sys/work overlay /sys/root
mount -t cgroup2 none /sys/cgroup`

// program asks that the program starts and succeeds with args: a wrapper on
// the PATH with nothing behind it is as good as none.
func program(name string, args ...string) func() error {
	return sync.OnceValue(func() error { return run(name, args...) })
}

func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

func noCgo() error {
	out, err := exec.Command("go", "env", "CGO_ENABLED", "CC").Output()
	if err != nil {
		return fmt.Errorf("run go env: %w", err)
	}
	enabled, cc, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if enabled != "1" {
		return fmt.Errorf("CGO_ENABLED is %q", enabled)
	}
	words := strings.Fields(cc) // "gcc", or "ccache gcc"
	if len(words) == 0 {
		return fmt.Errorf("go knows no C compiler")
	}
	return run(words[0], append(words[1:], "--version")...)
}

func notRoot() error {
	if uid := os.Geteuid(); uid != 0 {
		return fmt.Errorf("user id is %d", uid)
	}
	return nil
}

// noSuite keeps what takes minutes out of an everyday run. All it needs
// beside the time is the go command, which runs the tests anyway.
func noSuite() error {
	if env := os.Getenv("CHATKEEP_TEST"); env != "all" && env != string(Suite) {
		return fmt.Errorf("it takes minutes; set CHATKEEP_TEST=suite or all")
	}
	return nil
}

// noNamespaces tries the two kinds that everything else builds on. An
// ordinary user gets them inside a user namespace, where the system allows
// that.
func noNamespaces() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("%s has none", runtime.GOOS)
	}
	args := []string{"--mount", "--pid", "--fork", "true"}
	if os.Geteuid() != 0 {
		args = append([]string{"--user", "--map-root-user"}, args...)
	}
	return run("unshare", args...)
}

// Age returns the path of the stock age program, of the version in go.mod,
// which tests use to show that ordinary tools open what we store. The go
// command builds it on first use and keeps it in its build cache. It is
// never missing: if it can't be built, the test fails.
func Age(t testing.TB) string {
	t.Helper()
	path, err := age()
	if err != nil {
		t.Fatalf("build age: %v", err)
	}
	return path
}

var age = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "tool", "-n", "filippo.io/age/cmd/age")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go tool -n: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
})

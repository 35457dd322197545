package suite

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/internal/needs"
)

const rclone = "github.com/rclone/rclone"

// suite is rclone's tests of one backend.
type suite struct {
	backend string            // its folder in rclone, and its type
	options map[string]string // of the remote, beside the type
	passes  int               // at least, subtests included; else it ended too early
	fails   map[string]string // the leaves that fail, and why they may
}

// run runs the suite against a cloud and holds it to its list.
func (s suite) run(t *testing.T, cloud *fakecloud.Cloud) {
	t.Helper()
	needs.Have(t, needs.Suite)
	out := s.execute(t, cloud, s.build(t))
	results := parse(out)
	failed, passed := leaves(results, "FAIL"), count(results, "PASS")
	t.Logf("%s: %d pass, %d skip, %d leaves fail", s.backend, passed, count(results, "SKIP"), len(failed))
	problems := s.compare(failed, passed)
	if refused := cloud.Refused(); len(refused) > 0 {
		problems = append(problems, fmt.Sprintf("other hosts were asked for: %v", refused))
	}
	for _, p := range problems {
		t.Error(p)
	}
	if len(problems) > 0 {
		t.Logf("what the suite said:\n%s", tail(out, 200_000))
	}
}

// compare says where the results differ from the list.
func (s suite) compare(failed []string, passed int) (problems []string) {
	for _, name := range failed {
		if s.fails[name] == "" {
			problems = append(problems, "fails, and is not listed: "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.fails)) {
		if !slices.Contains(failed, name) {
			problems = append(problems, "is listed, and did not fail: "+name)
		}
	}
	if passed < s.passes {
		problems = append(problems, fmt.Sprintf("%d tests pass, %d are to", passed, s.passes))
	}
	return problems
}

// build compiles the tests with our own go.mod.
func (s suite) build(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), s.backend+".test")
	cmd := exec.Command("go", "test", "-c", "-o", program, rclone+"/backend/"+s.backend)
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return program
}

// execute runs the program where its test data is. Its home is empty, and all
// it knows of the network is the cloud's proxy.
func (s suite) execute(t *testing.T, cloud *fakecloud.Cloud, program string) []byte {
	t.Helper()
	source, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", rclone).Output()
	if err != nil {
		t.Fatalf("find %s: %v", rclone, err)
	}
	ctx := context.Background()
	if end, ok := t.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	home := t.TempDir()
	remote := "Test" + strings.ToUpper(s.backend[:1]) + s.backend[1:]
	cmd := exec.CommandContext(ctx, program, "-test.v", "-test.timeout=9m", "-remote", remote+":")
	cmd.Dir = filepath.Join(strings.TrimSpace(string(source)), "backend", s.backend)
	cmd.Env = []string{
		"HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH"),
		"RCLONE_CONFIG=" + s.writeConfig(t, home, remote),
		"HTTPS_PROXY=" + cloud.Proxy(), "HTTP_PROXY=" + cloud.Proxy(), "SSL_CERT_FILE=" + cloud.CAFile(),
	}
	out, err := cmd.CombinedOutput()
	t.Logf("%s: %v", filepath.Base(program), err) // it may fail: what is listed fails
	return out
}

func (s suite) writeConfig(t *testing.T, dir, remote string) (path string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "[%s]\ntype = %s\n", remote, s.backend)
	for _, key := range slices.Sorted(maps.Keys(s.options)) {
		fmt.Fprintf(&b, "%s = %s\n", key, s.options[key])
	}
	path = filepath.Join(dir, "rclone.conf")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var resultLine = regexp.MustCompile(`(?m)^\s*--- (PASS|FAIL|SKIP): (\S+) \(`)

// parse returns how each test and subtest ended.
func parse(out []byte) map[string]string {
	results := map[string]string{}
	for _, m := range resultLine.FindAllSubmatch(out, -1) {
		results[string(m[2])] = string(m[1])
	}
	return results
}

// leaves returns the tests that ended so and have no subtest that did.
func leaves(results map[string]string, how string) (names []string) {
	above := map[string]bool{}
	for name, result := range results {
		for i := strings.LastIndexByte(name, '/'); result == how && i >= 0; i = strings.LastIndexByte(name[:i], '/') {
			above[name[:i]] = true
		}
	}
	for name, result := range results {
		if result == how && !above[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// count returns how many tests and subtests ended so.
func count(results map[string]string, how string) (n int) {
	for _, result := range results {
		if result == how {
			n++
		}
	}
	return n
}

func tail(out []byte, n int) []byte { return bytes.ToValidUTF8(out[max(0, len(out)-n):], nil) }

func TestParse(t *testing.T) {
	const out = `=== RUN   TestIntegration
=== RUN   TestIntegration/FsMkdir
    x_test.go:1: --- FAIL: in a message (0.00s)
--- FAIL: TestIntegration (1.00s)
    --- PASS: TestIntegration/FsRoot (0.00s)
    --- FAIL: TestIntegration/FsMkdir (0.50s)
        --- FAIL: TestIntegration/FsMkdir/FsCopy (0.00s)
        --- SKIP: TestIntegration/FsMkdir/FsMove (0.00s)
FAIL
`
	results := parse([]byte(out))
	for how, want := range map[string][]string{
		"FAIL": {"TestIntegration/FsMkdir/FsCopy"},
		"PASS": {"TestIntegration/FsRoot"},
		"SKIP": {"TestIntegration/FsMkdir/FsMove"},
	} {
		if got := leaves(results, how); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", how, got, want)
		}
	}
}

func TestCompare(t *testing.T) {
	s := suite{passes: 1, fails: map[string]string{"A/b": "why"}}
	tests := []struct {
		failed []string
		passed int
		want   string
	}{
		{[]string{"A/b"}, 1, ""},
		{nil, 1, "is listed, and did not fail: A/b"},
		{[]string{"A/b", "A/c"}, 1, "fails, and is not listed: A/c"},
		{[]string{"A/b"}, 0, "0 tests pass, 1 are to"},
	}
	for _, tt := range tests {
		if got := strings.Join(s.compare(tt.failed, tt.passed), "\n"); got != tt.want {
			t.Errorf("fail %q, pass %d: %q, want %q", tt.failed, tt.passed, got, tt.want)
		}
	}
}

func start(t *testing.T) *fakecloud.Cloud {
	t.Helper()
	cloud, err := fakecloud.Start(fakecloud.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	return cloud
}

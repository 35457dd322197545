package floors

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/chatkeep/chatkeep"

// house lists the packages from the top floor down. A package imports only
// what stands below its own floor. The ground is not drawn in DESIGN.md: hint
// carries the codes that every floor attaches, the lowest included.
var house = []struct {
	floor    string
	packages []string
}{
	{"7", []string{"cmd/chatkeep", "internal/bench"}},
	{"6", []string{"daemon/web"}},
	{"5", []string{"daemon"}},
	{"4⅘", []string{"daemon/metrics"}},
	{"4⅗", []string{"daemon/control"}},
	{"4⅖", []string{"daemon/history", "daemon/sense", "daemon/sense/fakebus"}},
	{"4⅕", []string{"daemon/schedule", "daemon/policy", "daemon/notify"}},
	{"4", []string{"snapshot"}},
	{"3", []string{"repo"}},
	{"2½", []string{"providers/cloud/signin"}},
	{"2", []string{
		"providers/cloud", "providers/memory", "providers/providertest", "crypto/cryptotest",
		"sources/profile", "sources/folder", "sources/changes", "sources/sourcetest",
		"repo/chunker", "repo/index", "repo/trust", "repo/image",
		"internal/madeup", "internal/sdbox", "internal/fakecloud", "internal/fakecloud/suite",
	}},
	{"1½", []string{"sources/tree"}},
	{"1", []string{"config", "crypto", "providers", "sources", "sources/livedb", "repo/format", "systemd"}},
	{"0", []string{"internal/durable", "providers/cloud/quiet", "internal/i18n", "internal/words", "internal/needs", "internal/floors"}},
	{"ground", []string{"internal/hint"}},
}

// never lists what a package may not import even where it is below. "x/..."
// means x and everything inside of it.
var never = []struct{ who, what, unless, why string }{
	{"providers/...", "repo/... crypto snapshot", "", "to a provider an object is a name and some bytes"},
	{"sources/...", "repo/... providers/... crypto", "", "a source only reads, and knows nothing of where it goes"},
	{"repo/...", "sources/... config", "", "a repository knows nothing of apps and files on this computer"},
	{"repo/...", "providers/cloud providers/memory providers/providertest", "", "a repository knows no concrete provider"},
	{"...", "config", "cmd/... internal/bench", "only the top reads the configuration; it passes values down"},
	{"...", "internal/i18n", "cmd/... daemon/web", "codes and values go up, only the top turns them into words"},
	{"...", "internal/needs", "providers/providertest sources/sourcetest internal/bench internal/sdbox daemon/sense/fakebus", "it belongs to tests"},
	{"...", "internal/sdbox daemon/sense/fakebus", "", "they belong to tests"},
}

// doors lists who alone may import a module, tests included.
var doors = []struct{ prefix, door string }{
	{"github.com/rclone/rclone", "providers/cloud/..."},
	{"google.golang.org/api", "providers/cloud/..."},
	{"github.com/robfig/cron", "daemon/schedule"},
	{"filippo.io/age", "crypto/..."},
	{"github.com/godbus/dbus", "daemon/sense/..."},
	{"github.com/coreos/go-systemd", "daemon"},
	{"github.com/nicholas-fedor/shoutrrr", "daemon/notify"},
	{"github.com/prometheus", "daemon/metrics"},
}

// file is a Go file as far as this package looks at it.
type file struct {
	name    string   // from the module's root
	pkg     string   // its folder
	imports []string // paths
}

func (f file) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

func TestFloors(t *testing.T) {
	files := readModule(t, "../..")
	if len(files) < 10 {
		t.Fatalf("only %d Go files found: is this still the module?", len(files))
	}
	for _, problem := range check(files) {
		t.Error(problem)
	}
}

// readModule returns all Go files below root, for all systems and build tags.
func readModule(t *testing.T, root string) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() && name != root && (base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_') {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(base, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f, err := readFile(name, filepath.ToSlash(rel))
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func readFile(name, rel string) (file, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return file{}, err
	}
	f := file{name: rel, pkg: path.Dir(rel)}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, err
		}
		f.imports = append(f.imports, imported)
	}
	return f, nil
}

// check returns what is wrong with the imports of files.
func check(files []file) []string {
	var problems []string
	for _, f := range files {
		if floorOf(f.pkg) < 0 {
			problems = append(problems, fmt.Sprintf(
				"%s: package %s stands on no floor: give it one in internal/floors and in docs/DESIGN.md, part 3", f.name, f.pkg))
			continue
		}
		for _, imported := range f.imports {
			if problem := f.judge(imported); problem != "" {
				problems = append(problems, f.name+": "+problem)
			}
		}
	}
	return problems
}

// floorOf returns a package's height, the ground being 0, or -1.
func floorOf(pkg string) int {
	for i, level := range house {
		if slices.Contains(level.packages, pkg) {
			return len(house) - 1 - i
		}
	}
	return -1
}

// judge says what is wrong with one import, or "". Test files are held to the
// doors only.
func (f file) judge(imported string) string {
	for _, d := range doors {
		if within(imported, d.prefix+"/...") && !within(f.pkg, d.door) {
			return fmt.Sprintf("imports %s, which enters by %s alone", imported, strings.TrimSuffix(d.door, "/..."))
		}
	}
	own, isOwn := strings.CutPrefix(imported, module+"/")
	if !isOwn || f.isTest() {
		return ""
	}
	for _, n := range never {
		if within(f.pkg, n.who) && within(own, n.what) && !within(f.pkg, n.unless) {
			return fmt.Sprintf("imports %s: never, since %s", own, n.why)
		}
	}
	return f.judgeFloor(own)
}

func (f file) judgeFloor(own string) string {
	mine, theirs := floorOf(f.pkg), floorOf(own)
	switch {
	case theirs < 0:
		return "" // said about that package's own files
	case theirs > mine:
		return fmt.Sprintf("imports %s upward, from floor %s to floor %s", own, name(mine), name(theirs))
	case theirs == mine && own != f.pkg:
		return fmt.Sprintf("imports %s sideways, on floor %s", own, name(mine))
	}
	return ""
}

func name(height int) string { return house[len(house)-1-height].floor }

// within reports whether pkg matches one of the patterns, which are separated
// by spaces.
func within(pkg, patterns string) bool {
	for _, p := range strings.Fields(patterns) {
		prefix, tree := strings.CutSuffix(p, "...")
		if p == pkg || tree && (strings.HasPrefix(pkg, prefix) || pkg == strings.TrimSuffix(prefix, "/")) {
			return true
		}
	}
	return false
}

// What a rule names exists in the table, so that a renamed package does not
// slip out of a rule.
func TestRulesNameKnownPackages(t *testing.T) {
	patterns := ""
	for _, n := range never {
		patterns += " " + n.who + " " + n.what + " " + n.unless
	}
	for _, d := range doors {
		patterns += " " + d.door
	}
	for _, p := range strings.Fields(patterns) {
		if pkg := strings.TrimSuffix(strings.TrimSuffix(p, "..."), "/"); pkg != "" && pkg != "cmd" && floorOf(pkg) < 0 {
			t.Errorf("%s is in a rule but on no floor", p)
		}
	}
}

// The check finds what it should, and nothing else.
func TestCheck(t *testing.T) {
	tests := []struct{ name, imports, want string }{
		{"cmd/chatkeep/main.go", "fmt " + own("snapshot config internal/i18n internal/hint daemon/web"), ""},
		{"snapshot/take.go", own("repo sources providers crypto"), ""},
		{"sources/folder/folder.go", own("sources sources/tree internal/hint"), ""},
		{"sources/profile/capture.go", own("sources sources/tree sources/livedb"), ""},
		{"daemon/schedule/cron.go", "github.com/robfig/cron/v3", ""},
		{"daemon/sense/bus.go", "github.com/godbus/dbus/v5", ""},
		{"crypto/seal.go", "filippo.io/age filippo.io/age/armor", ""},
		{"providers/cloud/open.go", "github.com/rclone/rclone/fs google.golang.org/api/drive/v3 " + own("providers"), ""},
		{"repo/repo.go", own("repo/format repo/index providers"), ""},
		{"providers/cloud/open_test.go", own("internal/fakecloud providers/providertest"), ""},
		{"repo/repo_test.go", own("providers/memory internal/madeup sources/folder internal/needs"), ""},
		{"internal/durable/secret.go", own("internal/hint"), ""},
		{"providers/providertest/run.go", own("providers internal/needs"), ""},

		{"repo/repo.go", own("snapshot"), "imports snapshot upward, from floor 3 to floor 4"},
		{"crypto/seal.go", own("repo/format"), "imports repo/format sideways, on floor 1"},
		{"repo/index/index.go", own("repo/trust"), "imports repo/trust sideways, on floor 2"},
		{"cmd/chatkeep/main.go", own("internal/bench"), "imports internal/bench sideways, on floor 7"},
		{"internal/hint/hint.go", own("internal/durable"), "imports internal/durable upward, from floor ground to floor 0"},
		{"daemon/daemon.go", own("daemon/web"), "imports daemon/web upward, from floor 5 to floor 6"},
		{"sources/tree/walk.go", own("sources/folder"), "imports sources/folder upward, from floor 1½ to floor 2"},
		{"sources/profile/find.go", own("sources/folder"), "imports sources/folder sideways, on floor 2"},
		{"sources/tree/walk.go", own("repo/format"), "imports repo/format: never"},
		{"providers/cloud/open.go", own("crypto"), "imports crypto: never"},
		{"providers/cloud/open.go", own("repo/format"), "imports repo/format: never"},
		{"sources/folder/walk.go", own("providers"), "imports providers: never"},
		{"sources/sourcetest/run.go", own("crypto"), "imports crypto: never"},
		{"repo/repo.go", own("sources"), "imports sources: never"},
		{"repo/image/image.go", own("sources/livedb"), "imports sources/livedb: never"},
		{"repo/repo.go", own("providers/memory"), "imports providers/memory: never, since a repository knows no concrete provider"},
		{"daemon/daemon.go", own("config"), "imports config: never"},
		{"snapshot/take.go", own("config"), "imports config: never"},
		{"daemon/daemon.go", own("internal/i18n"), "imports internal/i18n: never"},
		{"config/config.go", own("internal/i18n"), "imports internal/i18n: never"},
		{"internal/bench/main.go", own("internal/i18n"), "imports internal/i18n: never"},
		{"snapshot/take.go", own("internal/needs"), "imports internal/needs: never"},
		{"cmd/chatkeep/backup.go", "github.com/rclone/rclone/fs", "imports github.com/rclone/rclone/fs, which enters by providers/cloud alone"},
		{"internal/fakecloud/drive.go", "google.golang.org/api/drive/v3", "imports google.golang.org/api/drive/v3, which enters by providers/cloud alone"},
		{"daemon/web/web.go", "github.com/robfig/cron/v3", "imports github.com/robfig/cron/v3, which enters by daemon/schedule alone"},
		{"repo/repo_test.go", "filippo.io/age", "imports filippo.io/age, which enters by crypto alone"},
		{"cmd/chatkeep/doctor.go", "github.com/coreos/go-systemd/v22/dbus", "which enters by daemon alone"},
		{"pkg/util/strings.go", "fmt", "package pkg/util stands on no floor: give it one in internal/floors and in docs/DESIGN.md, part 3"},
		{"main.go", "fmt", "package . stands on no floor"},
	}
	for _, tt := range tests {
		f := file{name: tt.name, pkg: path.Dir(tt.name), imports: strings.Fields(tt.imports)}
		got := strings.Join(check([]file{f}), "\n")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) || strings.Contains(got, "\n") {
			t.Errorf("%s importing %s: got %q, want %q", tt.name, tt.imports, got, tt.want)
		}
	}
}

// own makes import paths of packages of this module.
func own(packages string) string {
	fields := strings.Fields(packages)
	for i := range fields {
		fields[i] = module + "/" + fields[i]
	}
	return strings.Join(fields, " ")
}

// Whoever audits the repository's code compiles no cloud: not in the program
// and not in the tests.
func TestRepoCompilesWithoutRclone(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-test", "./repo/...")
	cmd.Dir = "../.."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
	for _, dep := range strings.Fields(string(out)) {
		if within(dep, "github.com/rclone/rclone/... google.golang.org/api/...") {
			t.Errorf("go test ./repo/... compiles %s", dep)
		}
	}
}

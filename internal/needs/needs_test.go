package needs

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fakeT records what Have does with a test. Like the real one, Skipf and
// Fatalf don't return.
type fakeT struct {
	testing.TB
	log []string
}

type ended struct{}

func (f *fakeT) Helper() {}

func (f *fakeT) Skipf(format string, args ...any) {
	f.log = append(f.log, "skip: "+fmt.Sprintf(format, args...))
	panic(ended{})
}

func (f *fakeT) Fatalf(format string, args ...any) {
	f.log = append(f.log, "fail: "+fmt.Sprintf(format, args...))
	panic(ended{})
}

// have runs Have on a fake test and returns what happened.
func have(needs ...Need) (log []string) {
	f := &fakeT{}
	defer func() {
		if r := recover(); r != nil && r != (ended{}) {
			panic(r)
		}
		log = f.log
	}()
	Have(f, needs...)
	return f.log
}

func TestHave(t *testing.T) {
	missing["there"] = func() error { return nil }
	missing["gone"] = func() error { return errors.New("not found") }
	t.Cleanup(func() { delete(missing, "there"); delete(missing, "gone") })
	tests := []struct {
		env   string
		needs []Need
		want  string
	}{
		{"", nil, ""},
		{"", []Need{"there"}, ""},
		{"", []Need{"there", "gone"}, "skip: needs gone: not found"},
		{"some", []Need{"gone"}, "skip: needs gone: not found"},
		{"all", []Need{"there"}, ""},
		{"all", []Need{"there", "gone"}, "fail: needs gone, and CHATKEEP_TEST=all allows no skipping: not found"},
		{"", []Need{"typo"}, `fail: needs: unknown need "typo"`},
	}
	for _, tt := range tests {
		t.Setenv("CHATKEEP_TEST", tt.env)
		if got := strings.Join(have(tt.needs...), "\n"); got != tt.want {
			t.Errorf("CHATKEEP_TEST=%s %v: %q, want %q", tt.env, tt.needs, got, tt.want)
		}
	}
}

// Every need can be looked at, whatever this computer has.
func TestEveryNeedAnswers(t *testing.T) {
	for _, n := range []Need{Cgo, Zstd, Python3, Root, Namespaces, DBus, DBusMock, Restic, Borg, Samba, Suite} {
		if missing[n] == nil {
			t.Errorf("%s can't be looked at", n)
			continue
		}
		t.Logf("%s: %v", n, missing[n]())
	}
}

func TestBrokenProgramIsMissing(t *testing.T) {
	if err := program("go", "no-such-command")(); err == nil {
		t.Error("a program that doesn't work counts as there")
	}
	if err := program("chatkeep-no-such-program")(); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a missing program: %v", err)
	}
}

func TestAge(t *testing.T) {
	path := Age(t)
	if again := Age(t); again != path {
		t.Errorf("%s, then %s", path, again)
	}
	out, err := exec.Command(path, "--version").CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) == 0 {
		t.Errorf("%s --version: %v: %s", path, err, out)
	}
}

// A test that skips by itself would pass unseen where it can't run.
func TestNobodyElseSkips(t *testing.T) {
	const root = "../.."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (name == "testdata" || name[0] == '.' || path == filepath.Join(root, "internal", "needs")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		for _, pos := range skips(t, path, nil) {
			t.Errorf("%s skips a test: use needs.Have", pos)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// skips returns where a file calls Skip, Skipf or SkipNow on a test.
func skips(t *testing.T, path string, src any) []string {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) && isTest(sel.X) {
			found = append(found, fset.Position(call.Pos()).String())
		}
		return true
	})
	return found
}

// isTest reports whether e has one of the names tests go by.
func isTest(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && slices.Contains([]string{"t", "b", "f", "tb"}, id.Name)
}

func TestSkipsAreFound(t *testing.T) {
	const src = `package p
func f() {
	t.Skip("no")
	b.Skipf("no %s", x)
	tb.SkipNow()
	reader.Skip(3)
	t.Run("t.Skip()", g)
}`
	got := skips(t, "p.go", src)
	if want := []string{"p.go:3:2", "p.go:4:2", "p.go:5:2"}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

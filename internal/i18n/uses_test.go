package i18n

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every key that the program says and every code that it attaches has its
// sentences, and gets the values they ask for. The test reads the Go sources
// of the whole module, tests apart.
func TestUsesHaveSentences(t *testing.T) {
	u := newUses()
	u.readModule(t)
	for _, problem := range u.problems(For(English)) {
		t.Error(problem)
	}
	if len(u.codes) == 0 {
		t.Error("no hint code was found in the whole module: does this test still look in the right place?")
	}
}

// use is one place in the sources where a key or a code is used.
type use struct {
	pos    string
	key    string   // key, beginning of a key, or code
	prefix bool     // key is only the beginning
	values []string // names of the values passed
	all    bool     // values is the complete list
}

// uses is what the sources say and attach.
type uses struct {
	fset   *token.FileSet
	consts map[string]string // constants that are strings, by "package.Name"
	files  []*ast.File
	says   []use
	codes  []use
}

func newUses() *uses {
	return &uses{fset: token.NewFileSet(), consts: map[string]string{}}
}

func (u *uses) readModule(t *testing.T) {
	t.Helper()
	root := moduleRoot(t)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (name == "testdata" || name == "vendor" || name[0] == '.' || name[0] == '_') {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		return u.read(rel, string(src))
	})
	if err != nil {
		t.Fatal(err)
	}
	u.collect()
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = filepath.Dir(dir)
	}
}

// read parses one file and remembers its constants.
func (u *uses) read(name, src string) error {
	file, err := parser.ParseFile(u.fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	u.files = append(u.files, file)
	for _, decl := range file.Decls {
		if gen, ok := decl.(*ast.GenDecl); ok && gen.Tok == token.CONST {
			for _, spec := range gen.Specs {
				u.readConst(file, spec.(*ast.ValueSpec))
			}
		}
	}
	return nil
}

func (u *uses) readConst(file *ast.File, spec *ast.ValueSpec) {
	for i, value := range spec.Values {
		text, ok := literal(value)
		if !ok {
			continue
		}
		u.consts[file.Name.Name+"."+spec.Names[i].Name] = text
		if isSelector(spec.Type, "hint", "Code") {
			u.codes = append(u.codes, use{pos: u.pos(value), key: text})
		}
	}
}

// collect finds the calls in all files read.
func (u *uses) collect() {
	for _, file := range u.files {
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				u.call(file, call)
			}
			return true
		})
	}
}

func (u *uses) call(file *ast.File, call *ast.CallExpr) {
	switch fun, _ := call.Fun.(*ast.SelectorExpr); {
	case fun == nil || len(call.Args) == 0:
	case fun.Sel.Name == "Say":
		if v, ok := u.use(file, call, call.Args[0], 1); ok {
			u.says = append(u.says, v)
		}
	case isSelector(fun, "hint", "New"):
		if v, ok := u.use(file, call, call.Args[0], 2); ok && !v.prefix {
			u.codes = append(u.codes, v)
		}
	case isSelector(fun, "hint", "Code"):
		if text, ok := literal(call.Args[0]); ok && text != "" { // "" is no code
			u.codes = append(u.codes, use{pos: u.pos(call), key: text})
		}
	}
}

// use describes a call whose values begin at args[first]. It is false where
// the key is known only when the program runs.
func (u *uses) use(file *ast.File, call *ast.CallExpr, key ast.Expr, first int) (use, bool) {
	v := use{pos: u.pos(call)}
	text, ok := u.text(file, key)
	if sum, isSum := key.(*ast.BinaryExpr); !ok && isSum {
		for left, isSum := sum.X.(*ast.BinaryExpr); isSum; left, isSum = sum.X.(*ast.BinaryExpr) {
			sum = left
		}
		text, ok = u.text(file, sum.X)
		v.prefix = true
	}
	if !ok || len(call.Args) < first {
		return v, false
	}
	v.key = text
	v.values, v.all = pairNames(call, first)
	return v, true
}

// text returns the value of a literal or of a constant.
func (u *uses) text(file *ast.File, e ast.Expr) (string, bool) {
	if text, ok := literal(e); ok {
		return text, true
	}
	name := ""
	switch e := e.(type) {
	case *ast.Ident:
		name = file.Name.Name + "." + e.Name
	case *ast.SelectorExpr:
		if pkg, ok := e.X.(*ast.Ident); ok {
			name = pkg.Name + "." + e.Sel.Name
		}
	}
	text, ok := u.consts[name]
	return text, ok
}

// pairNames returns the names among a call's pairs, and whether all of them
// could be read.
func pairNames(call *ast.CallExpr, first int) ([]string, bool) {
	args := call.Args[first:]
	if call.Ellipsis.IsValid() || len(args) == 1 {
		return nil, false
	}
	names, all := []string{}, true
	for i := 0; i < len(args); i += 2 {
		name, ok := literal(args[i])
		names, all = append(names, name), all && ok
	}
	return names, all
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

func isSelector(e ast.Expr, pkg, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == pkg
}

func (u *uses) pos(n ast.Node) string { return u.fset.Position(n.Pos()).String() }

// problems lists what is missing in p's language, in the order of the sources.
func (u *uses) problems(p Printer) []string {
	var list []string
	for _, v := range u.says {
		list = append(list, v.missing(p, v.key)...)
	}
	for _, v := range u.codes {
		list = append(list, v.missing(p, "error."+v.key)...)
		list = append(list, v.missing(p, "hint."+v.key)...)
	}
	return slices.Compact(list)
}

func (v use) missing(p Printer, key string) []string {
	switch {
	case v.prefix && !slices.ContainsFunc(Keys(), func(k string) bool { return strings.HasPrefix(k, key) }):
		return []string{fmt.Sprintf("%s: no key begins with %s", v.pos, key)}
	case v.prefix:
		return nil
	case !p.Has(key):
		return []string{fmt.Sprintf("%s: %s is not in messages/*.yaml", v.pos, key)}
	case !v.all:
		return nil
	}
	var list []string
	for _, name := range names(catalogue.keys[p.Lang()][key].Other) {
		if !slices.Contains(v.values, strings.Trim(name, "{}")) {
			list = append(list, fmt.Sprintf("%s: %s asks for %s, which is not passed", v.pos, key, name))
		}
	}
	return list
}

// The check itself finds what it should.
func TestUsesFindMistakes(t *testing.T) {
	const src = `package p
const (
	good hint.Code = "wrong_key"
	bad  hint.Code = "typed_constant"
	loose          = "loose_constant"
	prefix         = "no.prefix."
)
func f() {
	p.Say("error.wrong_key")
	p.Say("said.literally")
	p.Say("error." + x)
	p.Say(prefix + x + y)
	p.Say(x)
	p.Say("error.key_permissions", "path", x)
	p.Say("hint.key_permissions", "path", x)
	p.Say("hint.key_permissions", args)
	hint.New(good, err)
	hint.New("new_literal", err)
	hint.New(loose, err)
	hint.New("key_permissions", err, "path", x)
	hint.New("key_permissions", err, pairs...)
	hint.New(q.Other, err)
	hint.Is(err, hint.Code("converted"))
	code := hint.Code("")
}`
	u := newUses()
	for name, src := range map[string]string{"p.go": src, "q.go": `package q; const Other = "from_q"`} {
		if err := u.read(name, src); err != nil {
			t.Fatal(err)
		}
	}
	u.collect()
	got := u.problems(For(English))
	want := []string{
		"p.go:10:2: said.literally is not in messages/*.yaml",
		"p.go:12:2: no key begins with no.prefix.",
		"p.go:15:2: hint.key_permissions asks for {command}, which is not passed",
		"p.go:18:2: error.new_literal is not in messages/*.yaml",
		"p.go:18:2: hint.new_literal is not in messages/*.yaml",
		"p.go:19:2: error.loose_constant is not in messages/*.yaml",
		"p.go:19:2: hint.loose_constant is not in messages/*.yaml",
		"p.go:20:2: hint.key_permissions asks for {command}, which is not passed",
		"p.go:22:2: error.from_q is not in messages/*.yaml",
		"p.go:22:2: hint.from_q is not in messages/*.yaml",
		"p.go:23:15: error.converted is not in messages/*.yaml",
		"p.go:23:15: hint.converted is not in messages/*.yaml",
		"p.go:4:19: error.typed_constant is not in messages/*.yaml",
		"p.go:4:19: hint.typed_constant is not in messages/*.yaml",
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

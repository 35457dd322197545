package folder

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/sources"
)

// plant makes a tree: a line "a/b" is a file holding its path, "a/b/" a
// folder, "a -> b" a symlink.
func plant(t testing.TB, root string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		path, target, link := strings.Cut(line, " -> ")
		full := filepath.Join(root, path)
		dir := filepath.Dir(full)
		if strings.HasSuffix(path, "/") {
			dir = full
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case link:
			err = os.Symlink(target, full)
		case dir != full:
			err = os.WriteFile(full, []byte(path), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// open returns a view of what o describes, closed at the end of the test.
func open(t testing.TB, o Options) sources.View {
	t.Helper()
	v, err := tryOpen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

func tryOpen(o Options) (sources.View, error) {
	if o.Name == "" {
		o.Name = "test"
	}
	s, err := New(o)
	if err != nil {
		return nil, err
	}
	accounts, err := s.Accounts(context.Background())
	if err != nil {
		return nil, err
	}
	return accounts[0].View(context.Background())
}

// walk returns the paths that v keeps and, by path, why others are skipped.
func walk(t testing.TB, v sources.View) (kept []string, skipped map[string]sources.Skipped) {
	t.Helper()
	skipped = map[string]sources.Skipped{}
	err := v.Walk(context.Background(),
		func(e sources.Entry) error { kept = append(kept, e.Path); return nil },
		func(s sources.Skipped) { skipped[s.Path] = s })
	if err != nil {
		t.Fatal(err)
	}
	return kept, skipped
}

func wantKept(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("kept\n  %q\nwant\n  %q", got, want)
	}
}

func TestPatterns(t *testing.T) {
	tree := []string{
		"a.tmp", "a.txt", "cache/1.bin", "cache/keep.txt", "chats/2024/a.jsonl", "chats/2024/a.tmp",
		"chats/2024/pic.JPG", "chats/cache/2.bin", "chats/link -> ../a.txt", "empty/", "图片/一.jpg",
	}
	tests := []struct {
		name             string
		include, exclude []string
		want             []string
	}{
		{name: "exclude by base name anywhere", exclude: []string{"*.tmp", "*.bin"},
			want: []string{"a.txt", "cache", "cache/keep.txt", "chats", "chats/2024", "chats/2024/a.jsonl",
				"chats/2024/pic.JPG", "chats/cache", "chats/link", "empty", "图片", "图片/一.jpg"}},
		{name: "exclude a folder anywhere, with all it holds", exclude: []string{"cache", "2024", "图片"},
			want: []string{"a.tmp", "a.txt", "chats", "chats/link", "empty"}},
		{name: "a leading slash anchors", exclude: []string{"/cache", "/a.*", "/chats/2024", "/图片"},
			want: []string{"chats", "chats/cache", "chats/cache/2.bin", "chats/link", "empty"}},
		{name: "a slash inside means the whole path", exclude: []string{"chats/*", "cache/*.bin", "*/一.jpg"},
			want: []string{"a.tmp", "a.txt", "cache", "cache/keep.txt", "chats", "empty", "图片"}},
		{name: "a trailing slash means folders only", exclude: []string{"cache/", "a.txt/", "link/", "图片/"},
			want: []string{"a.tmp", "a.txt", "chats", "chats/2024", "chats/2024/a.jsonl", "chats/2024/a.tmp",
				"chats/2024/pic.JPG", "chats/link", "empty"}},
		{name: "include keeps parents, not empty folders", include: []string{"*.{jsonl,jpg}"},
			want: []string{"chats", "chats/2024", "chats/2024/a.jsonl", "图片", "图片/一.jpg"}},
		{name: "an included folder keeps what it holds", include: []string{"2024/", "empty"},
			want: []string{"chats", "chats/2024", "chats/2024/a.jsonl", "chats/2024/a.tmp", "chats/2024/pic.JPG", "empty"}},
		{name: "include by path", include: []string{"chats/**/*.bin", "/a.txt"},
			want: []string{"a.txt", "chats", "chats/cache", "chats/cache/2.bin"}},
		{name: "exclude wins over include", include: []string{"chats"}, exclude: []string{"*.tmp", "cache"},
			want: []string{"chats", "chats/2024", "chats/2024/a.jsonl", "chats/2024/pic.JPG", "chats/link"}},
		{name: "case matters", include: []string{"*.jpg"}, want: []string{"图片", "图片/一.jpg"}},
		{name: "symlinks are included like files", include: []string{"li?k"}, want: []string{"chats", "chats/link"}},
		{name: "an include that names nothing", include: []string{"nothing"}},
	}
	root := t.TempDir()
	plant(t, root, tree...)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kept, skipped := walk(t, open(t, Options{Root: root, Include: tt.include, Exclude: tt.exclude}))
			wantKept(t, kept, tt.want...)
			if len(skipped) > 0 {
				t.Errorf("what the rules leave out was mentioned: %v", skipped)
			}
		})
	}
}

func TestPatternsEscapeMagic(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "[a].txt", "a.txt", "x*y")
	kept, _ := walk(t, open(t, Options{Root: root, Exclude: []string{`\[a].txt`, `x\*y`}}))
	wantKept(t, kept, "a.txt")
}

func TestNewRefuses(t *testing.T) {
	abs := t.TempDir()
	tests := map[string]Options{
		"no name":          {Root: abs},
		"bad name":         {Name: "a/b", Root: abs},
		"relative root":    {Name: "a", Root: "chats"},
		"open bracket":     {Name: "a", Root: abs, Exclude: []string{"[a"}},
		"open brace":       {Name: "a", Root: abs, Include: []string{"*.{jpg,png"}},
		"empty pattern":    {Name: "a", Root: abs, Exclude: []string{""}},
		"the root":         {Name: "a", Root: abs, Exclude: []string{"/"}},
		"negative maximum": {Name: "a", Root: abs, MaxFileSize: -1},
	}
	for name, o := range tests {
		if _, err := New(o); err == nil {
			t.Errorf("%s: New accepted %+v", name, o)
		}
	}
	_, err := New(Options{Name: "a", Root: abs, Exclude: []string{"ok", "[a"}})
	if err == nil || !strings.Contains(err.Error(), `exclude "[a"`) {
		t.Errorf("the error doesn't name the pattern: %v", err)
	}
}

func TestMaxFileSize(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "large", "tiny", "left-out-large")
	kept, skipped := walk(t, open(t, Options{Root: root, MaxFileSize: 4, Exclude: []string{"left*"}}))
	wantKept(t, kept, "tiny")
	if s := skipped["large"]; len(skipped) != 1 || s.Reason != sources.TooLarge || s.Err == nil {
		t.Errorf("skipped %v", skipped)
	}
}

package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// parse reads text as /conf/chatkeep.yaml of a user whose home is /home/li.
func parse(t *testing.T, text string) (*Config, Errors) {
	t.Helper()
	t.Setenv("HOME", "/home/li")
	c, err := Parse("/conf/chatkeep.yaml", []byte(text))
	if err == nil {
		return c, nil
	}
	var errs Errors
	if !errors.As(err, &errs) || len(errs) == 0 || !hint.Is(err, CodeBad) || c != nil {
		t.Fatalf("unexpected error %v", err)
	}
	return nil, errs
}

const rest = "\nremote: local:chatkeep\n"

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, errs := parse(t, text)
	if errs != nil {
		t.Fatalf("%s\n%v", text, errs)
	}
	return c
}

func TestEverything(t *testing.T) {
	c := mustParse(t, `
device: 书房
sources:
  - ~/Chats
  - {name: exports, folder: $HOME/Chat Exports, exclude: ["*.tmp", cache/], max_file_size: 1.5GiB}
  - folder: ./voice
    include: ["*.silk"]
  - name: up
    folder: ../data/
remote:
  type: local
  folder: ${HOME}/backup
  pack_size: 16 MiB
`)
	want := &Config{
		Device: "书房",
		Sources: Sources{
			{Name: "Chats", Folder: "/home/li/Chats", alone: true},
			{Name: "exports", Folder: "/home/li/Chat Exports", Exclude: []string{"*.tmp", "cache/"}, MaxFileSize: 3 << 29},
			{Name: "voice", Folder: "/conf/voice", Include: []string{"*.silk"}},
			{Name: "up", Folder: "/data"},
		},
		Remote: Remote{Type: "local", Folder: "/home/li/backup", PackSize: 16 << 20},
	}
	want.file, want.positions = c.file, c.positions
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if c.File() != "/conf/chatkeep.yaml" || c.Remote.String() != "local:/home/li/backup" {
		t.Errorf("%s, %s", c.File(), c.Remote)
	}
}

func TestDefaults(t *testing.T) {
	c := mustParse(t, "sources: [/a]"+rest)
	if !isName(c.Device) {
		t.Errorf("device %q", c.Device)
	}
	want := &Config{
		Device:  c.Device,
		Sources: Sources{{Name: "a", Folder: "/a", alone: true}},
		Remote:  Remote{Type: "local", Folder: "/conf/chatkeep", PackSize: 64 << 20},
	}
	want.file, want.positions = c.file, c.positions
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestFolders(t *testing.T) {
	for text, want := range map[string]string{
		"~":           "/home/li",
		"~/a/../b/":   "/home/li/b",
		"$HOME/x":     "/home/li/x",
		"${HOME}":     "/home/li",
		"$HOMER/x":    "/conf/$HOMER/x",
		"./a":         "/conf/a",
		"a/b":         "/conf/a/b",
		"../a":        "/a",
		"/a//b":       "/a/b",
		"/聊天 记录/微信":   "/聊天 记录/微信",
		"/a/~":        "/a/~",
		"/a/x:y":      "/a/x:y",
		"./WeChat：备份": "/conf/WeChat：备份",
	} {
		c := mustParse(t, "sources: [{name: n, folder: \""+text+"\"}]"+rest)
		if got := c.Sources[0].Folder; got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

func TestRemotes(t *testing.T) {
	for text, want := range map[string]Remote{
		"local:/srv/备份/chatkeep/": {"local", "/srv/备份/chatkeep", 64 << 20},
		"local:/a:b":              {"local", "/a:b", 64 << 20},
		"local:~/backup":          {"local", "/home/li/backup", 64 << 20},
		"local:backup":            {"local", "/conf/backup", 64 << 20},
		"{type: local, folder: b/c, pack_size: 1MiB}":  {"local", "/conf/b/c", 1 << 20},
		"{folder: /b, type: local, pack_size: 128MiB}": {"local", "/b", 128 << 20},
	} {
		c := mustParse(t, "sources: [/a]\nremote: "+text)
		if c.Remote != want {
			t.Errorf("%s is %+v, want %+v", text, c.Remote, want)
		}
	}
}

func TestParseRemote(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	r, err := ParseRemote("local:backup")
	if want := (Remote{"local", filepath.Join(dir, "backup"), DefaultPackSize}); err != nil || r != want {
		t.Errorf("%+v, %v", r, err)
	}
	for text, want := range map[string]string{
		"":             "a remote is local:FOLDER, such as local:/media/disk/chatkeep, or ",
		"local":        "a remote is local:FOLDER",
		"local:":       "a remote is local:FOLDER",
		":x":           "a remote is local:FOLDER",
		"locl:x":       "unknown type of remote locl; did you mean local?",
		"Local:x":      "unknown type of remote Local; did you mean local?",
		"disk:x":       "unknown type of remote disk; did you mean local?",
		"ftp:x":        "unknown type of remote ftp",
		"drive:x":      "drive is not available in this version yet; use local for now",
		"drive:/":      "drive is not available in this version yet; use local for now",
		"OneDrive:x":   "OneDrive is not available in this version yet; use local for now",
		"gdrive:x":     "gdrive is not available in this version yet; use local for now",
		"local:~li/x":  "~li/x is not a folder's path",
		"local:a\x00b": "remote contains a character that can't be printed",
	} {
		_, err := ParseRemote(text)
		whole := err != nil && (err.Error() == want || strings.HasPrefix(want, "a remote is"))
		if err == nil || !strings.HasPrefix(err.Error(), want) || !whole || !hint.Is(err, "bad_remote") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Every planned kind is known, in a file and on a command line, and refused
// at its place with nothing else said.
func TestLaterRemotes(t *testing.T) {
	kinds := strings.Fields("drive onedrive webdav s3 sftp smb dropbox jianguoyun openlist tencent-cos aliyun-oss qiniu")
	if !slices.Equal(kinds, laterRemotes) {
		t.Errorf("planned are %q, want %q", laterRemotes, kinds)
	}
	for _, kind := range kinds {
		for text, column := range map[string]int{
			kind + ":x": 9, kind + ":../~x": 9, "{type: " + kind + ", folder: x}": 16, "{folder: ~li/x, type: " + kind + "}": 31,
		} {
			_, errs := parse(t, "sources: [/a]\nremote: "+text)
			if len(errs) != 1 || errs[0].Code != "later_remote" || errs[0].Line != 2 || errs[0].Column != column {
				t.Errorf("remote: %s: %v", text, errs)
			}
		}
		_, err := ParseRemote(kind + ":x")
		var errs Errors
		if !errors.As(err, &errs) || len(errs) != 1 || errs[0].Code != "later_remote" || errs[0].Args["name"] != kind {
			t.Errorf("--remote %s:x: %v", kind, err)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chatkeep.yaml")
	_, err := Load(path)
	if e := hint.Find(err); e == nil || e.Code != CodeMissing || e.Args["path"] != path || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("sources: [./a]" + rest)
	c, err := Load(path)
	if err != nil || c.Sources[0].Folder != filepath.Join(filepath.Dir(path), "a") {
		t.Errorf("%+v, %v", c, err)
	}
	write("sources: [./a]" + rest + strings.Repeat("#\n", maxFile/2))
	if _, err := Load(path); !hint.Is(err, CodeBad) || !strings.Contains(err.Error(), "larger than 1MiB") {
		t.Errorf("too large: %v", err)
	}
	if _, err := Load(filepath.Dir(path)); err == nil || hint.Find(err) != nil {
		t.Errorf("a folder: %v", err)
	}
}

func TestYAMLIsReadBack(t *testing.T) {
	c := mustParse(t, `
device: "1482"
sources: [/a, {name: yes, folder: /b c, exclude: ["# x", "*.tmp", "a: b"], max_file_size: 123B}]
remote: {type: local, folder: ~/x}
`)
	want := `device: "1482"
sources:
  - /a
  - name: "yes"
    folder: /b c
    exclude: ['# x', '*.tmp', 'a: b']
    max_file_size: 123B
remote:
  type: local
  folder: /home/li/x
  pack_size: 64MiB
`
	if got := string(c.YAML()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	again := mustParse(t, want)
	again.positions = c.positions
	if !reflect.DeepEqual(again, c) {
		t.Errorf("read back %+v, want %+v", again, c)
	}
}

func TestPosition(t *testing.T) {
	c := mustParse(t, `# comment
sources:
  - ~/Chats
  - name: 导出
    folder: /b
    exclude: [一, "*.tmp"]
remote: local:chatkeep
`)
	for path, want := range map[string][2]int{
		"":                           {1, 1},
		"device":                     {1, 1},
		"sources":                    {3, 3},
		"sources[0]":                 {3, 5},
		"sources[0].folder":          {3, 5},
		"sources[1].folder":          {5, 13},
		"sources[1].exclude[1]":      {6, 18},
		"sources[1].include[0]":      {4, 5},
		"sources[9].folder":          {3, 3},
		"remote.pack_size":           {7, 9},
		"no.such[3].thing.any.where": {1, 1},
	} {
		if line, column := c.Position(path); line != want[0] || column != want[1] {
			t.Errorf("%s is at %d:%d, want %v", path, line, column, want)
		}
	}
	cause := errors.New("bad pattern")
	err := c.At("sources[1].exclude[1]", cause)
	if err.Error() != "/conf/chatkeep.yaml:6:18: sources[1].exclude[1]: bad pattern" || !errors.Is(err, cause) {
		t.Errorf("At: %v", err)
	}
	if c.At("device", nil) != nil {
		t.Error("At makes an error of nil")
	}
	if line, column := (&Config{}).Position("device"); line != 1 || column != 1 {
		t.Errorf("zero Config: %d:%d", line, column)
	}
}

func TestExample(t *testing.T) {
	c := mustParse(t, string(Example))
	names := []string{}
	for _, s := range c.Sources {
		names = append(names, s.Name)
	}
	if want := []string{"wechat", "old-wechat", "Chats", "exports", "语音", "talk"}; !reflect.DeepEqual(names, want) {
		t.Errorf("sources %q, want %q", names, want)
	}
	for _, key := range allWorkingKeys() {
		if !strings.Contains(string(Example), key+":") {
			t.Errorf("example.yaml doesn't show %s", key)
		}
	}
}

func allWorkingKeys() []string {
	var keys []string
	for _, t := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[Source](), reflect.TypeFor[Remote](),
		reflect.TypeFor[Profile](), reflect.TypeFor[Marker](), reflect.TypeFor[Pages](), reflect.TypeFor[Never]()} {
		for i := range t.NumField() {
			if key := keyOf(t.Field(i)); key != "" {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

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
	want.daemonDefaults()
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
	want.daemonDefaults()
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
	local := func(folder string, size Size) Remote { return Remote{Type: "local", Folder: folder, PackSize: size} }
	for text, want := range map[string]Remote{
		"local:/srv/备份/chatkeep/": local("/srv/备份/chatkeep", 64<<20),
		"local:/a:b":              local("/a:b", 64<<20),
		"local:~/backup":          local("/home/li/backup", 64<<20),
		"local:backup":            local("/conf/backup", 64<<20),
		"{type: local, folder: b/c, pack_size: 1MiB}":  local("/conf/b/c", 1<<20),
		"{folder: /b, type: local, pack_size: 128MiB}": local("/b", 128<<20),
		"drive:chatkeep":      {Type: "drive", Folder: "chatkeep", PackSize: 64 << 20},
		"drive:/备份/chatkeep/": {Type: "drive", Folder: "备份/chatkeep", PackSize: 64 << 20},
		"jianguoyun:chatkeep": {Type: "jianguoyun", Folder: "chatkeep", PackSize: 16 << 20},
		"{type: webdav, folder: a//b, options: {url: \"https://dav.example.com/\", user: li}}": {
			Type: "webdav", Folder: "a/b", PackSize: 16 << 20, Options: Options{"url": "https://dav.example.com/", "user": "li"}},
		"{type: openlist, folder: /x, pack_size: 32MiB, options: {url: http://192.168.1.2:5244/dav}}": {
			Type: "openlist", Folder: "x", PackSize: 32 << 20, Options: Options{"url": "http://192.168.1.2:5244/dav"}},
		"{type: s3, folder: chats-1/chatkeep, options: {provider: AWS, region: eu-west-1, force_path_style: true}}": {
			Type: "s3", Folder: "chats-1/chatkeep", PackSize: 64 << 20,
			Options: Options{"provider": "AWS", "region": "eu-west-1", "force_path_style": "true"}},
		"{type: sftp, folder: /srv/backup, options: {host: nas, port: 2222, user: \"007\"}, proxy: socks5://127.0.0.1:1080/}": {
			Type: "sftp", Folder: "/srv/backup", PackSize: 64 << 20, Proxy: "socks5://127.0.0.1:1080",
			Options: Options{"host": "nas", "port": "2222", "user": "007"}},
		"{type: smb, folder: Data/chatkeep, transfers: 1}": {Type: "smb", Folder: "Data/chatkeep", PackSize: 64 << 20, Transfers: 1},
		"{type: drive, folder: x, proxy: http://127.0.0.1:7890, ca_cert: ~/ca.pem, chunk_size: 16MiB, transfers: 16, requests_per_minute: 45}": {
			Type: "drive", Folder: "x", PackSize: 64 << 20, Proxy: "http://127.0.0.1:7890", CACert: "/home/li/ca.pem",
			ChunkSize: 16 << 20, Transfers: 16, RequestsPerMinute: 45},
		"{type: onedrive, folder: x, options: {region: cn}, ca_cert: ca.pem}": {
			Type: "onedrive", Folder: "x", PackSize: 64 << 20, CACert: "/conf/ca.pem", Options: Options{"region": "cn"}},
		"{type: dropbox, folder: x, options: {}}": {Type: "dropbox", Folder: "x", PackSize: 64 << 20},
	} {
		c := mustParse(t, "sources: [/a]\nremote: "+text)
		if !reflect.DeepEqual(c.Remote, want) {
			t.Errorf("%s is %+v, want %+v", text, c.Remote, want)
		}
		if again := mustParse(t, string(c.YAML())); !reflect.DeepEqual(again.Remote, want) {
			t.Errorf("%s is read back as %+v", text, again.Remote)
		}
	}
}

// Every kind can be written in both forms, in a file and on a command line.
func TestEveryRemoteType(t *testing.T) {
	for _, kind := range RemoteTypes() {
		c := mustParse(t, "sources: [/a]\nremote: "+string(kind)+":/x")
		for _, text := range []string{"{type: " + string(kind) + ", folder: /x}", "{folder: /x, type: " + string(kind) + "}"} {
			if same := mustParse(t, "sources: [/a]\nremote: "+text); !reflect.DeepEqual(same.Remote, c.Remote) {
				t.Errorf("%s is %+v, the short form %+v", text, same.Remote, c.Remote)
			}
		}
		r, err := ParseRemote(string(kind) + ":/x")
		if err != nil || !reflect.DeepEqual(r, c.Remote) {
			t.Errorf("--remote %s:/x is %+v, %v; in a file %+v", kind, r, err, c.Remote)
		}
	}
}

func TestNetwork(t *testing.T) {
	day := func(h, m int) time.Duration { return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute }
	for text, want := range map[string]Network{
		"{}":                                {},
		"{upload: 2MiB/s}":                  {Upload: 2 << 20},
		"{upload: 1.5 MB/s}":                {Upload: 1500000},
		"{upload: unlimited}":               {},
		"{download: 100kB/s}":               {Download: 100000},
		"{upload_per_day: 20GiB}":           {UploadPerDay: 20 << 30},
		`{timetable: "00:00,unlimited"}`:    {Timetable: Timetable{{}}},
		`{timetable: "23:59,1MiB/s:2MB/s"}`: {Timetable: Timetable{{day(23, 59), 1 << 20, 2000000}}},
		`{timetable: "23:00,unlimited  08:00,512KiB/s 12:30,unlimited:1MiB/s"}`: {Timetable: Timetable{
			{day(8, 0), 512 << 10, 512 << 10}, {day(12, 30), 0, 1 << 20}, {At: day(23, 0)}}},
		"\n  timetable: 08:00,512KiB/s 23:00,unlimited": {Timetable: Timetable{{day(8, 0), 512 << 10, 512 << 10}, {At: day(23, 0)}}},
	} {
		c := mustParse(t, "sources: [/a]\nnetwork: "+text+rest)
		want.OnMetered = Allowance{Word: AllowFirst}
		if !reflect.DeepEqual(c.Network, want) {
			t.Errorf("%s is %+v, want %+v", text, c.Network, want)
		}
		if again := mustParse(t, string(c.YAML())); !reflect.DeepEqual(again.Network, want) {
			t.Errorf("%s is read back as %+v", text, again.Network)
		}
	}
}

func TestParseRemote(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	r, err := ParseRemote("local:backup")
	if want := (Remote{Type: "local", Folder: filepath.Join(dir, "backup"), PackSize: DefaultPackSize}); err != nil || !reflect.DeepEqual(r, want) {
		t.Errorf("%+v, %v", r, err)
	}
	for text, want := range map[string]string{
		"":             "a remote is TYPE:FOLDER, such as local:/media/disk/chatkeep or drive:chatkeep, or ",
		"local":        "a remote is TYPE:FOLDER",
		"local:":       "a remote is TYPE:FOLDER",
		":x":           "a remote is TYPE:FOLDER",
		"locl:x":       "unknown type of remote locl; did you mean local?",
		"Local:x":      "unknown type of remote Local; did you mean local?",
		"disk:x":       "unknown type of remote disk; did you mean local?",
		"telnet:x":     "unknown type of remote telnet",
		"drive:/":      "/ is not a folder there; write it like chatkeep",
		"smb:..":       ".. is not a folder there; write it like SHARE/chatkeep",
		"OneDrive:x":   "unknown type of remote OneDrive; did you mean onedrive?",
		"gdrive:x":     "unknown type of remote gdrive; did you mean drive?",
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

// A computer that only restores has no sources, and its file has no line for
// them.
func TestNoSources(t *testing.T) {
	c := mustParse(t, "device: tablet"+rest)
	if c.Sources != nil {
		t.Errorf("sources %+v", c.Sources)
	}
	text := string(c.YAML())
	if strings.Contains(text, "sources") {
		t.Errorf("written as\n%s", text)
	}
	again := mustParse(t, text)
	if again.Sources != nil || again.Remote.String() != c.Remote.String() {
		t.Errorf("read back %+v", again)
	}
}

// Commands take the names of devices that the file does.
func TestDeviceName(t *testing.T) {
	for name, want := range map[string]string{"laptop": "laptop", "书房": "书房", "my laptop": "my-laptop", "latest": "my-latest", "a/b": "a-b", "": hostName(), "..": hostName()} {
		usable, ok := DeviceName(name)
		_, errs := parse(t, "device: \""+name+"\"\nsources: [/a]"+rest)
		if usable != want || ok != (errs == nil) || ok != (name == usable) {
			t.Errorf("%q: usable %q, %v; the file says %v", name, usable, ok, errs)
		}
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
schedule:
  backup: '*/30 * * * *'
  verify: '@weekly'
  on_change: 3m
network:
  on_metered: first-only
least_free: 256MiB
overdue:
  after: 3d
  upload: 50MiB
notify:
  stale: 24h
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
	for _, t := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[Source](), reflect.TypeFor[Remote](), reflect.TypeFor[Network](),
		reflect.TypeFor[Schedule](), reflect.TypeFor[Timing](), reflect.TypeFor[Pull](), reflect.TypeFor[Power](), reflect.TypeFor[Overdue](), reflect.TypeFor[Notify](),
		reflect.TypeFor[Profile](), reflect.TypeFor[Marker](), reflect.TypeFor[Pages](), reflect.TypeFor[Never]()} {
		for i := range t.NumField() {
			if key := keyOf(t.Field(i)); key != "" {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

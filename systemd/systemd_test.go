package systemd

import (
	"path"
	"slices"
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	for _, c := range []struct{ in, word, bound string }{
		{"/home/alice/.cache", "/home/alice/.cache", "-/home/alice/.cache"},
		{"/家/备份", "/家/备份", "-/家/备份"},
		{"/a b", `"/a b"`, `"-/a b"`},
		{"/50%/%i", "/50%%/%%i", "-/50%%/%%i"},
		{`/a"b`, `"/a\"b"`, `"-/a\"b"`},
		{`/it's`, `"/it's"`, `"-/it\'s"`},
		{`/a\b`, `"/a\\b"`, `"-/a\\b"`},
		{"/a:b", "/a:b", `"-/a\:b"`},
		{"/a;b", `"/a;b"`, `"-/a;b"`},
		{"", `""`, "-"},
	} {
		if got := word(c.in); got != c.word {
			t.Errorf("word %s: %s, want %s", c.in, got, c.word)
		}
		if got := bound(c.in); got != c.bound {
			t.Errorf("bound %s: %s, want %s", c.in, got, c.bound)
		}
	}
	if got := argument("/$HOME/a b"); got != `"/$$HOME/a b"` {
		t.Errorf("an argument became %s", got)
	}
	if got := pair("/srv/a:b", "ro"); got != `"/srv/a\:b:ro"` {
		t.Errorf("a pair became %s", got)
	}
}

// alice's installation, as both managers get it.
func alice(user string) Service {
	return Service{User: user, Group: "1700", Home: "/home/alice", Program: "/opt/chat keep/chatkeep", State: "/home/alice/.local/state/chatkeep", Cache: "/home/alice/.cache/chatkeep",
		Env:   []Variable{{"CHATKEEP_STATE", "/home/alice/.local/state/chatkeep"}, {"CHATKEEP_LANG", "zh-CN"}},
		Write: []string{"/media/disk/100%"}, Read: []string{"/home/alice/xwechat_files"}, Hide: []string{"/home/alice/.config/chatkeep/recovery.key"}}
}

func TestFiles(t *testing.T) {
	own, system := alice(""), alice("alice")
	system.Sealed = "/etc/chatkeep/credentials/alice.cred"
	for _, c := range []struct {
		s    Service
		file string
		want []string
		not  []string
	}{
		{own, "chatkeep.service", []string{"ExecStart=\"/opt/chat keep/chatkeep\" daemon", "ExecReload=\"/opt/chat keep/chatkeep\" reload", "WantedBy=default.target"}, []string{"/usr/bin/chatkeep", "User="}},
		{own, "chatkeep.service.d/paths.conf", []string{"[Service]", "Environment=CHATKEEP_LANG=zh-CN", "Environment=CHATKEEP_STATE=/home/alice/.local/state/chatkeep"}, []string{"RequiresMountsFor"}},
		{own, "chatkeep.service.d/sandbox.conf", []string{"ProtectHome=read-only", "BindPaths=-/media/disk/100%%", "BindPaths=-/home/alice/.cache/chatkeep", "BindReadOnlyPaths=-/home/alice/xwechat_files",
			"InaccessiblePaths=-/home/alice/.config/chatkeep/recovery.key", "ExecStartPre=+-/bin/mkdir -p -m 0700 -- /home/alice/.local/state/chatkeep /home/alice/.cache/chatkeep"}, []string{"TemporaryFileSystem", "setpriv"}},
		{system, "chatkeep@.service", []string{"ExecStart=\"/opt/chat keep/chatkeep\" daemon", "User=%i", "ProtectHome=tmpfs", "WantedBy=multi-user.target"}, []string{"/usr/bin/chatkeep"}},
		{system, "chatkeep@alice.service.d/paths.conf", []string{"[Unit]", "RequiresMountsFor=/home/alice/.local/state/chatkeep /home/alice/.cache/chatkeep"}, nil},
		{system, "chatkeep@alice.service.d/sandbox.conf", []string{"ExecStartPre=+-/usr/bin/setpriv --reuid=alice --regid=1700 --init-groups -- /bin/mkdir -p -m 0700 -- /home/alice/.local/state/chatkeep /home/alice/.cache/chatkeep"},
			[]string{"TemporaryFileSystem", "ProtectHome"}},
		{system, "chatkeep@alice.service.d/credential.conf", []string{"LoadCredentialEncrypted=chatkeep-device:/etc/chatkeep/credentials/alice.cred"}, nil},
	} {
		lines := strings.Split(textOf(t, c.s, c.file), "\n")
		for _, want := range c.want {
			if !slices.Contains(lines, want) {
				t.Errorf("%s has no line %s", c.file, want)
			}
		}
		for _, line := range lines {
			for _, not := range c.not {
				if !strings.HasPrefix(line, "#") && strings.Contains(line, not) {
					t.Errorf("%s has %s", c.file, line)
				}
			}
		}
	}
	open := own
	open.Open = true
	if names := namesOf(t, open); !slices.Equal(names, []string{"chatkeep.service", "chatkeep.service.d/paths.conf"}) {
		t.Errorf("without a sandbox: %v", names)
	}
	for _, name := range namesOf(t, system)[1:] {
		if !slices.Contains(DropInNames(), path.Base(name)) {
			t.Errorf("%s would stay after an uninstall", name)
		}
	}
	far := system
	far.Home = "/srv/people/alice"
	if text := textOf(t, far, "chatkeep@alice.service.d/sandbox.conf"); !strings.Contains(text, "\nTemporaryFileSystem=/srv/people/alice:ro\n") {
		t.Errorf("a home at an uncommon place is shown: %s", text)
	}
}

func textOf(t *testing.T, s Service, name string) string {
	t.Helper()
	files, err := s.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !Ours([]byte(f.Text)) {
			t.Errorf("%s has no mark", f.Path)
		}
		if f.Path == name {
			return f.Text
		}
	}
	t.Fatalf("there is no %s", name)
	return ""
}

func namesOf(t *testing.T, s Service) (names []string) {
	t.Helper()
	files, err := s.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, f.Path)
	}
	return names
}

func TestRefused(t *testing.T) {
	for name, change := range map[string]func(*Service){
		"relative program": func(s *Service) { s.Program = "chatkeep" },
		"quoted program":   func(s *Service) { s.Program = `/opt/it's` },
		"no state":         func(s *Service) { s.State = "" },
		"line break":       func(s *Service) { s.Read = []string{"/a\nExecStartPre=/bin/evil"} },
		"in a variable":    func(s *Service) { s.Env = []Variable{{"A", "b\nExecStartPre=/bin/evil"}} },
		"user":             func(s *Service) { s.User = "alice smith" },
		"user with dash":   func(s *Service) { s.User = "-alice" },
		"user's specifier": func(s *Service) { s.User = "%u" },
		"home":             func(s *Service) { s.Home = "" },
		"sealed":           func(s *Service) { s.Sealed = "keys" },
		"open template":    func(s *Service) { s.Open = true },
	} {
		s := alice("alice")
		change(&s)
		if files, err := s.Files(); err == nil {
			t.Errorf("%s was taken: %v", name, files)
		}
	}
	if Ours([]byte("[Service]\n")) || Ours(nil) {
		t.Error("somebody else's file is ours")
	}
}

// Whoever reads a unit learns why each line of its sandbox is there.
func TestEveryLineOfTheSandboxIsExplained(t *testing.T) {
	kinds := []string{"Protect", "Private", "Restrict", "NoNew", "Lock", "Memory", "SystemCall", "Capability", "Ambient", "Keyring", "Device", "Bind", "Inaccessible", "Temporary", "Load", "ExecStartPre"}
	checked := 0
	for _, s := range []Service{alice(""), alice("alice")} {
		s.Sealed = "/etc/x"
		files, err := s.Files()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			before := ""
			for line := range strings.Lines(f.Text) {
				key, _, isKey := strings.Cut(line, "=")
				if isKey && slices.ContainsFunc(kinds, func(k string) bool { return strings.HasPrefix(key, k) }) && !strings.HasPrefix(key, "RestartPrevent") {
					checked++
					if !strings.HasPrefix(before, "#") && !strings.HasPrefix(before, key+"=") && key != "LoadCredentialEncrypted" {
						t.Errorf("%s: nothing explains %s", f.Path, line)
					}
				}
				before = line
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d lines were looked at", checked)
	}
}

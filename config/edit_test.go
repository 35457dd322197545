package config

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
)

const base = "sources: [/a] # mine\nremote: local:x\n"

// A name is added and removed where a person would have written it.
func TestEdit(t *testing.T) {
	for _, tt := range []struct{ name, path, before, with, without string }{
		// without is what remains after removal, if not before
		{"no key", "notify", base, base + "notify: [new]\n", base + "notify: []\n"},
		{"no group", "network.trusted", base, base + "network:\n  trusted: [new]\n", base + "network:\n  trusted: []\n"},
		{"no newline at the end", "notify", strings.TrimSpace(base), strings.TrimSpace(base) + "\nnotify: [new]", strings.TrimSpace(base) + "\nnotify: []"},
		{"comment at the end", "notify", base + "# end", base + "# end\nnotify: [new]", base + "# end\nnotify: []"},
		{"windows", "network.trusted", "sources: [/a]\r\nremote: local:x\r\n", "sources: [/a]\r\nremote: local:x\r\nnetwork:\r\n  trusted: [new]\r\n", "sources: [/a]\r\nremote: local:x\r\nnetwork:\r\n  trusted: []\r\n"},
		{"byte order mark", "notify.to", "\ufeffnotify: [a]\n" + base, "\ufeffnotify: [a, new]\n" + base, ""},
		{"only text", "notify", base + "notify: a # who\n", base + "notify: [a, new] # who\n", base + "notify: [a] # who\n"},
		{"quoted text", "notify", base + "notify: 'a' # who\n", base + "notify: ['a', new] # who\n", base + "notify: ['a'] # who\n"},
		{"text on the next line", "notify", base + "notify:\n  a\n", base + "notify:\n  [a, new]\n", base + "notify:\n  [a]\n"},
		{"empty list", "notify", base + "notify: [ ] # none\n", base + "notify: [new ] # none\n", base + "notify: [ ] # none\n"},
		{"list", "notify", base + "notify: [ a, \"b\" ] # who\n", base + "notify: [ a, \"b\", new ] # who\n", ""},
		{"list over lines", "notify", base + "notify: [\n  a, # one\n  b # two\n]\n", base + "notify: [\n  a, # one\n  b, new # two\n]\n", ""},
		{"comma at the end", "notify", base + "notify: [a, ]\n", base + "notify: [a, new, ]\n", base + "notify: [a, ]\n"},
		{"lines", "notify", "notify: # who\n  # first\n  - a # one\n  # second\n  - b # two\n# rest\n" + base,
			"notify: # who\n  # first\n  - a # one\n  # second\n  - b # two\n  - new\n# rest\n" + base, ""},
		{"lines without indent", "notify", base + "notify:\n- a\n-   b", base + "notify:\n- a\n-   b\n-   new", base + "notify:\n- a\n-   b\n"},
		{"windows' lines", "notify", "notify:\r\n  - 家\r\nsources: /a\r\nremote: local:x\r\n", "notify:\r\n  - 家\r\n  - new\r\nsources: /a\r\nremote: local:x\r\n", ""},
		{"list in a group", "notify", base + "notify: {to: [a], quiet: \"22:00-07:00\"}\n", base + "notify: {to: [a, new], quiet: \"22:00-07:00\"}\n", ""},
		{"text in a group", "notify", base + "notify: {stale: 1d, to: a}\n", base + "notify: {stale: 1d, to: [a, new]}\n", base + "notify: {stale: 1d, to: [a]}\n"},
		{"group without the key", "notify", base + "notify: {stale: 1d}\n", base + "notify: {to: [new], stale: 1d}\n", base + "notify: {to: [], stale: 1d}\n"},
		{"group in lines without the key", "network.trusted", "network: # line\n    # fast\n    upload: 1MiB/s # up\n" + base,
			"network: # line\n    trusted: [new]\n    # fast\n    upload: 1MiB/s # up\n" + base, "network: # line\n    trusted: []\n    # fast\n    upload: 1MiB/s # up\n" + base},
		{"empty group", "network.trusted", base + "network: {}\n", base + "network: {trusted: [new]}\n", base + "network: {trusted: []}\n"},
		{"lines in a group", "network.trusted", "network:\n  trusted:\n    - a\n  upload: 1MiB/s\n" + base, "network:\n  trusted:\n    - a\n    - new\n  upload: 1MiB/s\n" + base, ""},
		{"wide letters before it", "network.trusted", "network: {trusted: [家, \"办公室\"]}\n" + base, "network: {trusted: [家, \"办公室\", new]}\n" + base, ""},
		{"quoted keys", "network.trusted", "\"network\":\n  'trusted': [a]\n" + base, "\"network\":\n  'trusted': [a, new]\n" + base, ""},
		{"file in braces", "notify", "{sources: [/a], remote: 'local:x'}\n", "{notify: [new], sources: [/a], remote: 'local:x'}\n", "{notify: [], sources: [/a], remote: 'local:x'}\n"},
		{"group of a file in braces", "network.trusted", "{sources: [/a], remote: 'local:x'}\n", "{network: {trusted: [new]}, sources: [/a], remote: 'local:x'}\n",
			"{network: {trusted: []}, sources: [/a], remote: 'local:x'}\n"},
		{"indented file", "network.trusted", "  sources: /a\n  remote: local:x\n", "  sources: /a\n  remote: local:x\n  network:\n    trusted: [new]\n", "  sources: /a\n  remote: local:x\n  network:\n    trusted: []\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := AddName("/conf/chatkeep.yaml", []byte(tt.before), tt.path, "new")
			if err != nil || string(got) != tt.with {
				t.Fatalf("added: %v\ngot\n%s\nwant\n%s", err, got, tt.with)
			}
			if again, err := AddName("/conf/chatkeep.yaml", got, tt.path, "new"); err != nil || !bytes.Equal(again, got) {
				t.Errorf("added twice: %v\n%s", err, again)
			}
			want := tt.without
			if want == "" {
				want = tt.before
			}
			if got, err = RemoveName("/conf/chatkeep.yaml", got, tt.path, "new"); err != nil || string(got) != want {
				t.Errorf("removed: %v\ngot\n%s\nwant\n%s", err, got, want)
			}
		})
	}
}

func TestRemoveName(t *testing.T) {
	for _, tt := range []struct{ name, before, want string }{
		{"not there", "notify: [b]\n", "notify: [b]\n"},
		{"no list", "", ""},
		{"only text", "notify: \"a\" # who\n", "notify: [] # who\n"},
		{"first", "notify: [a, b , c]\n", "notify: [b , c]\n"},
		{"in the middle", "notify: [b, a , c]\n", "notify: [b, c]\n"},
		{"last", "notify: [b , a ]\n", "notify: [b ]\n"},
		{"last over lines", "notify: [b, # two\n  a # one\n]\n", "notify: [b, # two\n   # one\n]\n"},
		{"only one", "notify: [a]\n", "notify: []\n"},
		{"only one, with a comma", "notify: [a,]\n", "notify: []\n"},
		{"line", "notify:\n  - b\n  - a # one\n  - c\n", "notify:\n  - b\n  - c\n"},
		{"last line", "notify:\n- b\n- a", "notify:\n- b\n"},
		{"only line", "notify: # who\n  # one\n  - a # x\n  # end\n", "notify: [] # who\n  # one\n  # end\n"},
		{"only line of a group", "notify:\n  to:\n  - a\n  stale: 1d\n", "notify:\n  to: []\n  stale: 1d\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := RemoveName("c.yaml", []byte(base+tt.before), "notify", "a")
			if err != nil || string(got) != base+tt.want {
				t.Errorf("%v\ngot\n%s\nwant\n%s", err, got, base+tt.want)
			}
		})
	}
}

// Where it is not plain to see what to write, nothing is written, and the line
// to write by hand is said.
func TestEditGivesUp(t *testing.T) {
	for _, tt := range []struct{ text, path, key, line string }{
		{base + "notify:\n  -\n    a\n", "notify", "notify", "notify: [a, new]"},
		{base + "notify: \"\\x61\"\n", "notify", "notify", "notify: [a, new]"},
		{base + "notify: {to: >-\n  a\n  , stale: 1d}\n", "", "", ""}, // no YAML at all
		{base + "notify:\n  to: >-\n    a\n", "notify", "notify.to", "to: [a, new]"},
		{base + "network:\n  trusted: |-\n    a\n", "network.trusted", "network.trusted", "trusted: [a, new]"},
		{base + "...\n", "notify", "notify", "notify: [new]"},
	} {
		if tt.path == "" {
			if _, err := AddName("c.yaml", []byte(tt.text), "notify", "new"); !hint.Is(err, CodeBad) {
				t.Errorf("%s: %v", tt.text, err)
			}
			continue
		}
		out, err := AddName("c.yaml", []byte(tt.text), tt.path, "new")
		h := hint.Find(err)
		if out != nil || h == nil || h.Code != CodeEdit || h.Args["path"] != "c.yaml" || h.Args["key"] != tt.key || h.Args["line"] != tt.line {
			t.Errorf("%s\n%v, %+v\n%s", tt.text, err, h, out)
		}
	}
	var errs Errors
	if _, err := AddName("c.yaml", []byte(base), "notify", "a b"); !errors.As(err, &errs) || errs[0].Code != "bad_name" {
		t.Errorf("a name that is none: %v", err)
	}
	if _, err := AddName("c.yaml", []byte("remote: x"), "notify", "a"); !hint.Is(err, CodeBad) {
		t.Errorf("a file with mistakes: %v", err)
	}
}

// Names that YAML would take for something else are written so that it doesn't.
func TestQuote(t *testing.T) {
	for _, name := range []string{"yes", "off", "null", "1482", "1e3", "0x1", "2026-01-02", "-", "-x", ".", "...", ".5", "12_3", "~", "家", "a.b-c_d", "---", "１"} {
		if !isName(name) {
			continue
		}
		for _, text := range []string{base, base + "notify: [a]\n", base + "notify:\n  - a\n", base + "notify: a\n"} {
			out, err := AddName("c.yaml", []byte(text), "notify", name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			c, err := Parse("c.yaml", out)
			if err != nil || !slices.Contains(c.Notify.To, name) {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
		}
	}
}

// Whatever the file looks like, a name is added without a byte of it being lost
// and without changing what else it means, or not at all.
func FuzzAddName(f *testing.F) {
	f.Setenv("HOME", "/home/li")
	f.Add(Example, "new", false)
	f.Add(Example, "new", true)
	for _, list := range []string{"", "a", "'a'", "\"\\x61\"", "[]", "[a]", "[ a , ]", "[a,\n # x\n 'b' # y\n]", "\n  - a\n  # x\n  -  b # y", "\n  -\n    a", ">-\n  a", "|\n  a\n", "\n  [a]"} {
		for _, text := range []string{"notify: " + list + "\n" + base, base + "notify:\n  to: " + strings.ReplaceAll(list, "\n", "\n  "), "network:\n  # up\n  upload: 1B/s\n  trusted: " + strings.ReplaceAll(list, "\n", "\n  ") + "\n" + base,
			"{notify: {to: " + list + ", stale: 1d}, network: {trusted: " + list + "}, sources: /a, remote: 'local:x'}"} {
			f.Add([]byte(text), "new", len(list)%2 == 0)
			f.Add([]byte(strings.ReplaceAll(text, "\n", "\r\n")), "yes", len(list)%2 == 1)
		}
	}
	f.Add([]byte("\ufeff  remote: local:x\u2028\r  network: {}\u0085"), "-", true)
	f.Fuzz(func(t *testing.T, text []byte, name string, network bool) {
		path := "notify"
		if network {
			path = "network.trusted"
		}
		before, _, err := read("/conf/c.yaml", text)
		if err != nil {
			return
		}
		names := *namesAt(before, path)
		out, err := AddName("/conf/c.yaml", text, path, name)
		if err != nil {
			checkGivenUp(t, err, isName(name))
			return
		}
		if slices.Contains(names, name) {
			if !bytes.Equal(out, text) {
				t.Fatalf("changed for a name that was there:\n%s", out)
			}
		} else {
			checkEdited(t, before, out, path, append(slices.Clone(names), name))
			if !subsequence(text, out) || len(out) > 2*len(text)+len(name)+60 {
				t.Fatalf("something was lost of\n%q\nin\n%q", text, out)
			}
		}
		without, err := RemoveName("/conf/c.yaml", out, path, name)
		if err != nil {
			checkGivenUp(t, err, true)
			return
		}
		left := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
		checkEdited(t, before, without, path, left)
		if !slices.Contains(names, name) && !subsequence(text, without) {
			t.Fatalf("something was lost of\n%q\nin\n%q", text, without)
		}
	})
}

func checkGivenUp(t *testing.T, err error, isName bool) {
	t.Helper()
	h := hint.Find(err)
	if h == nil || isName && (h.Code != CodeEdit || h.Args["line"] == "" || h.Args["key"] == "") || !isName && h.Code != CodeBad {
		t.Fatalf("error without a way out: %v", err)
	}
}

func checkEdited(t *testing.T, before *Config, text []byte, path string, want []string) {
	t.Helper()
	after, _, err := read("/conf/c.yaml", text)
	if err != nil || !sameBut(before, after, path, want) {
		t.Fatalf("%v\n%q means\n%+v\nwant %q in\n%+v", err, text, after, want, before)
	}
}

// subsequence reports whether all bytes of part are in whole, in this order.
func subsequence(part, whole []byte) bool {
	for _, b := range whole {
		if len(part) > 0 && part[0] == b {
			part = part[1:]
		}
	}
	return len(part) == 0
}

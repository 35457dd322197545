package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// Whatever the file holds, Parse doesn't panic; what it refuses it refuses
// with a place and whole sentences; what it accepts it reads back from YAML().
func FuzzParse(f *testing.F) {
	f.Setenv("HOME", "/home/li")
	f.Add(Example)
	for _, text := range []string{
		"sources: [/a]\nremote: local:x",
		"sources: [/a]\nremote: drive:x",
		"sources: [/a]\nfirst: [messages]\nremote: {type: Google, folder: ~/x}",
		"sources: [{name: 'yes', folder: '~/x', exclude: ['a: b', '#', '\"', ' x ', '|', '- -']}]\nremote: {type: local, folder: y, pack_size: 1.5MiB}",
		"sources:\n- /a\n-  ~/b\nremote: {folder: a/b}\ndevice: 0x1",
		"sources: wechat\nremote: local:x",
		"sources: [{app: qq, account: x, root: ~/x, locks: none, leave_out: [cache]}, /b]\nfirst: [files]\nleave_out: []\nremote: local:x",
		"sources: talk\nremote: local:x\nprofiles: [{name: talk, places: [{}], account: {folders: [], marker: [x]}, database: {}, rules: [{category: other, priority: 0, quiet: 1m, include: []}], never: [{paths: [a]}]}]",
		"sources: [/a]\nremote: {type: s3, folder: b//c, options: {region: x, force_path_style: true, port: 0x1F, a: 'null', 'b c': '1'}, proxy: http://a:1/, ca_cert: x, transfers: 2}\nnetwork: {upload: 2MiB/s, timetable: '23:00,unlimited:1B/s 08:00,1.5kB/s'}",
		"remote: local:x\nsources: [/a]\nschedule: {backup: {at: off, zone: X, jitter: 1d1h}, verify: '@every 1h', pull: x, digest: y, on_change: off}\n" +
			"pull: {to: /z, device: a, source: [], category: [files], mirror: TRUE}\nnotify: {to: [a, 'yes'], quiet: 22:00-07:00, stale: 0d9s, phone_backup: 30d}",
		"remote: local:x\nnetwork: {on_metered: pause, trusted: [], elsewhere: [files], without_vpn: allow}\npower: {on_battery: first-only, least_battery: 1%, busy: 099%}\n" +
			"least_free: 1B\noverdue: {after: off, upload: 1B}\nnotify: a",
		"a: &a [*a]\n<<: *a",
		"? [a]\n: b\n? {c: d}",
		"---\n---\n",
		"\tdevice：“x”",
		"sources: [\"\\u2028\", \"/\\x85\", '\ufeff/x', \"/　x\"]\nremote: local:!!binary",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("/conf/chatkeep.yaml", data)
		if err != nil {
			checkRefusal(t, data, err)
			return
		}
		text := c.YAML()
		again, err := Parse("/other/name.yaml", text)
		if err != nil {
			t.Fatalf("%v\nin what was written for %q:\n%s", err, data, text)
		}
		again.file, again.positions = c.file, c.positions
		if !reflect.DeepEqual(again, c) {
			t.Fatalf("read back\n%+v\nwant\n%+v\nfrom\n%s", again, c, text)
		}
	})
}

func checkRefusal(t *testing.T, data []byte, err error) {
	var errs Errors
	if !errors.As(err, &errs) || len(errs) == 0 {
		t.Fatalf("an error of another kind: %v", err)
	}
	lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + strings.Count(string(data), "\u0085") +
		strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029") + 2
	for _, e := range errs {
		if e.Line < 1 || e.Column < 1 || e.Line > lines {
			t.Errorf("%v is at %d:%d of %d lines", e, e.Line, e.Column, lines)
		}
	}
	checkSentences(t, err)
}

// checkSentences fails unless each refusal has a sentence and its values.
func checkSentences(t *testing.T, err error) {
	var errs Errors
	if !errors.As(err, &errs) || len(errs) == 0 {
		t.Fatalf("an error of another kind: %v", err)
	}
	for _, e := range errs {
		for _, name := range placeholder.FindAllString(sentences[e.Code], -1) {
			if _, ok := e.Args[strings.Trim(name, "{}")]; !ok {
				t.Errorf("%s: no value for %s", e.Code, name)
			}
		}
		if sentences[e.Code] == "" {
			t.Errorf("unknown code %s", e.Code)
		}
	}
}

// A place on a command line is one, or is refused with whole sentences.
func FuzzParseRemote(f *testing.F) {
	f.Setenv("HOME", "/home/li")
	for _, text := range []string{"local:/srv/chats", "local:x", "drive:chatkeep", "s3:bucket/a", "", ":", "gdrive:~/x", "jianguoyun:a b", "local:\x00", "local:\u2028"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRemote(text)
		if err != nil {
			if h := hint.Find(err); h == nil || h.Code != "bad_remote" {
				t.Fatalf("no hint: %v", err)
			}
			checkSentences(t, err)
			return
		}
		if r.Type == "" || r.Folder == "" {
			t.Fatalf("%q became %+v", text, r)
		}
	})
}

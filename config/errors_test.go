package config

import (
	"slices"
	"strings"
	"testing"
)

// Each mistake is said with its place and the way out. A text without a
// remote gets one on the next line, and one without sources too.
func TestMistakes(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unknown key", "devise: x", "1:1: unknown key devise; did you mean device?"},
		{"unknown key inside", "sources: [{foldr: /a, folder: /a}]", "1:12: unknown key sources[0].foldr; did you mean folder?"},
		{"word of other tools", "sources: [{path: /a, folder: /a}]", "1:12: unknown key sources[0].path; did you mean folder?"},
		{"nothing near", "telephone: x", "1:1: unknown key telephone"},
		{"other case", "Device: x", "1:1: unknown key Device; did you mean device?"},
		{"not yet", "keep: {last: 3}", "1:1: keep is not available in this version yet; remove it for now"},
		{"not yet inside", "remote: {type: drive, folder: x, account: y}", "1:34: remote.account is not available in this version yet; remove it for now"},
		{"near to a later key", "keeps: x", "1:1: unknown key keeps; did you mean keep?"},
		{"app", "sources: [telegram]", "1:11: backing up telegram by itself is not available in this version yet; name its folder instead"},
		{"app as a key", "sources: [{app: Telegram}]", "1:17: backing up Telegram by itself is not available in this version yet; name its folder instead"},
		{"near to an app", "sources: [wechta]", "1:11: wechta is neither a folder nor an app this version knows; write a folder as a path, such as ./wechta; did you mean wechat?"},
		{"other case of an app", "sources: WeChat", "1:10: WeChat is neither a folder nor an app this version knows; write a folder as a path, such as ./WeChat; did you mean wechat?"},
		{"near to an app as a key", "sources: [{app: weixin}]", "1:17: weixin is no app this version knows, and none of profiles; did you mean wechat?"},
		{"far from a profile", "sources: [{app: tlak}]\nprofiles: [{name: talk-desktop, account: {folders: [x], marker: [y]}}]", "1:17: tlak is no app this version knows, and none of profiles"},
		{"near to a profile", "sources: [{app: talk-desktp}]\nprofiles: [{name: talk-desktop, account: {folders: [x], marker: [y]}}]", "1:17: talk-desktp is no app this version knows, and none of profiles; did you mean talk-desktop?"},
		{"twice", "sources: [wechat, {app: wechat, root: /x}]", "1:19: the name wechat is taken by the source on line 1; give this one another name"},
		{"key of folders", "sources: [{app: wechat, exclude: [x]}]", "1:34: sources[0].exclude is for folders; it can't stand with app"},
		{"folder and app", "sources: [{app: wechat, folder: /x}]", "1:33: sources[0].folder is for folders; it can't stand with app"},
		{"key of apps", "sources: [{folder: /a, root: /b}]", "1:30: sources[0].root is for chat apps; it needs app beside it"},
		{"no such locks", "sources: [{app: wechat, locks: no}]", "1:32: sources[0].locks can't be no; it is one of brief, none; did you mean none?"},
		{"no such category", "leave_out: [search_indx]", "1:13: there is no category search_indx; chatkeep accounts shows them; did you mean search_index?"},
		{"no such category of an app", "sources: [{app: wechat, leave_out: [pictures]}]", "1:37: there is no category pictures; chatkeep accounts shows them; did you mean images?"},
		{"category twice", "sources: [{app: wechat, leave_out: [cache, cache]}]", "1:44: cache is in the list twice"},
		{"first and left out", "first: [files, cache]\nleave_out: [cache]", "2:13: cache is in first too; it can't go first and be left out"},
		{"empty account", "sources: [{app: wechat, account: \"\"}]", "1:34: sources[0].account has no value; give one or remove the line"},
		{"profile without name", "profiles: [{account: {folders: [x], marker: [y]}}]", "1:12: profiles[0].name is missing"},
		{"profile without account", "profiles: [{name: x}]", "1:12: profiles[0].account is missing"},
		{"profile of our name", "profiles: [{name: qq, account: {folders: [x], marker: [y]}}]", "1:19: the name qq is taken by another profile or app; give this one another name"},
		{"key of a rule", "profiles: [{name: x, account: {folders: [x], marker: [y]}, rules: [{category: other, includes: [x]}]}]", "1:86: unknown key profiles[0].rules[0].includes; did you mean include?"},
		{"category of a rule", "profiles: [{name: x, account: {folders: [x], marker: [y]}, rules: [{category: photos, include: [x]}]}]", "1:79: there is no category photos; chatkeep accounts shows them; did you mean images?"},
		{"rule without patterns", "profiles: [{name: x, account: {folders: [x], marker: [y]}, rules: [{category: other}]}]", "1:68: profiles[0].rules[0].include is missing"},
		{"kind of a rule", "profiles: [{name: x, account: {folders: [x], marker: [y]}, rules: [{category: other, kind: db, include: [x]}]}]", "1:92: profiles[0].rules[0].kind can't be db; it is one of file, database, unit"},
		{"priority of a rule", "profiles: [{name: x, account: {folders: [x], marker: [y]}, rules: [{category: other, priority: high, include: [x]}]}]", "1:96: profiles[0].rules[0].priority must be a whole number"},
		{"time of a rule", "profiles: [{name: x, account: {folders: [x], marker: [y]}, rules: [{category: other, quiet: 10, include: [x]}]}]", "1:93: profiles[0].rules[0].quiet must be text; put it in quotes if it looks like a number or a date"},
		{"no time of a rule", "profiles: [{name: x, account: {folders: [x], marker: [y]}, rules: [{category: other, quiet: 10 min, include: [x]}]}]", "1:93: 10 min is not a time; write it like 30s or 10m"},
		{"no app", "sources: [exports]", "1:11: exports is neither a folder nor an app this version knows; write a folder as a path, such as ./exports"},
		{"duplicate key", "device: a\ndevice: b", "2:1: device is here a second time; the first is on line 1"},
		{"duplicate name", "sources: [/x/a, {name: A, folder: /b}]", "1:24: the name A is taken by the source on line 1; give this one another name"},
		{"duplicate composed name", "sources: [/x/é, {name: \"e\\u0301\", folder: /b}]", "1:24: the name e\u0301 is taken by the source on line 1; give this one another name"},
		{"duplicate pattern", "sources: [{folder: /b, exclude: [a, a]}]", "1:37: a is in the list twice"},
		{"text for a list", "first: messages", "1:8: first must be a list, such as [a, b]"},
		{"group for a list", "sources: {wechat: x}", "1:10: sources must be a list, such as [a, b]"},
		{"number for text", "device: 12", "1:9: device must be text; put it in quotes if it looks like a number or a date"},
		{"date for text", "sources: [{name: 2026-01-02, folder: /a}]", "1:18: sources[0].name must be text; put it in quotes if it looks like a number or a date"},
		{"list for text", "device: [a]", "1:9: device must be text; put it in quotes if it looks like a number or a date"},
		{"list for a source", "sources: [[/a]]", "1:11: a source is an app, such as wechat, a folder, or a name and a folder: {name: exports, folder: ~/Exports}"},
		{"list for a remote", "remote: [a]", "1:9: a remote is TYPE:FOLDER, such as local:/media/disk/chatkeep or drive:chatkeep, or a type and a folder: {type: drive, folder: chatkeep}"},
		{"no type", "remote: /media/disk", "1:9: a remote is TYPE:FOLDER, such as local:/media/disk/chatkeep or drive:chatkeep, or a type and a folder: {type: drive, folder: chatkeep}"},
		{"no value", "device:", "1:8: device has no value; give one or remove the line"},
		{"empty text", `device: ""`, "1:9: device has no value; give one or remove the line"},
		{"empty pattern", `sources: [{folder: /a, exclude: [""]}]`, "1:34: sources[0].exclude[0] has no value; give one or remove the line"},
		{"no sources", "sources: []", "1:10: there is nothing to back up; name at least one app or folder, or remove the line if this computer only restores"},
		{"no folder", "sources: [{name: a}]", "1:11: sources[0].folder is missing"},
		{"no type", "remote: {folder: a}", "1:9: remote.type is missing"},
		{"no folder", "remote: {type: local}", "1:9: remote.folder is missing"},
		{"unknown type", "remote: {type: locale, folder: a}", "1:16: unknown type of remote locale; did you mean local?"},
		{"type of other tools", "remote: {type: disk, folder: a}", "1:16: unknown type of remote disk; did you mean local?"},
		{"no type near", "remote: telnet:x", "1:9: unknown type of remote telnet"},
		{"type in other letters", "remote: Drive:x", "1:9: unknown type of remote Drive; did you mean drive?"},
		{"cloud of other tools", "remote: google:x", "1:9: unknown type of remote google; did you mean drive?"},
		{"preset of other tools", "remote: {type: aliyun, folder: x}", "1:16: unknown type of remote aliyun; did you mean aliyun-oss?"},
		{"no folder of a cloud", "remote: drive:/", "1:9: / is not a folder there; write it like chatkeep"},
		{"home of a cloud", "remote: {type: onedrive, folder: ~/x}", "1:34: ~/x is not a folder there; write it like chatkeep"},
		{"way out of a cloud", "remote: {type: webdav, folder: a/../../b}", "1:32: a/../../b is not a folder there; write it like chatkeep"},
		{"backslashes", `remote: {type: smb, folder: '\\nas\data'}`, `1:29: \\nas\data is not a folder there; write it like SHARE/chatkeep`},
		{"no bucket", "remote: {type: qiniu, folder: /}", "1:31: / is not a folder there; write it like BUCKET/chatkeep"},
		{"proxy without scheme", "remote: {type: drive, folder: x, proxy: \"127.0.0.1:7890\"}", "1:41: remote.proxy is not the address of a proxy; write it like http://127.0.0.1:7890 or socks5://127.0.0.1:1080"},
		{"proxy of another kind", "remote: {type: drive, folder: x, proxy: ftp://a}", "1:41: remote.proxy is not the address of a proxy; write it like http://127.0.0.1:7890 or socks5://127.0.0.1:1080"},
		{"password of a proxy", "remote: {type: drive, folder: x, proxy: http://li:hunter2@a:1}", "1:41: remote.proxy holds a user or a password, and no secret stands in this file; leave the key out and give chatkeep the address in its environment, as HTTPS_PROXY"},
		{"proxy of a folder", "remote: {type: local, folder: x, proxy: http://a:1}", "1:41: remote.proxy has no effect with local; remove it"},
		{"certificates of sftp", "remote: {type: sftp, folder: x, ca_cert: a.pem}", "1:42: remote.ca_cert has no effect with sftp; remove it"},
		{"requests of smb", "remote: {type: smb, folder: x, requests_per_minute: 9}", "1:53: remote.requests_per_minute has no effect with smb; remove it"},
		{"pieces of s3", "remote: {type: s3, folder: x, chunk_size: 9MiB}", "1:43: remote.chunk_size has no effect with s3; remove it"},
		{"options of a folder", "remote: {type: local, folder: x, options: {links: true}}", "1:43: remote.options has no effect with local; remove it"},
		{"no transfers", "remote: {type: drive, folder: x, transfers: 0}", "1:45: 0 is out of range: 1 to 16"},
		{"no requests", "remote: {type: drive, folder: x, requests_per_minute: 6001}", "1:55: 6001 is out of range: 1 to 6000"},
		{"transfers in words", "remote: {type: drive, folder: x, transfers: all}", "1:45: remote.transfers must be a whole number"},
		{"secret", "remote: {type: webdav, folder: x, options: {pass: hunter2}}", "1:45: remote.options.pass holds a secret, and none stands in this file; give it to: chatkeep remote login"},
		{"secret that ends an address early", "remote: {type: webdav, folder: x, options: {url: \"https://li:12#hunter2@a/\"}}", "1:50: remote.options.url holds a secret, and none stands in this file; give it to: chatkeep remote login"},
		{"secret that breaks an address", "remote: {type: s3, folder: x, options: {endpoint: \"https://li:%hunter2@a/\"}}", "1:51: remote.options.endpoint holds a secret, and none stands in this file; give it to: chatkeep remote login"},
		{"secret in an address", "remote: {type: webdav, folder: x, options: {url: \"https://li:hunter2@a/\"}}", "1:50: remote.options.url holds a secret, and none stands in this file; give it to: chatkeep remote login"},
		{"list of options", "remote: {type: drive, folder: x, options: [a]}", "1:43: remote.options must be a group of keys with their values"},
		{"group in options", "remote: {type: s3, folder: x, options: {region: {a: b}}}", "1:49: remote.options.region must be text, a number, true or false"},
		{"option twice", "remote: {type: s3, folder: x, options: {region: a, region: b}}", "1:52: remote.options.region is here a second time; the first is on line 1"},
		{"option without value", "remote: {type: s3, folder: x, options: {region: }}", "1:49: remote.options.region has no value; give one or remove the line"},
		{"rate of the remote", "remote: {type: drive, folder: x, upload: 1MiB/s}", "1:34: unknown key remote.upload"},
		{"rate without time", "network: {upload: 2MiB}", "1:19: 2MiB has no known unit; write 2MiB/s"},
		{"rate without unit", "network: {upload: 2}", "1:19: 2 has no known unit; write 2MiB/s"},
		{"rate in small letters", "network: {download: 512k/s}", "1:21: 512k/s has no known unit; write 512KiB/s"},
		{"no rate", "network: {upload: fast}", "1:19: fast is not a rate; write it like 512KiB/s or 2MiB/s, or unlimited"},
		{"rate of nothing", "network: {upload: 0MiB/s}", "1:19: 0MiB/s is not a rate; write it like 512KiB/s or 2MiB/s, or unlimited"},
		{"rate with a sign", "network: {upload: -1MiB/s}", "1:19: -1MiB/s is not a rate; write it like 512KiB/s or 2MiB/s, or unlimited"},
		{"day's upload as a rate", "network: {upload_per_day: 1GiB/s}", "1:27: 1GiB/s is not a size; write it like 20MiB or 2GiB"},
		{"time of a timetable", "network: {timetable: \"8:00,1MiB/s\"}", `1:22: 8:00,1MiB/s is not a part of a timetable; write it like "08:00,512KiB/s 23:00,unlimited"`},
		{"no such time", "network: {timetable: \"24:00,1MiB/s\"}", `1:22: 24:00,1MiB/s is not a part of a timetable; write it like "08:00,512KiB/s 23:00,unlimited"`},
		{"weekday", "network: {timetable: \"Mon-08:00,1MiB/s\"}", `1:22: Mon-08:00,1MiB/s is not a part of a timetable; write it like "08:00,512KiB/s 23:00,unlimited"`},
		{"timetable without a rate", "network: {timetable: \"08:00\"}", `1:22: 08:00 is not a part of a timetable; write it like "08:00,512KiB/s 23:00,unlimited"`},
		{"empty timetable", "network: {timetable: \" \"}", `1:22:   is not a part of a timetable; write it like "08:00,512KiB/s 23:00,unlimited"`},
		{"rate of a timetable", "network: {timetable: \"08:00,off\"}", "1:22: off is not a rate; write it like 512KiB/s or 2MiB/s, or unlimited"},
		{"second rate of a timetable", "network: {timetable: \"08:00,1MiB/s:\"}", "1:22:  is not a rate; write it like 512KiB/s or 2MiB/s, or unlimited"},
		{"time twice", "network: {timetable: \"08:00,1MiB/s 08:00,2MiB/s\"}", "1:22: 08:00 is in the list twice"},
		{"full-width timetable", "network: {timetable: \"08：00,1MiB/s\"}", "1:22: ： is a full-width character; write : instead"},
		{"full-width comma", "network: {timetable: \"08:00，1MiB/s\"}", "1:22: ， is a full-width character; write , instead"},
		{"order of uploads", "first: [files, files]", "1:16: files is in the list twice"},
		{"near to the order", "frist: []", "1:1: unknown key frist; did you mean first?"},
		{"bare number", "remote: {type: local, folder: a, pack_size: 20}", "1:45: 20 has no known unit; write 20MiB"},
		{"short unit", "remote: {type: local, folder: a, pack_size: 20M}", "1:45: 20M has no known unit; write 20MiB"},
		{"lower case", "sources: [{folder: /a, max_file_size: 2gb}]", "1:39: 2gb has no known unit; write 2GiB"},
		{"no size", "sources: [{folder: /a, max_file_size: large}]", "1:39: large is not a size; write it like 20MiB or 2GiB"},
		{"negative size", "sources: [{folder: /a, max_file_size: -1MiB}]", "1:39: -1MiB is not a size; write it like 20MiB or 2GiB"},
		{"zero", "sources: [{folder: /a, max_file_size: 0MiB}]", "1:39: 0MiB is not a size; write it like 20MiB or 2GiB"},
		{"astronomic", "sources: [{folder: /a, max_file_size: 99999999999TiB}]", "1:39: 99999999999TiB is not a size; write it like 20MiB or 2GiB"},
		{"list for a size", "sources: [{folder: /a, max_file_size: [1]}]", "1:39: sources[0].max_file_size is not a size; write it like 20MiB or 2GiB"},
		{"small pack", "remote: {type: local, folder: a, pack_size: 512KiB}", "1:45: 512KiB is out of range: 1MiB to 128MiB"},
		{"large pack", "remote: {type: local, folder: a, pack_size: 1GiB}", "1:45: 1GiB is out of range: 1MiB to 128MiB"},
		{"device name", "device: my laptop", "1:9: my laptop can't be a name; use letters, digits, dot, dash and underscore, at most 80 bytes, such as my-laptop"},
		{"device with a meaning", "device: latest", "1:9: latest can't be a name; use letters, digits, dot, dash and underscore, at most 80 bytes, such as my-latest"},
		{"dots", "sources: [{name: .., folder: /a}]", "1:18: .. can't be a name; use letters, digits, dot, dash and underscore, at most 80 bytes, such as my-chats"},
		{"slash", "sources: [{name: a/b, folder: /a}]", "1:18: a/b can't be a name; use letters, digits, dot, dash and underscore, at most 80 bytes, such as a-b"},
		{"folder with a space", "sources: [{folder: ~/WeChat Files}]", "1:11: the folder /home/li/WeChat Files gives no usable name; write {name: WeChat-Files, folder: …}"},
		{"the root", "sources: [/]", "1:11: the folder / gives no usable name; write {name: folder, folder: …}"},
		{"other home", "sources: [~wang/x]", "1:11: ~wang/x is not a folder's path"},
		{"other home of a remote", "remote: local:~wang/x", "1:9: ~wang/x is not a folder's path"},
		{"control character", `device: "a\tb"`, "1:9: device contains a character that can't be printed"},
		{"anchor", "device: &a x", "1:9: &a can't be used here: no anchors, aliases, merge keys or tags; write the value itself"},
		{"tag", "device: !!str 12", "1:9: !!str can't be used here: no anchors, aliases, merge keys or tags; write the value itself"},
		{"merge key", "<<: {device: x}", "1:1: << can't be used here: no anchors, aliases, merge keys or tags; write the value itself"},
		{"second document", "device: a\n---\ndevice: b", "2:1: a second document starts here; the configuration is one document, remove the “---”"},
		{"tab", "sources:\n\t- /a", "2:1: a tab is used to indent; use spaces"},
		{"tab after spaces", "sources:\n  - folder: /a\n \tname: b", "3:2: a tab is used to indent; use spaces"},
		{"full-width colon", "device：书房", "1:7: ： is a full-width character; write : instead"},
		{"full-width colon in a group", "sources:\n  - folder： /a", "2:5: ： is a full-width character; write : instead"},
		{"full-width colon in a key", "sources:\n  - folder：x: /a", "2:5: ： is a full-width character; write : instead"},
		{"full-width space", "sources:\n　　- /a\n　　b: c: d", "2:1: a full-width space is used to indent; use ordinary spaces"},
		{"full-width quotes", "device: “书房”", "1:9: “ is a full-width character; write \" instead"},
		{"no space after the colon", "device:laptop", "1:7: a space is missing after the colon; write \"device: laptop\""},
		{"no space in a list", "sources:\n  - folder:/a", "2:5: a space is missing after the colon; write \"folder: /a\""},
		{"broken", "sources: [/a", "this is not valid YAML: "},
		{"only text", "hello", "1:1: chatkeep.yaml must be a group of keys with their values"},
		{"only a list", "- /a", "1:1: chatkeep.yaml must be a group of keys with their values"},
		{"encoding", "device: a\nsources: [/\xce\xa2\xd0\xc5]", "2:13: the file is not UTF-8 text; save it again with the encoding UTF-8"},
		{"odd keys", "[a]: b", "1:1: unknown key \"\""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, errs := parse(t, complete(tt.text))
			if errs == nil {
				t.Fatalf("accepted: %s", tt.text)
			}
			got := strings.TrimPrefix(errs[0].Error(), "/conf/chatkeep.yaml:")
			if len(errs) != 1 || got != tt.want && (tt.name != "broken" || !strings.Contains(got, tt.want)) {
				t.Errorf("%s\ngot  %v\nwant %s", tt.text, errs, tt.want)
			}
		})
	}
}

// complete adds what a text must have and doesn't, so that nothing else is
// wrong with it. A text that is no group of keys stays as it is.
func complete(text string) string {
	if !strings.Contains(text, ":") {
		return text
	}
	if !strings.Contains(text, "sources:") && !strings.Contains(text, "device：") && !strings.Contains(text, "---") {
		text += "\nsources: [/tmp/complete]"
	}
	if !strings.Contains(text, "remote:") {
		text += "\nremote: local:chatkeep"
	}
	return text
}

func TestAllAtOnceInOrder(t *testing.T) {
	_, errs := parse(t, `
sources:
  - {folder: /a, nam: b}
  - telegram
devise: x
first: [mesages]
keep: {}
`)
	want := []string{
		"/conf/chatkeep.yaml:2:1: remote is missing",
		"/conf/chatkeep.yaml:3:18: unknown key sources[0].nam; did you mean name?",
		"/conf/chatkeep.yaml:4:5: backing up telegram by itself is not available in this version yet; name its folder instead",
		"/conf/chatkeep.yaml:5:1: unknown key devise; did you mean device?",
		"/conf/chatkeep.yaml:6:9: there is no category mesages; chatkeep accounts shows them; did you mean messages?",
		"/conf/chatkeep.yaml:7:1: keep is not available in this version yet; remove it for now",
	}
	if got := strings.Split(errs.Error(), "\n"); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := len(errs.Unwrap()); n != len(want) {
		t.Errorf("%d errors inside", n)
	}
}

func TestNotEndless(t *testing.T) {
	if _, errs := parse(t, strings.Repeat("- x\n", 9)+strings.Repeat("a: 1\n", 9)); len(errs) != 1 {
		t.Errorf("%d errors", len(errs))
	}
	if _, errs := parse(t, strings.Repeat("a: 1\n", 1000)); len(errs) != maxErrors {
		t.Errorf("%d errors, want %d", len(errs), maxErrors)
	}
}

func TestEmptyFile(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "null"} {
		_, errs := parse(t, text)
		got := errs.Error()
		want := "/conf/chatkeep.yaml:1:1: remote is missing"
		if got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestByteOrderMark(t *testing.T) {
	mustParse(t, "\ufeffsources: [/a]"+rest)
	mustParse(t, strings.ReplaceAll("device: a\nsources:\n  - /a"+rest, "\n", "\r\n"))
}

// An alias bomb is refused before anything is made of it.
func TestAliasBomb(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'z'; c++ {
		p := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [*" + strings.Repeat(p+",*", 8) + p + "]\n"
	}
	_, errs := parse(t, bomb)
	if errs == nil || errs[0].Code != "yaml_feature" {
		t.Errorf("accepted, or refused for another reason: %.300v", errs)
	}
}

func TestNoHome(t *testing.T) {
	t.Setenv("HOME", "")
	_, err := Parse("/c.yaml", []byte("sources: [~/a]"+rest))
	if err == nil || !strings.Contains(err.Error(), "write the whole path") {
		t.Errorf("error %v", err)
	}
}

func TestNearest(t *testing.T) {
	words := []string{"device", "sources", "first", "remote"}
	for word, want := range map[string]string{
		"source": "sources", "frist": "first", "REMOTE": "remote", "folders": "sources",
		"x": "", "": "", "exclude": "", strings.Repeat("a", 1000): "",
	} {
		if got := nearest(word, words); got != want {
			t.Errorf("nearest to %.20q is %q, want %q", word, got, want)
		}
	}
}

func TestErrorPlace(t *testing.T) {
	for want, e := range map[string]*Error{
		"f:2:3: sources is missing": {File: "f", Line: 2, Column: 3, Code: "missing_key", Args: map[string]any{"key": "sources"}},
		"f: sources is missing":     {File: "f", Code: "missing_key", Args: map[string]any{"key": "sources"}},
		"{key} is missing":          {Code: "missing_key"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

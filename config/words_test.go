package config

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
)

func TestSources(t *testing.T) {
	for text, want := range map[string]Source{
		"wechat":          {Name: "wechat", App: "wechat", alone: true},
		"/x/chats":        {Name: "chats", Folder: "/x/chats", alone: true},
		"~/WeChat Files":  {Name: "WeChat-Files", Folder: "/home/li/WeChat Files", alone: true},
		"[qq]":            {Name: "qq", App: "qq", alone: true},
		"[{app: signal}]": {Name: "signal", App: "signal"},
		"[{app: wechat4, account: a_0001, root: ~/x, locks: none, leave_out: [cache]}]": {
			Name: "wechat4", App: "wechat4", Account: Names{"a_0001"}, Root: "/home/li/x", Locks: "none", LeaveOut: []Category{"cache"}},
		"[{app: wechat, name: mine, account: [a, b], locks: brief}]": {Name: "mine", App: "wechat", Account: Names{"a", "b"}, Locks: "brief"},
	} {
		c := mustParse(t, "sources: "+text+rest)
		if len(c.Sources) != 1 || !equalSources(c.Sources[0], want) {
			t.Errorf("%s is %+v, want %+v", text, c.Sources, want)
		}
		again := mustParse(t, string(c.YAML()))
		if !equalSources(again.Sources[0], want) {
			t.Errorf("%s is read back as %+v", text, again.Sources)
		}
	}
}

func equalSources(a, b Source) bool {
	return a.Name == b.Name && a.App == b.App && a.Folder == b.Folder && a.Root == b.Root && a.Locks == b.Locks && a.alone == b.alone &&
		slices.Equal(a.Account, b.Account) && slices.Equal(a.LeaveOut, b.LeaveOut)
}

func TestProfiles(t *testing.T) {
	c := mustParse(t, `sources: talk
first: [videos]
leave_out: [cache]
remote: local:x
profiles:
  - name: talk
    account: {folders: ["."], marker: [db]}
    rules:
      - {category: messages, kind: database, priority: 0, before: files, include: [db]}
      - {category: phone_backup, kind: unit, quiet: 10m, scope: root, include: [b/**]}
`)
	p := c.Profiles[0]
	if c.Sources[0].App != "talk" || *p.Rules[0].Priority != 0 || p.Rules[1].Quiet != "10m" || p.Rules[1].Scope != "root" ||
		c.First[0] != "videos" || c.LeaveOut[0] != "cache" {
		t.Errorf("%+v", c)
	}
	if line, column := c.Position("profiles[0].rules[1].include[0]"); line != 10 || column != 81 {
		t.Errorf("a pattern is at %d:%d", line, column)
	}
}

func TestParseCategory(t *testing.T) {
	if c, err := ParseCategory("videos"); c != "videos" || err != nil {
		t.Errorf("videos is %q, %v", c, err)
	}
	for text, want := range map[string]string{"": "no value", "vidoes": "did you mean videos?", "x": "no category x"} {
		_, err := ParseCategory(text)
		var errs Errors
		if !errors.As(err, &errs) || !hint.Is(err, "bad_category") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

package main

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// appWith is a program with a configuration of its own.
func appWith(t *testing.T, text string) (*app, *config.Config) {
	t.Helper()
	s := newSession(t)
	s.write("chatkeep.yaml", text)
	cfg, err := config.Load(s.path("chatkeep.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return &app{getenv: func(k string) string { return s.env[k] }}, cfg
}

func TestRules(t *testing.T) {
	first := []string{"messages", "contacts"}
	a, cfg := appWith(t, `
sources: [wechat, /a]
remote: drive:x
first: [messages, contacts]
least_free: 1GiB
network: {on_metered: [images], trusted: [home], elsewhere: pause, without_vpn: first-only}
power: {on_battery: allow, least_battery: 20%, busy: 60%}
overdue: {after: 2d, upload: 10MiB}
`)
	book, err := a.networks()
	if err != nil {
		t.Fatal(err)
	}
	book.add("office", "o")
	book.add("home", "h1")
	book.add("home", "h2")
	if err := book.save(); err != nil {
		t.Fatal(err)
	}
	got, err := a.rules(cfg)
	want := policy.Rules{
		Metered: &policy.Allowed{Categories: []string{"images"}}, Untrusted: &policy.Allowed{}, Trusted: []string{"h1", "h2"},
		NoVPN: &policy.Allowed{Categories: first}, LeastBattery: 20, LeastFree: 1 << 30, MostPressure: 60, Urgent: first,
		Overdue: 48 * time.Hour, OverdueUpload: 10 << 20,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
}

// Left out, messages go over every line, and nothing is asked of networks.
func TestUsualRules(t *testing.T) {
	a, cfg := appWith(t, "sources: [wechat, /a]\nremote: local:/srv/x\noverdue: {after: off}\n")
	got, err := a.rules(cfg)
	first := []string{"messages", "contacts", "session", "config"}
	want := policy.Rules{Local: true, Metered: &policy.Allowed{Categories: first}, Urgent: first, LeastFree: 256 << 20, OverdueUpload: 50 << 20}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
}

// Where only folders are backed up, they are what is sent after days.
func TestRulesOfFolders(t *testing.T) {
	for text, want := range map[string][]string{
		"sources: [/a]\nremote: drive:x\nfirst: [messages]\n":                   {"messages", "files"},
		"sources: [/a]\nremote: drive:x\nfirst: [files, messages]\n":            {"files", "messages"},
		"sources: [/a, {app: qq}]\nremote: drive:x\nfirst: [messages, voice]\n": {"messages", "voice"},
	} {
		a, cfg := appWith(t, text)
		if r, err := a.rules(cfg); err != nil || !slices.Equal(r.Urgent, want) || !slices.Equal(r.Metered.Categories, words(cfg.First)) {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
	}
}

func TestRulesOfUnknownNetworks(t *testing.T) {
	a, cfg := appWith(t, "sources: [/a]\nremote: drive:x\nnetwork:\n  trusted: [home, office]\n")
	_, err := a.rules(cfg)
	if want := cfg.File() + ":4:13: the network home is not known on this computer; while you are connected to it, run: chatkeep network trust home\n" +
		cfg.File() + ":4:19: the network office is not known on this computer; while you are connected to it, run: chatkeep network trust office"; err == nil || err.Error() != want || !hint.Is(err, config.CodeBad) {
		t.Errorf("%v\nwant %s", err, want)
	}
	a, cfg = appWith(t, "sources: [/a]\nremote: drive:x\nnetwork: {trusted: []}\n")
	r, err := a.rules(cfg)
	if err != nil || r.Untrusted == nil || r.Untrusted.All || r.Trusted != nil {
		t.Errorf("no trusted network at all: %+v, %v", r, err)
	}
}

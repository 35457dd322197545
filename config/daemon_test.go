package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const hour = time.Hour

// What the daemon does is read in all its forms, and read back from YAML().
func TestDaemonKeys(t *testing.T) {
	at := func(h, m int) time.Duration { return time.Duration(h)*hour + time.Duration(m)*time.Minute }
	for text, want := range map[string]func(*Config){
		"": func(*Config) {},
		"schedule: {backup: '0 3 * * *', on_change: off, zone: Asia/Shanghai}": func(c *Config) {
			c.Schedule.Backup.At, c.Schedule.OnChange, c.Schedule.Zone = "0 3 * * *", Off, "Asia/Shanghai"
		},
		"schedule: {backup: off, verify: {at: '@daily', zone: Europe/Berlin, jitter: 1h30m}}": func(c *Config) {
			c.Schedule.Backup.At = "off"
			c.Schedule.Verify = Timing{"@daily", "Europe/Berlin", Span(90 * time.Minute)}
		},
		"schedule: {verify: {at: off}, on_change: 90s}": func(c *Config) {
			c.Schedule.Verify.At, c.Schedule.OnChange = "off", Span(90*time.Second)
		},
		"pull: {to: ~/Pulled, device: desktop, source: [a, b], category: [messages], mirror: true}": func(c *Config) {
			c.Pull = Pull{To: "/home/li/Pulled", Device: Names{"desktop"}, Source: Names{"a", "b"}, Category: []Category{"messages"}, Mirror: true}
		},
		"pull: {to: x, mirror: false, category: []}\nschedule: {pull: {at: '@every 2h', jitter: off}}": func(c *Config) {
			c.Pull.To, c.Schedule.Pull = "/conf/x", Timing{At: "@every 2h", Jitter: Off}
		},
		"network: {on_metered: pause, without_vpn: [messages, images]}": func(c *Config) {
			c.Network.OnMetered.Word = AllowNothing
			c.Network.WithoutVPN.Categories = []Category{"messages", "images"}
		},
		"network: {trusted: home}": func(c *Config) { c.Network.Trusted = Trusted{"home"} },
		"network: {trusted: [home, 办公室], elsewhere: first-only}": func(c *Config) {
			c.Network.Trusted, c.Network.Elsewhere.Word = Trusted{"home", "办公室"}, AllowFirst
		},
		"network: {trusted: []}": func(c *Config) { c.Network.Trusted = Trusted{} },
		"power: {on_battery: allow, least_battery: 20%, busy: 100%}": func(c *Config) {
			c.Power = Power{Allowance{Word: AllowAll}, 20, 100}
		},
		"least_free: 2GiB":                    func(c *Config) { c.LeastFree = 2 << 30 },
		"overdue: {after: 36h}":               func(c *Config) { c.Overdue.After = Span(36 * hour) },
		"overdue: {after: off, upload: 1MiB}": func(c *Config) { c.Overdue = Overdue{Off, 1 << 20} },
		"notify: wecom":                       func(c *Config) { c.Notify.To = Names{"wecom"} },
		"notify: []":                          func(*Config) {},
		"notify: [wecom, phone]\nschedule: {digest: {at: '0 18 * * 0', jitter: 10m}}": func(c *Config) {
			c.Notify.To, c.Schedule.Digest = Names{"wecom", "phone"}, Timing{At: "0 18 * * 0", Jitter: Span(10 * time.Minute)}
		},
		"notify: {to: wecom, quiet: 22:00-07:30, stale: 2d, phone_backup: 30d}": func(c *Config) {
			c.Notify = Notify{Names{"wecom"}, Hours{at(22, 0), at(7, 30)}, Span(48 * hour), Span(720 * hour)}
		},
		"notify: {stale: off}": func(c *Config) { c.Notify.Stale = Off },
	} {
		c := mustParse(t, "sources: [/a]\ndevice: d\n"+text+rest)
		expected := mustParse(t, "sources: [/a]\ndevice: d"+rest)
		expected.Schedule, expected.Network, expected.Overdue, expected.Notify, expected.LeastFree = Schedule{}, Network{}, Overdue{}, Notify{}, 0
		want(expected)
		expected.daemonDefaults()
		expected.positions = c.positions
		if !reflect.DeepEqual(c, expected) {
			t.Errorf("%s is\n%s\nwant\n%s", text, c.YAML(), expected.YAML())
		}
		again := mustParse(t, string(c.YAML()))
		again.positions = c.positions
		if !reflect.DeepEqual(again, c) {
			t.Errorf("%s is read back as\n%s", text, again.YAML())
		}
	}
}

// What a daemon does of itself is what its user would expect.
func TestDaemonDefaults(t *testing.T) {
	c := mustParse(t, "sources: [/a]"+rest)
	s, n := c.Schedule, c.Network
	if s.Backup.At != "*/30 * * * *" || s.Verify.At != "@weekly" || s.OnChange.Duration() != 3*time.Minute || s.Pull.Given() || s.Digest.Given() {
		t.Errorf("schedule %+v", s)
	}
	if n.OnMetered.Word != AllowFirst || !n.Elsewhere.IsZero() || !n.WithoutVPN.IsZero() || !c.Power.OnBattery.IsZero() {
		t.Errorf("network %+v, power %+v", n, c.Power)
	}
	if c.Overdue.After.Duration() != 72*hour || c.Overdue.Upload != 50<<20 || c.LeastFree != 256<<20 || c.Notify.Stale.Duration() != 24*hour || c.Notify.PhoneBackup != 0 {
		t.Errorf("overdue %v, least free %v, notify %+v", c.Overdue, c.LeastFree, c.Notify)
	}
	if c := mustParse(t, "network: {trusted: []}"+rest); c.Network.Elsewhere.Word != AllowNothing {
		t.Errorf("with no trusted network at all, elsewhere is %+v", c.Network.Elsewhere)
	}
	if c := mustParse(t, "pull: {to: x}"+rest); c.Schedule.Pull.At != "@hourly" || c.Schedule.Backup.Given() || c.Schedule.OnChange != 0 {
		t.Errorf("a computer that only pulls has the schedule %+v", c.Schedule)
	}
}

func TestSpans(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "3m": 3 * time.Minute, "1h30m": 90 * time.Minute, "24h": 24 * hour, "1d": 24 * hour, "36h": 36 * hour,
		"1d12h": 36 * hour, "3d": 72 * hour, "72h": 72 * hour, "99999d": 99999 * 24 * hour, "0d5s": 5 * time.Second,
	} {
		c := mustParse(t, "overdue: {after: "+text+"}"+rest)
		if got := c.Overdue.After.Duration(); got != want {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
	for span, want := range map[Span]string{
		Off: "off", Span(24 * hour): "24h", Span(36 * hour): "36h", Span(48 * hour): "2d", Span(72 * hour): "3d", Span(73 * hour): "73h",
		Span(90 * time.Minute): "1h30m", Span(3 * time.Minute): "3m", Span(61 * time.Second): "1m1s", Span(720 * hour): "30d",
	} {
		if got := span.String(); got != want {
			t.Errorf("%d is written %s, want %s", span, got, want)
		}
	}
	if Off.Duration() != 0 || Span(0).Duration() != 0 {
		t.Error("off is some time")
	}
}

// Each mistake is said with its place and the way out.
func TestDaemonMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"schedul: {}":                                    "1:1: unknown key schedul; did you mean schedule?",
		"cron: x":                                        "1:1: unknown key cron; did you mean schedule?",
		"schedule: {bakup: x}":                           "1:12: unknown key schedule.bakup; did you mean backup?",
		"schedule: daily":                                "1:11: schedule must be a group of keys with their values",
		"schedule: {backup: }":                           "1:20: schedule.backup has no value; give one or remove the line",
		"schedule: {backup: {jitter: 1m}}":               "1:20: schedule.backup.at is missing",
		"schedule: {backup: {at: x, jiter: 1m}}":         "1:28: unknown key schedule.backup.jiter; did you mean jitter?",
		"schedule: {backup: 5}":                          "1:20: schedule.backup must be text; put it in quotes if it looks like a number or a date",
		"schedule: {backup: [x]}":                        "1:20: schedule.backup must be text; put it in quotes if it looks like a number or a date",
		"schedule: {on_change: 3}":                       "1:23: 3 is not a time; write it like 10m, 36h or 3d, or off",
		"schedule: {on_change: 0s}":                      "1:23: 0s is not a time; write it like 10m, 36h or 3d, or off",
		"schedule: {on_change: -3m}":                     "1:23: -3m is not a time; write it like 10m, 36h or 3d, or off",
		"schedule: {on_change: 3 m}":                     "1:23: 3 m is not a time; write it like 10m, 36h or 3d, or off",
		"schedule: {on_change: 1.5h}":                    "1:23: 1.5h is not a time; write it like 10m, 36h or 3d, or off",
		"schedule: {on_change: 999999d}":                 "1:23: 999999d is not a time; write it like 10m, 36h or 3d, or off",
		"schedule: {on_change: [3m]}":                    "1:23: schedule.on_change is not a time; write it like 10m, 36h or 3d, or off",
		"schedule: {pull: '@hourly'}":                    "1:18: schedule.pull has no effect without pull; add it, or remove this",
		"schedule: {digest: '@weekly'}":                  "1:20: schedule.digest has no effect without notify; add it, or remove this",
		"pull: {device: a}":                              "1:7: pull.to is missing",
		"pull: {device: a}\nschedule: {pull: '@hourly'}": "1:7: pull.to is missing",
		"pull: ~/x":                                      "1:7: pull must be a group of keys with their values",
		"pull: {to: ~li/x}":                              "1:12: ~li/x is not a folder's path",
		"pull: {to: x, mirror: yes}":                     "1:23: pull.mirror must be true or false",
		"pull: {to: x, category: [mesages]}":             "1:26: there is no category mesages; chatkeep accounts shows them; did you mean messages?",
		"pull: {to: x, category: [files, files]}":        "1:33: files is in the list twice",
		"pull: {to: x, device: [a, A]}":                  "1:27: A is in the list twice",
		"pull: {to: x, source: a b}":                     "1:23: a b can't be a name; use letters, digits, dot, dash and underscore, at most 80 bytes, such as a-b",
		"pull: {to: /tmp/complete/x}":                    "1:12: /tmp/complete/x and /tmp/complete are one folder, or one lies in the other; what is brought back needs a folder of its own",
		"pull: {to: /tmp}":                               "1:12: /tmp and /tmp/complete are one folder, or one lies in the other; what is brought back needs a folder of its own",
		"pull: {to: chatkeep}":                           "1:12: /conf/chatkeep and /conf/chatkeep are one folder, or one lies in the other; what is brought back needs a folder of its own",
		"pull: {to: /}":                                  "1:12: / and /tmp/complete are one folder, or one lies in the other; what is brought back needs a folder of its own",
		"network: {on_metered: never}":                   "1:23: network.on_metered must be pause, first-only, allow, or a list of categories, such as [messages]; did you mean pause?",
		"network: {on_metered: []}":                      "1:23: network.on_metered must be pause, first-only, allow, or a list of categories, such as [messages]",
		"network: {on_metered: {a: b}}":                  "1:23: network.on_metered must be pause, first-only, allow, or a list of categories, such as [messages]",
		"network: {on_metered: [images, vidoes]}":        "1:32: there is no category vidoes; chatkeep accounts shows them; did you mean videos?",
		"network: {on_metered: [images, images]}":        "1:32: images is in the list twice",
		"network: {on_meterd: pause}":                    "1:11: unknown key network.on_meterd; did you mean on_metered?",
		"network: {elsewhere: pause}":                    "1:22: network.elsewhere has no effect without network.trusted; add it, or remove this",
		"network: {trusted: [home, Home]}":               "1:27: Home is in the list twice",
		"network: {trusted: a/b}":                        "1:20: a/b can't be a name; use letters, digits, dot, dash and underscore, at most 80 bytes, such as a-b",
		"network: {trusted: {home: x}}":                  "1:20: network.trusted must be text; put it in quotes if it looks like a number or a date",
		"power: {least_battery: 20}":                     "1:24: 20 is not a percentage; write it like 20%",
		"power: {least_battery: 0%}":                     "1:24: 0% is out of range: 1% to 100%",
		"power: {busy: 101%}":                            "1:15: 101% is out of range: 1% to 100%",
		"power: {busy: [60%]}":                           "1:15: power.busy is not a percentage; write it like 20%",
		"least_free: 1":                                  "1:13: 1 has no known unit; write 1MiB",
		"overdue: 3d":                                    "1:10: overdue must be a group of keys with their values",
		"overdue: {after: soon}":                         "1:18: soon is not a time; write it like 10m, 36h or 3d, or off",
		"notify: [a b]":                                  "1:10: a b can't be a name; use letters, digits, dot, dash and underscore, at most 80 bytes, such as a-b",
		"notify: [a, a]":                                 "1:13: a is in the list twice",
		"notify: {to: [a, 1]}":                           "1:18: notify.to[1] must be text; put it in quotes if it looks like a number or a date",
		"notify: {quiet: night}":                         `1:17: night is no part of a day; write it like "22:00-07:00"`,
		"notify: {quiet: 22:00}":                         `1:17: 22:00 is no part of a day; write it like "22:00-07:00"`,
		"notify: {quiet: 22:00-24:00}":                   `1:17: 22:00-24:00 is no part of a day; write it like "22:00-07:00"`,
		"notify: {quiet: 07:00-07:00}":                   `1:17: 07:00-07:00 is no part of a day; write it like "22:00-07:00"`,
		"notify: {quiet: \"22：00-07:00\"}":               "1:17: ： is a full-width character; write : instead",
		"notify: {quiet: 22:00－07:00}":                   "1:17: － is a full-width character; write - instead",
		"notify:wecom":                                   "1:7: a space is missing after the colon; write \"notify: wecom\"",
	} {
		_, errs := parse(t, complete(text))
		if len(errs) != 1 || strings.TrimPrefix(errs[0].Error(), "/conf/chatkeep.yaml:") != want {
			t.Errorf("%s\ngot  %v\nwant %s", text, errs, want)
		}
	}
	for text, want := range map[string]string{
		"schedule: {backup: '@daily'}": "1:20: schedule.backup has no effect without sources; add it, or remove this",
		"schedule: {on_change: 5m}":    "1:23: schedule.on_change has no effect without sources; add it, or remove this",
	} {
		if _, errs := parse(t, text+rest); len(errs) != 1 || strings.TrimPrefix(errs[0].Error(), "/conf/chatkeep.yaml:") != want {
			t.Errorf("%s\ngot  %v\nwant %s", text, errs, want)
		}
	}
	mustParse(t, "schedule: {backup: off, on_change: off}"+rest)
}

// All that is wrong is said at once, in the order of the file.
func TestDaemonMistakesAllAtOnce(t *testing.T) {
	_, errs := parse(t, `
schedule: {on_change: soon, pull: "@hourly"}
network:
  elsewhere: never
  on_metered: [text]
power: {busy: 0%}
overdue: {after: 1}
notify: {to: [a, a], quiet: x}
remote: local:x
`)
	var lines []int
	for _, e := range errs {
		lines = append(lines, e.Line)
	}
	if !slices.Equal(lines, []int{2, 2, 4, 5, 6, 7, 8, 8}) {
		t.Errorf("%v", errs)
	}
}

// What another package finds wrong is said with its place, in each form.
func TestDaemonPositions(t *testing.T) {
	for text, want := range map[string]map[string][2]int{
		"schedule: {backup: '@daily', verify: {at: '@daily', zone: X}}": {
			"schedule.backup.at": {1, 20}, "schedule.verify.zone": {1, 59}, "schedule.verify.jitter": {1, 38}, "schedule.pull": {1, 11}},
		"notify: [a, b]":              {"notify.to[1]": {1, 13}, "notify.to": {1, 9}, "notify.quiet": {1, 9}},
		"notify: a":                   {"notify.to[0]": {1, 9}},
		"notify:\n  to: [a, b]":       {"notify.to[1]": {2, 11}},
		"network: {trusted: [a, 家]}":  {"network.trusted[1]": {1, 24}},
		"network:\n  trusted:\n  - a": {"network.trusted[0]": {3, 5}},
	} {
		c := mustParse(t, text+"\nsources: [/a]"+rest)
		for path, place := range want {
			if line, column := c.Position(path); line != place[0] || column != place[1] {
				t.Errorf("%s: %s is at %d:%d, want %v", text, path, line, column, place)
			}
		}
	}
}

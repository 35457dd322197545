package profile

import (
	"errors"
	"strings"
	"testing"
)

const small = `
name: line
places: [{folder: ~/Line}]
account: {folders: ["*"], marker: [Data/db]}
`

func TestParse(t *testing.T) {
	p, err := Parse([]byte(small + `
rules:
  - {category: images, include: ["Pictures/**"]}
  - {category: messages, kind: database, priority: 3, include: ["Data/*"]}
never: [{paths: ["Temp/**"]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	if p.App != "line" {
		t.Errorf("it is a profile of %s", p.App)
	}
	for path, want := range map[string]string{
		"Pictures/a": "images/2", "Data/db": "messages/3", "Data/db-wal": "sidecar-of/messages", "Temp/x": "never", "x": "other/4", "x.db": "other/1",
	} {
		c, kept, _ := p.Classify(AccountScope, path, 1)
		if got := said(c, kept); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "EOF",
		"nmae: x":           "field nmae not found",
		small + "---\na: b": "more than one document",
		"name: Line\naccount: {folders: [x], marker: [y]}":                            "name: ",
		"name: a\naccount: {marker: [y]}":                                             "account.folders: ",
		"name: a\naccount: {folders: [x]}":                                            "account.marker: ",
		"name: a\naccount: {folders: [a/b], marker: [y]}":                             "account.folders[0]: ",
		"name: a\naccount: {folders: [x], marker: [y, ../z]}":                         "account.marker[1]: ",
		small + "database: {page: 1000}":                                              "database: ",
		small + "rules: [{category: mesages, include: [x]}]":                          "rules[0].category: ",
		small + "rules: [{category: other}]":                                          "rules[0].include: ",
		small + "rules: [{category: other, include: [x, '[']}]":                       "rules[0].include[1]: ",
		small + "rules: [{category: other, include: [/x]}]":                           "rules[0].include[0]: ",
		small + "rules: [{category: other, priority: 5, include: [x]}]":               "rules[0].priority: ",
		small + "rules: [{category: other, large: -1, include: [x]}]":                 "rules[0].large: ",
		small + "rules: [{category: other, kind: tree, include: [x]}]":                "rules[0].kind: ",
		small + "rules: [{category: other, scope: roots, include: [x]}]":              "rules[0].scope: ",
		small + "rules: [{category: other, kind: unit, include: [x/**]}]":             "rules[0].quiet: ",
		small + "rules: [{category: other, quiet: 1m, include: [x]}]":                 "rules[0].quiet: ",
		small + "rules: [{category: other, kind: unit, quiet: 1m, include: [x]}]":     "rules[0].include[0]: ",
		small + "rules: [{category: other, before: messages, include: [x]}]":          "rules[0].before: ",
		small + "rules: [{category: other, kind: database, before: x, include: [x]}]": "rules[0].before: ",
		small + "never: [{scope: x, paths: [y]}]":                                     "never[0].scope: ",
		small + "never: [{}]":                                                         "never[0].paths: ",
		strings.Replace(small, "{folder: ~/Line}", "{}", 1):                           "places[0]: ",
		strings.Replace(small, "{folder: ~/Line}", "{folder: x, settings: y}", 1):     "places[0]: ",
		strings.Replace(small, "{folder: ~/Line}", "{folder: x, os: beos}", 1):        "places[0].os: ",
		strings.Replace(small, "{folder: ~/Line}", "{folder: x, scope: account}", 1):  "places[0].scope: ",
		strings.Replace(small, "{folder: ~/Line}", "{program: x}", 1):                 "places[0]: ",
		strings.Replace(small, "{folder: ~/Line}", "{program: x, holds: a/b}", 1):     "places[0].holds: ",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %s", text, err, want)
			continue
		}
		var m *Mistake
		if strings.HasSuffix(want, ": ") && (!errors.As(err, &m) || m.Path+": " != want) {
			t.Errorf("%s: the place is %+v", text, m)
		}
	}
}

package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
)

func TestTraffic(t *testing.T) {
	list := []fakecloud.Request{
		{Kind: fakecloud.KindToken, Bytes: 100, Sent: 200}, {Kind: fakecloud.KindFolder}, {Kind: fakecloud.KindCreate, Bytes: 1000},
		{Kind: fakecloud.KindChunk, Bytes: 5000, Sent: 7}, {Kind: fakecloud.KindFolder}, {Kind: "a new kind"},
	}
	got := trafficOf(list)
	if got.all() != 6 || got.counted() != 3 || got.of(fakecloud.KindCreate) != 1 || got.Up != 6100 || got.Down != 207 {
		t.Errorf("%+v", got)
	}
	if s := got.String(); s != "1 token, 2 folder, 1 create, 1 chunk, 1 other" {
		t.Errorf("%q", s)
	}
}

func TestTrafficTable(t *testing.T) {
	row := services[0].row(rowFirst)
	cells := map[key]usage{
		{row, "chatkeep"}: {CPU: 2 * time.Second, Asked: trafficOf([]fakecloud.Request{{Kind: fakecloud.KindCreate, Bytes: 2000, Sent: 30}})},
		{row, "restic"}:   {CPU: 3 * time.Second, Exit: 1, Asked: trafficOf([]fakecloud.Request{{Kind: fakecloud.KindToken}})},
	}
	var b strings.Builder
	trafficTable(&b, cells, services[0].rows(), []string{"chatkeep", "restic"})
	var got []string
	for l := range strings.Lines(b.String()) {
		got = append(got, strings.Join(strings.Fields(l), " "))
	}
	want := []string{
		"| step | program | CPU s | requests | without token, folder | creations | up | down | exit | what they were |",
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
		"| drive: first backup | chatkeep | 2.00 | 1 | 1 | 1 | 2.00 kB | 30 B | 0 | 1 create |",
		"| drive: first backup | restic | 3.00 | 1 | 0 | 0 | 0 B | 0 B | 1 | 1 token |",
	}
	if !slices.Equal(got, want) {
		t.Errorf("table:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What misses its target is said, with the requests that made it so.
func TestCloudTargets(t *testing.T) {
	made := func(creations int, up int64) []usage {
		list := slices.Repeat([]fakecloud.Request{{Kind: fakecloud.KindCreate}}, creations)
		list[0].Bytes = up
		return []usage{{Asked: trafficOf(list)}}
	}
	s := services[0]
	res := newResults()
	res.cells[key{s.row(rowFirst), "chatkeep"}] = made(5, 64<<20+1)
	res.cells[key{s.row(rowMany), "chatkeep"}] = made(5, 64<<20)
	res.cells[key{s.row(rowOne), "chatkeep"}] = made(7, 0)
	res.told[key{s.row(rowFirst), "chatkeep"}] = []string{"never to be listed"}
	res.told[key{s.row(rowOne), "chatkeep"}] = []string{"list: GET host/path"}
	goals := cloudTargets(res.medians())
	var b strings.Builder
	targets(&b, goals, true)
	res.explain(&b, goals, s.rows())
	for _, want := range []string{
		"- reached: drive: first backup, creations: 5.00, at most 5.00\n",
		"- NOT REACHED: drive: +1000 messages, creations: 5.00, at most 4.00\n",
		"- not measured: drive: nothing changed, requests\n",
		"- NOT REACHED: drive: one 100 KB file, cold start, requests: 7.00, at most 6.00\n",
		"drive: one 100 KB file, cold start: the requests of chatkeep:\n  1. list: GET host/path\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "never") {
		t.Errorf("what reached its target is explained:\n%s", b.String())
	}
}

func TestCloudGoesAlone(t *testing.T) {
	var log strings.Builder
	for _, args := range []string{"--cloud --databases", "--cloud --profile somewhere"} {
		if _, err := parse(strings.Fields(args), &log); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

// Everybody has a sign-in of their own, so that nobody's refreshed token is
// another's lost one.
func TestRcloneConfig(t *testing.T) {
	for _, s := range services {
		c := &onCloud{round: &round{options: bench(t, "--cloud")}, service: s}
		var err error
		c.cloud, err = fakecloud.Start(fakecloud.Options{})
		noError(t, err)
		noError(t, c.writeRcloneConfig(), c.cloud.Close())
		text, err := os.ReadFile(c.rcloneConfig())
		noError(t, err)
		seen := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "token = ") {
				seen[line] = true
			}
		}
		if len(seen) != 3 || strings.Count(string(text), "type = "+s.kind+"\n") != 3 {
			t.Errorf("%s: %d tokens in:\n%s", s.kind, len(seen), text)
		}
	}
}

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/madeup"
)

func TestMedians(t *testing.T) {
	k := key{rowFirst, "chatkeep"}
	r := results{cells: map[key][]usage{k: {
		{CPU: 3 * time.Second, Wall: time.Second, Peak: 10, Stored: 5, Objects: 3, Read: 7},
		{CPU: 1 * time.Second, Wall: 9 * time.Second, Peak: 30, Stored: 5, Objects: 1, Read: 9, Exit: 3},
		{CPU: 2 * time.Second, Wall: 5 * time.Second, Peak: 20, Stored: 6, Objects: 2, Read: 8},
	}}}
	want := usage{CPU: 2 * time.Second, Wall: 5 * time.Second, Peak: 20, Stored: 5, Objects: 2, Read: 8, Exit: 3}
	if got := r.medians()[k]; got != want {
		t.Errorf("medians = %+v", got)
	}
	if got := median([]usage{{Peak: 4}, {Peak: 2}}, func(u usage) int64 { return u.Peak }); got != 2 {
		t.Errorf("median of two = %d", got)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.00 kB", 9949: "9.95 kB", 99_600: "100 kB", 123_456: "123 kB", 45_000_000: "45.0 MB",
		999_499: "999 kB", 999_500: "1.00 MB", 4_000_000_000: "4.00 GB", 1_234_000_000_000: "1234 GB", -1500: "-1.50 kB",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	cells := map[key]usage{
		{rowFirst, "chatkeep"}: {CPU: 10 * time.Second, Wall: 5 * time.Second, Peak: 80e6, Stored: 40e6, Objects: 57, Read: 41e6},
		{rowFirst, "borg"}:     {CPU: 20 * time.Second, Wall: 21 * time.Second, Peak: 90e6, Stored: 50e6, Objects: 12, Exit: 1},
		{rowWalk, "find"}:      {CPU: 300 * time.Millisecond},
	}
	var b strings.Builder
	table(&b, cells, rows, []string{"chatkeep", "restic", "borg", "find"})
	var got []string
	for l := range strings.Lines(b.String()) {
		got = append(got, strings.Join(strings.Fields(l), " "))
	}
	want := []string{
		"| step | program | CPU s | wall s | peak | stored | objects | read | exit | CPU, ours ÷ its | stored, ours ÷ its |",
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
		"| first backup | chatkeep | 10.00 | 5.00 | 80.0 MB | 40.0 MB | 57 | 41.0 MB | 0 | | |",
		"| first backup | borg | 20.00 | 21.00 | 90.0 MB | 50.0 MB | 12 | | 1 | 0.50 | 0.80 |",
		"| walk the tree | find | 0.30 | 0.00 | 0 B | | | | 0 | | |",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("table:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTargets(t *testing.T) {
	one := func(u usage) []usage { return []usage{u} }
	r := &results{day: madeup.Summary{Bytes: 30e6, Rewritten: 10e6}, cells: map[key][]usage{
		{rowFirst, "chatkeep"}:   one(usage{CPU: 9 * time.Second, Peak: 90e6}),
		{rowSame, "chatkeep"}:    one(usage{CPU: time.Second, Peak: 120e6}),
		{rowDay, "chatkeep"}:     one(usage{Stored: 44e6, Objects: 5}),
		{rowRestore, "chatkeep"}: one(usage{CPU: 17 * time.Second}),
		{rowRestore, "restic"}:   one(usage{CPU: 20 * time.Second}),
	}}
	verdicts := func(full bool) string {
		var b strings.Builder
		targets(&b, r.targets(), full)
		return b.String()
	}
	for _, want := range []string{
		"- reached: first backup, CPU: 9.00 s, at most 10.00 s\n",
		"- NOT REACHED: nothing changed, CPU: 1.00 s, at most 0.50 s\n",
		"- reached: a day: messages and media, stored: 44.00 MB, at most 44.00 MB\n",
		"- NOT REACHED: a day: messages and media, objects: 5.00, at most 4.00\n",
		"- reached: full restore, CPU against restic's: 17.00 s, at most 17.00 s\n",
		"- not measured: full restore, wall against cp -a's\n",
		"- NOT REACHED: peak memory in all of this: 120.00 MB, at most 100.00 MB\n",
	} {
		if !strings.Contains(verdicts(true), want) {
			t.Errorf("no line %q in:\n%s", want, verdicts(true))
		}
	}
	if strings.Contains(verdicts(false), "first backup") {
		t.Error("a small run was held against the numbers of a full one")
	}
}

func TestParse(t *testing.T) {
	var log strings.Builder
	for _, args := range []string{"--scale 0", "--rounds 0", "--preset none", "more", "--unknown"} {
		if _, err := parse(strings.Fields(args), &log); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
	o, err := parse([]string{"--scale", "0.5"}, &log)
	if err != nil || o.chats.Bytes != madeup.Bench.Bytes/2 || o.chats.Scale != madeup.Bench.Scale/2 || o.chats.Days[0].Bytes != madeup.Bench.Daily.Bytes/2 {
		t.Errorf("half the chats: %+v, %v", o, err)
	}
	if o.full() {
		t.Error("half the chats are called all of them")
	}
	child, err := parse(o.stepArgs(stepDay), &log)
	if err != nil || child.step != stepDay || child.scale != o.scale {
		t.Errorf("the child of a run: %+v, %v", child, err)
	}
}

func TestRoom(t *testing.T) {
	o := options{chats: madeup.Options{Bytes: 1 << 60}, dir: t.TempDir()}
	if err := o.checkSpace(); err == nil || !strings.Contains(err.Error(), "--scale") {
		t.Errorf("no disk has that much: %v", err)
	}
	if err := os.WriteFile(filepath.Join(o.dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := o.makeRoom(); err == nil {
		t.Error("worked in a folder that holds something")
	}
	if _, err := os.Stat(filepath.Join(o.dir, "mine")); err != nil {
		t.Error(err)
	}
}

func TestOneFile(t *testing.T) {
	dir := t.TempDir()
	for name, n := range map[string]int{"a/small": 10, "a/near": 99_000, "a/nearer but odd": 100_000, "b/large": 300_000} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := oneFile(dir); err != nil || got != "a/near" {
		t.Errorf("picked %q, %v", got, err)
	}
	if c, err := measureDir(dir); err != nil || c != (content{4, 499_010}) {
		t.Errorf("measured %+v, %v", c, err)
	}
}

func TestMeasured(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	u, said, err := measured(context.Background(), command{args: []string{self, "-test.unknown"}})
	if err != nil || u.Exit != 2 || !strings.Contains(said, "verbose") || u.Wall <= 0 {
		t.Errorf("a program that ends badly: %+v %q %v", u, said, err)
	}
	if _, _, err := measured(context.Background(), command{args: []string{filepath.Join(t.TempDir(), "none")}}); err == nil {
		t.Error("a program that isn't there was run")
	}
}

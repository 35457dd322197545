package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// Whatever happens to a database, what chatkeep brings back is that.
func TestDatabaseSteps(t *testing.T) {
	for _, birth := range []string{stepEncrypted, stepPlain} {
		t.Run(birth, func(t *testing.T) {
			t.Parallel()
			o := bench(t, "--databases", "--database-size", "4MiB")
			noError(t, o.init(context.Background()))
			for _, step := range []string{birth, stepMany, stepManyMoved, stepFew, stepMove, stepVacuum} {
				o.do(t, step)
				noError(t, o.compareRestored(o.restored(t, "after-"+step)))
				s, err := o.summary(step)
				if nothing := step == stepMove || step == stepVacuum; err != nil || (s.Rewritten == 0) != nothing {
					t.Errorf("%s: %+v, %v", step, s, err)
				}
				log, err := os.Stat(o.inChats(o.chats.LivePath()) + "-wal")
				if empty := step == stepMove || step == stepVacuum; err != nil || (log.Size() == 0) != empty {
					t.Errorf("the log after %s: %d bytes, %v", step, log.Size(), err)
				}
			}
		})
	}
}

func TestSizeFlag(t *testing.T) {
	for text, want := range map[string]sizeFlag{"1GiB": 1 << 30, "128MiB": 128 << 20, "1024MiB": 1 << 30} {
		var s, again sizeFlag
		if err := s.Set(text); err != nil || s != want || again.Set(s.String()) != nil || again != want {
			t.Errorf("%s is %d and %q, %v", text, s, s, err)
		}
	}
	for _, text := range []string{"", "1", "MiB", "0MiB", "-1GiB", "1.5GiB", "1 GiB", "1GB"} {
		if err := new(sizeFlag).Set(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// Rows of different series don't mix, and each has its targets.
func TestSeries(t *testing.T) {
	o := bench(t, "--databases", "--database-size", "128MiB")
	res, seen := newResults(), map[string]bool{}
	var goals []target
	for _, s := range o.series() {
		for _, row := range s.rows() {
			if seen[row] {
				t.Errorf("two rows %q", row)
			}
			seen[row] = true
			res.cells[key{row, "chatkeep"}] = []usage{{Stored: 100e6, Objects: 3, Read: 200e6}}
		}
		res.changed[s.chained()], res.changed[s.row(rowMany)] = 10e6, 95e6
		goals = append(goals, res.seriesTargets(&s)...)
	}
	var b strings.Builder
	targets(&b, goals, false)
	for _, want := range []string{
		"- reached: encrypted, 128MiB: +1000 messages, stored: 100.00 MB, at most 104.50 MB\n",
		"- NOT REACHED: encrypted, 128MiB: +40 messages, stored: 100.00 MB, at most 1.00 MB\n",
		"- NOT REACHED: plain, 128MiB: restore after that, read: 200.00 MB, at most 160.00 MB\n",
		"- reached: plain, 128MiB: 60 × +1000 messages, stored with the first: 200.00 MB, at most 214.90 MB\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no line %q in:\n%s", want, b.String())
		}
	}
}

func TestSum(t *testing.T) {
	u := usage{CPU: time.Second, Wall: time.Second, Peak: 5, Stored: 6, Objects: 7}
	more := usage{CPU: time.Second, Wall: time.Minute, Peak: 4, Stored: 1, Objects: 1, Exit: 3}
	want := usage{CPU: 2 * time.Second, Wall: 61 * time.Second, Peak: 5, Stored: 7, Objects: 8, Exit: 3}
	if got := sum([]usage{u, more}); got != want {
		t.Errorf("sum = %+v", got)
	}
}

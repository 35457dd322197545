package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"time"

	"github.com/chatkeep/chatkeep/internal/madeup"
)

// The rows of the table, in the order they are measured.
const (
	rowFirst   = "first backup"
	rowSame    = "nothing changed"
	rowDay     = "a day: messages and media"
	rowHour    = "an hour: 40 messages"
	rowVerify  = "verify without data"
	rowOne     = "one 100 KB file, cold start"
	rowRestore = "full restore"
	rowWalk    = "walk the tree"
)

var rows = []string{rowFirst, rowPullAll, rowSame, rowPullSame, rowDay, rowPullDay, rowHour, rowVerify, rowOne, rowRestore, rowWalk}

// Programs that are no backup: what a step costs at least.
const (
	copyProgram = "cp -a"
	walkProgram = "find"
)

// key is one cell of the table: a row and a program.
type key struct{ row, program string }

// results are everything that was measured.
type results struct {
	cells  map[key][]usage // one per round
	day    madeup.Summary
	hour   madeup.Summary
	failed []string // what ended badly, and what it said

	changed map[string]int64 // bytes of a database that a row's steps changed
	told    map[key][]string // what a cloud was asked for, in the last round
}

func newResults() *results {
	return &results{cells: map[key][]usage{}, changed: map[string]int64{}, told: map[key][]string{}}
}

// compare measures all programs and prints the table and the targets.
func (o *options) compare(ctx context.Context, out, log io.Writer) error {
	res := newResults()
	var list []program
	for n := range o.rounds {
		if n > 0 {
			fmt.Fprintln(log, "bench: waiting until the disk has forgotten the last round")
			if err := o.clear(ctx); err != nil {
				return err
			}
		}
		var missing []string
		var err error
		if list, missing, err = o.programs(ctx); err != nil {
			return err
		}
		if n == 0 {
			o.introduce(out, list, missing)
		}
		r := &round{options: o, ctx: ctx, log: log, results: res, list: list}
		if err := r.steps(); err != nil {
			return err
		}
	}
	names := append(names(list), copyProgram, walkProgram)
	table(out, res.medians(), rows, names)
	targets(out, res.targets(), o.full())
	res.complain(out)
	return nil
}

// complain lists what ended badly.
func (r *results) complain(out io.Writer) {
	for _, f := range r.failed {
		fmt.Fprintln(out, "ended badly:", f)
	}
}

// full reports whether this is the size the targets were set for.
func (o *options) full() bool { return o.preset == "bench" && o.scale == 1 }

// pause is how long ext4 takes detours around inodes that were freed, which
// would cost whoever makes files next up to twice the CPU.
const pause = 90 * time.Second

// clear removes what a round left, but the built binary.
func (o *options) clear(ctx context.Context) error {
	for _, dir := range []string{"chats", "chatkeep", "restic", "borg", "restored", "pulled"} {
		if err := removeAll(o.path(dir)); err != nil {
			return err
		}
	}
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func names(list []program) (names []string) {
	for _, p := range list {
		names = append(names, p.name)
	}
	return names
}

func (o *options) introduce(out io.Writer, list []program, missing []string) {
	fmt.Fprintf(out, "%s of made-up chats (preset %s, scale %g), %d round(s), %d CPUs, all read from a warm page cache\n\n",
		size(o.chats.Bytes), o.preset, o.scale, o.rounds, runtime.NumCPU())
	if o.isAccount() {
		fmt.Fprint(out, "An account whose app is open: all its databases have logs. chatkeep keeps it as its app's, and merges logs into their databases;\n"+
			"the peers keep the folder as it lies there. There is nothing in it that chatkeep leaves out by itself, but the logs' indices (-shm).\n"+
			"The messages of a day were moved from the logs into the databases, as an engine does; those of an hour are in the logs.\n\n")
	}
	introducePrograms(out, list, missing)
}

func introducePrograms(out io.Writer, list []program, missing []string) {
	for _, p := range list {
		fmt.Fprintf(out, "- %s: %s\n", p.name, p.version)
	}
	for _, m := range missing {
		fmt.Fprintf(out, "- %s: not there, left out\n", m)
	}
	fmt.Fprintln(out)
}

// round is one pass over all steps.
type round struct {
	*options
	*results
	ctx     context.Context
	log     io.Writer
	list    []program
	backups int
	anew    int // restores in place of pulls
}

func (r *round) steps() error {
	if err := r.change(stepMake); err != nil {
		return err
	}
	if err := r.setUp(); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return r.backup(rowFirst) },
		func() error { return r.pulls(r.measure, rowPullAll) },
		func() error { return r.backup(rowSame) },
		func() error { return r.pulls(r.measure, rowPullSame) },
		func() error { return r.change(stepDay) },
		func() error { return r.backup(rowDay) },
		func() error { return r.pulls(r.measure, rowPullDay) },
		func() error { return r.change(stepHour) },
		func() error { return r.backup(rowHour) },
		r.verify, r.restoreOne, r.walk,
		func() error { return r.restoreAll(rowRestore) },
		r.copyAll,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	var err error
	if r.day, err = r.summary(stepDay); err == nil {
		r.hour, err = r.summary(stepHour)
	}
	return err
}

func (r *round) setUp() error {
	for _, p := range r.list {
		for _, c := range p.setup {
			if err := must(r.ctx, c); err != nil {
				return fmt.Errorf("set up %s: %w", p.name, err)
			}
		}
	}
	return nil
}

// change makes or changes the chats, in a child.
func (r *round) change(step string) error {
	fmt.Fprintf(r.log, "bench: %s: %s\n", time.Now().Format(time.TimeOnly), step)
	c, err := r.child(step)
	if err != nil {
		return err
	}
	return must(r.ctx, c)
}

// child does a step in a process of its own.
func (o *options) child(step string) (command, error) {
	self, err := os.Executable()
	return command{args: append([]string{self}, o.stepArgs(step)...)}, err
}

// measure runs one step of one program and notes what it cost.
func (r *round) measure(row, program string, c command, check func(*usage) error) error {
	fmt.Fprintf(r.log, "bench: %s: %s, %s\n", time.Now().Format(time.TimeOnly), row, program)
	u, said, err := measured(r.ctx, c)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", row, program, err)
	}
	if u.Exit != 0 {
		r.failed = append(r.failed, fmt.Sprintf("%s, %s: exit %d: %s", row, program, u.Exit, said))
	}
	if check != nil {
		if err := check(&u); err != nil {
			return fmt.Errorf("%s, %s: %w", row, program, err)
		}
	}
	k := key{row, program}
	r.cells[k] = append(r.cells[k], u)
	return nil
}

func (r *round) backup(row string) error {
	r.backups++
	for _, p := range r.list {
		before, err := measureDir(p.repo)
		if err != nil {
			return err
		}
		grown := func(u *usage) error {
			after, err := measureDir(p.repo)
			u.Stored, u.Objects = after.bytes-before.bytes, after.files-before.files
			return err
		}
		if err := r.measure(row, p.name, p.backup(r.backups), grown); err != nil {
			return err
		}
	}
	return nil
}

// walk is what looking at every file costs at least.
func (r *round) walk() error {
	return r.floor(rowWalk, walkProgram, "find", r.chatsDir(), "-printf", `%p %s %T@ %C@ %i\n`)
}

// floor measures a program of the system, if it is there and does that.
func (r *round) floor(row, program string, args ...string) error {
	err := r.measure(row, program, command{args: args}, nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// restoreAll restores everything. What was restored stays until the round
// ends, see pause; so that it fits, each repository goes after its last use.
func (r *round) restoreAll(row string) error {
	want, err := measureDir(r.chatsDir())
	if err != nil {
		return err
	}
	for _, p := range r.list {
		to, err := r.target(p.name)
		if err == nil {
			err = r.measure(row, p.name, p.restore(to), r.same(p, to, want))
		}
		if err == nil && !r.keep {
			err = removeAll(p.repo)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyAll is what writing every file costs at least.
func (r *round) copyAll() error {
	to, err := r.target("copy")
	if err != nil {
		return err
	}
	return r.floor(rowRestore, copyProgram, "cp", "-a", r.chatsDir(), to)
}

// target makes a folder to restore to.
func (r *round) target(name string) (string, error) {
	to := r.path("restored", name)
	return to, os.MkdirAll(to, 0o700)
}

// same notes a restore that did not bring back everything. One that merges
// databases with their logs is compared byte for byte.
func (r *round) same(p program, to string, want content) func(*usage) error {
	if !p.merges {
		return r.whole(p.name, to, want)
	}
	return func(*usage) error {
		c, err := r.child(stepSameAgain)
		if err != nil {
			return err
		}
		u, said, err := measured(r.ctx, c)
		if u.Exit != 0 {
			r.failed = append(r.failed, fmt.Sprintf("restore, %s: %s", p.name, said))
		}
		return err
	}
}

// whole notes a restore that did not bring back everything.
func (r *round) whole(program, to string, want content) func(*usage) error {
	return func(*usage) error {
		got, err := measureDir(to)
		if err == nil && got != want {
			r.failed = append(r.failed, fmt.Sprintf("restore, %s: %d files with %d bytes instead of %d with %d",
				program, got.files, got.bytes, want.files, want.bytes))
		}
		return err
	}
}

// restoreOne restores one file without any cache.
func (r *round) restoreOne() error {
	file, err := oneFile(r.inChats(r.account()))
	if err != nil {
		return err
	}
	info, err := os.Stat(r.inChats(path.Join(r.account(), file)))
	if err != nil {
		return err
	}
	for _, p := range r.list {
		for _, cache := range p.caches {
			if err := removeAll(cache); err != nil {
				return err
			}
		}
		to, err := r.target(p.name + "-one")
		if err == nil {
			err = r.measure(rowOne, p.name, p.one(file, to), r.whole(p.name, to, content{1, info.Size()}))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *round) verify() error {
	for _, p := range r.list {
		if err := r.measure(rowVerify, p.name, p.verify, nil); err != nil {
			return err
		}
	}
	return nil
}

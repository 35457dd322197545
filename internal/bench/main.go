// Command bench measures chatkeep beside other backup programs, on made-up
// chats, in one run:
//
//	go run ./internal/bench                      4 GB, 39,000 files, one round
//	go run ./internal/bench --scale 0.05         a twentieth of that
//	go run ./internal/bench --rounds 3           medians of three
//	go run ./internal/bench --databases          a database by itself, and what happens to it
//	go run ./internal/bench --cloud --scale 0.1  what clouds are asked for, on fakes of them
//	go run ./internal/bench --profile DIR        chatkeep alone, in-process, with profiles in DIR
//
// Every program does the same steps on the same tree, one at a time. What
// counts are CPU seconds, peak memory and stored bytes; wall time is printed
// too, and means little on a shared machine. Nothing is dropped from the page
// cache, so everything is read from memory. Programs that are not there are
// left out, and said.
//
// The chats are an account of WeChat 4 whose app is open. chatkeep backs them
// up as that, its peers as a folder. So that all of them keep the same, the
// account has nothing that chatkeep leaves out by itself.
//
// The files are:
//
//	main.go           flags, and what they lead to
//	chats.go          the made-up chats, and what happens to them
//	room.go           room for them on the disk
//	source.go         the chats as chatkeep's source, and a restore of them
//	databases.go      one database, and what happens to it
//	series.go         the steps of one database, in order
//	clouds.go         the steps on clouds, in order, and what these were asked for
//	cloudprograms.go  chatkeep and restic on a cloud
//	cloudtable.go     requests, as a table, and their targets
//	measure.go        what one child process cost, what one folder holds
//	programs.go       chatkeep and its peers: how each does a step
//	rounds.go         the steps, in order
//	pulls.go          a folder that is kept at the latest state
//	table.go          medians and ratios, as a table
//	targets.go        docs/DESIGN.md, part 10, reached or not
//	profile.go        the steps of chatkeep alone, in-process
//
// To measure another program, add it in programs.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/chatkeep/chatkeep/internal/madeup"
)

// options are the flags.
type options struct {
	preset   string
	scale    float64
	rounds   int
	dir      string
	keep     bool
	chatkeep string // a binary, instead of a build
	rclone   string // likewise, for restic on clouds
	profile  string // folder for profiles
	step     string // this process is the child that does one step
	file     string // path of the one file, for a step
	chats    madeup.Options

	cloud        bool // to clouds, and what they are asked for
	databases    bool // not the chats, but a database by itself
	databaseSize sizeFlag
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	if o.step != "" {
		return o.doStep(ctx)
	}
	remove, err := o.makeRoom()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if o.profile != "" {
		return o.profileAll(ctx, out, log)
	}
	if err := o.build(ctx); err != nil {
		return err
	}
	switch {
	case o.databases:
		return o.compareDatabases(ctx, out, log)
	case o.cloud:
		return o.compareClouds(ctx, out, log)
	}
	return o.compare(ctx, out, log)
}

func parse(args []string, log io.Writer) (*options, error) {
	o := options{databaseSize: 1 << 30}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(log)
	f.StringVar(&o.preset, "preset", "bench", "the `chats`: demo, tiny, small, medium or bench")
	f.Float64Var(&o.scale, "scale", 1, "make that many `times` the files and bytes")
	f.IntVar(&o.rounds, "rounds", 1, "do everything `n` times, and print medians")
	f.StringVar(&o.dir, "dir", "", "work in this `folder`, which must be empty or new, instead of a temporary one")
	f.BoolVar(&o.keep, "keep", false, "leave chats and repositories behind")
	f.StringVar(&o.chatkeep, "chatkeep", "", "measure this `binary` instead of building one")
	f.StringVar(&o.rclone, "rclone", "", "let restic use this `binary` on clouds instead of building one")
	f.StringVar(&o.profile, "profile", "", "profile chatkeep in-process, and put the profiles into this `folder`")
	f.BoolVar(&o.cloud, "cloud", false, "measure what clouds are asked for, on fakes of them that keep everything in memory")
	f.BoolVar(&o.databases, "databases", false, "measure databases alone, without the rest of the chats")
	f.Var(&o.databaseSize, "database-size", "make databases of `size`, such as 128MiB")
	f.StringVar(&o.step, "step", "", "do one `step` only, inside of a run")
	f.StringVar(&o.file, "file", "", "the one `path` a step restores")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unknown argument %q", f.Arg(0))
	}
	if o.cloud && (o.databases || o.profile != "") {
		return nil, errors.New("cloud goes with neither databases nor profile")
	}
	if o.rounds < 1 || o.scale <= 0 {
		return nil, errors.New("rounds and scale must be positive")
	}
	if o.databaseSize < minDatabase {
		return nil, fmt.Errorf("a database needs %s", sizeFlag(minDatabase))
	}
	var err error
	o.chats, err = chats(o.preset, o.scale)
	return &o, err
}

// stepArgs are the arguments of a child that does one step of this run.
func (o *options) stepArgs(step string) []string {
	return []string{"--preset", o.preset, "--scale", fmt.Sprint(o.scale), "--dir", o.dir, "--profile", o.profile, "--file", o.file,
		fmt.Sprintf("--databases=%t", o.databases), "--database-size", o.databaseSize.String(), "--step", step}
}

// doStep does what the step's name says.
func (o *options) doStep(ctx context.Context) error {
	switch o.step {
	case stepMake, stepDay, stepHour, stepTalk:
		return o.changeChats()
	case stepEncrypted, stepPlain, stepMany, stepManyMoved, stepFew, stepMove, stepVacuum:
		return o.changeDatabase()
	case stepSameAgain:
		return o.compareRestored(o.path("restored", "chatkeep"))
	case stepSamePulled:
		return o.compareRestored(o.ourPulled())
	}
	return o.profileStep(ctx)
}

func (o *options) path(elem ...string) string {
	return filepath.Join(append([]string{o.dir}, elem...)...)
}

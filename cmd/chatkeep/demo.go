package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/snapshot"
)

func (a *app) demoCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "demo", Short: a.say("cmd.demo"), Long: a.say("cmd.demo") + "\n\n" + a.say("cmd.demo.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.demo(c.Context(), dir) },
	}
	c.Flags().StringVar(&dir, "dir", "", a.say("flag.dir"))
	return c
}

// demo is the main job on made-up chats, done by the same commands a user
// types: every step is one of them, with its own configuration.
type demo struct {
	*app
	dir   string
	steps []demoStep
	live  liveChats
}

// demoStep is what one step cost, as --json tells it.
type demoStep struct {
	Step     string  `json:"step"`
	Files    uint64  `json:"files"`
	Read     uint64  `json:"read"`
	Uploaded uint64  `json:"uploaded"`
	Objects  uint64  `json:"objects"`
	Seconds  float64 `json:"seconds"`
}

func (a *app) demo(ctx context.Context, dir string) error {
	start := time.Now()
	d, err := a.newDemo(dir)
	if err != nil {
		return err
	}
	a.tell("demo.start", "dir", d.dir)
	for _, step := range []func(context.Context) error{d.chats, d.repository, d.first, d.day, d.second, d.otherDevice, d.compare} {
		if err := errors.Join(step(ctx), ctx.Err()); err != nil {
			return errors.Join(err, d.live.close())
		}
	}
	if err := d.live.close(); err != nil {
		return err
	}
	if dir == "" {
		if err := os.RemoveAll(d.dir); err != nil {
			return err
		}
	}
	a.tell("demo.done", "seconds", seconds(time.Since(start).Seconds()))
	d.where(dir != "")
	d.next()
	return a.document(map[string]any{"dir": dir, "identical": true, "steps": d.steps, "seconds": time.Since(start).Seconds()})
}

// newDemo makes the folder. One that holds something is refused: the demo
// could not tell it from its own.
func (a *app) newDemo(dir string) (*demo, error) {
	d := &demo{dir: dir}
	if dir == "" {
		var err error
		if d.dir, err = os.MkdirTemp("", "chatkeep-demo-"); err != nil {
			return nil, err
		}
	} else {
		full, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		if d.dir = full; !vacant(full) {
			return nil, hint.New("demo_dir", fmt.Errorf("use folder %s: it is not empty", full), "path", full)
		}
	}
	inner := *a
	inner.config = d.path("chatkeep.yaml")
	inner.getenv = func(key string) string {
		switch key {
		case "CHATKEEP_STATE":
			return d.path("state")
		case "CHATKEEP_CACHE":
			return d.path("cache")
		}
		return a.getenv(key)
	}
	d.app = &inner
	return d, nil
}

func vacant(dir string) bool {
	entries, err := os.ReadDir(dir)
	return errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0
}

func (d *demo) path(elem ...string) string {
	return filepath.Join(append([]string{d.dir}, elem...)...)
}

// step prints a step's title, and its cost once it is done.
func (d *demo) step(s demoStep, text string) {
	d.steps = append(d.steps, s)
	d.printf("%d. %s\n   %s\n", len(d.steps), d.say("demo."+s.Step), text)
}

func (d *demo) chats(context.Context) error {
	start := time.Now()
	sum, err := madeup.Generate(d.path("chats"), madeup.DemoAccount)
	if err != nil {
		return err
	}
	d.step(demoStep{Step: "chats", Files: uint64(sum.Files), Seconds: time.Since(start).Seconds()},
		d.say("demo.made", "files", count(uint64(sum.Files)), "bytes", size(uint64(sum.Bytes)), "seconds", seconds(time.Since(start).Seconds())))
	return nil
}

func (d *demo) repository(ctx context.Context) error {
	start := time.Now()
	remote, err := config.ParseRemote("local:" + d.path("remote"))
	if err != nil {
		return err
	}
	text, err := configText("", remote, []firstSource{{App: "wechat", Root: d.path("chats", "xwechat_files")}})
	if err != nil {
		return err
	}
	cfg, err := config.Parse(d.config, text)
	if err != nil {
		return err
	}
	cfg.Device = d.say("demo.device")
	if err := writeConfig(d.config, cfg); err != nil {
		return err
	}
	place, err := targetOf(cfg).open(ctx)
	if err != nil {
		return err
	}
	defer place.Close()
	if _, err := d.found(ctx, cfg, place, initFlags{recovery: d.path("recovery.key")}); err != nil {
		return err
	}
	d.step(demoStep{Step: "init", Seconds: time.Since(start).Seconds()}, d.say("demo.keys", "seconds", seconds(time.Since(start).Seconds())))
	return nil
}

func (d *demo) backupStep(ctx context.Context, name string) error {
	cfg, err := d.loadConfig()
	if err != nil {
		return err
	}
	if err := d.live.begin(d.path("chats")); err != nil {
		return err
	}
	taken, err := d.makeBackup(ctx, cfg, backupFlags{}, nil)
	if err = errors.Join(err, d.live.pause()); err != nil {
		return err
	}
	d.remarks("backup.flagged", remarksOf(taken.Flagged))
	d.remarks("backup.skipped", remarksOf(taken.Skipped))
	d.alarms(alarmsOf(taken.Alarms))
	if d.code != exitDone {
		return errors.New(d.say("demo.remarks"))
	}
	d.step(stepOf(name, &taken.Counts, taken.Seconds), d.costOf(&taken.Counts, taken.Seconds)+"\n   "+
		d.say("demo.meanwhile", "count", d.live.meanwhile(), "busy", d.live.writer.Busy()))
	return nil
}

func stepOf(name string, c *format.Counts, s float64) demoStep {
	return demoStep{name, c.Files, c.Read, c.Uploaded, c.Objects, s}
}

func (d *demo) costOf(c *format.Counts, s float64) string {
	return d.say("demo.cost", "files", count(c.Files), "new", count(c.New), "changed", count(c.Changed), "removed", count(c.Removed),
		"read", size(c.Read), "uploaded", size(c.Uploaded), "objects", c.Objects, "seconds", fmt.Sprintf("%.2f", s))
}

func (d *demo) first(ctx context.Context) error  { return d.backupStep(ctx, "first") }
func (d *demo) second(ctx context.Context) error { return d.backupStep(ctx, "second") }

func (d *demo) day(context.Context) error {
	start := time.Now()
	if err := d.live.close(); err != nil {
		return err
	}
	sum, err := madeup.Grow(d.path("chats"), madeup.DemoAccount, 1)
	if err != nil {
		return err
	}
	d.step(demoStep{Step: "day", Files: uint64(sum.Files), Seconds: time.Since(start).Seconds()},
		d.say("demo.arrived", "files", count(uint64(sum.Files)), "bytes", size(uint64(sum.Bytes)), "renamed", sum.Renamed, "removed", sum.Removed))
	return nil
}

// otherDevice restores with nothing but the remote and the recovery key.
func (d *demo) otherDevice(ctx context.Context) error {
	o, err := d.open(ctx, place{remote: "local:" + d.path("remote"), identity: d.path("recovery.key")})
	if err != nil {
		return err
	}
	defer o.Close()
	s, err := o.Find(ctx, "latest")
	if err != nil {
		return err
	}
	out, err := snapshot.Restore(ctx, o.Repo, s, snapshot.RestoreOptions{To: d.path("other-device")})
	if err != nil {
		return err
	}
	if len(out.Failed) > 0 {
		return fmt.Errorf("restore %s: %w", out.Failed[0].Path, out.Failed[0].Err)
	}
	d.step(demoStep{Step: "restore", Files: out.Files, Read: out.Downloaded, Seconds: out.Seconds},
		d.say("demo.restored", "files", count(out.Files), "bytes", size(out.Bytes), "downloaded", size(out.Downloaded), "seconds", fmt.Sprintf("%.2f", out.Seconds)))
	return nil
}

// compare compares every account with what came back: byte for byte, and the
// messages with what they were at some moment of the backup, since the app went
// on writing.
func (d *demo) compare(ctx context.Context) error {
	start := time.Now()
	cfg, err := d.loadConfig()
	if err != nil {
		return err
	}
	list, err := accounts(ctx, cfg)
	if err != nil {
		return err
	}
	for _, acc := range list {
		diffs, err := d.live.compare(ctx, acc, d.path("other-device", acc.Name()))
		if err != nil {
			return err
		}
		if len(diffs) > 0 {
			return fmt.Errorf("compare: %d differences, the first: %s", len(diffs), diffs[0])
		}
	}
	d.step(demoStep{Step: "compare", Seconds: time.Since(start).Seconds()}, d.say("demo.identical"))
	return nil
}

// where says where the folders are.
func (d *demo) where(kept bool) {
	if !kept {
		d.tell("demo.removed")
		return
	}
	d.tell("demo.folders")
	for _, name := range []string{"chats", "remote", "other-device", "recovery.key", "chatkeep.yaml", "state", "cache"} {
		d.printf("  %-14s %s\n", name, d.path(name))
	}
}

// next prints the three commands to do the same with one's own chats.
func (d *demo) next() {
	name := program()
	d.tell("demo.next")
	d.printf("  %s init --app wechat --remote local:%s\n", name, d.say("demo.your_disk"))
	d.printf("  %s backup\n", name)
	d.printf("  %s restore latest --to %s\n", name, d.say("demo.your_target"))
}

// program is how this run was started, as far as it can be typed again.
func program() string {
	exe, err := os.Executable()
	if err == nil && strings.Contains(exe, "go-build") {
		return "go run ./cmd/chatkeep"
	}
	return "chatkeep"
}

package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/snapshot"
)

// leastEvery is how often a pull that follows looks at most. Tests don't wait.
var leastEvery = snapshot.LeastEvery

type pullFlags struct {
	place
	to     string
	follow bool
	every  time.Duration
	snapshot.PullOptions
}

func (a *app) pullCommand() *cobra.Command {
	var f pullFlags
	c := &cobra.Command{
		Use: "pull --to " + a.say("arg.folder"), Short: a.say("cmd.pull"), Long: a.say("cmd.pull") + "\n\n" + a.say("cmd.pull.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.pull(c.Context(), f) },
	}
	f.flags(a, c)
	c.Flags().StringVar(&f.to, "to", "", a.say("flag.pull_to"))
	c.Flags().StringArrayVar(&f.Devices, "device", nil, a.say("flag.pull_device"))
	c.Flags().StringArrayVar(&f.Sources, "source", nil, a.say("flag.pull_source"))
	c.Flags().StringArrayVar(&f.Categories, "category", nil, a.say("flag.category"))
	c.Flags().BoolVar(&f.Mirror, "mirror", false, a.say("flag.mirror"))
	c.Flags().BoolVar(&f.follow, "follow", false, a.say("flag.follow"))
	c.Flags().DurationVar(&f.every, "every", time.Minute, a.say("flag.every"))
	return c
}

// pull keeps a folder at the latest state.
func (a *app) pull(ctx context.Context, f pullFlags) error {
	if err := a.checkPull(ctx, &f); err != nil {
		return err
	}
	if f.follow {
		return a.followPull(ctx, f)
	}
	f.long = true
	o, err := a.open(ctx, f.place)
	if err != nil {
		return err
	}
	defer o.Close()
	if err := checkApart(f.to, o.Remote().Traits().LocalPath); err != nil {
		return err
	}
	if !o.CanRead() {
		return hint.New(repo.CodeBackupOnly, errors.New("pull: this device makes backups but holds no key to read them"))
	}
	folder, err := snapshot.OpenPullFolder(f.to)
	if err != nil {
		return err
	}
	defer folder.Close()
	bar := a.progress("progress.pull")
	f.Progress = bar.tell()
	out, err := folder.Pull(ctx, o.Repo, f.PullOptions)
	bar.end()
	if err != nil {
		a.alarms(o.Alarms())
		return err
	}
	return a.document(a.tellPull(o.Repo, out, f.to))
}

// checkPull refuses what can't be meant, before anything is opened.
func (a *app) checkPull(ctx context.Context, f *pullFlags) error {
	if f.to == "" {
		return usageError(errors.New(a.say("usage.missing", "name", "--to")))
	}
	for _, c := range f.Categories {
		if _, err := config.ParseCategory(c); err != nil {
			return err
		}
	}
	if f.every < leastEvery {
		return usageError(errors.New(a.say("usage.every", "least", leastEvery)))
	}
	if cfg, err := a.loadConfig(); err == nil {
		f.First = words(cfg.First)
	}
	return a.checkLive(ctx, f.to)
}

type pulledSourceJSON struct {
	Source   string         `json:"source"`
	Snapshot string         `json:"snapshot"`
	Sequence uint64         `json:"sequence"`
	Time     string         `json:"time"`
	Files    pulledFileJSON `json:"files"`
}

type pulledFileJSON struct {
	Total   uint64 `json:"total"`
	New     uint64 `json:"new"`
	Changed uint64 `json:"changed"`
	Removed uint64 `json:"removed"`
	Kept    uint64 `json:"kept"`
}

type pulledDeviceJSON struct {
	Device  string             `json:"device"`
	Folder  string             `json:"folder"`
	Behind  bool               `json:"behind"` // the remote shows an older or another history; its files stay
	Sources []pulledSourceJSON `json:"sources"`
}

// asideJSON names what was changed here, and where it is now.
type asideJSON struct {
	Path string `json:"path"`
	To   string `json:"to"`
}

type pullJSON struct {
	Devices    []pulledDeviceJSON `json:"devices"`
	Files      uint64             `json:"files"`
	Bytes      uint64             `json:"bytes"`
	Downloaded uint64             `json:"downloaded"`
	Seconds    float64            `json:"seconds"`
	Failed     []failureJSON      `json:"failed"`
	Unproven   []unprovenJSON     `json:"unproven"`
	Aside      []asideJSON        `json:"aside"`
	Held       []string           `json:"held"` // sources of which --mirror removed nothing
	Alarms     []alarm            `json:"alarms"`
	Removed    bool               `json:"device_removed,omitempty"` // this device sees nothing newer
}

// tellPull says what a pull did, and lifts the exit code.
func (a *app) tellPull(r *repo.Repo, out *snapshot.Pulled, to string) *pullJSON {
	d := &pullJSON{Devices: []pulledDeviceJSON{}, Files: out.Files, Bytes: out.Bytes, Downloaded: out.Downloaded, Seconds: out.Seconds,
		Failed: []failureJSON{}, Unproven: []unprovenJSON{}, Aside: []asideJSON{}, Held: []string{}}
	for _, x := range out.Devices {
		d.Devices = append(d.Devices, a.tellPulledDevice(x))
	}
	a.tellPullRemarks(d, out)
	switch {
	case len(out.Devices) == 0:
		a.tell("pull.no_snapshots")
	case out.Files == 0 && !out.Changed() && (removed(r) || onlyShutOut(r.Alarms())): // newer backups may be there
	case out.Files == 0 && !out.Changed():
		a.tell("pull.nothing", "to", to)
	default:
		a.tell("pull.done", "files", a.filesText(out.Files), "bytes", size(out.Bytes), "downloaded", size(out.Downloaded), "seconds", seconds(out.Seconds), "to", to)
	}
	if len(out.Failed) > 0 {
		a.tell("pull.incomplete", "count", len(out.Failed))
	}
	d.Removed = a.noteRemoved(r)
	d.Alarms = a.alarms(r.Alarms())
	return d
}

func (a *app) tellPulledDevice(x *snapshot.PulledDevice) pulledDeviceJSON {
	d := pulledDeviceJSON{Device: x.Name, Folder: x.Folder, Behind: x.Behind, Sources: []pulledSourceJSON{}}
	if x.Behind {
		a.tell("pull.behind", "device", printable(x.Name))
	}
	for _, s := range x.Sources {
		d.Sources = append(d.Sources, pulledSourceJSON{escape(s.Source), s.Snapshot.String(), s.Sequence, stamp(s.Time),
			pulledFileJSON{s.Total, s.New, s.Changed, s.Removed, s.Kept}})
		a.tell("pull.source", "path", printable(path.Join(x.Folder, s.Source)), "time", clock(s.Time),
			"total", a.filesText(s.Total), "new", count(s.New), "changed", count(s.Changed))
		if s.Removed > 0 {
			a.detail("pull.removed", "count", count(s.Removed))
		}
		if s.Kept > 0 {
			a.detail("pull.kept", "count", count(s.Kept))
		}
	}
	return d
}

// tellPullRemarks names what did not go as it should.
func (a *app) tellPullRemarks(d *pullJSON, out *snapshot.Pulled) {
	for _, x := range out.Failed {
		d.Failed = append(d.Failed, failureJSON{escape(x.Path), x.Reason})
		a.raise(exitRemarks)
		if x.Damaged {
			a.raise(exitIntegrity)
		}
		a.note("restore.failed", "path", printable(x.Path), "reason", a.say("reason."+x.Reason), "cause", printable(fmt.Sprint(x.Err)))
	}
	for _, list := range []struct {
		paths []string
		what  string
		key   string
	}{{out.Older, "proven", "pull.older"}, {out.Torn, "unproven", "restore.torn"}} {
		for _, x := range list.paths {
			d.Unproven = append(d.Unproven, unprovenJSON{escape(x), list.what})
			a.raise(exitRemarks)
			a.note(list.key, "path", printable(x))
		}
	}
	for _, x := range out.Aside {
		d.Aside = append(d.Aside, asideJSON{escape(x.Path), escape(x.To)})
		a.raise(exitRemarks)
		a.note("pull.aside", "path", printable(x.Path), "name", printable(path.Base(x.To)))
	}
	for _, x := range out.Held {
		d.Held = append(d.Held, escape(x))
		a.raise(exitRemarks)
		a.note("pull.held", "path", printable(x))
	}
}

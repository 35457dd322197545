package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/snapshot"
)

type restoreFlags struct {
	place
	to         string
	categories []string
	include    []string
	overwrite  bool
	unproven   bool
}

func (a *app) restoreCommand() *cobra.Command {
	var f restoreFlags
	c := &cobra.Command{
		Use: "restore " + a.say("arg.snapshot") + " --to " + a.say("arg.folder"), Short: a.say("cmd.restore"), Long: a.say("cmd.restore") + "\n\n" + a.say("cmd.restore.more"),
		Args: a.exactly(a.say("arg.snapshot")),
		RunE: func(c *cobra.Command, args []string) error { return a.restore(c.Context(), args[0], f) },
	}
	f.flags(a, c)
	c.Flags().StringVar(&f.to, "to", "", a.say("flag.to"))
	c.Flags().StringArrayVar(&f.categories, "category", nil, a.say("flag.category"))
	c.Flags().StringArrayVar(&f.include, "include", nil, a.say("flag.include"))
	c.Flags().BoolVar(&f.overwrite, "overwrite", false, a.say("flag.overwrite"))
	c.Flags().BoolVar(&f.unproven, "unproven", false, a.say("flag.unproven"))
	return c
}

type failureJSON struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// unprovenJSON names a database whose newest content was never proven to be of
// one moment, and which content was restored: the last proven one or that.
type unprovenJSON struct {
	Path     string `json:"path"`
	Restored string `json:"restored"` // proven, unproven
}

type restoreJSON struct {
	Snapshot   string         `json:"snapshot"`
	Device     string         `json:"device"`
	Sequence   uint64         `json:"sequence"`
	Time       string         `json:"time"`
	Files      uint64         `json:"files"`
	Bytes      uint64         `json:"bytes"`
	Downloaded uint64         `json:"downloaded"`
	Seconds    float64        `json:"seconds"`
	Failed     []failureJSON  `json:"failed"`
	Unproven   []unprovenJSON `json:"unproven"`
	Alarms     []alarm        `json:"alarms"`
	Removed    bool           `json:"device_removed,omitempty"` // this device sees nothing newer
}

// restore brings a snapshot back.
func (a *app) restore(ctx context.Context, spec string, f restoreFlags) error {
	if f.to == "" {
		return usageError(errors.New(a.say("usage.missing", "name", "--to")))
	}
	for _, c := range f.categories {
		if _, err := config.ParseCategory(c); err != nil {
			return err
		}
	}
	if err := a.checkTarget(ctx, f.to); err != nil {
		return err
	}
	f.long = true
	o, err := a.open(ctx, f.place)
	if err != nil {
		return err
	}
	defer o.Close()
	if local := o.Remote().Traits().LocalPath; local != "" && inside(f.to, local) {
		return hint.New("target_inside_remote", fmt.Errorf("restore to %s: it lies in the repository", f.to))
	}
	s, err := o.Find(ctx, spec)
	if err != nil {
		a.alarms(o.Alarms())
		return err
	}
	if !o.CanRead() {
		return hint.New(repo.CodeBackupOnly, errors.New("restore: this device makes backups but holds no key to read them"))
	}
	a.note("restore.from", "device", printable(o.DeviceName(s.Device)), "seq", s.Seq, "time", clock(s.Time))
	bar := a.progress("progress.restore")
	out, err := snapshot.Restore(ctx, o.Repo, s, snapshot.RestoreOptions{
		To: f.to, Categories: f.categories, Include: f.include, Overwrite: f.overwrite, Unproven: f.unproven, Progress: bar.tell()})
	bar.end()
	if err != nil {
		return err
	}
	return a.tellRestore(o, s, out, f.to)
}

func (a *app) tellRestore(o *opened, s *repo.Snapshot, out *snapshot.Restored, to string) error {
	d := restoreJSON{Snapshot: s.Name.Digest.String(), Device: o.DeviceName(s.Device), Sequence: s.Seq, Time: stamp(s.Time),
		Files: out.Files, Bytes: out.Bytes, Downloaded: out.Downloaded, Seconds: out.Seconds, Failed: []failureJSON{}, Unproven: []unprovenJSON{}}
	for _, x := range out.Failed {
		d.Failed = append(d.Failed, failureJSON{escape(x.Path), x.Reason})
		code := exitRemarks
		if x.Damaged {
			code = exitIntegrity
		}
		a.raise(code)
		a.note("restore.failed", "path", printable(x.Path), "reason", a.say("reason."+x.Reason), "cause", printable(fmt.Sprint(x.Err)))
	}
	for _, x := range out.Older {
		d.Unproven = append(d.Unproven, unprovenJSON{escape(x), "proven"})
		a.raise(exitRemarks)
		a.note("restore.older", "path", printable(x))
	}
	for _, x := range out.Torn {
		d.Unproven = append(d.Unproven, unprovenJSON{escape(x), "unproven"})
		a.raise(exitRemarks)
		a.note("restore.torn", "path", printable(x))
	}
	a.tell("restore.done", "files", a.filesText(out.Files), "bytes", size(out.Bytes), "downloaded", size(out.Downloaded), "seconds", seconds(out.Seconds), "to", to)
	if len(out.Failed) > 0 {
		a.tell("restore.incomplete", "count", len(out.Failed))
	}
	d.Removed = a.noteRemoved(o.Repo)
	d.Alarms = a.alarms(o.Alarms())
	return a.document(d)
}

// checkTarget refuses to restore into a folder that is backed up. Without a
// configuration there is none.
func (a *app) checkTarget(ctx context.Context, to string) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return nil // restoring needs no configuration, not even a valid one
	}
	list, err := accounts(ctx, cfg)
	if err != nil {
		return nil // likewise
	}
	for _, acc := range list {
		if inside(to, acc.Root()) {
			return hint.New("target_inside_source", fmt.Errorf("restore to %s: it lies in the source %s", to, acc.Name()))
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/snapshot"
	"github.com/chatkeep/chatkeep/sources"
)

type backupFlags struct {
	sources    []string
	allowEmpty bool
	dryRun     bool
}

func (a *app) backupCommand() *cobra.Command {
	var f backupFlags
	c := &cobra.Command{
		Use: "backup", Short: a.say("cmd.backup"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.backup(c.Context(), f) },
	}
	c.Flags().StringArrayVar(&f.sources, "source", nil, a.say("flag.source"))
	c.Flags().BoolVar(&f.allowEmpty, "allow-empty", false, a.say("flag.allow_empty"))
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, a.say("flag.dry_run"))
	return c
}

// backup makes one snapshot now.
func (a *app) backup(ctx context.Context, f backupFlags) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	if len(cfg.Sources) == 0 {
		return a.withoutSources(ctx, cfg)
	}
	taken, alarms, err := a.take(ctx, cfg, f)
	if err != nil {
		return err
	}
	a.tellBackup(taken, f.dryRun, cfg)
	d := backupDocument(taken, a.remarks("backup.flagged", taken.Flagged), a.remarks("backup.skipped", taken.Skipped), a.alarms(alarms))
	d.Stopped, d.Proof = a.stopped(taken.Taken, cfg), taken.proof
	if f.dryRun {
		d.Days = daysFor(taken.Counts.Uploaded, uint64(cfg.Network.UploadPerDay))
	}
	return a.document(d)
}

// withoutSources says why there is nothing to back up. Sources would not help a
// device that only reads.
func (a *app) withoutSources(ctx context.Context, cfg *config.Config) error {
	if o, err := a.open(ctx, place{patience: hurried}); err == nil {
		d := o.Device()
		if err := o.Close(); err != nil {
			return err
		}
		if d != nil && d.Role == format.ReadOnly {
			return hint.New("read_only", errors.New("back up: this device only reads"))
		}
	}
	return hint.New("nothing_to_back_up", errors.New("back up: no sources are configured"), "path", cfg.File())
}

// taken is a backup with what is proven of it.
type taken struct {
	*snapshot.Taken
	proof *proofJSON // nil if nothing was sent
}

// take opens everything, and makes the snapshot.
func (a *app) take(ctx context.Context, cfg *config.Config, f backupFlags) (*taken, []repo.Alarm, error) {
	remote, err := a.reach(targetOf(cfg)).open(ctx)
	if err != nil {
		return nil, nil, err
	}
	list, only, apps, err := chosenAccounts(ctx, cfg, f.sources)
	if err == nil {
		err = checkPlaces(remote, list)
	}
	if err != nil {
		return nil, nil, errors.Join(err, remote.Close())
	}
	o, err := a.openDevice(ctx, remote)
	if err != nil {
		return nil, nil, errors.Join(err, remote.Close())
	}
	defer o.Close()
	bar := a.progress("progress.backup")
	t, err := snapshot.Take(ctx, o.Repo, list, snapshot.TakeOptions{
		AllowEmpty: f.allowEmpty, DryRun: f.dryRun, Only: only, Apps: apps, LeftOut: leftOut(cfg), Own: a.own(), Progress: bar.tell(), Count: bar.line != nil,
		Writer: repo.WriterOptions{PackSize: int64(cfg.Remote.PackSize), Client: client()}})
	bar.end()
	if err != nil {
		return nil, nil, err
	}
	out := &taken{Taken: t}
	if !f.dryRun {
		a.contact.stored, a.contact.trouble = t.Stopped == nil && t.Counts.Objects > 0, t.Stopped
		a.contact.last = lastOf(o.DeviceName(t.Snapshot.Device), t.Snapshot)
		out.proof = a.prove(ctx, o, t)
	}
	return out, o.Alarms(), nil
}

// chosenAccounts returns all accounts, the names of those that are meant by
// names, none if none are given, and the apps of which all accounts are wanted.
func chosenAccounts(ctx context.Context, cfg *config.Config, names []string) (list []sources.Account, only []string, apps []snapshot.App, err error) {
	entries, err := configured(ctx, cfg)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, e := range entries {
		found := e.expected()
		list = append(list, found...)
		if e.app != nil && len(e.source.Account) == 0 {
			apps = append(apps, snapshot.App{Name: e.name, Kind: found[0].Kind()})
		}
	}
	only, err = namedAccounts(entries, names)
	return list, only, apps, err
}

// leftOut are the categories that some source leaves out: that they shrink is
// what the user wants.
func leftOut(cfg *config.Config) []string {
	list := words(cfg.LeaveOut)
	for _, s := range cfg.Sources {
		list = append(list, words(s.LeaveOut)...)
	}
	return list
}

// own are the folders of chatkeep itself.
func (a *app) own() (dirs []string) {
	for _, find := range []func(func(string) string) (string, error){config.StateDir, config.CacheDir} {
		if dir, err := find(a.getenv); err == nil {
			dirs = append(dirs, realPath(dir))
		}
	}
	return dirs
}

func (a *app) tellBackup(t *taken, dryRun bool, cfg *config.Config) {
	c := &t.Counts
	if dryRun {
		a.tell("backup.dry_run", "new", count(c.New), "changed", count(c.Changed), "removed", count(c.Removed), "bytes", size(c.NewBytes), "upload", size(c.Uploaded))
		if limit := uint64(cfg.Network.UploadPerDay); daysFor(c.Uploaded, limit) > 1 {
			a.tell("backup.days", "limit", size(limit), "count", daysFor(c.Uploaded, limit))
		}
		return
	}
	if t.Stopped != nil {
		a.tell("backup.complete_is", "seq", t.Snapshot.Seq)
	} else if len(t.Skipped) > 0 {
		a.tell("backup.part", "seq", t.Snapshot.Seq, "time", clock(t.Snapshot.Time), "count", len(t.Skipped))
	} else if len(t.Waiting) > 0 {
		a.tell("backup.done_but", "seq", t.Snapshot.Seq, "time", clock(t.Snapshot.Time))
	} else {
		a.tell("backup.done", "seq", t.Snapshot.Seq, "time", clock(t.Snapshot.Time))
	}
	a.detail("backup.files", "files", a.filesText(c.Files), "bytes", size(c.Bytes), "new", count(c.New), "changed", count(c.Changed), "removed", count(c.Removed))
	for _, m := range t.Anew {
		a.detail("backup.anew", "path", printable(m.Source+"/"+m.Path), "reason", a.say("reason."+m.Reason))
	}
	if len(t.Waiting) > 0 {
		a.detail("backup.waiting", "count", len(t.Waiting))
	}
	a.detail("backup.cost", "read", size(c.Read), "uploaded", size(c.Uploaded), "objects", c.Objects, "seconds", seconds(t.Seconds))
	if t.proof != nil {
		a.tellProof(t.proof)
	}
}

type filesJSON struct {
	Total   uint64 `json:"total"`
	New     uint64 `json:"new"`
	Changed uint64 `json:"changed"`
	Removed uint64 `json:"removed"`
}

type bytesJSON struct {
	Source   uint64 `json:"source"`
	Read     uint64 `json:"read"`
	New      uint64 `json:"new"`
	Uploaded uint64 `json:"uploaded"`
}

type backupJSON struct {
	Snapshot string    `json:"snapshot"`
	Sequence uint64    `json:"sequence"`
	Partial  bool      `json:"partial"`
	Files    filesJSON `json:"files"`
	Bytes    bytesJSON `json:"bytes"`
	Objects  uint64    `json:"objects"`
	Seconds  float64   `json:"seconds"`
	Flagged  []remark  `json:"flagged"`
	Skipped  []remark  `json:"skipped"`
	Waiting  []remark  `json:"waiting"`
	Anew     []remark  `json:"anew"` // databases that were sent whole
	Alarms   []alarm   `json:"alarms"`

	Stopped *stoppedJSON `json:"stopped,omitempty"` // the remote takes no more for now
	Proof   *proofJSON   `json:"proof,omitempty"`   // of what was sent
	Days    int64        `json:"days,omitempty"`    // of a dry run, at the day's upload limit
}

func backupDocument(t *taken, flagged, skipped []remark, alarms []alarm) backupJSON {
	d := backupJSON{Files: filesOf(&t.Counts), Bytes: bytesOf(&t.Counts), Objects: t.Counts.Objects, Seconds: t.Seconds,
		Flagged: flagged, Skipped: skipped, Waiting: []remark{}, Anew: []remark{}, Alarms: alarms}
	for _, m := range t.Waiting {
		d.Waiting = append(d.Waiting, remark{escape(m.Source + "/" + m.Path), m.Reason})
	}
	for _, m := range t.Anew {
		d.Anew = append(d.Anew, remark{escape(m.Source + "/" + m.Path), m.Reason})
	}
	if t.Snapshot != nil {
		d.Snapshot, d.Sequence, d.Partial = t.Snapshot.Name.Digest.String(), t.Snapshot.Seq, t.Snapshot.Partial
	}
	return d
}

func filesOf(c *format.Counts) filesJSON { return filesJSON{c.Files, c.New, c.Changed, c.Removed} }

func bytesOf(c *format.Counts) bytesJSON { return bytesJSON{c.Bytes, c.Read, c.NewBytes, c.Uploaded} }

package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/snapshot"
	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/folder"
)

type backupFlags struct {
	sources    []string
	allowEmpty bool
	dryRun     bool
}

func (a *app) backupCommand() *cobra.Command {
	var f backupFlags
	c := &cobra.Command{
		Use: "backup", Short: a.say("cmd.backup"), Long: a.say("cmd.backup") + "\n\n" + a.say("cmd.backup.more"), Args: a.atMost(0),
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
	t, err := a.backUp(ctx, cfg, f)
	if err != nil {
		return err
	}
	return a.document(a.tellBackup(t, f.dryRun, cfg))
}

// backUp has the daemon back up, if one runs for this configuration; it does
// one thing at a time. Otherwise it is done here.
func (a *app) backUp(ctx context.Context, cfg *config.Config, f backupFlags) (*backupOutcome, error) {
	if f.dryRun {
		return a.makeBackup(ctx, cfg, f, nil)
	}
	c, err := a.daemonFor(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if c != nil {
		defer c.Close()
		return a.backupByDaemon(ctx, c, f)
	}
	return a.recorded(cfg, f, func(safe func(time.Time)) (*backupOutcome, error) { return a.makeBackup(ctx, cfg, f, safe) })
}

// makeBackup backs up in this process. safe is told up to when messages are
// backed up; it may be nil.
func (a *app) makeBackup(ctx context.Context, cfg *config.Config, f backupFlags, safe func(time.Time)) (*backupOutcome, error) {
	bar := a.progress("progress.backup")
	defer bar.end()
	return a.take(ctx, cfg, f, course{progress: bar.tell(), count: bar.line != nil, safe: safe})
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

// course is how a backup goes.
type course struct {
	patience providers.RetryOptions
	admit    func(category string) bool // nil: everything may be sent
	progress func(snapshot.Progress)
	count    bool            // somebody wants to know how much is left
	safe     func(time.Time) // messages written before it are backed up; may be nil
}

// messages reports whether what counts as messages may be sent.
func (w course) messages() bool {
	return w.admit == nil || w.admit("messages") || w.admit(folder.Category)
}

func (w course) published() func(*repo.Snapshot) {
	if w.safe == nil {
		return nil
	}
	return func(s *repo.Snapshot) { w.safe(time.Unix(0, s.Time)) }
}

// take backs up. Where the limit of a day is used up in the middle, what is in
// first is backed up by itself: it is small, and something is kept for it.
func (a *app) take(ctx context.Context, cfg *config.Config, f backupFlags, way course) (*backupOutcome, error) {
	got, err := a.takeAll(ctx, cfg, f, way)
	if !errors.Is(err, providers.ErrLimit) || f.dryRun || way.admit != nil {
		return got, err
	}
	first := firstOf(cfg)
	way.admit = func(category string) bool { return slices.Contains(first, category) }
	some, someErr := a.takeAll(ctx, cfg, f, way)
	if someErr != nil {
		return nil, err
	}
	some.Stopped, some.Limited, some.Left, some.Held = troubleOf(err), true, some.Held.Bytes, snapshot.Held{}
	a.contact.stored, a.contact.trouble = false, err
	return some, nil
}

// takeAll opens everything, and makes the snapshot.
func (a *app) takeAll(ctx context.Context, cfg *config.Config, f backupFlags, way course) (*backupOutcome, error) {
	remote, err := a.reach(targetOf(cfg)).openWith(ctx, way.patience)
	if err != nil {
		return nil, err
	}
	list, only, apps, err := chosenAccounts(ctx, cfg, f.sources)
	if err == nil {
		err = checkPlaces(remote, list)
	}
	if err != nil {
		return nil, errors.Join(err, remote.Close())
	}
	o, err := a.openDevice(ctx, remote)
	if err != nil {
		return nil, errors.Join(err, remote.Close())
	}
	defer o.Close()
	t, err := snapshot.Take(ctx, o.Repo, list, snapshot.TakeOptions{
		AllowEmpty: f.allowEmpty, DryRun: f.dryRun, Only: only, Apps: apps, LeftOut: leftOut(cfg), Own: a.own(),
		Admit: way.admit, Progress: way.progress, Count: way.count, Published: way.published(), Now: a.clock,
		Writer: repo.WriterOptions{PackSize: int64(cfg.Remote.PackSize), Client: client()}})
	if err != nil {
		return nil, err
	}
	var proof *proofJSON
	var unread error
	if !f.dryRun {
		a.contact.stored, a.contact.trouble = t.Stopped == nil && t.Counts.Objects > 0, t.Stopped
		if len(f.sources) == 0 && way.messages() { // of the rest it says nothing
			a.contact.last = lastOf(o.DeviceName(t.Snapshot.Device), t.Snapshot)
		}
		proof, unread = prove(ctx, o, t, a.now())
	}
	out := outcomeOf(t, o.Alarms())
	out.Proof = proof
	if unread != nil {
		out.Unread = troubleOf(unread)
	}
	return out, nil
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
	Held    *heldJSON    `json:"held,omitempty"`    // may not be sent now
	Proof   *proofJSON   `json:"proof,omitempty"`   // of what was sent
	Days    int64        `json:"days,omitempty"`    // of a dry run, at the day's upload limit
}

// heldJSON is what the rules of the network and of power hold back.
type heldJSON struct {
	Files uint64 `json:"files"`
	Bytes uint64 `json:"bytes"`
}

func backupDocument(t *backupOutcome, flagged, skipped []remark, alarms []alarm) backupJSON {
	d := backupJSON{Files: filesOf(&t.Counts), Bytes: bytesOf(&t.Counts), Objects: t.Counts.Objects, Seconds: t.Seconds,
		Flagged: flagged, Skipped: skipped, Waiting: []remark{}, Anew: []remark{}, Alarms: alarms}
	for _, m := range remarksOf(t.Waiting) {
		d.Waiting = append(d.Waiting, remark{escape(m.Source + "/" + m.Path), m.Reason})
	}
	for _, m := range remarksOf(t.Anew) {
		d.Anew = append(d.Anew, remark{escape(m.Source + "/" + m.Path), m.Reason})
	}
	d.Snapshot, d.Sequence, d.Partial = t.Snapshot, t.Seq, t.Partial
	if t.Held.Files > 0 {
		d.Held = &heldJSON{t.Held.Files, t.Held.Bytes}
	}
	return d
}

func filesOf(c *format.Counts) filesJSON { return filesJSON{c.Files, c.New, c.Changed, c.Removed} }

func bytesOf(c *format.Counts) bytesJSON { return bytesJSON{c.Bytes, c.Read, c.NewBytes, c.Uploaded} }

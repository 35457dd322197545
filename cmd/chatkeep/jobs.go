package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon"
	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/schedule"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/snapshot"
)

// Names of jobs, in the configuration and in the history.
const (
	jobBackup = "backup"
	jobPull   = "pull"
	jobVerify = "verify"
	jobDigest = "digest"
)

// duties are all jobs that the daemon knows. Another one is another line here,
// and a key of schedule in the configuration.
func (s *keeper) duties(cfg *config.Config) []daemon.Job {
	list := []daemon.Job{
		{Job: schedule.Job{Name: jobBackup}, OnChange: true, Partly: true, Run: s.job(cfg, (*app).backupJob)},
		{Job: schedule.Job{Name: jobVerify}, Run: s.job(cfg, (*app).verifyJob)},
	}
	if cfg.Pull.To != "" {
		list = append(list, daemon.Job{Job: schedule.Job{Name: jobPull}, Run: s.job(cfg, (*app).pullJob)})
	}
	if len(cfg.Notify.To) > 0 {
		list = append(list, daemon.Job{Job: schedule.Job{Name: jobDigest}, Run: s.digestJob})
	}
	return list
}

// jobs joins the duties with their schedules. A duty without one runs when it is
// asked for.
func (s *keeper) jobs(cfg *config.Config) ([]daemon.Job, error) {
	timetable, err := s.timetable(cfg)
	if err != nil {
		return nil, err
	}
	list := s.duties(cfg)
	for i := range list {
		for _, j := range timetable {
			if j.Name == list[i].Name {
				list[i].Job = j
			}
		}
	}
	return list, nil
}

// job makes a job of what a command does: with a command's memory of the remote,
// and without its words.
func (s *keeper) job(cfg *config.Config, do func(*app, context.Context, *config.Config, *daemon.Task) (daemon.Outcome, error)) func(context.Context, *daemon.Task) daemon.Outcome {
	return func(ctx context.Context, t *daemon.Task) daemon.Outcome {
		a := s.quiet()
		out, err := do(a, ctx, cfg, t)
		if err == nil {
			err = ctx.Err() // what was cut short is not done
		}
		a.remember(err)
		if err == nil {
			return out
		}
		out.Trouble, out.Integrity = history.TroubleOf(err, s.now()), errors.Is(err, repo.ErrIntegrity)
		out.Busy = hint.Is(err, repo.CodeLocked)
		if wait := providers.RetryAfter(err); wait > 0 {
			out.After = s.now().Add(wait)
		}
		return out
	}
}

// quiet is the app of one run.
func (s *keeper) quiet() *app {
	return &app{args: s.args, out: discard{}, notes: discard{}, getenv: s.getenv, say: s.say, config: s.config, json: true, silent: true, pause: s.pause, clock: s.clock}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// backupArgs are what a command asks of a backup.
type backupArgs struct {
	Sources    []string `json:"sources,omitempty"`
	AllowEmpty bool     `json:"allow_empty,omitempty"`
}

// backupFacts are what the history keeps of a backup.
type backupFacts struct {
	Seq      uint64 `json:"seq"`
	Files    uint64 `json:"files"`
	Uploaded uint64 `json:"uploaded"`
	Partial  bool   `json:"partial,omitempty"`
	Flagged  int    `json:"flagged,omitempty"`
	Skipped  int    `json:"skipped,omitempty"`
	Shrunk   int    `json:"shrunk,omitempty"`
	Left     uint64 `json:"left,omitempty"` // bytes that wait for the remote
	Held     uint64 `json:"held,omitempty"` // bytes that wait for the rules
	Waiting  uint64 `json:"held_files,omitempty"`
	Alarms   int    `json:"alarms,omitempty"`
	Code     string `json:"code,omitempty"` // of the first alarm

	Present  int `json:"present,omitempty"`   // packs of which no more is known
	ReadBack int `json:"read_back,omitempty"` // and those that were read again

	PhoneBackup time.Time `json:"phone_backup,omitzero"` // the newest one's
}

func (a *app) backupJob(ctx context.Context, cfg *config.Config, t *daemon.Task) (daemon.Outcome, error) {
	var args backupArgs
	if len(t.Args) > 0 {
		if err := json.Unmarshal(t.Args, &args); err != nil {
			return daemon.Outcome{}, err
		}
	}
	if len(cfg.Sources) == 0 {
		return daemon.Outcome{}, a.withoutSources(ctx, cfg)
	}
	way := course{patience: a.patienceOf(t), count: t.Watched, progress: tellProgress(t)}
	if !t.Decision.Allowed.All {
		way.admit = t.Decision.Allowed.Covers
	}
	said := newClaims(cfg, args.Sources, t.Decision.Allowed, t.Safe)
	way.safe = said.heard()
	got, err := a.take(ctx, cfg, backupFlags{sources: args.Sources, allowEmpty: args.AllowEmpty}, way)
	said.ends(got, err)
	if hint.Is(err, snapshot.CodeHeldBlind) {
		return daemon.Outcome{Refused: true}, nil
	}
	if err != nil {
		return daemon.Outcome{}, err
	}
	out, err := backupResult(got)
	out.Part, out.Short = len(args.Sources) > 0, got.Stopped != nil
	return out, err
}

// backupResult is what the daemon notes of a backup.
func backupResult(got *backupOutcome) (out daemon.Outcome, err error) {
	f := factsOf(got)
	out.Remarks = f.Flagged+f.Skipped+f.Alarms > 0 || got.Stopped != nil
	out.Held = got.Held.Files > 0
	out.Integrity = f.Alarms > 0
	if out.Facts, err = json.Marshal(f); err == nil {
		out.Document, err = json.Marshal(got)
	}
	return out, err
}

func factsOf(got *backupOutcome) backupFacts {
	f := backupFacts{Seq: got.Seq, Files: got.Counts.Files, Uploaded: got.Counts.Uploaded, Partial: got.Partial,
		Flagged: len(got.Flagged), Skipped: len(got.Skipped), Left: got.Left, Held: got.Held.Bytes, Waiting: got.Held.Files, Alarms: len(got.Alarms), PhoneBackup: got.Newest["phone_backup"]}
	for _, m := range got.Flagged {
		if m.Reason == snapshot.ReasonShrunk || m.Reason == snapshot.ReasonShrunkCategory {
			f.Shrunk++
		}
	}
	if len(got.Alarms) > 0 {
		f.Code = got.Alarms[0].Code
	}
	if got.Proof != nil {
		f.Present, f.ReadBack = got.Proof.Present, got.Proof.ReadBack
	}
	return f
}

// tellProgress passes on how far a job is.
func tellProgress(t *daemon.Task) func(snapshot.Progress) {
	return func(p snapshot.Progress) {
		t.Progress(control.Progress{Files: p.Files, TotalFiles: p.TotalFiles, Bytes: p.Bytes, TotalBytes: p.TotalBytes, Sent: p.Sent})
	}
}

// patienceOf is how patient a run is with the remote: it says when something
// gets on, and sends no more than it may.
func (a *app) patienceOf(t *daemon.Task) providers.RetryOptions {
	return providers.RetryOptions{Active: t.Active, MostSent: t.Decision.MaxUpload, Sleep: a.pause}
}

// verifyFacts are what the history keeps of a check.
type verifyFacts struct {
	Objects int    `json:"objects"`
	Bad     int    `json:"bad,omitempty"`
	Alarms  int    `json:"alarms,omitempty"`
	Code    string `json:"code,omitempty"` // of the first alarm
}

func (a *app) verifyJob(ctx context.Context, cfg *config.Config, t *daemon.Task) (out daemon.Outcome, err error) {
	o, err := a.openConfigured(ctx, cfg, t)
	if err != nil {
		return out, err
	}
	defer o.Close()
	rep, err := o.Check(ctx, repo.CheckOptions{Progress: func(done, total int64) {
		t.Progress(control.Progress{Bytes: uint64(done), TotalBytes: uint64(total)})
	}})
	if err != nil {
		return out, err
	}
	f := verifyFacts{Objects: rep.Objects, Bad: len(rep.Bad), Alarms: len(rep.Alarms)}
	if f.Alarms > 0 {
		f.Code = string(rep.Alarms[0].Code)
	}
	out.Integrity = f.Bad+f.Alarms > 0
	out.Remarks = out.Integrity
	out.Facts, err = json.Marshal(f)
	return out, err
}

// openConfigured opens the repository of the configuration that a run has, which
// need not be the newest one.
func (a *app) openConfigured(ctx context.Context, cfg *config.Config, t *daemon.Task) (*opened, error) {
	remote, err := a.reach(targetOf(cfg)).openWith(ctx, a.patienceOf(t))
	if err != nil {
		return nil, err
	}
	o, err := a.openDevice(ctx, remote)
	if err != nil {
		return nil, errors.Join(err, remote.Close())
	}
	return o, nil
}

// pullFacts are what the history keeps of a pull.
type pullFacts struct {
	Files      uint64 `json:"files"`
	Downloaded uint64 `json:"downloaded"`
	Failed     int    `json:"failed,omitempty"`
	Alarms     int    `json:"alarms,omitempty"`
}

func (a *app) pullJob(ctx context.Context, cfg *config.Config, t *daemon.Task) (out daemon.Outcome, err error) {
	f := pullFlags{to: cfg.Pull.To, every: time.Minute}
	f.Devices, f.Sources, f.Categories, f.Mirror = cfg.Pull.Device, cfg.Pull.Source, words(cfg.Pull.Category), cfg.Pull.Mirror
	if err := a.checkPull(ctx, &f); err != nil {
		return out, err
	}
	o, err := a.openConfigured(ctx, cfg, t)
	if err != nil {
		return out, err
	}
	defer o.Close()
	if err := checkApart(f.to, o.Remote().Traits().LocalPath); err != nil {
		return out, err
	}
	if !o.CanRead() {
		return out, hint.New(repo.CodeBackupOnly, errors.New("pull: this device makes backups but holds no key to read them"))
	}
	folder, err := snapshot.OpenPullFolder(f.to)
	if err != nil {
		return out, err
	}
	defer folder.Close()
	f.Progress = tellProgress(t)
	got, err := folder.Pull(ctx, o.Repo, f.PullOptions)
	if err != nil {
		return out, err
	}
	facts := pullFacts{got.Files, got.Downloaded, len(got.Failed), len(o.Alarms())}
	out.Remarks, out.Integrity = facts.Failed+facts.Alarms > 0, facts.Alarms > 0
	out.Facts, err = json.Marshal(facts)
	return out, err
}

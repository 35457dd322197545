package main

import (
	"errors"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/snapshot"
)

// backupOutcome is what a backup did, in no language, so that the daemon can
// hand it to the command that asked for it. Paths travel as bytes: they need not
// be UTF-8.
type backupOutcome struct {
	Snapshot string // empty after a dry run
	Seq      uint64
	Time     int64
	Partial  bool
	Counts   format.Counts
	Seconds  float64

	Flagged, Skipped, Waiting, Anew []wireRemark

	Stopped *trouble `json:",omitempty"` // the remote takes no more for now
	Limited bool     // by the limit of a day
	Left    uint64   // bytes that wait for that reason
	Held    snapshot.Held
	Newest  map[string]time.Time // file of each category

	Proof  *proofJSON `json:",omitempty"` // nil if nothing was sent
	Unread *trouble   `json:",omitempty"` // why nothing was read back
	Alarms []wireAlarm
}

// wireRemark is a format.Remark on its way between two processes.
type wireRemark struct {
	Source, Path []byte
	Reason       string
}

func wireRemarks(list []format.Remark) []wireRemark {
	out := make([]wireRemark, len(list))
	for i, m := range list {
		out[i] = wireRemark{[]byte(m.Source), []byte(m.Path), m.Reason}
	}
	return out
}

func remarksOf(list []wireRemark) []format.Remark {
	out := make([]format.Remark, len(list))
	for i, m := range list {
		out[i] = format.Remark{Source: string(m.Source), Path: string(m.Path), Reason: m.Reason}
	}
	return out
}

// wireAlarm is a repo.Alarm on its way between two processes.
type wireAlarm struct {
	Code, Object, Device string
	From, To             uint64
	Cause                string
}

func wireAlarms(list []repo.Alarm) []wireAlarm {
	out := make([]wireAlarm, len(list))
	for i, x := range list {
		out[i] = wireAlarm{Code: string(x.Code), Object: x.Object, Device: x.Device, From: x.From, To: x.To}
		if x.Err != nil {
			out[i].Cause = x.Err.Error()
		}
	}
	return out
}

func alarmsOf(list []wireAlarm) []repo.Alarm {
	out := make([]repo.Alarm, len(list))
	for i, x := range list {
		out[i] = repo.Alarm{Code: hint.Code(x.Code), Object: x.Object, Device: x.Device, From: x.From, To: x.To}
		if x.Cause != "" {
			out[i].Err = errors.New(x.Cause)
		}
	}
	return out
}

// outcomeOf sums a backup up.
func outcomeOf(t *snapshot.Taken, alarms []repo.Alarm) *backupOutcome {
	o := &backupOutcome{Counts: t.Counts, Seconds: t.Seconds, Left: t.Left, Held: t.Held, Newest: t.Newest,
		Flagged: wireRemarks(t.Flagged), Skipped: wireRemarks(t.Skipped), Waiting: wireRemarks(t.Waiting), Anew: wireRemarks(t.Anew),
		Alarms: wireAlarms(alarms)}
	if t.Snapshot != nil {
		o.Snapshot, o.Seq, o.Time, o.Partial = t.Snapshot.Name.Digest.String(), t.Snapshot.Seq, t.Snapshot.Time, t.Snapshot.Partial
	}
	if t.Stopped != nil {
		o.Stopped, o.Limited = troubleOf(t.Stopped), errors.Is(t.Stopped, providers.ErrLimit)
	}
	return o
}

// tellBackup says what a backup did, lifts the exit code, and returns the
// document.
func (a *app) tellBackup(t *backupOutcome, dryRun bool, cfg *config.Config) backupJSON {
	if t.Unread != nil {
		text, _ := a.explained(t.Unread)
		a.note("backup.not_read_back", "text", text)
	}
	c := &t.Counts
	limit := uint64(cfg.Network.UploadPerDay)
	if dryRun {
		a.tell("backup.dry_run", "new", count(c.New), "changed", count(c.Changed), "removed", count(c.Removed), "bytes", size(c.NewBytes), "upload", size(c.Uploaded))
		if daysFor(c.Uploaded, limit) > 1 {
			a.tell("backup.days", "limit", size(limit), "count", daysFor(c.Uploaded, limit))
		}
	} else {
		a.tellSnapshot(t)
	}
	d := backupDocument(t, a.remarks("backup.flagged", remarksOf(t.Flagged)), a.remarks("backup.skipped", remarksOf(t.Skipped)), a.alarms(alarmsOf(t.Alarms)))
	d.Stopped, d.Proof = a.stopped(t, cfg), t.Proof
	if dryRun {
		d.Days = daysFor(c.Uploaded, limit)
	}
	return d
}

// tellSnapshot says what was stored.
func (a *app) tellSnapshot(t *backupOutcome) {
	c := &t.Counts
	switch {
	case t.Stopped != nil:
		a.tell("backup.complete_is", "seq", t.Seq)
	case len(t.Skipped) > 0:
		a.tell("backup.part", "seq", t.Seq, "time", clock(t.Time), "count", len(t.Skipped))
	case t.Held.Files > 0:
		a.tell("backup.done_held", "seq", t.Seq, "time", clock(t.Time))
	case len(t.Waiting) > 0:
		a.tell("backup.done_but", "seq", t.Seq, "time", clock(t.Time))
	default:
		a.tell("backup.done", "seq", t.Seq, "time", clock(t.Time))
	}
	a.detail("backup.files", "files", a.filesText(c.Files), "bytes", size(c.Bytes), "new", count(c.New), "changed", count(c.Changed), "removed", count(c.Removed))
	for _, m := range remarksOf(t.Anew) {
		a.detail("backup.anew", "path", printable(m.Source+"/"+m.Path), "reason", a.say("reason."+m.Reason))
	}
	if len(t.Waiting) > 0 {
		a.detail("backup.waiting", "count", len(t.Waiting))
	}
	if t.Held.Files > 0 {
		a.detail("backup.held", "files", a.filesText(t.Held.Files), "bytes", size(t.Held.Bytes))
	}
	a.detail("backup.cost", "read", size(c.Read), "uploaded", size(c.Uploaded), "objects", c.Objects, "seconds", seconds(t.Seconds))
	if t.Proof != nil {
		a.tellProof(t.Proof)
	}
}

package main

import (
	"context"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/snapshot"
)

// What is known of what a backup sent.
const (
	byChecksum = "checksum"  // the service's own vouches for it
	byFolder   = "folder"    // it lies in a folder, which verify reads
	byPresence = "present"   // the service says that it has it
	byReading  = "read_back" // all that was only present was read again
)

type proofJSON struct {
	By       string `json:"by"`
	Present  int    `json:"present"`   // packs of this device that nothing has proven yet
	ReadBack int    `json:"read_back"` // packs that were read again and are as they were sent
	Now      bool   `json:"read_now"`  // one of them after this backup
}

// prove reads a sample back where the remote proves nothing by itself, and says
// what is known of what was sent. That it can't be read now doesn't undo the
// backup; a damage that is found is among the repository's alarms.
func prove(ctx context.Context, o *opened, t *snapshot.Taken, at time.Time) (p *proofJSON, unread error) {
	now, err := o.ReadBackSample(ctx, at)
	if err != nil && ctx.Err() == nil {
		unread = err
	}
	known, traits := o.Proof(), o.Remote().Traits()
	p = &proofJSON{Present: known.Present, ReadBack: known.ReadBack, Now: now && err == nil}
	switch {
	case traits.SumsCostRead:
		p.By = byFolder
	case known.Present > 0:
		p.By = byPresence
	case len(traits.Sums) > 0:
		p.By = byChecksum
	case known.ReadBack > 0:
		p.By = byReading
	default:
		p.By = byPresence
	}
	if t.Counts.Objects == 0 && !p.Now {
		return nil, unread // nothing new is to be said
	}
	return p, unread
}

// tellProof says no more than was proven.
func (a *app) tellProof(p *proofJSON) {
	if p.Now {
		a.detail("backup.read_back")
	}
	a.tellKnown(p.By, p.Present, p.ReadBack)
}

func (a *app) tellKnown(by string, present, readBack int) {
	switch by {
	case byChecksum:
		a.detail("proof.checksum")
	case byFolder:
		a.detail("proof.folder")
	case byReading:
		a.detail("proof.read_back", "packs", readBack)
	default:
		a.detail("proof.present", "packs", present, "read", readBack)
	}
}

type stoppedJSON struct {
	Code string `json:"code"`
	Left uint64 `json:"left"`           // bytes of files that are not backed up yet
	Days int64  `json:"days,omitempty"` // until they are, at the day's limit
}

// driveLimit is how much Google lets a user upload in a day.
const driveLimit = 750_000_000_000

// stopped says why a backup ended before everything was sent, nil if it didn't.
func (a *app) stopped(t *backupOutcome, cfg *config.Config) *stoppedJSON {
	if t.Stopped == nil {
		return nil
	}
	a.raise(exitRemarks)
	text, advice := a.explained(t.Stopped)
	d := &stoppedJSON{Code: t.Stopped.Code, Left: t.Left}
	if t.Limited {
		limit := uint64(cfg.Network.UploadPerDay)
		if limit == 0 && cfg.Remote.Type == "drive" {
			limit = driveLimit
		}
		d.Days = daysFor(t.Left, limit)
	}
	if !a.json {
		a.complain(text, advice)
	}
	if d.Days > 0 {
		a.tell("backup.left_days", "left", size(t.Left), "count", d.Days)
	} else {
		a.tell("backup.left", "left", size(t.Left))
	}
	return d
}

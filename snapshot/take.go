package snapshot

import (
	"context"
	"errors"
	"time"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// TakeOptions tune a backup.
type TakeOptions struct {
	// AllowEmpty accepts a source that is suddenly empty.
	AllowEmpty bool
	// Only are the accounts to look at; the others keep the state of the last
	// snapshot. None: all.
	Only []string
	// Apps are sources whose accounts are found. An account that the last
	// snapshot has of one, and that is not found any more, keeps its last state
	// and is named: its disk may not be there today.
	Apps []App
	// Own are folders of chatkeep itself (state, cache): never part of a
	// backup.
	Own []string
	// Workers read files at a time; 0: 2.
	Workers int
	// LeftOut are categories that the user wants left out: that they shrink is
	// no alarm.
	LeftOut []string
	// Writer is how the repository is written to; DryRun is set here.
	Writer repo.WriterOptions
	// Now is the clock, for tests; nil: time.Now.
	Now func() time.Time
	// Progress, if not nil, is called from time to time, from one goroutine at
	// a time.
	Progress func(Progress)
	// Count makes Take look at all files once more, so that Progress knows the
	// totals.
	Count bool
	// Published, if not nil, is called after each snapshot, the partial ones too
	// unless they lack something of what matters most.
	Published func(*repo.Snapshot)
	// Admit tells which categories may be sent now; nil: all. The files of others
	// stay as they are in the last snapshot, and count as held.
	Admit func(category string) bool
	// DryRun stores nothing.
	DryRun bool
}

// App is a source of accounts of one kind: they are called like it, or Name-….
type App struct{ Name, Kind string }

// Progress is how far a backup is.
type Progress struct {
	Files, TotalFiles uint64
	Bytes, TotalBytes uint64
	Sent              uint64 // bytes that went up, or came down
}

// Taken is what a backup did, in all its snapshots together.
type Taken struct {
	Snapshot *repo.Snapshot // the last one; nil after a dry run
	Partial  int            // snapshots published before that
	Counts   format.Counts
	Flagged  []format.Remark
	Skipped  []format.Remark
	Waiting  []format.Remark // still being written: they come with the next backup
	Anew     []format.Remark // databases that changed so much that all of them was sent
	Seconds  float64

	// Stopped, if not nil, says that the remote takes no more for now, and Left
	// how many bytes of files are not in the snapshot for that reason. It wraps
	// providers.ErrLimit or providers.ErrQuota.
	Stopped error
	Left    uint64

	// Held is how much changed that TakeOptions.Admit did not admit.
	Held Held
	// Newest is when the newest file of each category was last written.
	Newest map[string]time.Time
}

// Held is what a backup was not allowed to send.
type Held struct{ Files, Bytes uint64 }

// Reasons in remarks besides those of package sources.
const (
	ReasonVanished = "source_vanished" // the source's folder is gone; its last state is kept
	ReasonEmpty    = "source_empty"    // it is suddenly empty; its last state is kept
)

// Take backs the accounts up and publishes a snapshot of them. What could not be
// read is named in the result and in the snapshot. An account whose folder is
// gone or suddenly empty keeps the state of the last snapshot and is named as
// skipped; if that is so of all accounts, the error wraps sources.ErrVanished
// or sources.ErrEmpty and nothing is published.
//
// While much is still to come, what matters most goes first: partial snapshots
// are published on the way, in which the rest stands as it did before.
//
// When ctx ends, Take returns soon with its error; what has arrived on the
// remote by then is not sent again.
func Take(ctx context.Context, r *repo.Repo, accounts []sources.Account, o TakeOptions) (*Taken, error) {
	if o.Workers == 0 {
		o.Workers = 2
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Writer.DryRun = o.DryRun
	start := time.Now()
	all := &Taken{}
	first := uint64(0)
	for level := firstLevel; ; {
		s, err := newStage(ctx, r, accounts, o, level)
		if err != nil {
			return nil, err
		}
		if first == 0 {
			first = s.writer.NextSeq()
		}
		s.first = first
		begun := o.Now()
		taken, err := s.take(ctx)
		if err = errors.Join(err, s.close()); err != nil {
			return nil, err
		}
		all.add(taken)
		if o.Published != nil && taken.Snapshot != nil && !s.left.lacks {
			o.Published(taken.Snapshot)
		}
		all.Held = s.left.held
		all.Stopped, all.Left = s.room.reason(), 0
		if all.Stopped != nil {
			all.Left = s.left.bytes
		}
		if !s.left.any() || all.Stopped != nil {
			all.Seconds = time.Since(start).Seconds()
			return all, nil
		}
		all.Partial++
		level = s.next()
		if s.isQuick(taken.Counts.Uploaded, o.Now().Sub(begun)) {
			level = allLevels
		}
	}
}

// add counts a stage in.
func (a *Taken) add(t *Taken) {
	c := t.Counts
	for _, x := range []struct {
		sum    *uint64
		before uint64
	}{
		{&c.New, a.Counts.New}, {&c.Changed, a.Counts.Changed}, {&c.Removed, a.Counts.Removed}, {&c.Read, a.Counts.Read},
		{&c.NewBytes, a.Counts.NewBytes}, {&c.Uploaded, a.Counts.Uploaded}, {&c.Objects, a.Counts.Objects},
	} {
		*x.sum += x.before
	}
	a.Snapshot, a.Counts, a.Flagged, a.Skipped, a.Waiting, a.Newest = t.Snapshot, c, t.Flagged, t.Skipped, t.Waiting, t.Newest
	a.Anew = append(a.Anew, t.Anew...)
}

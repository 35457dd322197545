package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Statement is a record whose signature was proven.
type Statement struct {
	format.Record
	Name format.Name
}

// Statements returns what devices have stated, as far as it can be proven,
// oldest first. The rest become alarms.
func (r *Repo) Statements(ctx context.Context) ([]Statement, error) {
	names, err := r.listNames(ctx, "records/")
	if err != nil {
		return nil, fmt.Errorf("list records: %w", err)
	}
	var list []Statement
	for _, name := range names {
		s, err := r.statement(ctx, name)
		if err = r.beyond(err); passedOver(err) {
			continue
		}
		if a, ok := alarmFor(name.String(), err); ok {
			r.alarm(a)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		list = append(list, Statement{*s, name})
	}
	slices.SortFunc(list, func(a, b Statement) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), slices.Compare(a.Name.Digest[:], b.Name.Digest[:]))
	})
	return list, nil
}

func (r *Repo) statement(ctx context.Context, name format.Name) (*format.Record, error) {
	sealed, err := r.fetch(ctx, name)
	if err != nil {
		return nil, err
	}
	return r.ring.OpenStatement(sealed, name, r.roster)
}

// stateThat puts a statement of this device. Its number is used up even if the
// process dies before it arrives.
func (r *Repo) stateThat(ctx context.Context, s *format.Record) error {
	if err := r.mayState(); err != nil {
		return err
	}
	r.mu.Lock()
	r.seen.Record++
	s.Repo, s.Device, s.Seq, s.Time = r.ring.Repo, r.ring.Device.ID, r.seen.Record, now()
	err := r.state.saveSeen(r.seen)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	o, err := r.ring.SealStatement(s, r.roster)
	if err != nil {
		return err
	}
	return r.put(ctx, o)
}

// mayState says whether this device's word counts.
func (r *Repo) mayState() error {
	switch d := r.Device(); {
	case r.state == nil:
		return hint.New(CodeNoKey, errors.New("state: only a device can sign"))
	case d == nil || d.Revoked:
		return hint.New(CodeRevoked, errors.New("state: this device was shut out of the repository"))
	}
	return r.state.mayWork()
}

// ConfirmShrink states that a person has looked at what shrank in the
// snapshots of a device up to this one, and that it is right.
func (r *Repo) ConfirmShrink(ctx context.Context, s *Snapshot) error {
	about := format.Head{Device: s.Device, Seq: s.Seq, Digest: s.Name.Digest}
	return r.stateThat(ctx, &format.Record{Kind: format.RecordShrinkAllowed, Snapshot: &about})
}

// ShrinkConfirmed returns the statement that confirms what shrank in a
// snapshot, or nil. A device that makes backups confirms its own; a full one
// everybody's, until it is shut out: whoever holds it then could hide a loss.
func (r *Repo) ShrinkConfirmed(ctx context.Context, s *Snapshot) (*Statement, error) {
	list, err := r.Statements(ctx)
	if err != nil {
		return nil, err
	}
	for i, x := range list {
		if x.Kind != format.RecordShrinkAllowed || x.Snapshot == nil || x.Snapshot.Device != s.Device || x.Snapshot.Seq < s.ShrunkAt {
			continue
		}
		if d := r.roster.Device(x.Device); x.Device == s.Device || d.Role == format.Full && !d.Revoked {
			return &list[i], nil
		}
	}
	return nil, nil
}

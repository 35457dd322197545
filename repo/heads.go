package repo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Snapshot is a snapshot whose signature was proven.
type Snapshot struct {
	format.Snapshot
	Name   format.Name
	copies []format.Digest // other names of the same snapshot
}

// same reports whether two objects hold one snapshot: any member can seal
// another's record anew, under another name, and that is no second history.
func (s *Snapshot) same(other *Snapshot) bool {
	return bytes.Equal(s.Encode(), other.Encode())
}

// loadHeads lists all snapshots and holds them against what this device has
// seen before.
func (r *Repo) loadHeads(ctx context.Context) error {
	names, err := r.listNames(ctx, "snapshots/")
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	r.snapshots = map[format.DeviceID][]format.Name{}
	for _, n := range names {
		r.snapshots[n.Device] = append(r.snapshots[n.Device], n)
	}
	for _, list := range r.snapshots {
		slices.SortFunc(list, byPlace)
	}
	r.noteUnseen()
	for _, h := range r.seen.Heads {
		if err := r.holdAgainst(ctx, h); err != nil {
			return err
		}
	}
	return r.hearCached(ctx)
}

func byPlace(a, b format.Name) int {
	return cmp.Or(cmp.Compare(a.Seq, b.Seq), slices.Compare(a.Digest[:], b.Digest[:]))
}

// holdAgainst raises the alarm if a head this device has seen is not there any
// more. A listing may lag, so the name itself is asked for.
func (r *Repo) holdAgainst(ctx context.Context, h seenHead) error {
	device, err := format.ParseDeviceID(h.Device)
	if err != nil {
		return nil // damaged state counts as never seen
	}
	digest, err := format.ParseDigest(h.Digest)
	if err != nil {
		return nil
	}
	if d := r.roster.Device(device); d != nil && !r.counts(format.Head{Device: device, Seq: h.Seq}) {
		return nil // made after it was shut out, or so its revocation says
	}
	known := format.Name{Kind: format.KindSnapshot, Device: device, Seq: h.Seq, Digest: digest}
	list := r.snapshots[device]
	if slices.Contains(list, known) {
		return nil
	}
	_, err = r.remote.Stat(ctx, providers.Name(known.String()))
	switch {
	case err == nil:
		list = append(list, known)
		slices.SortFunc(list, byPlace)
		r.snapshots[device] = list
		return nil
	case !errors.Is(err, providers.ErrNotExist):
		return fmt.Errorf("look for %s: %w", known, err)
	}
	from := uint64(1)
	for _, n := range list {
		if n.Seq < known.Seq {
			from = n.Seq + 1
		}
	}
	r.alarm(Alarm{Code: CodeHeadMissing, Device: r.DeviceName(device), From: from, To: known.Seq})
	return nil
}

// Snapshot fetches a snapshot and proves it.
func (r *Repo) Snapshot(ctx context.Context, name format.Name) (*Snapshot, error) {
	sealed, err := r.fetch(ctx, name)
	if err != nil {
		return nil, err
	}
	s, err := r.ring.OpenSnapshot(sealed, name, r.roster)
	if err != nil {
		return nil, r.beyond(err)
	}
	return &Snapshot{Snapshot: *s, Name: name}, nil
}

// Snapshots returns all snapshots that can be proven, of one device or, with a
// zero id, of all, oldest first per device. The others become alarms.
func (r *Repo) Snapshots(ctx context.Context, device format.DeviceID) ([]*Snapshot, error) {
	var all []*Snapshot
	for _, d := range r.withSnapshots() {
		if !device.IsZero() && d != device {
			continue
		}
		list, err := r.provenOf(ctx, d)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

func (r *Repo) provenOf(ctx context.Context, d format.DeviceID) ([]*Snapshot, error) {
	var list []*Snapshot
	for _, name := range r.snapshots[d] {
		s, err := r.Snapshot(ctx, name)
		if passedOver(err) {
			continue // it counts for nothing
		}
		if a, ok := alarmFor(name.String(), err); ok {
			r.alarm(a)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if n := len(list); n > 0 && list[n-1].same(s) {
			list[n-1].copies = append(list[n-1].copies, s.Name.Digest)
			continue
		}
		list = append(list, s)
	}
	list, err := r.unlisted(ctx, list)
	if err != nil {
		return nil, err
	}
	r.proveChain(d, list)
	if len(list) == 0 {
		return nil, nil
	}
	return list, r.rememberHead(list[len(list)-1])
}

// unlisted fills gaps with the snapshots that are there although the listing
// lacks them: some listings lag, and some end early. Each snapshot names the one
// before it, so that one can be asked for.
func (r *Repo) unlisted(ctx context.Context, list []*Snapshot) ([]*Snapshot, error) {
	for i := len(list) - 1; i >= 0; i-- {
		for s := list[i]; s.Seq > 1 && (i == 0 || list[i-1].Seq < s.Seq-1); s = list[i] {
			name := format.Name{Kind: format.KindSnapshot, Device: s.Device, Seq: s.Seq - 1, Digest: s.Previous}
			before, err := r.unlistedSnapshot(ctx, name)
			if _, ok := alarmFor(name.String(), err); ok {
				break // proveChain says what is missing
			}
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", name, err)
			}
			list = slices.Insert(list, i, before)
		}
	}
	return list, nil
}

// unlistedSnapshot asks the remote for a snapshot: that the cache has it proves
// nothing.
func (r *Repo) unlistedSnapshot(ctx context.Context, name format.Name) (*Snapshot, error) {
	if _, err := r.remote.Stat(ctx, providers.Name(name.String())); err != nil {
		return nil, err
	}
	return r.Snapshot(ctx, name)
}

// proveChain checks that each snapshot names the one before it: a gap is named
// exactly, and two of one number are a fork.
func (r *Repo) proveChain(d format.DeviceID, list []*Snapshot) {
	last, names := uint64(0), []format.Digest{{}}
	for _, s := range list {
		switch {
		case s.Seq == last:
			r.forked(s)
		case s.Seq > last+1:
			r.alarm(Alarm{Code: CodeHeadMissing, Device: r.DeviceName(d), From: last + 1, To: s.Seq - 1})
		case !slices.Contains(names, s.Previous):
			r.alarm(Alarm{Code: CodeForked, Object: s.Name.String(), Device: r.DeviceName(d),
				Err: fmt.Errorf("snapshot %d does not follow the snapshot %d that is here", s.Seq, last)})
		}
		last, names = s.Seq, append(s.copies, s.Name.Digest)
	}
}

// withSnapshots returns the devices that have any, ordered by name.
func (r *Repo) withSnapshots() []format.DeviceID {
	var list []format.DeviceID
	for d := range r.snapshots {
		if r.roster.Device(d) != nil {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b format.DeviceID) int {
		return cmp.Or(cmp.Compare(r.DeviceName(a), r.DeviceName(b)), slices.Compare(a[:], b[:]))
	})
	return list
}

// Head returns the newest snapshot of a device that can be proven, or nil.
// Newer ones that can't become alarms, and so does a second one of the same
// number; of two, the one this device has seen before is returned. A head it
// sees for the first time is remembered.
func (r *Repo) Head(ctx context.Context, d format.DeviceID) (*Snapshot, error) {
	list := slices.Clone(r.snapshots[d])
	known, _ := r.seen.head(d)
	if x := r.roster.Device(d); x != nil && x.Revoked && x.Last != nil {
		known = *x.Last // whoever holds its keys could seal another of that number
	}
	slices.SortFunc(list, func(a, b format.Name) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(truth(a.Digest == known.Digest), truth(b.Digest == known.Digest)), byPlace(a, b))
	})
	for i, name := range slices.Backward(list) {
		s, err := r.Snapshot(ctx, name)
		if passedOver(err) {
			continue // it counts for nothing
		}
		if a, ok := alarmFor(name.String(), err); ok {
			r.alarm(a)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if i > 0 && list[i-1].Seq == s.Seq {
			if other, err := r.Snapshot(ctx, list[i-1]); err == nil && !other.same(s) {
				r.forked(s)
			}
		}
		return s, errors.Join(r.hear(ctx, s), r.rememberHead(s))
	}
	return nil, nil
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r *Repo) forked(s *Snapshot) {
	r.alarm(Alarm{Code: CodeForked, Object: s.Name.String(), Device: r.DeviceName(s.Device),
		Err: fmt.Errorf("there are two snapshots %d of one device", s.Seq)})
}

func (r *Repo) rememberHead(s *Snapshot) error {
	if r.state == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen.remember(format.Head{Device: s.Device, Seq: s.Seq, Digest: s.Name.Digest}) {
		return r.state.saveSeen(r.seen)
	}
	return nil
}

// Find resolves what a person types for a snapshot: "latest" (this device's,
// or where there is none the only device's), "DEVICE/latest" or "DEVICE/SEQ",
// with DEVICE a name or an id. What can't be found or is not unique gives
// ErrNoSnapshot or ErrAmbiguous.
func (r *Repo) Find(ctx context.Context, spec string) (*Snapshot, error) {
	device, which, err := r.parseSpec(spec)
	if err != nil {
		return nil, err
	}
	var s *Snapshot
	if which == 0 {
		s, err = r.Head(ctx, device)
	} else {
		s, err = r.bySeq(ctx, device, which)
	}
	if err == nil && s == nil {
		err = r.noneOf(device, which, spec)
	}
	if err == nil && which == 0 && !r.remembersOwn(device) {
		err = r.hearOthers(ctx, device)
	}
	return s, err
}

// noneOf tells snapshots that are all broken from those that never were.
func (r *Repo) noneOf(d format.DeviceID, seq uint64, spec string) error {
	if list := r.snapshots[d]; seq == 0 && len(list) > 0 {
		name := list[len(list)-1].String()
		return hint.New(CodeDamaged, integrityError{fmt.Errorf("find snapshot %q: none of the %d can be proven", spec, len(list))}, "object", name)
	}
	return noSnapshot(spec)
}

func (r *Repo) bySeq(ctx context.Context, d format.DeviceID, seq uint64) (*Snapshot, error) {
	var failed error
	for _, name := range r.snapshots[d] {
		if name.Seq != seq {
			continue
		}
		s, err := r.Snapshot(ctx, name)
		if err == nil {
			return s, nil
		}
		if a, ok := alarmFor(name.String(), err); ok {
			r.alarm(a)
			err = hint.New(a.Code, integrityError{fmt.Errorf("read snapshot: %w", a)}, "object", a.Object)
		}
		failed = err
	}
	return nil, failed
}

// ErrNoSnapshot and ErrAmbiguous are what Find says of a spec.
var (
	ErrNoSnapshot = errors.New("no such snapshot")
	ErrAmbiguous  = errors.New("several devices have snapshots")
)

func noSnapshot(spec string) error {
	return hint.New(CodeNoSnapshot, fmt.Errorf("find snapshot %q: %w", spec, ErrNoSnapshot), "name", spec)
}

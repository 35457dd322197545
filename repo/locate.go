package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/index"
)

// fetchIndex returns an index object of a device, proven to be its own.
func (r *Repo) fetchIndex(ctx context.Context, device format.DeviceID, digest format.Digest) (*format.Index, error) {
	sealed, err := r.fetch(ctx, format.Name{Kind: format.KindIndex, Device: device, Digest: digest})
	if err != nil {
		return nil, err
	}
	return r.ring.OpenIndex(sealed, device, r.roster)
}

// openIndex opens the local index over what a device's index objects promise,
// given oldest first. Runs that are missing or damaged are made again. An
// index object that is gone or broken is an alarm; packs then names those the
// others know, and is nil otherwise.
func (r *Repo) openIndex(ctx context.Context, device format.DeviceID, objects []format.Digest) (set *index.Set, packs map[format.Digest]bool, err error) {
	var runs []*index.Run // newest first
	for _, digest := range slices.Backward(objects) {
		run, err := r.openRun(ctx, device, digest)
		name := format.Name{Kind: format.KindIndex, Device: device, Digest: digest}
		if a, ok := alarmFor(name.String(), err); ok {
			r.alarm(a)
			packs = map[format.Digest]bool{}
			continue
		}
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("open index: %w", err), index.NewSet(runs...).Close())
		}
		runs = append(runs, run)
	}
	if packs != nil {
		for _, run := range runs {
			for _, p := range run.Packs() {
				packs[p] = true
			}
		}
	}
	return index.NewSet(runs...), packs, nil
}

// runDir holds one run for each live index object.
func (r *Repo) runDir() string {
	if r.cache.dir != "" {
		return r.cache.path("index")
	}
	return r.state.path("index")
}

func (r *Repo) openRun(ctx context.Context, device format.DeviceID, digest format.Digest) (*index.Run, error) {
	path := r.runDir() + string(os.PathSeparator) + digest.String() + ".run"
	run, err := index.OpenRun(path)
	if err == nil {
		return run, nil
	}
	x, err := r.fetchIndex(ctx, device, digest)
	if err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(r.runDir(), 0o700); err != nil {
		return nil, localError(err)
	}
	packs, entries := runOf(x)
	failed := index.WriteRun(path, packs, entries)
	// If it could not be written, another process may just have made it and be
	// reading it: Windows lets nobody replace it then.
	if run, err = index.OpenRun(path); err != nil && failed != nil {
		err = localError(failed)
	}
	return run, err
}

// runOf turns an index object into the entries of a local run.
func runOf(x *format.Index) (packs [][32]byte, entries []index.Entry) {
	for i, p := range x.Packs {
		packs = append(packs, p.Name)
		offset := uint32(0)
		for _, e := range p.Entries {
			entries = append(entries, index.Entry{ID: e.ID, Pack: uint32(i), Offset: offset,
				Stored: e.Stored, Length: e.Length, Kind: uint8(e.Kind)})
			offset += e.Stored
		}
	}
	return packs, entries
}

// lostObjects returns the own packs and indexes that a verification found
// missing or damaged.
func (r *Repo) lostObjects() map[format.Digest]bool {
	lost := map[format.Digest]bool{}
	for _, s := range r.seen.Lost {
		if d, err := format.ParseDigest(s); err == nil {
			lost[d] = true
		}
	}
	return lost
}

// openReadIndex opens the indexes a snapshot names, for reading: of whatever
// device, since ids prove what is found. Those of the device's newest snapshot
// come on top, since they know where chunks were stored again.
func (r *Repo) openReadIndex(ctx context.Context, s *Snapshot) (*index.Set, error) {
	head, err := r.Head(ctx, s.Device)
	if err != nil {
		return nil, err
	}
	objects := slices.Clone(s.Index)
	if head != nil {
		objects = slices.DeleteFunc(objects, func(d format.Digest) bool { return slices.Contains(head.Index, d) })
		objects = append(objects, head.Index...)
	}
	if r.cache.dir != "" || r.state.holds() { // there is a folder for runs
		set, _, err := r.openIndex(ctx, s.Device, objects)
		return set, err
	}
	set := index.NewSet()
	for _, digest := range objects {
		x, err := r.fetchIndex(ctx, s.Device, digest)
		name := format.Name{Kind: format.KindIndex, Device: s.Device, Digest: digest}
		if a, ok := alarmFor(name.String(), err); ok {
			r.alarm(a)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open index: %w", err)
		}
		for _, p := range x.Packs {
			insertPack(set, p)
		}
	}
	return set, nil
}

func insertPack(set *index.Set, p format.Pack) {
	offset := uint32(0)
	for _, e := range p.Entries {
		set.Insert(index.Entry{ID: e.ID, Offset: offset, Stored: e.Stored, Length: e.Length, Kind: uint8(e.Kind)}, p.Name)
		offset += e.Stored
	}
}

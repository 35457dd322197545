package repo

import (
	"context"
	"errors"
	"fmt"
	"os"

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

// openIndex opens the local index over everything that this device's own live
// index objects promise. Runs that are missing or damaged are made again; an
// index object that is gone or broken is an alarm, and what only it knew will
// be stored again.
func (r *Repo) openIndex(ctx context.Context, head *Snapshot) (*index.Set, error) {
	var runs []*index.Run
	if head != nil {
		for i := len(head.Index) - 1; i >= 0; i-- { // newest first
			run, err := r.openRun(ctx, head.Device, head.Index[i])
			name := format.Name{Kind: format.KindIndex, Device: head.Device, Digest: head.Index[i]}
			if a, ok := alarmFor(name.String(), err); ok {
				r.alarm(a)
				continue
			}
			if err != nil {
				return nil, errors.Join(fmt.Errorf("open index: %w", err), index.NewSet(runs...).Close())
			}
			runs = append(runs, run)
		}
	}
	return index.NewSet(runs...), nil
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
	if err := index.WriteRun(path, packs, entries); err != nil {
		return nil, localError(err)
	}
	return index.OpenRun(path)
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

// lostPacks returns the own packs that a verification found missing or
// damaged.
func (r *Repo) lostPacks() map[format.Digest]bool {
	lost := map[format.Digest]bool{}
	for _, s := range r.seen.Lost {
		if d, err := format.ParseDigest(s); err == nil {
			lost[d] = true
		}
	}
	return lost
}

// openReadIndex opens the indexes a snapshot names, for reading: of whatever
// device, since ids prove what is found.
func (r *Repo) openReadIndex(ctx context.Context, s *Snapshot) (*index.Set, error) {
	if r.cache.dir != "" || r.state != nil {
		return r.openIndex(ctx, s)
	}
	set := index.NewSet()
	for _, digest := range s.Index {
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

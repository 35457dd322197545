package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Every snapshot names the newest ones of the other devices, as its device saw
// them. So a provider that hides a snapshot, or shows two devices two histories
// of a third, is found out by whoever reads one that knows better.

// hear holds a member's word of the others' heads against what is here. The
// listing tells; only of what it lacks is the remote asked. The word of a device
// that was shut out counts no more.
func (r *Repo) hear(ctx context.Context, s *Snapshot) error {
	if d := r.roster.Device(s.Device); d == nil || d.Revoked {
		return nil // or a stolen device could name snapshots for ever that never were
	}
	told := map[format.DeviceID]bool{}
	for _, h := range s.Heads {
		if told[h.Device] || !r.counts(h) {
			continue
		}
		told[h.Device] = true
		if err := r.hearOf(ctx, s.Device, h); err != nil {
			return err
		}
	}
	return nil
}

// counts reports whether a head is a member's, and one that was made before the
// member was shut out.
func (r *Repo) counts(h format.Head) bool {
	d := r.roster.Device(h.Device)
	return d != nil && (!d.Revoked || d.Last != nil && h.Seq <= d.Last.Seq)
}

func (r *Repo) hearOf(ctx context.Context, from format.DeviceID, h format.Head) error {
	name := format.Name{Kind: format.KindSnapshot, Device: h.Device, Seq: h.Seq, Digest: h.Digest}
	r.hearOwn(h)
	if slices.Contains(r.snapshots[h.Device], name) {
		return nil
	}
	_, err := r.remote.Stat(ctx, providers.Name(name.String()))
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, providers.ErrNotExist):
		return fmt.Errorf("look for %s: %w", name, err)
	}
	for _, other := range r.snapshots[h.Device] {
		if other.Seq != h.Seq {
			continue
		}
		if _, err := r.Snapshot(ctx, other); err == nil {
			r.alarm(Alarm{Code: CodeForked, Object: other.String(), Device: r.DeviceName(h.Device),
				Err: fmt.Errorf("device %s has seen another snapshot %d of device %s", r.DeviceName(from), h.Seq, r.DeviceName(h.Device))})
			return nil
		}
	}
	return r.holdAgainst(ctx, seenHead{h.Device.String(), h.Seq, h.Digest.String()})
}

// hearOwn keeps a device that has lost its memory from using a number again that
// others have seen it use.
func (r *Repo) hearOwn(h format.Head) {
	if r.ring.Device == nil || h.Device != r.ring.Device.ID {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.seen.head(h.Device); !ok && h.Seq > r.unseen.Seq {
		r.unseen = h
	}
}

// hearCached hears every device's newest snapshot that the cache has: no request
// is made.
func (r *Repo) hearCached(ctx context.Context) error {
	for _, list := range r.snapshots {
		name := list[len(list)-1]
		if _, ok := r.cache.record(name.Digest); !ok {
			continue
		}
		if s, err := r.Snapshot(ctx, name); err == nil { // what is wrong with it is said by whoever needs it
			if err := r.hear(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// hearOthers hears the newest snapshot of every other device. That takes a small
// request for each that the cache doesn't have.
func (r *Repo) hearOthers(ctx context.Context, than format.DeviceID) error {
	for _, d := range r.withSnapshots() {
		if d == than {
			continue
		}
		if _, err := r.Head(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// remembersOwn reports whether this process is the device itself and knows its
// newest snapshot: then nobody's word is needed.
func (r *Repo) remembersOwn(d format.DeviceID) bool {
	if r.ring.Device == nil || r.ring.Device.ID != d {
		return false
	}
	_, ok := r.seen.head(d)
	return ok
}

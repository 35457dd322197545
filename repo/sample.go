package repo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Some remotes report no checksum of what they took. What lies there is
// present, no more, until it has been read back: so now and then one of those
// packs is.

// sample is what this device knows of its packs on such a remote.
type sample struct {
	Present  []string `json:"present,omitempty"` // packs that nothing has proven yet
	ReadBack int      `json:"read_back,omitempty"`
	Last     int64    `json:"last,omitempty"` // when one was read back, Unix seconds
}

const (
	// samplePause is how long after one sample the next is taken: a sample is a
	// whole pack, and backups run every half hour.
	samplePause = 24 * time.Hour
	// maxPresent bounds what is remembered: more than a terabyte of packs. Of
	// more than that, some are never read back but by verify --data.
	maxPresent = 20_000
)

// drop forgets packs that need not be read back any more.
func (s *sample) drop(packs []string) {
	s.Present = slices.DeleteFunc(s.Present, func(p string) bool { return slices.Contains(packs, p) })
}

// present notes the packs that arrived without proof.
func (r *Repo) present(packs []*journaled) error {
	if r.remote.Traits().SumsCostRead {
		return nil // a folder, which verify reads
	}
	var fresh []string
	for _, p := range packs {
		if p.arrived && !p.verified {
			fresh = append(fresh, p.Name.String())
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.seen.Sample
	s.Present = slices.Compact(slices.Sorted(slices.Values(append(s.Present, fresh...))))
	s.Present = s.Present[max(0, len(s.Present)-maxPresent):]
	return r.state.saveSeen(r.seen)
}

// Proof says how much is known of this device's packs on a remote that reports
// no checksums: zero on others.
type Proof struct {
	Present  int // stored, by the remote's word alone
	ReadBack int // read again and found as they were sent
}

// Proof returns it without a request.
func (r *Repo) Proof() Proof {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Proof{len(r.seen.Sample.Present), r.seen.Sample.ReadBack}
}

// ReadBackSample reads one pack back that nothing has proven, at most once a
// day, and reports whether it did. A pack that is gone or not what was sent
// becomes an alarm, and its content is stored again by the next backup; where
// the remote can't be read now, it is tried another time. Whoever only looks,
// and could not note what came of it, reads none.
func (r *Repo) ReadBackSample(ctx context.Context, now time.Time) (bool, error) {
	s := r.seen.Sample
	if !r.state.holds() || len(s.Present) == 0 || now.Sub(time.Unix(s.Last, 0)).Abs() < samplePause {
		return false, nil
	}
	digest, err := format.ParseDigest(s.Present[rand.IntN(len(s.Present))])
	if err != nil {
		return false, fmt.Errorf("%w: the list of packs to read back", format.ErrMalformed)
	}
	name := format.Name{Kind: format.KindPack, Device: r.ring.Device.ID, Digest: digest}
	err = r.readBack(ctx, name)
	a, bad := alarmFor(name.String(), err)
	if err != nil && !bad {
		return false, fmt.Errorf("read back %s: %w", name, err)
	}
	return true, r.sampled(digest, now, a, bad)
}

// sampled notes what came of it.
func (r *Repo) sampled(digest format.Digest, now time.Time, a Alarm, bad bool) error {
	if bad {
		r.alarm(a)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.seen.Sample
	s.drop([]string{digest.String()})
	s.Last = now.Unix()
	if bad {
		r.seen.Lost = append(r.seen.Lost, digest.String())
	} else {
		s.ReadBack++
	}
	return r.state.saveSeen(r.seen)
}

// readBack proves that a pack has the bytes its name promises.
func (r *Repo) readBack(ctx context.Context, name format.Name) error {
	src, err := r.remote.Get(ctx, providers.Name(name.String()), 0, -1)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(h, src)
	if err = errors.Join(err, src.Close()); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != name.Digest.String() {
		return errDigest
	}
	return nil
}

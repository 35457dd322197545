package repo

import (
	"context"
	"fmt"
	"slices"

	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// publishSecret puts this device's chunk secret, by which readers prove its
// chunks, unless it is there: a device that only reads never needs to.
func (r *Repo) publishSecret(ctx context.Context) error {
	if r.seen.Secret {
		return nil
	}
	names, err := r.listNames(ctx, "secrets/")
	if err != nil {
		return fmt.Errorf("look for this device's secret: %w", err)
	}
	for _, n := range names {
		if n.Device == r.ring.Device.ID && r.secretThere(ctx, n) {
			return r.rememberSecret()
		}
	}
	o, err := r.ring.SealSecret(r.roster)
	if err != nil {
		return err
	}
	if err := r.state.keep([]trust.Object{o}); err != nil {
		return err
	}
	if err := r.put(ctx, o); err != nil {
		return err
	}
	return r.rememberSecret()
}

// secretThere reports whether an object is what its name says. A device that
// only makes backups can't look inside, and knows what it put by its copy.
// Without one it puts another: two do no harm.
func (r *Repo) secretThere(ctx context.Context, n format.Name) bool {
	sealed, err := r.fetch(ctx, n)
	if err != nil {
		return false
	}
	if r.CanRead() {
		_, err = r.ring.OpenSecret(sealed, n.Device, r.roster)
		return err == nil
	}
	kept, err := r.state.kept()
	return err == nil && slices.ContainsFunc(kept, func(o trust.Object) bool { return o.Name == n })
}

func (r *Repo) rememberSecret() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Secret = true
	return r.state.saveSeen(r.seen)
}

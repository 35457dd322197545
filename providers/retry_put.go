package providers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (r *reliable) Put(ctx context.Context, name Name, src Source) (info Info, err error) {
	if err := ValidPut(name, src); err != nil {
		return Info{}, fmt.Errorf("put: %w", err)
	}
	if err := r.allowance.take(name, src.Size()); err != nil {
		return Info{}, fmt.Errorf("put %s: %w", name, err)
	}
	src = r.heard(src)
	sent := false // an earlier try may have stored the object
	err = r.retry(ctx, func() (err error) {
		found := false
		if sent {
			info, found, err = r.arrived(ctx, name, src)
		}
		if found || err != nil {
			return err
		}
		sent = true
		info, err = r.put(ctx, name, src)
		return err
	})
	if err != nil {
		return Info{}, err
	}
	return info, nil
}

// put is one verified try of Put.
func (r *reliable) put(ctx context.Context, name Name, src Source) (Info, error) {
	info, err := await(ctx, func() (Info, error) { return r.remote.Put(ctx, name, src) }, nil)
	if err != nil {
		return Info{}, err
	}
	info.Confirm(src)
	return info, r.verify(ctx, name, src, info)
}

// arrived looks for the object of a Put whose answer was an error. What is
// there but is not what was sent is deleted.
func (r *reliable) arrived(ctx context.Context, name Name, src Source) (Info, bool, error) {
	info, err := r.stat(ctx, name)
	if errors.Is(err, ErrNotExist) {
		return Info{}, false, nil
	}
	if err != nil {
		return Info{}, false, err
	}
	err = r.verify(ctx, name, src, info)
	if errors.Is(err, ErrCorrupt) {
		return Info{}, false, nil // deleted; send it again
	}
	info.Confirm(src)
	return info, err == nil, err
}

// verify compares what is stored with what was sent. If they differ it deletes
// the object and returns ErrCorrupt; an object that could not be deleted gives
// the class of that error.
func (r *reliable) verify(ctx context.Context, name Name, src Source, stored Info) error {
	why := difference(src, stored)
	if why == "" {
		return nil
	}
	if err := r.delete(ctx, name); err != nil {
		return fmt.Errorf("put %s: %s: %w", name, why, err)
	}
	return fmt.Errorf("put %s: %w", name, Fail(ErrCorrupt, fmt.Errorf("%w: %s", ErrCorrupt, why), "remote", r.String()))
}

// difference says how an object differs from its source, or is empty.
func difference(src Source, stored Info) string {
	if stored.Size != src.Size() {
		return fmt.Sprintf("%d bytes stored, %d sent", stored.Size, src.Size())
	}
	sent := src.Sums()
	for _, alg := range slices.Sorted(maps.Keys(stored.Sums)) {
		got, want := stored.Sums[alg], sent[alg]
		if got != "" && want != "" && !strings.EqualFold(got, want) {
			return fmt.Sprintf("%s %s stored, %s sent", alg, got, want)
		}
	}
	return ""
}

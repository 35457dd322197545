package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// mayChange says at once, before anything is asked, that this device may not
// change who belongs.
func mayChange(o *opened) error {
	switch d := o.Device(); {
	case d == nil || d.Revoked:
		return hint.New(repo.CodeRevoked, errors.New("change the list of devices: this device was shut out of the repository"))
	case d.Role != format.Full:
		return hint.New(repo.CodeNotFull, fmt.Errorf("change the list of devices: this device is %s", d.Role))
	}
	return nil
}

// openToChange opens the repository to change who belongs, as this device or
// with the recovery key.
func (a *app) openToChange(ctx context.Context, p place) (*opened, error) {
	if p.identity != "" {
		return a.openWithKey(ctx, p)
	}
	p.changes = true
	o, err := a.open(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := mayChange(o); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// openWithKey opens the repository with the recovery key that counts now.
func (a *app) openWithKey(ctx context.Context, p place) (*opened, error) {
	key, err := a.readIdentity(ctx, p.identity, p.unlock)
	if err != nil {
		return nil, err
	}
	where, err := a.target(p.remote)
	if err != nil {
		return nil, err
	}
	r, err := a.openBare(ctx, a.reach(where), key)
	if err != nil {
		return nil, err
	}
	if err := r.MayChange(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return &opened{Repo: r}, nil
}

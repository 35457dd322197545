package main

import (
	"context"
	"errors"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// tellJoined says that this device is a member, and what is next.
func (a *app) tellJoined(j *joining, r *repo.Repo) error {
	if err := a.writeHome(j.home); err != nil {
		return err
	}
	return a.tellBelongs(r, j.Config, j.path)
}

// tellBelongs says what this member is called, and what it can do next.
func (a *app) tellBelongs(r *repo.Repo, cfg *config.Config, path string) error {
	d := r.Device()
	doc := joinJSON{State: "joined", Name: r.DeviceName(d.ID), Role: d.Role.String(), Remote: r.Remote().String(), Config: path}
	a.tell("device.join.done", "name", printable(doc.Name), "role", a.roleText(d.Role))
	a.tellNext(d.Role, len(cfg.Sources) > 0, path)
	doc.Alarms = a.alarms(r.Alarms())
	return a.document(doc)
}

// joinedBefore is for a device that belongs already: any command may have
// finished its joining once it was approved. It is refused where that is another
// repository, or where the device was removed.
func (a *app) joinedBefore(ctx context.Context, f joinFlags, typed *crypto.Fingerprint, refused error) error {
	path := config.Locate(a.config, a.getenv)
	cfg, fresh, err := a.memberConfig(path, f.homeFlags)
	if err != nil || fresh {
		return errors.Join(refused, err)
	}
	o, err := a.open(ctx, place{})
	if hint.Is(err, repo.CodeOtherRepository) {
		return refused
	}
	if err != nil {
		return err
	}
	defer o.Close()
	switch d := o.Device(); {
	case d == nil || d.Revoked:
		return hint.New(repo.CodeRevoked, errors.New("join: this device was shut out of the repository"))
	case typed != nil && *typed != o.Words():
		return refused
	}
	return a.tellBelongs(o.Repo, cfg, path)
}

// tellNext says what a new member does next.
func (a *app) tellNext(role format.Role, sources bool, path string) {
	if role != format.BackupOnly {
		a.detail("device.next.pull")
	}
	switch {
	case role == format.ReadOnly:
	case sources:
		a.detail("device.next.backup")
	default:
		a.detail("device.next.sources", "path", path)
	}
}

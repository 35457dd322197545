package main

import (
	"slices"

	"github.com/chatkeep/chatkeep/repo"
)

// onlyShutOut reports whether nothing is wrong but that this device was removed,
// or the recovery key replaced.
func onlyShutOut(list []repo.Alarm) bool {
	other := func(x repo.Alarm) bool { return x.Code != repo.CodeRevoked && x.Code != repo.CodeReplaced }
	return len(list) > 0 && !slices.ContainsFunc(list, other)
}

// removed reports whether this device belongs no more.
func removed(r *repo.Repo) bool {
	d := r.Device()
	return d != nil && d.Revoked
}

// noteRemoved says on a device that belongs no more that it sees nothing newer.
// Where there is something newer, an alarm says so.
func (a *app) noteRemoved(r *repo.Repo) bool {
	if removed(r) && !slices.ContainsFunc(r.Alarms(), func(x repo.Alarm) bool { return x.Code == repo.CodeRevoked }) {
		a.note("device.removed")
	}
	return removed(r)
}

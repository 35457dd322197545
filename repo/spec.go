package repo

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Latest is the spec of the newest snapshot.
const Latest = "latest"

// parseSpec takes a snapshot spec apart; seq 0 means the latest.
func (r *Repo) parseSpec(spec string) (device format.DeviceID, seq uint64, err error) {
	name, which, found := cutLast(spec)
	if !found {
		if spec != Latest {
			return device, 0, noSnapshot(spec)
		}
		device, err = r.soleDevice()
		return device, 0, err
	}
	if device, err = r.deviceNamed(name, spec); err != nil {
		return device, 0, err
	}
	if which == Latest {
		return device, 0, nil
	}
	if seq, err = strconv.ParseUint(which, 10, 64); err != nil || seq == 0 {
		return device, 0, noSnapshot(spec)
	}
	return device, seq, nil
}

// cutLast cuts at the last slash, since a device's name may hold others.
func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

func (r *Repo) deviceNamed(name, spec string) (format.DeviceID, error) {
	switch found := r.devicesNamed(name); len(found) {
	case 0:
		return format.DeviceID{}, noSnapshot(spec)
	case 1:
		return found[0].ID, nil
	}
	return format.DeviceID{}, r.ambiguous()
}

// soleDevice is this device if it has a snapshot, else the only one that has.
func (r *Repo) soleDevice() (format.DeviceID, error) {
	if d := r.ring.Device; d != nil && (len(r.snapshots[d.ID]) > 0 || r.everSeen(d.ID)) {
		return d.ID, nil
	}
	list := r.withSnapshots()
	switch len(list) {
	case 0:
		return format.DeviceID{}, noSnapshot(Latest)
	case 1:
		return list[0], nil
	}
	return format.DeviceID{}, r.ambiguous()
}

func (r *Repo) everSeen(d format.DeviceID) bool {
	_, ok := r.seen.head(d)
	return ok
}

func (r *Repo) ambiguous() error {
	var names []string
	for _, d := range r.withSnapshots() {
		names = append(names, r.DeviceName(d)+"/"+Latest)
	}
	list := strings.Join(names, ", ")
	return hint.New("ambiguous_latest", fmt.Errorf("find snapshot: %w: %s", ErrAmbiguous, list), "devices", list)
}

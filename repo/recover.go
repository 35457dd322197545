package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// RecoverOptions describe the device that takes over.
type RecoverOptions struct {
	State  *State
	Cache  string
	Name   string
	Client string
	Lost   []format.DeviceID // to be shut out
}

// recoveringFile holds the keys of a device that is becoming a member by the
// recovery key. It is secret.
const recoveringFile = "recovering.json"

// Recover makes this device a full member of a repository that was opened with
// the recovery key, and shuts lost devices out. A recovery that ended halfway is
// completed with the same keys.
func Recover(ctx context.Context, r *Repo, o RecoverOptions) (*Repo, error) {
	if err := o.State.mayWork(); err != nil {
		return nil, err
	}
	if o.State.HasKeys() {
		return nil, hint.New(CodeMember, fmt.Errorf("recover %s: this device belongs to a repository (%s)", r.remote, o.State.dir))
	}
	if r.root == nil {
		return nil, hint.New(CodeNoKey, fmt.Errorf("recover %s: the recovery key is needed", r.remote))
	}
	if err := r.MayChange(); err != nil {
		return nil, err
	}
	keys, err := o.State.recoveringKeys()
	if err != nil {
		return nil, err
	}
	a, err := r.amend(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.known(o.Lost...); err != nil {
		return nil, err
	}
	last, err := r.lastHeads(ctx, o.Lost)
	if err != nil {
		return nil, err
	}
	device := format.Device{ID: keys.ID, Name: o.Name, Role: format.Full, Recipient: keys.Identity.Recipient().String(),
		Verify: keys.Signing.Public(), Joined: a.time, Since: a.tip.Epoch, Client: o.Client}
	if d := r.roster.Device(keys.ID); d == nil {
		if err := r.nameFree(o.Name, keys.ID); err != nil {
			return nil, err
		}
		if err := a.keys(&device); err != nil {
			return nil, err
		}
		err = a.roster(func(next *format.Roster) {
			next.Devices = append(next.Devices, device)
			revoking(last)(next)
		})
	} else if d.Revoked {
		return nil, hint.New(CodeRevoked, fmt.Errorf("recover %s: this device was shut out", r.remote))
	}
	if err == nil && len(o.Lost) > 0 {
		err = a.renew(nil)
	}
	if err == nil && len(a.objects) > 0 {
		err = a.put(ctx)
	}
	if err != nil {
		return nil, err
	}
	ring := r.ring.Copy()
	ring.Device = keys
	if err := o.State.becomeMember(ring, recoveringFile); err != nil {
		return nil, err
	}
	return Open(ctx, r.remote, Options{State: o.State, Cache: o.Cache})
}

// recoveringKeys returns the keys of an earlier attempt, or new ones, which are
// on disk before anything on the remote names them.
func (s *State) recoveringKeys() (*trust.DeviceKeys, error) {
	b, err := durable.ReadSecret(s.path(recoveringFile))
	if err == nil {
		keys, err := trust.DecodeDeviceKeys(b)
		if err != nil {
			err = fmt.Errorf("%w; remove %s and recover again", err, s.path(recoveringFile))
		}
		return keys, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	keys, err := trust.NewDevice()
	if err != nil {
		return nil, err
	}
	return keys, localError(durable.WriteSecret(s.path(recoveringFile), keys.Encode()))
}

package trust

import (
	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Founding is a new repository: the first device's keyring, and what must be
// put before anything else, in this order.
type Founding struct {
	Ring    *Keyring
	Roster  *Roster
	Objects []Object // key files, the device's secret, and last the roster
}

// Found makes a repository whose root is derived from the recovery identity,
// with one device of the given name and role. time is ns since 1970.
func Found(recovery *crypto.Identity, name string, role format.Role, client string, time int64) (*Founding, error) {
	root, err := crypto.RootKey(recovery)
	if err != nil {
		return nil, err
	}
	device, err := NewDevice()
	if err != nil {
		return nil, err
	}
	epoch, described, err := NewEpoch(1)
	if err != nil {
		return nil, err
	}
	random := crypto.Random32()
	ring := &Keyring{Repo: format.RepoID(random[:16]), Root: root.Public(), Epochs: []EpochKeys{epoch}, Device: device}
	roster := &format.Roster{
		Repo: ring.Repo, Version: 1, Epoch: 1, Recovery: recovery.Recipient().String(), Root: ring.Root,
		Epochs: []format.Epoch{described},
		Devices: []format.Device{{
			ID: device.ID, Name: name, Role: role, Recipient: device.Identity.Recipient().String(),
			Verify: device.Signing.Public(), Joined: time, Since: 1, Client: client,
		}},
		MinReader: format.ReaderVersion, Time: time,
	}
	return ring.found(recovery, root, roster, time)
}

func (k *Keyring) found(recovery *crypto.Identity, root *crypto.SigningKey, first *format.Roster, time int64) (*Founding, error) {
	rosterObject, err := k.SealRoster(first, Signer{Key: root})
	if err != nil {
		return nil, err
	}
	f := &Founding{Ring: k}
	if f.Roster, err = k.OpenRoster(rosterObject.Sealed); err != nil {
		return nil, err
	}
	readable := first.Devices[0].Role != format.BackupOnly
	for _, h := range []struct {
		name string
		to   *crypto.Recipient
		data bool
	}{{format.RecoveryHolder, recovery.Recipient(), true}, {k.Device.ID.String(), k.Device.Identity.Recipient(), readable}} {
		o, err := k.SealKeyFile(h.name, h.to, h.data, f.Roster.Digest, time, Signer{Key: root})
		if err != nil {
			return nil, err
		}
		f.Objects = append(f.Objects, o)
	}
	secret, err := k.SealSecret(f.Roster)
	if err != nil {
		return nil, err
	}
	f.Objects = append(f.Objects, secret, rosterObject)
	if !readable {
		k.Epochs[0].Data = nil // the recovery key keeps it; this device never sees it again
	}
	return f, nil
}

// NewEpoch makes the keys of an epoch, and how a roster describes it.
func NewEpoch(number uint64) (EpochKeys, format.Epoch, error) {
	data, err := crypto.GenerateIdentity()
	if err != nil {
		return EpochKeys{}, format.Epoch{}, err
	}
	meta, err := crypto.GenerateIdentity()
	if err != nil {
		return EpochKeys{}, format.Epoch{}, err
	}
	return EpochKeys{Number: number, MAC: crypto.GenerateMACKey(), Meta: meta, Data: data},
		format.Epoch{Number: number, Data: data.Recipient().String(), Meta: meta.Recipient().String()}, nil
}

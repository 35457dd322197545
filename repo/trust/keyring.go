package trust

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// EpochKeys are the secrets of one epoch as a process holds them.
type EpochKeys struct {
	Number uint64
	MAC    crypto.MACKey
	Meta   *crypto.Identity
	Data   *crypto.Identity // nil on a backup-only device
}

// DeviceKeys are a device's own keys.
type DeviceKeys struct {
	ID       format.DeviceID
	Identity *crypto.Identity
	Signing  *crypto.SigningKey
	Secret   crypto.Secret
}

// Signer returns the device as a signer.
func (d *DeviceKeys) Signer() Signer { return Signer{d.ID, d.Signing} }

// Keyring is what a process holds of a repository.
type Keyring struct {
	Repo   format.RepoID
	Root   crypto.VerifyKey // pinned: nothing on a remote can change it
	Epochs []EpochKeys      // ascending
	Device *DeviceKeys      // nil when opened with the recovery key alone
}

// NewDevice makes the keys of a new device.
func NewDevice() (*DeviceKeys, error) {
	id, err := crypto.GenerateIdentity()
	if err != nil {
		return nil, err
	}
	signing, err := crypto.GenerateSigningKey()
	if err != nil {
		return nil, err
	}
	random := crypto.Random32()
	return &DeviceKeys{ID: format.DeviceID(random[:16]), Identity: id, Signing: signing, Secret: crypto.Random32()}, nil
}

// Epoch returns the keys of an epoch, or nil if they are not held.
func (k *Keyring) Epoch(number uint64) *EpochKeys {
	for i := range k.Epochs {
		if k.Epochs[i].Number == number {
			return &k.Epochs[i]
		}
	}
	return nil
}

// MetaIdentities returns what opens rosters, snapshots and records, newest
// epoch first.
func (k *Keyring) MetaIdentities() []*crypto.Identity {
	var ids []*crypto.Identity
	for i := len(k.Epochs) - 1; i >= 0; i-- {
		ids = append(ids, k.Epochs[i].Meta)
	}
	return ids
}

// DataIdentities returns what opens packs and secrets, newest epoch first;
// none on a backup-only device.
func (k *Keyring) DataIdentities() []*crypto.Identity {
	var ids []*crypto.Identity
	for i := len(k.Epochs) - 1; i >= 0; i-- {
		if k.Epochs[i].Data != nil {
			ids = append(ids, k.Epochs[i].Data)
		}
	}
	return ids
}

// IndexIdentities returns what opens index objects: the data identities and
// the device's own.
func (k *Keyring) IndexIdentities() []*crypto.Identity {
	ids := k.DataIdentities()
	if k.Device != nil {
		ids = append(ids, k.Device.Identity)
	}
	return ids
}

// CanRead reports whether the keyring opens content.
func (k *Keyring) CanRead() bool { return len(k.DataIdentities()) > 0 }

// saved is the keyring's form in the state folder, where it lies as a secret
// file.
type saved struct {
	Version int          `json:"version"`
	Repo    string       `json:"repository"`
	Root    string       `json:"root"`
	Epochs  []savedEpoch `json:"epochs"`
	Device  savedDevice  `json:"device"`
}

type savedEpoch struct {
	Number uint64 `json:"number"`
	MAC    string `json:"mac"`
	Meta   string `json:"meta"`
	Data   string `json:"data,omitempty"`
}

type savedDevice struct {
	ID       string `json:"id"`
	Identity string `json:"identity"`
	Signing  string `json:"signing"`
	Secret   string `json:"secret"`
}

// Encode returns the keyring of a device as text. It is secret.
func (k *Keyring) Encode() []byte {
	s := saved{Version: 1, Repo: k.Repo.String(), Root: hex.EncodeToString(k.Root[:])}
	for _, e := range k.Epochs {
		p := savedEpoch{Number: e.Number, MAC: hex.EncodeToString(e.MAC[:]), Meta: e.Meta.String()}
		if e.Data != nil {
			p.Data = e.Data.String()
		}
		s.Epochs = append(s.Epochs, p)
	}
	d := k.Device
	s.Device = savedDevice{d.ID.String(), d.Identity.String(), hex.EncodeToString(d.Signing.Seed()), hex.EncodeToString(d.Secret[:])}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return append(b, '\n')
}

// DecodeKeyring reads what Encode wrote. Errors never quote a key.
func DecodeKeyring(b []byte) (*Keyring, error) {
	var s saved
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("read keys: not a key file of chatkeep")
	}
	if s.Version != 1 {
		return nil, fmt.Errorf("read keys: %w", format.ErrNewer)
	}
	k := &Keyring{Device: &DeviceKeys{}}
	var seed [32]byte
	var err error
	for _, f := range []struct {
		dst  []byte
		text string
	}{{k.Repo[:], s.Repo}, {k.Root[:], s.Root}, {k.Device.ID[:], s.Device.ID}, {seed[:], s.Device.Signing}, {k.Device.Secret[:], s.Device.Secret}} {
		if err := unhex(f.dst, f.text); err != nil {
			return nil, err
		}
	}
	if k.Device.Signing, err = crypto.SigningKeyFromSeed(seed[:]); err != nil {
		return nil, err
	}
	if k.Device.Identity, err = crypto.ParseIdentity(s.Device.Identity); err != nil {
		return nil, err
	}
	for _, p := range s.Epochs {
		e, err := p.keys()
		if err != nil {
			return nil, err
		}
		k.Epochs = append(k.Epochs, e)
	}
	return k, nil
}

func (p savedEpoch) keys() (e EpochKeys, err error) {
	e.Number = p.Number
	if err = unhex(e.MAC[:], p.MAC); err != nil {
		return e, err
	}
	if e.Meta, err = crypto.ParseIdentity(p.Meta); err != nil {
		return e, err
	}
	if p.Data != "" {
		e.Data, err = crypto.ParseIdentity(p.Data)
	}
	return e, err
}

func unhex(dst []byte, text string) error {
	if n, err := hex.DecodeString(text); err != nil || copy(dst, n) != len(dst) || len(n) != len(dst) {
		return fmt.Errorf("read keys: a value is damaged")
	}
	return nil
}

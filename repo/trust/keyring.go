package trust

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

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
func (d *DeviceKeys) Signer() Signer { return Signer{ID: d.ID, Key: d.Signing} }

// Keyring is what a process holds of a repository.
type Keyring struct {
	Repo   format.RepoID
	Root   crypto.VerifyKey // pinned: nothing on a remote can change it
	Epochs []EpochKeys      // ascending; of one number there may be several, which a fork left
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

// of returns the keys of the epoch that a roster seals to, or nil if they are
// not held.
func (k *Keyring) of(r *format.Roster) *EpochKeys {
	p := r.Current()
	for i := range k.Epochs {
		if e := &k.Epochs[i]; p != nil && e.Number == p.Number && e.Meta.Recipient().String() == p.Meta {
			return e
		}
	}
	return nil
}

// Holds reports whether the keyring has what a member needs for all epochs of
// a roster; for data too, if it is to read content.
func (k *Keyring) Holds(r *Roster, data bool) bool {
	for _, p := range r.Epochs {
		has := func(e EpochKeys) bool {
			return e.Number == p.Number && e.Meta.Recipient().String() == p.Meta && (e.Data != nil || !data)
		}
		if !slices.ContainsFunc(k.Epochs, has) {
			return false
		}
	}
	return true
}

func (e *EpochKeys) same(o *EpochKeys) bool {
	return e.Number == o.Number && e.MAC == o.MAC && e.Meta.String() == o.Meta.String()
}

// Add takes in what another keyring of the repository holds, and reports
// whether that was anything new. Nothing is ever replaced.
func (k *Keyring) Add(other *Keyring) (grew bool) {
	for _, o := range other.Epochs {
		i := slices.IndexFunc(k.Epochs, func(e EpochKeys) bool { return e.same(&o) })
		switch {
		case i < 0:
			k.Epochs, grew = append(k.Epochs, o), true
		case k.Epochs[i].Data == nil && o.Data != nil:
			k.Epochs[i].Data, grew = o.Data, true
		}
	}
	slices.SortStableFunc(k.Epochs, func(a, b EpochKeys) int { return cmp.Compare(a.Number, b.Number) })
	return grew
}

// ForgetData drops what reads content, and reports whether there was any.
func (k *Keyring) ForgetData() (dropped bool) {
	for i := range k.Epochs {
		dropped = dropped || k.Epochs[i].Data != nil
		k.Epochs[i].Data = nil
	}
	return dropped
}

// Copy returns a keyring that can grow by itself.
func (k *Keyring) Copy() *Keyring {
	c := *k
	c.Epochs = slices.Clone(k.Epochs)
	return &c
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
	s := saved{Version: 1, Repo: k.Repo.String(), Root: hex.EncodeToString(k.Root[:]), Device: k.Device.saved()}
	for _, e := range k.Epochs {
		p := savedEpoch{Number: e.Number, MAC: hex.EncodeToString(e.MAC[:]), Meta: e.Meta.String()}
		if e.Data != nil {
			p.Data = e.Data.String()
		}
		s.Epochs = append(s.Epochs, p)
	}
	return asText(s)
}

func (d *DeviceKeys) saved() savedDevice {
	return savedDevice{d.ID.String(), d.Identity.String(), hex.EncodeToString(d.Signing.Seed()), hex.EncodeToString(d.Secret[:])}
}

// Encode returns a device's own keys as text. It is secret.
func (d *DeviceKeys) Encode() []byte { return asText(d.saved()) }

func asText(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return append(b, '\n')
}

// DecodeKeyring reads what Encode wrote. Errors never quote a key.
func DecodeKeyring(b []byte) (*Keyring, error) {
	var s saved
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, errors.New("read keys: not a key file of chatkeep")
	}
	if s.Version != 1 {
		return nil, fmt.Errorf("read keys: %w", format.ErrNewer)
	}
	device, err := s.Device.keys()
	if err != nil {
		return nil, err
	}
	k := &Keyring{Device: device}
	if err := unhex(k.Repo[:], s.Repo); err != nil {
		return nil, err
	}
	if err := unhex(k.Root[:], s.Root); err != nil {
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

// DecodeDeviceKeys reads what DeviceKeys.Encode wrote. Errors never quote a
// key.
func DecodeDeviceKeys(b []byte) (*DeviceKeys, error) {
	var s savedDevice
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, errors.New("read keys: not the keys of a device")
	}
	return s.keys()
}

func (s savedDevice) keys() (*DeviceKeys, error) {
	d := &DeviceKeys{}
	var seed [32]byte
	var err error
	for _, f := range []struct {
		dst  []byte
		text string
	}{{d.ID[:], s.ID}, {seed[:], s.Signing}, {d.Secret[:], s.Secret}} {
		if err := unhex(f.dst, f.text); err != nil {
			return nil, err
		}
	}
	if d.Signing, err = crypto.SigningKeyFromSeed(seed[:]); err != nil {
		return nil, err
	}
	d.Identity, err = crypto.ParseIdentity(s.Identity)
	return d, err
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

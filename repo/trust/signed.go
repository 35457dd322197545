package trust

import (
	"errors"
	"fmt"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// member finds who signed a record and checks signature and tag. owner is the
// device the record says it is of; only that device may sign it.
func (k *Keyring) member(o *Opened, context string, owner format.DeviceID, roster *Roster) error {
	d := roster.Device(o.Signatures.Signer)
	if d == nil || o.Signatures.Signer != owner {
		return crypto.ErrForged
	}
	return o.verify(context, d.Verify, k)
}

// SealSnapshot signs s as this device and seals it to the roster's meta
// recipient.
func (k *Keyring) SealSnapshot(s *format.Snapshot, roster *Roster) (Object, error) {
	_, meta, err := roster.Recipients()
	if err != nil {
		return Object{}, err
	}
	sealed, err := k.sealAsDevice(format.ContextSnapshot, s.Encode(), roster, meta)
	if err != nil {
		return Object{}, err
	}
	return Object{format.Name{Kind: format.KindSnapshot, Device: s.Device, Seq: s.Seq, Digest: Digest(sealed)}, sealed}, nil
}

// OpenSnapshot opens a snapshot and proves that the device it names signed
// it. name is what the remote calls it; device and sequence must agree.
func (k *Keyring) OpenSnapshot(sealed []byte, name format.Name, roster *Roster) (*format.Snapshot, error) {
	o, err := OpenRecord(sealed, k.MetaIdentities()...)
	if err != nil {
		return nil, err
	}
	s, err := format.DecodeSnapshot(o.Body)
	if err != nil {
		return nil, err
	}
	if s.Repo != k.Repo {
		return nil, ErrOtherRoot
	}
	if s.Device != name.Device || s.Seq != name.Seq {
		return nil, fmt.Errorf("%w: it is snapshot %d of another place in the chain", crypto.ErrForged, s.Seq)
	}
	if err := k.member(o, format.ContextSnapshot, s.Device, roster); err != nil {
		return nil, err
	}
	d := roster.Device(s.Device)
	if d.Revoked && (d.Last == nil || s.Seq > d.Last.Seq) {
		return nil, ErrShutOut
	}
	if o.Signatures.Epoch < d.Since {
		return nil, fmt.Errorf("%w: authenticated with a key older than the device", crypto.ErrForged)
	}
	return s, nil
}

// ErrShutOut: a snapshot was made after its device had been shut out. It counts
// for nothing, and tells of no loss.
var ErrShutOut = errors.New("made after the device was shut out")

// SealIndex signs x as this device and seals it to the data recipient and the
// device itself.
func (k *Keyring) SealIndex(x *format.Index, roster *Roster) (Object, error) {
	data, _, err := roster.Recipients()
	if err != nil {
		return Object{}, err
	}
	sealed, err := k.sealAsDevice(format.ContextIndex, x.Encode(), roster, data, k.Device.Identity.Recipient())
	if err != nil {
		return Object{}, err
	}
	return Object{format.Name{Kind: format.KindIndex, Device: x.Device, Digest: Digest(sealed)}, sealed}, nil
}

// OpenIndex opens an index and proves that device signed it.
func (k *Keyring) OpenIndex(sealed []byte, device format.DeviceID, roster *Roster) (*format.Index, error) {
	o, err := OpenRecord(sealed, k.IndexIdentities()...)
	if err != nil {
		return nil, err
	}
	x, err := format.DecodeIndex(o.Body)
	if err != nil {
		return nil, err
	}
	if x.Repo != k.Repo {
		return nil, ErrOtherRoot
	}
	if x.Device != device {
		return nil, crypto.ErrForged
	}
	return x, k.member(o, format.ContextIndex, device, roster)
}

// SealSecret publishes this device's chunk secret to the readers.
func (k *Keyring) SealSecret(roster *Roster) (Object, error) {
	data, _, err := roster.Recipients()
	if err != nil {
		return Object{}, err
	}
	s := format.Secret{Repo: k.Repo, Device: k.Device.ID, Secret: k.Device.Secret}
	sealed, err := k.sealAsDevice(format.ContextSecret, s.Encode(), roster, data)
	if err != nil {
		return Object{}, err
	}
	return Object{format.Name{Kind: format.KindSecret, Device: s.Device, Digest: Digest(sealed)}, sealed}, nil
}

// OpenSecret opens a device's chunk secret and proves that it signed it.
func (k *Keyring) OpenSecret(sealed []byte, device format.DeviceID, roster *Roster) (crypto.Secret, error) {
	o, err := OpenRecord(sealed, k.DataIdentities()...)
	if err != nil {
		return crypto.Secret{}, err
	}
	s, err := format.DecodeSecret(o.Body)
	if err != nil {
		return crypto.Secret{}, err
	}
	if s.Repo != k.Repo {
		return crypto.Secret{}, ErrOtherRoot
	}
	if s.Device != device {
		return crypto.Secret{}, crypto.ErrForged
	}
	return s.Secret, k.member(o, format.ContextSecret, device, roster)
}

// SealStatement signs a device's statement as this device and seals it to the
// roster's meta recipient.
func (k *Keyring) SealStatement(s *format.Record, roster *Roster) (Object, error) {
	_, meta, err := roster.Recipients()
	if err != nil {
		return Object{}, err
	}
	sealed, err := k.sealAsDevice(format.ContextRecord, s.Encode(), roster, meta)
	if err != nil {
		return Object{}, err
	}
	return Object{format.Name{Kind: format.KindRecord, Device: s.Device, Seq: s.Seq, Digest: Digest(sealed)}, sealed}, nil
}

// OpenStatement opens a statement and proves that the device it names signed
// it. name is what the remote calls it; device and number must agree.
func (k *Keyring) OpenStatement(sealed []byte, name format.Name, roster *Roster) (*format.Record, error) {
	o, err := OpenRecord(sealed, k.MetaIdentities()...)
	if err != nil {
		return nil, err
	}
	s, err := format.DecodeRecord(o.Body)
	if err != nil {
		return nil, err
	}
	if s.Repo != k.Repo {
		return nil, ErrOtherRoot
	}
	if s.Device != name.Device || s.Seq != name.Seq {
		return nil, fmt.Errorf("%w: it is another statement, %d", crypto.ErrForged, s.Seq)
	}
	return s, k.member(o, format.ContextRecord, s.Device, roster)
}

func (k *Keyring) sealAsDevice(context string, body []byte, roster *Roster, to ...*crypto.Recipient) ([]byte, error) {
	epoch := k.of(&roster.Roster)
	if epoch == nil {
		return nil, ErrEpoch
	}
	return SealRecord(context, body, k.Device.Signer(), epoch, to...)
}

package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// grownFile holds the keys of a device whose own ones a credential store has,
// with those of later epochs, sealed to that device's identity: it says no more
// than its key file on the remote. Without them this device could not read what
// it remembers of a later epoch, and would take an older one for the newest.
const grownFile = "device.age"

// saveGrown writes the keys that have grown beyond those that are lent.
func (s *State) saveGrown(k *trust.Keyring) error {
	lent, err := trust.DecodeKeyring(s.lent)
	if err != nil {
		return err
	}
	var sealed bytes.Buffer
	w, err := crypto.Seal(&sealed, lent.Device.Identity.Recipient())
	if err != nil {
		return err
	}
	if _, err := w.Write(k.Encode()); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return localError(durable.WriteFile(s.path(grownFile), sealed.Bytes(), 0o600))
}

// loadGrown returns the keys that are lent, or what they have grown to. A file
// of another device or repository, as of a credential that was exchanged, is
// none.
func (s *State) loadGrown() (*trust.Keyring, error) {
	lent, err := trust.DecodeKeyring(s.lent)
	if err != nil {
		return nil, err
	}
	sealed, err := durable.ReadSecret(s.path(grownFile))
	if errors.Is(err, fs.ErrNotExist) {
		return lent, nil
	}
	if err != nil {
		return nil, err
	}
	text, err := crypto.OpenAll(sealed, lent.Device.Identity)
	if errors.Is(err, crypto.ErrNoMatch) {
		return lent, nil
	}
	var grown *trust.Keyring
	if err == nil {
		grown, err = trust.DecodeKeyring(text)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the keys in %s: %v", format.ErrMalformed, s.path(grownFile), err)
	}
	if grown.Repo != lent.Repo || grown.Device == nil || grown.Device.ID != lent.Device.ID {
		return lent, nil
	}
	return grown, nil
}

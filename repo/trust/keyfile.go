package trust

import (
	"errors"
	"fmt"
	"slices"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// SealKeyFile issues what holder may know, readable by holder alone. With
// data false the holder gets no data identity. roster is the one its signer
// believes.
func (k *Keyring) SealKeyFile(holder string, to *crypto.Recipient, data bool, roster format.Digest, time int64, signer Signer) (Object, error) {
	f := format.KeyFile{Repo: k.Repo, Holder: holder, Root: k.Root, Roster: roster, Time: time}
	for _, e := range k.Epochs {
		keys := format.EpochKeys{Number: e.Number, MAC: e.MAC, Meta: e.Meta.String()}
		if data && e.Data != nil {
			keys.Data = e.Data.String()
		}
		f.Epochs = append(f.Epochs, keys)
	}
	newest := &k.Epochs[len(k.Epochs)-1]
	sealed, err := SealRecord(format.ContextKeyFile, f.Encode(), signer, newest, to)
	if err != nil {
		return Object{}, err
	}
	return Object{format.Name{Kind: format.KindKeys, Holder: holder, Digest: Digest(sealed)}, sealed}, nil
}

// KeyFile is an opened key file. Until it is vouched for, nobody knows who
// wrote it.
type KeyFile struct {
	format.KeyFile
	ring   *Keyring
	opened *Opened
}

// OpenKeyFile opens a holder's key file with the holder's identity. The error
// is crypto.ErrNoMatch if the file is sealed to somebody else, and
// crypto.ErrForged if it was issued to another holder and sealed anew.
func OpenKeyFile(sealed []byte, holder string, id *crypto.Identity) (*KeyFile, error) {
	o, err := openMember(sealed, id)
	if err != nil {
		return nil, err
	}
	f, err := format.DecodeKeyFile(o.Body)
	if err != nil {
		return nil, err
	}
	if f.Holder != holder {
		return nil, crypto.ErrForged
	}
	ring := &Keyring{Repo: f.Repo, Root: f.Root}
	for _, e := range f.Epochs {
		keys := EpochKeys{Number: e.Number, MAC: e.MAC}
		if keys.Meta, err = crypto.ParseIdentity(e.Meta); err != nil {
			return nil, fmt.Errorf("%w: key file: %v", format.ErrMalformed, err)
		}
		if e.Data != "" {
			if keys.Data, err = crypto.ParseIdentity(e.Data); err != nil {
				return nil, fmt.Errorf("%w: key file: %v", format.ErrMalformed, err)
			}
		}
		ring.Epochs = append(ring.Epochs, keys)
	}
	if len(ring.Epochs) == 0 {
		return nil, fmt.Errorf("%w: key file without keys", format.ErrMalformed)
	}
	return &KeyFile{*f, ring, o}, nil
}

// ErrOtherRoot: a record belongs to a repository with another root.
var ErrOtherRoot = errors.New("belongs to another repository")

// SignedByRoot returns the keyring in a key file that root itself signed, or
// the reason not to trust it. root is derived from the recovery key or pinned,
// never read from a remote.
func (f *KeyFile) SignedByRoot(root crypto.VerifyKey) (*Keyring, error) {
	if f.ring.Root != root {
		return nil, ErrOtherRoot
	}
	if !f.ByRoot() {
		return nil, crypto.ErrForged
	}
	return f.ring, f.opened.verify(format.ContextKeyFile, root, f.ring)
}

// ByRoot reports whether the file claims to be signed by the root.
func (f *KeyFile) ByRoot() bool { return f.opened.Signatures.Signer.IsZero() }

// Claims returns the keyring in a key file nobody has vouched for yet. It
// serves to open the rosters by which Vouched can judge.
func (f *KeyFile) Claims() *Keyring { return f.ring }

// Vouched reports whether the root or a full device wrote the file, as the
// believed rosters know them. held is what its holder had before, nil for
// nothing: then the file must share a key with it, which no stranger could,
// even one that breaks signatures.
func (f *KeyFile) Vouched(held *Keyring, believed []*Roster) error {
	if err := f.Shares(held); err != nil {
		return err
	}
	signer := f.opened.Signatures.Signer
	err := crypto.ErrForged
	for _, r := range believed {
		key := crypto.VerifyKey(r.Root)
		if !signer.IsZero() {
			d := r.Device(signer)
			if d == nil || d.Revoked || d.Role != format.Full {
				continue
			}
			key = d.Verify
		}
		if err = f.opened.verify(format.ContextKeyFile, key, f.ring); err == nil {
			return nil
		}
	}
	return err
}

// Proven returns those keys of the file that believed rosters bear out: they
// describe the epoch with these recipients, and the tag of the first of them in
// it is by its MAC key. Whoever wrote the file, these are the keys that all
// others have. wrong reports keys that a roster contradicts. Keys that none
// describes yet may come to count.
func (f *KeyFile) Proven(believed []*Roster, tip *Roster) (proven *Keyring, wrong bool) {
	proven = &Keyring{Repo: f.ring.Repo, Root: f.ring.Root}
	outdated := tip != nil && f.Outdated(tip)
	for _, e := range f.ring.Epochs {
		described, fits, tagged, holds := e.against(believed)
		switch {
		case !described:
		case !fits || tagged && !holds:
			wrong = true
		case tagged || !outdated:
			proven.Epochs = append(proven.Epochs, e)
		}
	}
	return proven, wrong && !outdated
}

// against holds the keys of an epoch against rosters: whether one describes the
// epoch, the data identity fits that, one is tagged in it, and the first of those
// by this key.
func (e *EpochKeys) against(rosters []*Roster) (described, fits, tagged, holds bool) {
	meta, first := e.Meta.Recipient().String(), uint64(0)
	for _, r := range rosters {
		for _, p := range r.Epochs {
			if p.Number == e.Number && p.Meta == meta {
				described = true
				fits = e.Data == nil || e.Data.Recipient().String() == p.Data
			}
		}
		if p := r.Current(); p == nil || p.Number != e.Number || p.Meta != meta || tagged && r.Version > first {
			continue
		}
		by := e.MAC.Verify(format.ContextRoster, r.opened.Body, r.opened.Signatures.HMAC) == nil
		holds = by || tagged && holds && r.Version == first
		tagged, first = true, r.Version
	}
	return described, fits, tagged, holds
}

// Outdated reports whether the device that wrote the file was shut out since.
func (f *KeyFile) Outdated(tip *Roster) bool {
	d := tip.Device(f.opened.Signatures.Signer)
	return d != nil && d.Revoked
}

// Shares returns an error if the file has none of the keys that its holder had
// before, nil for nothing.
func (f *KeyFile) Shares(held *Keyring) error {
	if held == nil || f.Repo == held.Repo && slices.ContainsFunc(f.ring.Epochs, func(e EpochKeys) bool {
		return slices.ContainsFunc(held.Epochs, func(h EpochKeys) bool { return e.same(&h) })
	}) {
		return nil
	}
	return fmt.Errorf("%w: it knows none of the keys that are held", crypto.ErrForged)
}

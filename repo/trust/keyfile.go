package trust

import (
	"errors"
	"fmt"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// SealKeyFile issues what holder may know, readable by holder alone. With
// data false the holder gets no data identity.
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

// KeyFile is an opened key file. Until Verify, nobody vouches for it.
type KeyFile struct {
	format.KeyFile
	ring   *Keyring
	opened *Opened
}

// OpenKeyFile opens a holder's key file with the holder's identity. The error
// is crypto.ErrNoMatch if the file is sealed to somebody else, and
// crypto.ErrForged if it was issued to another holder and sealed anew.
func OpenKeyFile(sealed []byte, holder string, id *crypto.Identity) (*KeyFile, error) {
	o, err := OpenRecord(sealed, id)
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
			return nil, err
		}
		if e.Data != "" {
			if keys.Data, err = crypto.ParseIdentity(e.Data); err != nil {
				return nil, err
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
	if !f.opened.Signatures.Signer.IsZero() {
		return nil, crypto.ErrForged
	}
	return f.ring, f.opened.verify(format.ContextKeyFile, root, f.ring)
}

// SignedByMember returns the keyring in a key file that a full device of a
// trusted roster signed.
func (f *KeyFile) SignedByMember(root crypto.VerifyKey, roster *Roster) (*Keyring, error) {
	if f.ring.Root != root {
		return nil, ErrOtherRoot
	}
	d := roster.Device(f.opened.Signatures.Signer)
	if d == nil || d.Role != format.Full || d.Revoked {
		return nil, crypto.ErrForged
	}
	return f.ring, f.opened.verify(format.ContextKeyFile, d.Verify, f.ring)
}

// ByRoot reports whether the file claims to be signed by the root.
func (f *KeyFile) ByRoot() bool { return f.opened.Signatures.Signer.IsZero() }

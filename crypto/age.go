package crypto

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// Errors of opening and of parsing keys. No error of this package ever
// contains key material.
var (
	// ErrNoMatch: none of the identities opens the file.
	ErrNoMatch = errors.New("identity did not match any of the recipients")
	// ErrWeakKey: a key that is no post-quantum hybrid one, and so would break
	// the promise for everything sealed beside it.
	ErrWeakKey = errors.New("not a post-quantum age key (AGE-SECRET-KEY-PQ-1…)")
	// ErrBroken: the file is truncated, altered or no age file at all.
	ErrBroken = errors.New("not an intact age file")
)

// Identity opens what was sealed to its Recipient.
type Identity struct{ age *age.HybridIdentity }

// Recipient is the public half of an Identity: it only seals.
type Recipient struct{ age *age.HybridRecipient }

// GenerateIdentity makes a new hybrid identity from the system's randomness.
func GenerateIdentity() (*Identity, error) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, fmt.Errorf("generate identity: %w", err)
	}
	return &Identity{id}, nil
}

// ParseIdentity reads the 77-character text form. Surrounding space is
// ignored. Any other kind of age key gives ErrWeakKey.
func ParseIdentity(s string) (*Identity, error) {
	id, err := age.ParseHybridIdentity(strings.TrimSpace(s))
	if err != nil {
		return nil, ErrWeakKey // the cause could quote the key
	}
	return &Identity{id}, nil
}

// String returns the secret as text. It must never reach a log or an error.
func (i *Identity) String() string { return i.age.String() }

// Recipient returns the public half.
func (i *Identity) Recipient() *Recipient { return &Recipient{i.age.Recipient()} }

// ParseRecipient reads an "age1pq1…" recipient; any other kind gives
// ErrWeakKey.
func ParseRecipient(s string) (*Recipient, error) {
	r, err := age.ParseHybridRecipient(s)
	if err != nil {
		return nil, ErrWeakKey
	}
	return &Recipient{r}, nil
}

// String returns the recipient as text.
func (r *Recipient) String() string { return r.age.String() }

// Seal returns a writer that encrypts to dst so that any one of the
// recipients can open it. The file is complete only after Close, which does
// not close dst.
func Seal(dst io.Writer, to ...*Recipient) (io.WriteCloser, error) {
	recipients := make([]age.Recipient, len(to))
	for i, r := range to {
		recipients[i] = r.age
	}
	w, err := age.Encrypt(dst, recipients...)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return w, nil
}

// matchError tells a wrong key from a broken file.
func matchError(err error) error {
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) || errors.Is(err, age.ErrIncorrectIdentity) {
		return ErrNoMatch
	}
	return fmt.Errorf("%w: %v", ErrBroken, err)
}

func ageIdentities(ids []*Identity) []age.Identity {
	list := make([]age.Identity, len(ids))
	for i, id := range ids {
		list[i] = id.age
	}
	return list
}

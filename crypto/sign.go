package crypto

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// ErrForged: a signature or authentication tag does not fit the bytes.
var ErrForged = errors.New("signature does not match")

// SigningKey signs records as one device, or as the root. Its seed is secret.
type SigningKey struct{ key ed25519.PrivateKey }

// VerifyKey is the public half of a SigningKey.
type VerifyKey [ed25519.PublicKeySize]byte

// MACKey authenticates records among the members of a repository: it keeps
// out a provider that can break signatures, while signatures tell members
// apart.
type MACKey [32]byte

// GenerateSigningKey makes a new key from the system's randomness.
func GenerateSigningKey() (*SigningKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate signing key: %w", err)
	}
	return &SigningKey{key}, nil
}

// SigningKeyFromSeed restores a key from its 32-byte seed.
func SigningKeyFromSeed(seed []byte) (*SigningKey, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, errors.New("signing key: seed is not 32 bytes")
	}
	return &SigningKey{ed25519.NewKeyFromSeed(seed)}, nil
}

// Seed returns the secret 32 bytes.
func (k *SigningKey) Seed() []byte { return k.key.Seed() }

// Public returns the key that verifies.
func (k *SigningKey) Public() VerifyKey {
	return VerifyKey(k.key.Public().(ed25519.PublicKey))
}

// RootKey derives the repository's root signing key from the recovery
// identity, so that its 77 characters prove as well as open everything.
func RootKey(recovery *Identity) (*SigningKey, error) {
	seed, err := hkdf.Key(sha256.New, []byte(recovery.String()), nil, "chatkeep root v1", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	return SigningKeyFromSeed(seed)
}

// Sign signs message for one purpose, named by context, which contains no
// zero byte.
func (k *SigningKey) Sign(context string, message []byte) []byte {
	return ed25519.Sign(k.key, inContext(context, message))
}

// Verify returns ErrForged unless signature is k's over message for context.
func (k VerifyKey) Verify(context string, message, signature []byte) error {
	if !ed25519.Verify(k[:], inContext(context, message), signature) {
		return ErrForged
	}
	return nil
}

// Sum returns the 32-byte tag of message for context.
func (k MACKey) Sum(context string, message []byte) []byte {
	h := hmac.New(sha256.New, k[:])
	h.Write(inContext(context, message))
	return h.Sum(nil)
}

// Verify returns ErrForged unless tag is k's over message for context.
func (k MACKey) Verify(context string, message, tag []byte) error {
	if !hmac.Equal(k.Sum(context, message), tag) {
		return ErrForged
	}
	return nil
}

// GenerateMACKey makes a new key from the system's randomness.
func GenerateMACKey() MACKey { return Random32() }

// Random32 returns 32 bytes of the system's randomness.
func Random32() (b [32]byte) {
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return b
}

func inContext(context string, message []byte) []byte {
	b := make([]byte, 0, len(context)+1+len(message))
	b = append(b, context...)
	b = append(b, 0)
	return append(b, message...)
}

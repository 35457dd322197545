package crypto

import (
	"crypto/hkdf"
	"crypto/sha256"

	"github.com/zeebo/blake3"
)

// Secret is a device's 32-byte chunk secret. From it come the two keys that
// say how the device names and cuts its chunks.
type Secret [32]byte

// IDKey returns the key of the device's chunk ids.
func (s Secret) IDKey() [32]byte { return s.derive("chatkeep chunk id v1") }

// CutKey returns the key that decides where files are cut.
func (s Secret) CutKey() [32]byte { return s.derive("chatkeep cut v1") }

func (s Secret) derive(context string) [32]byte {
	key, err := hkdf.Key(sha256.New, s[:], nil, context, 32)
	if err != nil {
		panic(err) // only for lengths that SHA-256 can't give
	}
	return [32]byte(key)
}

// Namer computes chunk ids. It is not for concurrent use; each worker has its
// own.
type Namer struct{ h *blake3.Hasher }

// NewNamer returns a Namer for an id key.
func NewNamer(key [32]byte) *Namer {
	h, err := blake3.NewKeyed(key[:])
	if err != nil {
		panic(err) // only for keys that are not 32 bytes
	}
	return &Namer{h}
}

// ID returns the chunk id of data: keyed BLAKE3, 32 bytes. It stays collision
// resistant even towards someone who knows the key.
func (n *Namer) ID(data []byte) (id [32]byte) {
	n.h.Reset()
	n.h.Write(data)
	n.h.Sum(id[:0])
	return id
}

package crypto

import "crypto/sha256"

// Fingerprint is 88 bits of a hash, few enough that people compare it as eight
// words of 2,048. Nobody can make other bytes that have it without some 2⁸⁸
// tries.
type Fingerprint [11]byte

// FingerprintOf returns the fingerprint of message for one purpose, named by
// context, which contains no zero byte.
func FingerprintOf(context string, message []byte) Fingerprint {
	h := sha256.Sum256(inContext(context, message))
	return Fingerprint(h[:11])
}

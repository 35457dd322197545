// Package crypto holds all of chatkeep's cryptography: age files, signatures,
// message authentication, key derivation and chunk ids. Nothing else, so that
// it can be audited in one sitting.
//
// Every primitive comes from a library: age's hybrid post-quantum recipients
// (ML-KEM-768 with X25519), Ed25519, HMAC-SHA256, HKDF-SHA256 and keyed
// BLAKE3. What is decided here is only which one serves what, and under which
// context string. The package knows nothing of files, remotes or records; to
// it, everything is bytes.
package crypto

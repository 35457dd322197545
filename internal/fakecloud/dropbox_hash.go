package fakecloud

import (
	"crypto/sha256"
	"encoding/hex"
)

const dropboxBlock = 4 << 20

// dropboxHash is Dropbox's content_hash: the SHA-256 of the SHA-256s of the
// blocks of 4 MiB.
func dropboxHash(data []byte) string {
	var sums []byte
	for len(data) > 0 {
		n := min(len(data), dropboxBlock)
		sum := sha256.Sum256(data[:n])
		sums, data = append(sums, sum[:]...), data[n:]
	}
	sum := sha256.Sum256(sums)
	return hex.EncodeToString(sum[:])
}

//go:build race

package snapshot

// racing: the race detector is on, which makes everything ten times slower.
const racing = true

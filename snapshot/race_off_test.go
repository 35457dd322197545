//go:build !race

package snapshot

// racing: the race detector is off.
const racing = false

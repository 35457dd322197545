//go:build !race

package snapshot

// racing: the race detector is off, and every step of long series is taken.
const (
	racing     = false
	raceStride = 1
)

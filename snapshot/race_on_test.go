//go:build race

package snapshot

// racing: the race detector is on, which makes everything ten times slower. Of
// long series every third step is taken; all are without it.
const (
	racing     = true
	raceStride = 3
)

package livedb

import "encoding/binary"

// indexSize is how much of the -shm is read: the wal-index header up to the
// lock bytes, which can't be read everywhere.
const indexSize = 120

// walIndex is a valid wal-index header: what the app's connections agree on.
type walIndex struct {
	frames uint32 // mxFrame: frames up to the last commit
	pages  uint32 // of the database
	salt   [8]byte
}

// parseIndex reads a wal-index header. It is not one while a writer is
// changing it, or if the last writer died on the way: then the two copies
// differ.
func parseIndex(p []byte) (walIndex, bool) {
	const size = 48
	order := binary.NativeEndian
	if len(p) < 2*size || string(p[:size]) != string(p[size:2*size]) {
		return walIndex{}, false
	}
	// The checksum of the header is in this computer's own byte order.
	native := order.Uint16([]byte{1, 0}) != 1
	got := sum{}.add(p[:40], native)
	if order.Uint32(p) != walVersion || p[12] == 0 || order.Uint32(p[40:]) != got[0] || order.Uint32(p[44:]) != got[1] {
		return walIndex{}, false
	}
	return walIndex{order.Uint32(p[16:]), order.Uint32(p[20:]), [8]byte(p[32:40])}, true
}

package providers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
)

// LocalFile is a Source that is a file on this computer. Its Open returns an
// *os.File, so that a provider can let the kernel copy. It is never written to
// again, so that a folder on the same disk can take it as it is, under a
// second name; but for that and its mode, it is neither changed nor moved, and
// the caller removes it.
type LocalFile interface {
	Source
	LocalPath() string
}

// FileSource is a file of the given size and checksums. Open fails if the
// file no longer has that size.
func FileSource(path string, size int64, sums map[Algorithm]string) Source {
	return &fileSource{path, size, sums}
}

type fileSource struct {
	path string
	size int64
	sums map[Algorithm]string
}

var _ LocalFile = (*fileSource)(nil)

func (s *fileSource) Size() int64                { return s.size }
func (s *fileSource) Sums() map[Algorithm]string { return s.sums }
func (s *fileSource) LocalPath() string          { return s.path }

func (s *fileSource) Open() (io.ReadCloser, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != s.size {
		err = fmt.Errorf("%s has %d bytes, expected %d", s.path, info.Size(), s.size)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// BytesSource is an object in memory. Its SHA-256 is computed here; b must not
// change while the source is in use.
func BytesSource(b []byte) Source {
	sum := sha256.Sum256(b)
	return &bytesSource{b, map[Algorithm]string{SHA256: hex.EncodeToString(sum[:])}}
}

type bytesSource struct {
	bytes []byte
	sums  map[Algorithm]string
}

func (s *bytesSource) Size() int64                { return int64(len(s.bytes)) }
func (s *bytesSource) Sums() map[Algorithm]string { return s.sums }

func (s *bytesSource) Open() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(s.bytes)), nil
}

// Confirm marks what a service says it stored as verified if a checksum of it
// is the source's.
func (i *Info) Confirm(src Source) {
	for alg, sum := range src.Sums() {
		i.Verified = i.Verified || sum != "" && strings.EqualFold(i.Sums[alg], sum)
	}
}

package livedb

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"syscall"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// codeDiskFull is attached when the folder for temporary files is full.
const codeDiskFull hint.Code = "disk_full_local"

// tempFile is a file without a name where the system has such a thing. Closing
// it is the end of it.
type tempFile struct {
	*os.File
	path string // "" once it has no name
}

func newTemp(dir string) (*tempFile, error) {
	f, err := os.CreateTemp(dir, "livedb-")
	if err != nil {
		return nil, temporary(err)
	}
	t := &tempFile{f, f.Name()}
	if os.Remove(t.path) == nil {
		t.path = ""
	}
	return t, nil
}

// WriteAt is os.File's, with a hint for a full disk.
func (t *tempFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := t.File.WriteAt(p, off)
	return n, temporary(err)
}

func (t *tempFile) Close() error {
	err := t.File.Close()
	if t.path != "" {
		os.Remove(t.path)
	}
	return err
}

// content reads the file from its start. Closing that is the end of the file.
func (t *tempFile) content() io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(t, 0, math.MaxInt64), t}
}

// temporary says that an error is not about the database.
func temporary(err error) error {
	if err == nil {
		return nil
	}
	return full(fmt.Errorf("temporary file: %w", err))
}

// full attaches a hint to an error that says that there is no space left.
func full(err error) error {
	const windowsDiskFull = syscall.Errno(112)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, windowsDiskFull) {
		return hint.New(codeDiskFull, err)
	}
	return err
}

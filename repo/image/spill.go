package image

import (
	"fmt"
	"os"
)

// spill is a temporary file without a name.
type spill struct {
	*os.File
	named bool // the system can't remove an open file
}

func newSpill(dir string) (*spill, error) {
	f, err := os.CreateTemp(dir, "image-")
	if err != nil {
		return nil, fmt.Errorf("make temporary file: %w", err)
	}
	return &spill{f, os.Remove(f.Name()) != nil}, nil
}

// Close gives the space back.
func (s *spill) Close() error {
	err := s.File.Close()
	if s.named {
		os.Remove(s.Name())
	}
	return err
}

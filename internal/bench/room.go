package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shirou/gopsutil/v4/disk"
)

// makeRoom makes the folder to work in, and makes sure that all of it fits.
func (o *options) makeRoom() (remove func() error, err error) {
	if o.dir == "" {
		o.dir, err = os.MkdirTemp("", "chatkeep-bench-")
	} else {
		o.dir, err = emptyDir(o.dir)
	}
	if err != nil {
		return nil, err
	}
	remove = func() error {
		if o.keep {
			return nil
		}
		return removeAll(o.dir)
	}
	if err := o.checkSpace(); err != nil {
		return nil, errors.Join(err, remove())
	}
	return remove, nil
}

func (o *options) checkSpace() error {
	usage, err := disk.Usage(o.dir)
	if err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	need := o.need()
	if usage.Free < need {
		return fmt.Errorf("work in %s: about %s are needed, %s are free; use --dir or a smaller --scale",
			o.dir, size(int64(need)), size(int64(usage.Free)))
	}
	return nil
}

// need is about how many bytes a run takes on the disk: the chats, the
// repositories, and what is restored as these go.
func (o *options) need() uint64 {
	trees := uint64(9)
	switch {
	case o.databases && o.keep:
		return 45*uint64(o.databaseSize) + 500e6
	case o.databases:
		return 13*uint64(o.databaseSize) + 500e6
	case o.cloud && !o.keep:
		trees = 6 // what clouds hold is in memory
	case o.profile != "":
		trees = 3
	case o.keep:
		trees = 12
	}
	chats := uint64(max(o.chats.Bytes, 100e6))
	return trees*chats + chats/10 + 500e6
}

func emptyDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	list, err := os.ReadDir(dir)
	if err == nil && len(list) > 0 {
		err = fmt.Errorf("folder %s is not empty", dir)
	}
	return dir, err
}

// removeAll removes a tree, folders that nobody may write among it.
func removeAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(p, 0o700)
		}
		return nil
	})
	return errors.Join(err, os.RemoveAll(dir))
}

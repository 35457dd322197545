package cloud

import (
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/chatkeep/chatkeep/internal/durable"
)

// disk is the folder of this computer where a remote lies. It makes what was
// written there survive a crash. A nil disk does nothing, for remotes that
// are elsewhere.
type disk struct {
	root string
	// syncFile and syncFolder are the steps, which a test watches.
	syncFile, syncFolder func(path string) error

	mu      sync.Mutex
	settled map[string]bool // folders whose names, up to the root directory, are synced
}

func newDisk(root string) *disk {
	return &disk{
		root:       root,
		syncFile:   syncFile,
		syncFolder: durable.SyncDir,
		settled:    map[string]bool{standing(root): true},
	}
}

// standing returns path, or the nearest folder above it that exists.
func standing(path string) string {
	for path != filepath.Dir(path) {
		if _, err := os.Stat(path); !errors.Is(err, iofs.ErrNotExist) {
			break
		}
		path = filepath.Dir(path)
	}
	return path
}

func syncFile(path string) error {
	f, err := os.Open(path) // a file that is only open for reading can be synced
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// keepFile brings a file's bytes to the disk.
func (d *disk) keepFile(name string) error {
	if d == nil {
		return nil
	}
	return d.syncFile(filepath.Join(d.root, name))
}

// keepName brings a file's name to the disk, and the names of the folders
// above it that this remote did not find at first.
func (d *disk) keepName(name string) error {
	if d == nil {
		return nil
	}
	folder := filepath.Dir(filepath.Join(d.root, name))
	if err := d.syncFolder(folder); err != nil {
		return err
	}
	return d.settle(folder)
}

// keepFolder brings a folder's name, and those above it, to the disk.
func (d *disk) keepFolder(name string) error {
	if d == nil {
		return nil
	}
	return d.settle(filepath.Join(d.root, name))
}

// settle syncs the names of a folder and of those above it, from the top, so
// that a concurrent call never takes a folder for settled too early.
func (d *disk) settle(folder string) error {
	d.mu.Lock()
	done := d.settled[folder]
	d.mu.Unlock()
	parent := filepath.Dir(folder)
	if done || parent == folder {
		return nil
	}
	if err := d.settle(parent); err != nil {
		return err
	}
	if err := d.syncFolder(parent); err != nil {
		return err
	}
	d.mu.Lock()
	d.settled[folder] = true
	d.mu.Unlock()
	return nil
}

// readable returns why a folder can't be listed. rclone's local backend only
// logs that, and passes the folder off as empty.
func (d *disk) readable(folder string) error {
	if d == nil {
		return nil
	}
	path := filepath.Join(d.root, folder)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	f.Close()
	_, err = os.Stat(path + "/.") // may its entries be looked at, too?
	return err
}

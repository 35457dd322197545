package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/chatkeep/chatkeep/internal/durable"
)

// A pull that was killed leaves files that are not whole yet. They have a name
// that no other pull folder gives, and are removed by the next pull: it knows of
// them by a mark that stays until a pull ends by itself.

const busyFile = "busy"

func (p *PullFolder) beBusy() error {
	if err := durable.WriteFile(p.memory(busyFile), []byte("1\n"), 0o600); err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	return nil
}

// wasBusy reports whether a pull has begun that did not come to its end. The
// times of folders may be wrong then, too.
func (p *PullFolder) wasBusy() bool {
	_, err := os.Lstat(p.memory(busyFile))
	return err == nil
}

// idle takes the mark away.
func (p *PullFolder) idle() error {
	err := os.Remove(p.memory(busyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// tempName is a name beside a file for what is not whole yet.
func (p *PullFolder) tempName(full string) string {
	name := tempName(full)
	return strings.TrimSuffix(name, tempSuffix) + "." + p.mem.Tag + tempSuffix
}

func (p *PullFolder) isTemp(name string) bool {
	return strings.HasPrefix(name, ".") && strings.HasSuffix(name, "."+p.mem.Tag+tempSuffix)
}

// sweep removes what a killed pull left in a device's folder and in the memory.
// Symlinks are not followed.
func (p *PullFolder) sweep(dir *os.Root) error {
	if !p.wasBusy() {
		return nil
	}
	err := fs.WalkDir(dir.FS(), ".", func(full string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !p.isTemp(path.Base(full)) {
			return nil // what can't be read has nothing of ours
		}
		return dir.Remove(full)
	})
	if err != nil {
		return fmt.Errorf("pull: remove what is left of an earlier one: %w", err)
	}
	return nil
}

// sweepTemp removes what a killed pull left in the memory.
func (p *PullFolder) sweepTemp() error {
	list, err := os.ReadDir(p.memory("tmp"))
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	for _, e := range list {
		if err := os.RemoveAll(p.memory("tmp", e.Name())); err != nil {
			return fmt.Errorf("pull: %w", err)
		}
	}
	return nil
}

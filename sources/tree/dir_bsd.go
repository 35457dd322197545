//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package tree

import (
	"os"

	"github.com/chatkeep/chatkeep/sources"
)

const oNoATime = 0 // not known here

func (d *dir) names() ([]string, error) {
	again, err := openat(d.fd, ".", dirFlags)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(again), "folder")
	defer f.Close()
	return f.Readdirnames(-1)
}

func openBelow(top int, path string, flags int) (int, error) { return stepwise(top, path, flags) }

func adviseSequential(int) {}

func (d *dir) xattrs(e sources.Entry) ([]sources.XAttr, error) { return d.xattrsByFile(e) }

package profile

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// maxOpenFiles bounds how many of one program's files are looked at.
const maxOpenFiles = 10_000

// openFiles returns the names of the files that the user's own running
// programs called name have open. Only links are read: nothing of what a
// program holds in memory or was started with.
func (h *Host) openFiles(name string) []string {
	list, err := os.ReadDir(h.Proc)
	if err != nil {
		return nil
	}
	var found []string
	for _, entry := range list {
		if _, err := strconv.Atoi(entry.Name()); err != nil {
			continue
		}
		dir := filepath.Join(h.Proc, entry.Name())
		if !h.isMine(dir) || programName(dir) != name {
			continue
		}
		found = append(found, linksIn(filepath.Join(dir, "fd"))...)
	}
	return found
}

func (h *Host) isMine(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == h.UID
}

// programName is the name of the file that runs, also after an update replaced
// it.
func programName(dir string) string {
	exe, err := os.Readlink(filepath.Join(dir, "exe"))
	if err != nil {
		return ""
	}
	return filepath.Base(strings.TrimSuffix(exe, " (deleted)"))
}

func linksIn(dir string) []string {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(maxOpenFiles) // what was read before an error will do
	var found []string
	for _, name := range names {
		if target, err := os.Readlink(filepath.Join(dir, name)); err == nil && filepath.IsAbs(target) {
			found = append(found, target)
		}
	}
	return found
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// addName puts a name into a list of the configuration: see [config.AddName].
func (a *app) addName(path, name string) error { return a.changeConfig(path, name, config.AddName) }

// removeName takes a name out of a list of the configuration.
func (a *app) removeName(path, name string) error {
	return a.changeConfig(path, name, config.RemoveName)
}

// changeConfig changes one list in the file that the user wrote. Mode and owner
// stay; of a symlink the file that it names is replaced.
func (a *app) changeConfig(path, name string, edit func(string, []byte, string, string) ([]byte, error)) error {
	file := config.Locate(a.config, a.getenv)
	before, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return hint.New(config.CodeMissing, fmt.Errorf("change configuration: %w", err), "path", file)
	}
	if err != nil {
		return fmt.Errorf("change configuration: %w", err)
	}
	after, err := edit(file, before, path, name)
	if err != nil || bytes.Equal(before, after) {
		return err
	}
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		return fmt.Errorf("change configuration: %w", err)
	}
	info, err := os.Stat(target)
	if err != nil {
		return fmt.Errorf("change configuration: %w", err)
	}
	if now, err := os.ReadFile(target); err != nil || !bytes.Equal(now, before) {
		return errors.Join(fmt.Errorf("change configuration %s: another program is changing it", target), err)
	}
	if err := durable.WriteFile(target, after, info.Mode().Perm()); err != nil {
		return err
	}
	return errors.Join(os.Chmod(target, info.Mode().Perm()), keepOwner(target, info)) // whatever the umask, and for whoever it was
}

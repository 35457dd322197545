package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// Hints attached by the functions for secrets.
const (
	CodePermissions hint.Code = "key_permissions" // path, command: what sets it right
	CodeExists      hint.Code = "exists"          // path
)

// maxSecret bounds ReadSecret, which may be pointed at any file: no key or
// token comes near it.
const maxSecret = 1 << 20

// ReadSecret returns the content of a file that only its owner can read or
// write. On Unix it refuses a file that group or others can read or write,
// with the hint key_permissions; on Windows the folder's access list decides
// and nothing is checked. More than 1 MiB is refused too. The error for a
// missing file wraps [fs.ErrNotExist].
func ReadSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	defer f.Close()
	info, err := f.Stat() // fstat(2): of the file we read, not of the name
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	if open := sharedBits(info.Mode()); open != 0 {
		err := fmt.Errorf("read secret %s: permissions %#o let other users in", path, info.Mode().Perm())
		return nil, hint.New(CodePermissions, err, "path", path, "command", "chmod 600 "+quote(path))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	if len(data) > maxSecret {
		return nil, fmt.Errorf("read secret %s: larger than %d bytes, which no key is", path, maxSecret)
	}
	return data, nil
}

// WriteSecret writes a new file that only its owner can read or write, in a
// folder that it creates, if missing, for the owner alone. It never
// overwrites: if path exists the error wraps [fs.ErrExist] with the hint
// exists. Otherwise it keeps the promises of [WriteFile].
func WriteSecret(path string, data []byte) error {
	err := writeSecret(path, data, renameNew)
	if errors.Is(err, fs.ErrExist) {
		return hint.New(CodeExists, err, "path", path)
	}
	return err
}

// ReplaceSecret is [WriteSecret] that overwrites. The file ends up with the
// permissions of a new one, whatever it had before.
func ReplaceSecret(path string, data []byte) error {
	return writeSecret(path, data, rename)
}

func writeSecret(path string, data []byte, name naming) error {
	if err := MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return write(path, data, 0o600, name)
}

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"

	"github.com/chatkeep/chatkeep/config"
)

// remoteHome is the folder where a remote keeps what it must remember between
// runs, such as its sign-in. Two places never share one. It need not exist.
func remoteHome(where config.Remote) (string, error) { return remoteHomeIn(os.Getenv, where) }

func remoteHomeIn(getenv func(string) string, where config.Remote) (string, error) {
	state, err := config.StateDir(getenv)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(where.String()))
	return filepath.Join(state, "remotes", string(where.Type)+"-"+hex.EncodeToString(sum[:])[:12]), nil
}

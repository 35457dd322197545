package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/chatkeep/chatkeep/repo"
)

// deviceCredential is what systemd's credential store calls this device's keys:
// the text of device.json, which then need not lie in the state folder.
const deviceCredential = "chatkeep-device"

// keyCredential is where the credential store keeps this device's keys, empty
// if it doesn't.
func (a *app) keyCredential() string {
	store := a.getenv("CREDENTIALS_DIRECTORY")
	if store == "" {
		return ""
	}
	path := filepath.Join(store, deviceCredential)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// openState opens the state folder, with the keys that the credential store
// holds, if it holds any.
func (a *app) openState(dir string) (*repo.State, error) {
	state, err := repo.OpenState(dir, nil)
	if err != nil {
		return nil, err
	}
	return a.lendKeys(state)
}

func (a *app) lendKeys(state *repo.State) (*repo.State, error) {
	if a.keyCredential() == "" {
		return state, nil
	}
	text, err := readCredential(deviceCredential)
	if err != nil {
		return nil, errors.Join(err, state.Close())
	}
	state.UseKeys(text)
	return state, nil
}

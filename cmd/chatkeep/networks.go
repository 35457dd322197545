package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// networkBook is which connections the names of networks stand for. It lies in
// the state folder, since another computer's connections are others.
type networkBook struct {
	Networks []knownNetwork `json:"networks"`
	path     string
}

// knownNetwork is a name, and the UUIDs that NetworkManager gave its
// connections: a home may have a Wi-Fi and a cable.
type knownNetwork struct {
	Name  string   `json:"name"`
	UUIDs []string `json:"uuids"`
}

// networks reads the book; it is empty if there is none.
func (a *app) networks() (*networkBook, error) {
	state, err := config.StateDir(a.getenv)
	if err != nil {
		return nil, err
	}
	b := &networkBook{path: filepath.Join(state, "networks.json")}
	data, err := os.ReadFile(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err == nil {
		err = json.Unmarshal(data, b)
	}
	if err != nil {
		return nil, hint.New("networks_file", fmt.Errorf("read trusted networks: %w", err), "path", b.path)
	}
	return b, nil
}

// save writes the book, which says where its user is at home, for its owner
// alone.
func (b *networkBook) save() error {
	data, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(filepath.Dir(b.path), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(b.path, append(data, '\n'), 0o600)
}

// named returns the network of that name, or nil.
func (b *networkBook) named(name string) *knownNetwork {
	for i := range b.Networks {
		if b.Networks[i].Name == name {
			return &b.Networks[i]
		}
	}
	return nil
}

// with returns the network that a connection belongs to, or nil.
func (b *networkBook) with(uuid string) *knownNetwork {
	for i := range b.Networks {
		if slices.Contains(b.Networks[i].UUIDs, uuid) {
			return &b.Networks[i]
		}
	}
	return nil
}

// add notes a connection under a name.
func (b *networkBook) add(name, uuid string) {
	if n := b.named(name); n != nil {
		n.UUIDs = append(n.UUIDs, uuid)
		return
	}
	b.Networks = append(b.Networks, knownNetwork{name, []string{uuid}})
}

// remove forgets a name.
func (b *networkBook) remove(name string) {
	b.Networks = slices.DeleteFunc(b.Networks, func(n knownNetwork) bool { return n.Name == name })
}

var uuidText = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// parseUUID reads a UUID as nmcli shows it.
func (a *app) parseUUID(text string) (string, error) {
	uuid := strings.ToLower(text)
	if !uuidText.MatchString(uuid) {
		return "", usageError(errors.New(a.say("usage.uuid", "uuid", printable(text))))
	}
	return uuid, nil
}

package fakecloud

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// kept is what the cloud itself keeps in its folder, beside its services.
type kept struct {
	Now   time.Time
	Proxy string // the proxy's address
}

const cloudState = "cloud.json"

func (c *Cloud) save() error {
	err := saveState(c.dir, cloudState, kept{Now: c.now(), Proxy: c.proxy.address()})
	for _, s := range c.services {
		err = errors.Join(err, s.save(c.dir))
	}
	return err
}

func (c *Cloud) load() error {
	if c.dir == "" {
		return nil
	}
	var k kept
	if err := loadState(c.dir, cloudState, &k); err != nil {
		return err
	}
	c.clock.set(k.Now)
	for _, s := range c.services {
		if err := s.load(c.dir); err != nil {
			return err
		}
	}
	return nil
}

// oldPort returns the proxy's address of the last time: a program that was
// configured with it finds it again.
func (c *Cloud) oldPort() string {
	var k kept
	if c.dir != "" && loadState(c.dir, cloudState, &k) == nil && k.Proxy != "" {
		return k.Proxy
	}
	return "127.0.0.1:0"
}

// saveState writes v as name in dir, as JSON; bytes become base64.
func saveState(dir, name string, v any) error {
	data, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	return nil
}

// loadState reads what saveState wrote into v, and leaves v as it is if there
// is nothing.
func loadState(dir, name string, v any) error {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return fmt.Errorf("load %s: %w", name, err)
	}
	return nil
}

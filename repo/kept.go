package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// A device keeps a copy of the few objects that everything else hangs on and
// that nobody could make again: the key files of its repository's founding,
// its secret, its roster. What a check finds missing or damaged of them, the
// next backup puts again, byte for byte.
const keptDir = "kept"

// flatName is an object's name without folders, for a local file.
func flatName(n format.Name) string { return strings.ReplaceAll(n.String(), "/", "_") }

// keep stores copies of objects in the state folder.
func (s *State) keep(objects []trust.Object) error {
	if err := s.mayWork(); err != nil {
		return err
	}
	if err := durable.MkdirAll(s.path(keptDir), 0o700); err != nil {
		return localError(err)
	}
	for _, o := range objects {
		if err := durable.WriteFile(s.path(keptDir, flatName(o.Name)), o.Sealed, 0o600); err != nil {
			return fmt.Errorf("keep %s: %w", o.Name, localError(err))
		}
	}
	return nil
}

// kept returns the copies that are intact.
func (s *State) kept() ([]trust.Object, error) {
	entries, err := os.ReadDir(s.path(keptDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read kept objects: %w", err)
	}
	var list []trust.Object
	for _, e := range entries {
		n, err := format.ParseName(strings.ReplaceAll(e.Name(), "_", "/"))
		if err != nil {
			continue
		}
		sealed, err := os.ReadFile(s.path(keptDir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // the holder of the lock has no more use for it
		}
		if err != nil {
			return nil, fmt.Errorf("read kept objects: %w", err)
		}
		if trust.Digest(sealed) == n.Digest {
			list = append(list, trust.Object{Name: n, Sealed: sealed})
		}
	}
	return list, nil
}

// brokenKept lists the objects this device holds copies of, and those in
// clear, that a check found missing or damaged.
func (c *checker) brokenKept() (broken []string, err error) {
	if c.repo.state == nil {
		return nil, nil
	}
	kept, err := c.repo.state.kept()
	if err != nil {
		return nil, err
	}
	for _, o := range kept {
		if _, listed := c.listed[o.Name]; !listed || c.bad[o.Name.String()] {
			broken = append(broken, o.Name.String())
		}
	}
	for _, name := range []string{format.ReadmeName, format.RepositoryName} {
		if c.bad[name] {
			broken = append(broken, name)
		}
	}
	return broken, nil
}

// healKept puts again what a check found broken and this device can replace.
func (r *Repo) healKept(ctx context.Context) error {
	if len(r.seen.Broken) == 0 {
		return nil
	}
	kept, err := r.state.kept()
	if err != nil {
		return err
	}
	content := map[string][]byte{format.ReadmeName: []byte(readme), format.RepositoryName: encodeClear(r.ring.Repo)}
	for _, o := range kept {
		content[o.Name.String()] = o.Sealed
	}
	for _, name := range r.seen.Broken {
		sealed, ok := content[name]
		if !ok {
			continue
		}
		// What is there under this name isn't the object, so it goes first.
		if err := r.remote.Delete(ctx, providers.Name(name)); err != nil {
			return fmt.Errorf("put %s again: %w", name, err)
		}
		if _, err := r.remote.Put(ctx, providers.Name(name), providers.BytesSource(sealed)); err != nil {
			return fmt.Errorf("put %s again: %w", name, err)
		}
	}
	return r.rememberBroken(nil)
}

func (r *Repo) rememberBroken(names []string) error {
	if r.state == nil || slices.Equal(names, r.seen.Broken) {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Broken = names
	return r.state.saveSeen(r.seen)
}

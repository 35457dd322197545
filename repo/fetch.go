package repo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

const (
	maxClear  = 64 << 10
	maxSealed = 64 << 20 // a record's object
)

// get reads a whole small object without proving anything.
func (r *Repo) get(ctx context.Context, name string, limit int64) ([]byte, error) {
	src, err := r.remote.Get(ctx, providers.Name(name), 0, -1)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(src, limit+1))
	if cerr := src.Close(); err == nil {
		err = cerr
	}
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%w: larger than %d bytes", format.ErrMalformed, limit)
	}
	return b, err
}

// fetch returns an object whose bytes are the ones its name promises, from
// the cache if they are there. Only records come this way, no packs.
func (r *Repo) fetch(ctx context.Context, name format.Name) ([]byte, error) {
	return r.fetchUpTo(ctx, name, maxSealed)
}

// fetchMember is fetch for rosters and key files, which are small.
func (r *Repo) fetchMember(ctx context.Context, name format.Name) ([]byte, error) {
	return r.fetchUpTo(ctx, name, maxMember)
}

func (r *Repo) fetchUpTo(ctx context.Context, name format.Name, limit int64) ([]byte, error) {
	if b, ok := r.cache.record(name.Digest); ok {
		return b, nil
	}
	b, err := r.get(ctx, name.String(), limit)
	if err != nil {
		return nil, err
	}
	if trust.Digest(b) != name.Digest {
		return nil, errDigest
	}
	r.cache.keepRecord(name, b)
	return b, nil
}

// listNames returns the objects below a folder whose names are well formed.
func (r *Repo) listNames(ctx context.Context, folder providers.Name) ([]format.Name, error) {
	var names []format.Name
	err := r.remote.List(ctx, folder, providers.ListOptions{}, func(info providers.Info) error {
		if n, err := format.ParseName(string(info.Name)); err == nil {
			names = append(names, n)
		}
		return nil
	})
	return names, err
}

// put stores a sealed record.
func (r *Repo) put(ctx context.Context, o trust.Object) error {
	_, err := r.remote.Put(ctx, providers.Name(o.Name.String()), providers.BytesSource(o.Sealed))
	if err != nil {
		return fmt.Errorf("put %s: %w", o.Name, err)
	}
	r.cache.keepRecord(o.Name, o.Sealed)
	return nil
}

// cache is a folder that saves time and can vanish at any moment. Its failures
// are never anybody's problem.
type cache struct{ dir string }

func (c cache) path(elem ...string) string { return filepath.Join(append([]string{c.dir}, elem...)...) }

func (c cache) recordPath(d format.Digest) string {
	return c.path("records", d.String()[:2], d.String())
}

func (c cache) record(d format.Digest) ([]byte, bool) {
	if c.dir == "" {
		return nil, false
	}
	b, err := os.ReadFile(c.recordPath(d))
	return b, err == nil && trust.Digest(b) == d
}

// cached are the kinds that are read again and again.
var cached = []format.Kind{format.KindSnapshot, format.KindIndex, format.KindRoster, format.KindKeys}

func (c cache) keepRecord(n format.Name, sealed []byte) {
	if c.dir == "" || !slices.Contains(cached, n.Kind) {
		return
	}
	path := c.recordPath(n.Digest)
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, sealed) {
		return
	}
	if durable.WriteFile(path, sealed, 0o600) != nil {
		return // the next read fetches it again
	}
}

// temp returns a new temporary file, for whoever needs one while reading. The
// caller closes and removes it.
func (c cache) temp() (*os.File, error) {
	dir := c.dir
	if dir != "" {
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return nil, localError(err)
		}
	}
	return os.CreateTemp(dir, "read-*.tmp")
}

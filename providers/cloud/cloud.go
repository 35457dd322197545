// Package cloud opens remotes through rclone's backends, used as a library.
// It is the only door to rclone: no other package imports it.
//
// rclone is kept on a short lead. It sees no rclone.conf, no RCLONE_ variable
// and no flag; its messages go where we say; signals stay ours. What it calls
// success is not believed where we know better: on a folder of this computer
// an object is written beside its name, synced, renamed, and the folder is
// synced (put.go).
//
// A new kind of service is one import and one entry in kinds.go.
package cloud

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/hash"
	"github.com/rclone/rclone/lib/atexit"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud/quiet"
)

// Options are the settings of one remote. The zero value opens a folder.
type Options struct {
	// Log receives rclone's messages; nowhere if nil. rclone has one log for
	// the whole process, so the handler of the newest Open that gave one gets
	// all remotes' messages.
	Log slog.Handler
}

// IgnoreSignals keeps rclone from catching signals: its first upload would
// install a handler that ends the process with status 143 on SIGTERM. Call it
// at the start of main.
func IgnoreSignals() { atexit.IgnoreSignals() }

// Open returns the remote at place. Nothing is created and, for a folder,
// nothing need be there yet. Values of ctx stay in use until Close; its end
// does not matter after Open.
//
// The remote tries once; wrap it in [providers.Reliable].
func Open(ctx context.Context, place providers.Place, opt Options) (providers.Remote, error) {
	quiet.Done()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	setLog(opt.Log)
	r, err := open(ctx, place)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", place, err)
	}
	return r, nil
}

func open(ctx context.Context, place providers.Place) (*remote, error) {
	if err := place.Valid(); err != nil {
		return nil, err
	}
	kind := kinds[place.Type] // a test holds the two lists together
	if kind.folder {
		path, err := filepath.Abs(place.Path)
		if err != nil {
			return nil, err
		}
		place.Path = path
	}
	config := privateConfig(context.WithoutCancel(ctx))
	f, err := newFs(config, place, kind)
	if errors.Is(err, fs.ErrorIsFile) {
		return nil, errors.New("it is a file, not a folder")
	}
	if err != nil {
		return nil, classify(err, place.String())
	}
	return newRemote(config, place, kind, f), nil
}

// remote is one place behind a backend of rclone.
type remote struct {
	place     providers.Place
	kind      kind
	config    context.Context // carries rclone's settings, see privateConfig
	fs        fs.Fs
	sums      map[providers.Algorithm]hash.Type // what the backend can report
	traits    providers.Traits
	leftovers leftovers
	disk      *disk // nil if the place is not a folder of this computer
}

var _ providers.Remote = (*remote)(nil)

func newRemote(config context.Context, place providers.Place, kind kind, f fs.Fs) *remote {
	r := &remote{place: place, kind: kind, config: config, fs: f, sums: map[providers.Algorithm]hash.Type{}}
	for _, t := range f.Hashes().Array() {
		alg := providers.Algorithm(t.String())
		r.sums[alg] = t
		r.traits.Sums = append(r.traits.Sums, alg)
	}
	r.traits.SumsCostRead = f.Features().SlowHash
	if kind.folder {
		r.traits.LocalPath = place.Path
		r.disk = newDisk(place.Path)
	}
	return r
}

func (r *remote) String() string           { return r.place.String() }
func (r *remote) Traits() providers.Traits { return r.traits }

// Close ends what the backend runs in the background.
func (r *remote) Close() error {
	if shutdown := r.fs.Features().Shutdown; shutdown != nil {
		if err := shutdown(r.config); err != nil {
			return fmt.Errorf("close %s: %w", r, classify(err, r.String()))
		}
	}
	return nil
}

// settings returns ctx with rclone's private settings for this remote.
func (r *remote) settings(ctx context.Context) context.Context {
	return fs.CopyConfig(ctx, r.config)
}

// info describes an object. Sums that cost reading it are only there if asked.
func (r *remote) info(ctx context.Context, o fs.Object, name providers.Name, asked bool) (providers.Info, error) {
	info := providers.Info{Name: name, Size: o.Size(), ModTime: o.ModTime(ctx)}
	if r.traits.SumsCostRead && !asked {
		return info, nil
	}
	info.Sums = map[providers.Algorithm]string{}
	for alg, t := range r.sums {
		sum, err := o.Hash(ctx, t)
		if err != nil && !errors.Is(err, hash.ErrUnsupported) {
			return info, err
		}
		if sum != "" {
			info.Sums[alg] = sum
		}
	}
	return info, nil
}

// Stat describes an object as the service knows it now.
func (r *remote) Stat(ctx context.Context, name providers.Name) (providers.Info, error) {
	if err := providers.ValidName(name); err != nil {
		return providers.Info{}, fmt.Errorf("stat: %w", err)
	}
	ctx = r.settings(ctx)
	o, err := r.find(ctx, name)
	if err != nil {
		return providers.Info{}, r.failed(ctx, "stat", name, err)
	}
	info, err := r.info(ctx, o, name, false)
	return info, r.failed(ctx, "stat", name, err)
}

// find asks the service for an object.
func (r *remote) find(ctx context.Context, name providers.Name) (fs.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o, err := r.fs.NewObject(ctx, string(name))
	if err == nil && !o.Storable() { // a symlink or a device somebody put there
		return nil, errors.New("it is not a regular file")
	}
	return o, err
}

// Delete removes the object.
func (r *remote) Delete(ctx context.Context, name providers.Name) error {
	if err := providers.ValidName(name); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	ctx = r.settings(ctx)
	o, err := r.find(ctx, name)
	if err == nil {
		err = o.Remove(ctx)
	}
	err = r.failed(ctx, "delete", name, err)
	if errors.Is(err, providers.ErrNotExist) {
		return nil
	}
	return err
}

// MakeFolder creates the folder and its parents.
func (r *remote) MakeFolder(ctx context.Context, folder providers.Name) error {
	if err := providers.ValidName(folder); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	ctx = r.settings(ctx)
	err := ctx.Err()
	if err == nil {
		err = r.fs.Mkdir(ctx, string(folder))
	}
	if err == nil {
		err = r.disk.keepFolder(string(folder))
	}
	return r.failed(ctx, "make folder", folder, err)
}

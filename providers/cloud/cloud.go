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
	"maps"
	"path/filepath"
	"sync"
	"time"

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
	// Home is a folder where the remote keeps what it has to remember between
	// runs: its sign-in, its request budget, the ids of uploads it began. A
	// remote that needs none of it does without.
	Home string
	// Settings are options of rclone's backend, by their names there; see
	// [CheckSettings].
	Settings map[string]string
	// Proxy is the proxy's URL; left out, HTTPS_PROXY counts.
	Proxy string
	// CACert is a PEM file of certificates to trust besides the system's.
	CACert string
	// Limits are what the user allows and the service bears.
	Limits Limits
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
	r, err := open(ctx, place, opt)
	if ended := ctx.Err(); err != nil && ended != nil {
		return nil, ended
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", place, err)
	}
	return r, nil
}

func open(ctx context.Context, place providers.Place, opt Options) (*remote, error) {
	if err := place.Valid(); err != nil {
		return nil, err
	}
	r, err := newRemote(ctx, place, opt)
	if err != nil {
		return nil, err
	}
	if err := r.try(ctx, func() error { return r.connect(ctx) }); err != nil {
		r.gate.close()
		return nil, r.classify(err)
	}
	return r, nil
}

// remote is one place behind a backend of rclone.
type remote struct {
	place     providers.Place
	preset    preset
	kind      kind
	backend   *fs.RegInfo
	config    context.Context   // carries rclone's settings, see privateConfig
	given     map[string]string // the user's settings and the preset's
	limits    Limits
	home      string
	signIn    *SignIn // nil if the remote has no home
	gate      *gate
	link      connection
	sums      map[providers.Algorithm]hash.Type // what the backend can report
	traits    providers.Traits
	leftovers leftovers
	renaming  sync.Mutex
	objects   objects
	// certificates are what is in the file that rclone trusts; nil for the system's
	certificates []byte
	disk         *disk         // nil if the place is not a folder of this computer
	uploading    chan struct{} // holds one upload, see alone
}

var _ providers.Remote = (*remote)(nil)

// newRemote puts together all that makes no request.
func newRemote(ctx context.Context, place providers.Place, opt Options) (*remote, error) {
	p := presets[place.Type]
	r := &remote{place: place, preset: p, kind: kinds[p.backend], home: opt.Home, sums: map[providers.Algorithm]hash.Type{}, uploading: make(chan struct{}, 1)}
	r.kind.beside = r.kind.beside && place.Type == p.backend // what is behind a bridge shows nothing before it is whole
	r.limits = opt.Limits.or(p.limits)
	r.traits.Transfers = r.limits.Transfers
	var err error
	if r.kind.folder {
		if r.place.Path, err = filepath.Abs(place.Path); err != nil {
			return nil, err
		}
		r.traits.LocalPath = r.place.Path
		r.disk = newDisk(r.place.Path)
	}
	if r.backend, err = fs.Find(p.backend); err != nil {
		return nil, err
	}
	r.given = p.settings(opt.Settings)
	maps.Copy(r.given, r.limits.options(p.backend))
	maps.Copy(r.given, p.proxyOptions(opt.Proxy))
	if opt.Home != "" {
		if r.signIn, err = OpenSignIn(opt.Home); err != nil {
			return nil, err
		}
	}
	if r.kind.signsIn && (r.signIn == nil || r.signIn.Empty()) {
		return nil, noSignIn(place)
	}
	if err := p.complete(r.get); err != nil {
		return nil, err
	}
	if err := r.hostKey(); err != nil {
		return nil, err
	}
	if r.config, err = r.network(ctx, opt); err != nil {
		return nil, err
	}
	if r.gate, err = newGate(opt.Home, r.limits, time.Now, providers.Sleep); err != nil {
		return nil, err
	}
	ci := fs.GetConfig(r.config)
	p.configure(ci, r.limits)
	if p.overHTTP() {
		r.gate.attach(ci)
	}
	return r, nil
}

func (r *remote) String() string           { return r.place.String() }
func (r *remote) Traits() providers.Traits { return r.traits }

// describe notes what the backend can promise.
func (r *remote) describe(f fs.Fs) {
	if len(r.sums) > 0 {
		return
	}
	if r.proves() {
		r.promise(f.Hashes())
	}
	r.traits.SumsCostRead = f.Features().SlowHash && len(r.sums) > 0
}

// promise notes the checksums a service reports.
func (r *remote) promise(types hash.Set) {
	if len(r.sums) > 0 { // of the connection before
		return
	}
	for _, t := range types.Array() {
		alg := providers.Algorithm(t.String())
		r.sums[alg] = t
		r.traits.Sums = append(r.traits.Sums, alg)
	}
}

// Close ends what the backend runs in the background.
func (r *remote) Close() error {
	defer r.gate.close()
	err := shutdown(r.config, r.fs())
	if err != nil {
		err = r.classify(err)
	}
	if err = errors.Join(err, r.Unsaved()); err != nil {
		return fmt.Errorf("close %s: %w", r, err)
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
func (r *remote) Stat(ctx context.Context, name providers.Name) (info providers.Info, err error) {
	if err := providers.ValidName(name); err != nil {
		return providers.Info{}, fmt.Errorf("stat: %w", err)
	}
	ctx = r.settings(ctx)
	err = r.try(ctx, func() error {
		o, err := r.look(ctx, name)
		if err != nil {
			return err
		}
		info, err = r.info(ctx, o, name, false)
		return err
	})
	return info, r.failed(ctx, "stat", name, err)
}

// look asks the service for an object.
func (r *remote) look(ctx context.Context, name providers.Name) (fs.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := r.open(ctx, false)
	if err != nil {
		return nil, err
	}
	o, err := f.NewObject(ctx, string(name))
	if r.kind.drive && isMissing(err) {
		o, err = r.lookAgain(ctx, name)
	}
	if r.kind.doubtful && errors.Is(err, fs.ErrorObjectNotFound) {
		err = r.absent(ctx, f, err)
	}
	if err == nil && !o.Storable() { // a symlink or a device somebody put there
		return nil, errors.New("it is not a regular file")
	}
	if err == nil && !r.kind.folder {
		o = shared(o)
		r.remember(name, o)
	}
	return o, err
}

// Delete removes the object, and where a service can have several of a name,
// all of them.
func (r *remote) Delete(ctx context.Context, name providers.Name) error {
	if err := providers.ValidName(name); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	ctx = r.settings(ctx)
	err := r.try(ctx, func() error {
		r.objects.drop(name)
		return r.delete(ctx, name)
	})
	err = r.failed(ctx, "delete", name, err)
	if errors.Is(err, providers.ErrNotExist) {
		return nil
	}
	return err
}

func (r *remote) delete(ctx context.Context, name providers.Name) error {
	if r.kind.drive {
		if _, err := r.open(ctx, false); err != nil {
			return err
		}
		return r.api().delete(ctx, name)
	}
	for {
		o, err := r.look(ctx, name)
		if err == nil {
			err = o.Remove(ctx)
		}
		r.objects.drop(name)
		if err != nil || !r.kind.twice {
			return err
		}
	}
}

// MakeFolder creates the folder and its parents.
func (r *remote) MakeFolder(ctx context.Context, folder providers.Name) error {
	if err := providers.ValidName(folder); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	ctx = r.settings(ctx)
	err := ctx.Err()
	if err == nil {
		err = r.try(ctx, func() error { return r.mkdir(ctx, string(folder)) })
	}
	if err == nil {
		err = r.disk.keepFolder(string(folder))
	}
	return r.failed(ctx, "make folder", folder, err)
}

func (r *remote) mkdir(ctx context.Context, folder string) error {
	f, err := r.open(ctx, true)
	if err != nil {
		return err
	}
	if d := r.api(); d != nil { // through the cache that creations look into
		_, err := d.folders.FindDir(ctx, folder, true)
		return err
	}
	return f.Mkdir(ctx, folder)
}

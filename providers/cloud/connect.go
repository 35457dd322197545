package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/hash"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

// connection is the open backend. A service can stop accepting an access token
// that has not expired; rclone then never asks for a new one, so the backend is
// opened anew.
type connection struct {
	changing sync.Mutex // making our folder, and renewing

	mu      sync.Mutex
	fs      fs.Fs     // nil while the folder on Google Drive does not exist
	drive   *driveAPI // nil if the place is not on Google Drive
	opened  int       // counts connections
	renewed time.Time // when the last token was given up that had not expired
}

// freshFor is how long a new token is not given up: one that is refused so soon
// is not refused for its age.
const freshFor = 10 * time.Second

func (c *connection) set(f fs.Fs, d *driveAPI) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fs, c.drive = f, d
	c.opened++
}

func (c *connection) current() (f fs.Fs, opened int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fs, c.opened
}

// fs is the open backend.
func (r *remote) fs() fs.Fs {
	f, _ := r.link.current()
	return f
}

// api is Google Drive as we ask it ourselves, or nil elsewhere.
func (r *remote) api() *driveAPI {
	r.link.mu.Lock()
	defer r.link.mu.Unlock()
	return r.link.drive
}

// connect opens the backend.
func (r *remote) connect(ctx context.Context) error {
	d, f, err := r.dial(r.settings(ctx))
	if err != nil {
		return err
	}
	r.link.set(f, d)
	return nil
}

func (r *remote) dial(ctx context.Context) (d *driveAPI, f fs.Fs, err error) {
	if err := r.keepBundle(); err != nil {
		return nil, nil, err
	}
	if r.kind.drive {
		if d, err = openDrive(ctx, r); err != nil {
			return nil, nil, err
		}
		if d.root == "" {
			r.promise(hash.NewHashSet(hash.MD5, hash.SHA1, hash.SHA256)) // what rclone's backend will
			return d, nil, nil
		}
	}
	if f, err = r.newFs(d); err != nil {
		return nil, nil, err
	}
	r.describe(f)
	return d, f, d.repair(ctx, f)
}

// newFs opens rclone's backend with our options, the sign-in and the user's
// settings, and with no other source of settings.
func (r *remote) newFs(d *driveAPI) (fs.Fs, error) {
	forced, path := maps.Clone(r.kind.options), r.place.Path
	if r.kind.slash {
		path += "/"
	}
	if d != nil {
		forced["root_folder_id"], path = d.root, ""
	}
	if kind, _ := r.remembered("drive_type"); r.backend.Name == "onedrive" && kind == "personal" {
		forced["hard_delete"] = "false"
	}
	f, err := r.backend.NewFs(r.config, r.backend.Name, path, mapper(forced, r.signIn, r.given, r.backend.Options))
	if errors.Is(err, fs.ErrorIsFile) {
		return nil, errors.New("it is a file, not a folder")
	}
	if err == nil && d != nil {
		return newDriveLists(f), nil
	}
	return f, err
}

// open returns the backend. While our folder on Google Drive does not exist it
// is made, or the error says that nothing is there.
func (r *remote) open(ctx context.Context, create bool) (fs.Fs, error) {
	if f := r.fs(); f != nil {
		return f, nil
	}
	r.link.changing.Lock()
	defer r.link.changing.Unlock()
	if f := r.fs(); f != nil {
		return f, nil
	}
	if !create { // another device may have made it since
		if err := r.connect(ctx); err != nil {
			return nil, err
		}
		if f := r.fs(); f != nil {
			return f, nil
		}
		return nil, fs.ErrorDirNotFound
	}
	d := r.api()
	if err := d.makeRoot(ctx, r.place); err != nil {
		return nil, err
	}
	r.rememberRoot("", d.root)
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	return r.fs(), nil
}

// flush forgets where folders are: the user, or another device, may have moved
// or deleted them.
func (r *remote) flush() {
	r.objects.clear()
	if f := r.fs(); f != nil && f.Features().DirCacheFlush != nil {
		f.Features().DirCacheFlush()
	}
	if d := r.api(); d != nil && d.folders != nil {
		d.folders.Flush()
	}
}

// try runs a call, and once more over a new connection if the service refused
// the access token of the old one. Where the service wants no request for
// long, it is spared one.
func (r *remote) try(ctx context.Context, call func() error) error {
	if err := r.gate.open(); err != nil {
		return err
	}
	_, opened := r.link.current()
	err := call()
	if !isStale(err) || ctx.Err() != nil {
		return err
	}
	renewed, rerr := r.renew(ctx, opened)
	if rerr != nil {
		return rerr
	}
	if !renewed {
		return err
	}
	return call()
}

// isStale reports whether a service refused an access token.
func isStale(err error) bool {
	if err == nil {
		return false
	}
	told := tellingOf(err)
	return told.status == 401 && !isSignedOut(err, &told)
}

// renew lets the access token expire and connects anew, unless another call
// has done so since the connection that was refused, and reports whether there
// is a new one.
func (r *remote) renew(ctx context.Context, refused int) (bool, error) {
	r.link.changing.Lock()
	defer r.link.changing.Unlock()
	old, opened := r.link.current()
	if opened != refused {
		return true, nil
	}
	if r.signIn == nil || !r.giveUp() {
		return false, nil
	}
	r.objects.clear()
	if err := r.connect(ctx); err != nil {
		return false, err
	}
	return true, shutdown(r.config, old)
}

// giveUp lets the access token expire, unless it is new or there is none.
func (r *remote) giveUp() bool {
	r.link.mu.Lock()
	defer r.link.mu.Unlock()
	if !r.link.renewed.IsZero() && r.gate.now().Sub(r.link.renewed) < freshFor {
		return false
	}
	r.link.renewed = r.gate.now()
	return r.expire()
}

// remembered returns what the sign-in knows of a backend's option.
func (r *remote) remembered(key string) (string, bool) {
	if r.signIn == nil {
		return "", false
	}
	return r.signIn.Get(key)
}

// get returns a backend's option as the sign-in or the settings have it.
func (r *remote) get(key string) (string, bool) {
	if v, ok := r.remembered(key); ok {
		return v, true
	}
	v, ok := r.given[key]
	return v, ok
}

// expire makes the access token one that has to be refreshed, and reports
// whether there is one. If that can't be saved, it holds for this process.
func (r *remote) expire() bool {
	text, _ := r.signIn.Get("token")
	token := map[string]any{}
	if json.Unmarshal([]byte(text), &token) != nil || token["access_token"] == nil {
		return false
	}
	token["expiry"] = time.Unix(1, 0).UTC()
	b, err := json.Marshal(token)
	if err != nil {
		return false
	}
	r.signIn.Set("token", string(b))
	return true
}

var _ providers.Keeper = (*remote)(nil)

// Unsaved returns why the newest sign-in is not in its file, or nil if it is.
func (r *remote) Unsaved() error {
	if r.signIn == nil {
		return nil
	}
	return r.signIn.Err()
}

func shutdown(ctx context.Context, f fs.Fs) error {
	if f == nil || f.Features().Shutdown == nil {
		return nil
	}
	return f.Features().Shutdown(ctx)
}

// noSignIn says that nobody has signed in yet.
func noSignIn(place providers.Place) error {
	return hint.New(providers.HintNoSignIn, providers.Fail(providers.ErrAuth, fmt.Errorf("nobody has signed in to %s on this device", place)), "remote", place.String())
}

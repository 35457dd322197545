package cloud

import (
	"context"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/configmap"
	"github.com/rclone/rclone/fs/config/configstruct"

	"github.com/chatkeep/chatkeep/providers"
)

// privateConfig returns ctx with settings for rclone that begin at rclone's
// own defaults. rclone's global settings are no such beginning: they have
// taken in RCLONE_ variables before main began.
func privateConfig(ctx context.Context) context.Context {
	ctx, ci := fs.AddConfig(ctx)
	*ci = fs.ConfigInfo{DeleteMode: fs.DeleteModeDefault}
	if err := configstruct.Set(defaults(fs.ConfigOptionsInfo), ci); err != nil {
		panic("rclone's defaults don't fit its settings: " + err.Error())
	}
	ci.LowLevelRetries = 3 // within one request; the tries of a call are providers.Reliable's
	ci.UserAgent = "chatkeep"
	return ctx
}

// newFs opens the backend with our options over rclone's defaults, and with
// no other source of settings.
func newFs(ctx context.Context, place providers.Place, k kind) (fs.Fs, error) {
	backend, err := fs.Find(place.Type)
	if err != nil {
		return nil, err
	}
	m := configmap.New()
	m.AddGetter(k.options, configmap.PriorityNormal)
	m.AddGetter(defaults(backend.Options), configmap.PriorityDefault)
	return backend.NewFs(ctx, place.Type, place.Path, m)
}

// defaults reads the default of each option. A backend expects all of its
// options to have a value.
type defaults fs.Options

// Get returns an option's default as text.
func (d defaults) Get(key string) (string, bool) {
	o := fs.Options(d).Get(key)
	if o == nil {
		return "", false
	}
	plain := fs.Option{Default: o.Default} // without the value that a variable or flag gave it
	return plain.String(), true
}

package cloud

import (
	"context"
	"maps"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/configmap"
	"github.com/rclone/rclone/fs/config/configstruct"
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
	ci.UseServerModTime = true // the sender's would cost a request for each object on S3
	return ctx
}

// mapper joins what a backend reads its options from: ours, which always win,
// then the sign-in, the user's settings, and rclone's defaults. It writes to
// the sign-in alone.
func mapper(forced configmap.Simple, s *SignIn, settings map[string]string, options fs.Options) *configmap.Map {
	m := configmap.New()
	m.AddGetter(forced, configmap.PriorityNormal)
	if s != nil {
		m.AddGetter(s, configmap.PriorityNormal)
		m.AddSetter(s)
	}
	m.AddGetter(configmap.Simple(maps.Clone(settings)), configmap.PriorityConfig)
	m.AddGetter(defaults(options), configmap.PriorityDefault)
	return m
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

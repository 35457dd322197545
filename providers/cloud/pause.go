package cloud

import (
	"context"
	"errors"
	"net/http"

	"github.com/chatkeep/chatkeep/providers"
)

// spare adds to an error how long a bridge means to be left alone. A lock ends
// by itself. A block is remembered for the whole remote and over a restart,
// since each further request would make it longer.
func (r *remote) spare(err error) error {
	told := tellingOf(err)
	switch {
	case providers.RetryAfter(err) > 0:
	case told.status == 423 && r.preset.locked > 0:
		err = &providers.RetryAfterError{After: r.preset.locked, Err: err}
	case r.preset.blocked > 0 && (told.status == 503 || told.hasWordOf([]string{"blockedtemporarily"})):
		r.gate.blocked(r.gate.now().Add(r.preset.blocked))
		err = &providers.RetryAfterError{After: r.preset.blocked, Err: err}
		if !errors.Is(err, providers.ErrRate) {
			err = providers.Fail(providers.ErrRate, err, "remote", r.String())
		}
	}
	return err
}

// sparingKey marks the requests of an upload that must remove nothing.
type sparingKey struct{}

// sparing is ctx for an upload. rclone's WebDAV deletes the name after an upload
// that failed, and with it the object that lies there: a bridge answers 423
// while it takes in an earlier try. What does not show before it is whole has
// nothing to be removed.
func (r *remote) sparing(ctx context.Context) context.Context {
	if r.preset.backend != "webdav" || r.kind.beside {
		return ctx
	}
	return context.WithValue(ctx, sparingKey{}, true)
}

var errSpared = errors.New("what is there stays")

// spared refuses what an upload must not do.
func spared(req *http.Request) error {
	if req.Method == http.MethodDelete && req.Context().Value(sparingKey{}) != nil {
		return errSpared
	}
	return nil
}

package cloud

import (
	"context"
	"encoding/xml"
	"errors"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/configmap"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

// absent holds against the service that an object is not there. rclone's
// WebDAV says so too of an answer that leads elsewhere or is well-formed and of
// something else, such as the sign-in page of a network. So a folder that must
// be there is asked for: the place, or before it exists the service's own top.
func (r *remote) absent(ctx context.Context, f fs.Fs, missing error) error {
	_, err := f.NewObject(ctx, "")
	if errors.Is(err, fs.ErrorObjectNotFound) {
		err = r.topAnswers(ctx)
	}
	switch {
	case errors.Is(err, fs.ErrorIsDir), r.isRefused(err): // a network lets nobody in and refuses nothing
		return missing
	case err == nil, errors.Is(err, fs.ErrorObjectNotFound):
		err = errors.New("what answers is not the service")
		return hint.New(providers.HintPortal, providers.Fail(providers.ErrTemporary, err, "remote", r.String()), "remote", r.String())
	}
	return err
}

// topAnswers asks for the folder that the service's address itself is.
func (r *remote) topAnswers(ctx context.Context) error {
	top, err := r.backend.NewFs(r.config, r.backend.Name, "", mapper(configmap.Simple{}, r.signIn, r.given, r.backend.Options))
	if err != nil {
		return err
	}
	_, err = top.NewObject(ctx, "")
	return err
}

func (r *remote) isRefused(err error) bool {
	return err != nil && errors.Is(r.classify(err), providers.ErrPermission)
}

// notXML fits an answer that is no XML at all, as most pages are none.
func notXML(err error) bool {
	e, ok := errors.AsType[*xml.SyntaxError](err)
	return ok && e.Msg != "unexpected EOF" // that was cut
}

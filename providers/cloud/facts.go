package cloud

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/chatkeep/chatkeep/providers"
)

// Facts are what is known of a service that it does not tell itself.
type Facts struct {
	// Page is how many entries a listing shows at a time; zero for all.
	Page int
	// Requests is how many requests the service bears in Window; zero where
	// that is no concern.
	Requests int
	Window   time.Duration
	// Trash is how long what we delete stays in the service's trash.
	Trash time.Duration
	// Clock says that the times of objects are the service's own, not what we
	// told it.
	Clock bool
}

// month is how long the services with a trash keep what is in it.
const month = 30 * 24 * time.Hour

// Facts returns them without a request.
func (r *remote) Facts() Facts {
	f := Facts{Page: r.preset.page}
	if w := r.limits.window; w >= 30*time.Minute && r.limits.RequestsPerMinute > 0 {
		f.Requests, f.Window = r.limits.RequestsPerMinute*int(w.Minutes())+burstOf(r.limits), w
	}
	switch r.backend.Name {
	case "drive", "s3":
		f.Page, f.Clock = r.listed1000(), true
	case "onedrive":
		f.Page = r.listed1000()
		if kind, _ := r.remembered("drive_type"); kind == "personal" { // see newFs
			f.Trash = month
		}
	case "dropbox":
		f.Page, f.Trash = 1000, month
	case "webdav", "sftp":
		f.Clock = true
	}
	return f
}

// pageOption is the setting that makes the pages of a listing shorter.
const pageOption = "list_chunk"

// listed1000 is the page of services that can be asked for shorter ones, and
// show up to 1000 entries if they aren't.
func (r *remote) listed1000() int {
	if n, err := strconv.Atoi(r.given[pageOption]); err == nil && n > 0 {
		return n
	}
	return 1000
}

// ShortPages returns the settings of a kind of service with the shortest pages
// that it can show, as a test of listings needs them.
func ShortPages(kind string, settings map[string]string) map[string]string {
	switch presets[kind].backend {
	case "drive", "onedrive", "s3":
		settings = maps.Clone(settings)
		if settings == nil {
			settings = map[string]string{}
		}
		settings[pageOption] = "2"
	}
	return settings
}

var _ providers.FolderRemover = (*remote)(nil)

// RemoveFolder removes an empty folder.
func (r *remote) RemoveFolder(ctx context.Context, folder providers.Name) error {
	if err := providers.ValidName(folder); err != nil {
		return fmt.Errorf("remove folder: %w", err)
	}
	ctx = r.settings(ctx)
	err := r.try(ctx, func() error {
		f, err := r.open(ctx, false)
		if err != nil {
			return err
		}
		defer r.flush() // the folder is remembered in more than one place
		return f.Rmdir(ctx, string(folder))
	})
	if isMissing(err) {
		return nil
	}
	return r.failed(ctx, "remove folder", folder, err)
}

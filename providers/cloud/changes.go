package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	gdrive "google.golang.org/api/drive/v3"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/providers"
)

// errNoChanges says that a service has no list of changes that we could follow.
var errNoChanges = errors.New("it has no list of changes")

var _ providers.Watcher = (*remote)(nil)

// Changed asks Google Drive what changed since the last call. The page token is
// kept in the remote's home: rclone keeps its own in memory only, and would
// miss what happened between two runs.
func (r *remote) Changed(ctx context.Context) (changed bool, err error) {
	ctx = r.settings(ctx)
	if !r.kind.drive {
		return true, r.failed(ctx, "ask for changes", "", errNoChanges)
	}
	err = r.try(ctx, func() error {
		changed, err = r.api().changed(ctx, filepath.Join(r.home, changesFile))
		return err
	})
	return changed, r.failed(ctx, "ask for changes", "", err)
}

const changesFile = "changes.json"

type changesState struct {
	Token string `json:"token"`
}

func (d *driveAPI) changed(ctx context.Context, path string) (bool, error) {
	var state changesState
	b, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(b, &state) != nil || state.Token == "" {
		return true, d.watch(ctx, path)
	}
	changed := false
	for page := state.Token; page != ""; {
		list, err := d.svc.Changes.List(page).RestrictToMyDrive(true).IncludeRemoved(true).PageSize(1000).
			Fields("nextPageToken", "newStartPageToken", "changes(fileId)").Context(ctx).Do()
		if isGoogle(err, http.StatusNotFound) || isGoogle(err, http.StatusGone) || isGoogle(err, http.StatusBadRequest) {
			return true, d.watch(ctx, path) // the token is too old
		}
		if err != nil {
			return false, err
		}
		changed = changed || d.byOthers(list.Changes)
		if page = list.NextPageToken; page == "" {
			state.Token = list.NewStartPageToken
		}
	}
	return changed, saveChanges(path, state)
}

// watch begins to follow the changes from now on.
func (d *driveAPI) watch(ctx context.Context, path string) error {
	start, err := d.svc.Changes.GetStartPageToken().Context(ctx).Do()
	if err != nil {
		return err
	}
	return saveChanges(path, changesState{start.StartPageToken})
}

func saveChanges(path string, s changesState) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("keep the place in the list of changes: %w", err)
	}
	return nil
}

// byOthers reports whether a change is of a file that this process did not
// make. After a restart its own count as others': then a look was for nothing.
func (d *driveAPI) byOthers(changes []*gdrive.Change) bool {
	for _, c := range changes {
		if !d.ids.isOwn(c.FileId) {
			return true
		}
	}
	return false
}

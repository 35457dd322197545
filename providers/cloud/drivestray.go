package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/rclone/rclone/fs"
	gdrive "google.golang.org/api/drive/v3"

	"github.com/chatkeep/chatkeep/providers"
)

// lookAgain looks for an object of ours that rclone didn't find on Google
// Drive. It may lie in the other one of two folders of the same name, which
// rclone can't know of, or another device has moved it since. That it is not
// there is said only if it isn't.
func (r *remote) lookAgain(ctx context.Context, name providers.Name) (fs.Object, error) {
	stray, err := r.api().stray(ctx, name)
	if err != nil {
		return nil, err
	}
	if !stray {
		return nil, fs.ErrorObjectNotFound
	}
	r.link.changing.Lock()
	err = r.connect(ctx) // which merges folders
	r.link.changing.Unlock()
	if err != nil {
		return nil, err
	}
	o, err := r.fs().NewObject(ctx, string(name))
	if isMissing(err) {
		return nil, errMoving
	}
	return o, err
}

// errMoving says that an object is there, and not yet where it belongs:
// listings lag behind.
var errMoving = providers.Fail(providers.ErrTemporary, errors.New("its folder is being put in order"))

// stray reports whether a file of the name lies somewhere that is our folder by
// its id or by its path.
func (d *driveAPI) stray(ctx context.Context, name providers.Name) (bool, error) {
	query := fmt.Sprintf("name='%s' and mimeType!='%s' and trashed=false", quoted(path.Base(string(name))), folderType)
	list, err := d.svc.Files.List().Q(query).Fields("files(id,name,parents)").PageSize(100).Context(ctx).Do()
	if err != nil {
		return false, err
	}
	for _, f := range list.Files {
		if ours, err := d.leadsHere(ctx, f, name); ours || err != nil {
			return ours, err
		}
	}
	return false, nil
}

// leadsHere follows a file's folders up.
func (d *driveAPI) leadsHere(ctx context.Context, f *gdrive.File, name providers.Name) (bool, error) {
	place := slices.Collect(strings.FieldsFuncSeq(d.place.Path, isSlash))
	want := append(place, strings.Split(string(name), "/")...)
	for n := len(want) - 1; ; n-- {
		if n < 0 || strings.TrimSuffix(f.Name, mergedMark) != want[n] {
			return false, nil
		}
		if len(f.Parents) == 0 {
			return n == 0, nil
		}
		if n == len(place) && f.Parents[0] == d.root {
			return true, nil
		}
		up, err := d.svc.Files.Get(f.Parents[0]).SupportsAllDrives(true).Fields("id,name,parents").Context(ctx).Do()
		if isGoogle(err, http.StatusNotFound) { // the top, which is not ours to see
			return n == 0, nil
		}
		if err != nil {
			return false, err
		}
		if f = up; len(f.Parents) == 0 && n == 0 { // the top after all
			return true, nil
		}
	}
}

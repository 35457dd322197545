package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/fshttp"
	"github.com/rclone/rclone/lib/dircache"
	"github.com/rclone/rclone/lib/oauthutil"
	googleauth "golang.org/x/oauth2/google"
	gdrive "google.golang.org/api/drive/v3"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

const (
	folderType = "application/vnd.google-apps.folder"
	keyRoot    = "root_folder_id" // also rclone's option
)

// driveAPI is what we ask Google Drive ourselves, besides rclone: for one folder
// with one id, though two devices made it at the same moment; for creations
// that can be repeated; for whose account it is and what changed.
type driveAPI struct {
	svc     *gdrive.Service
	place   providers.Place
	root    string         // id of our folder; empty while there is none
	twins   []*gdrive.File // other folders of its name, made at the same moment
	folders *dircache.DirCache
	ids     *ids
	chunk   int
}

// openDrive signs in to Drive and finds our folder.
func openDrive(ctx context.Context, r *remote) (*driveAPI, error) {
	client, err := googleClient(ctx, r)
	if err != nil {
		return nil, err
	}
	svc, err := gdrive.NewService(ctx, option.WithHTTPClient(client))
	if err != nil {
		return nil, err
	}
	d := &driveAPI{svc: svc, place: r.place, chunk: int(r.limits.ChunkSize)}
	if old := r.api(); old != nil {
		d.ids = old.ids
	} else {
		d.ids = openIDs(r.home)
	}
	known, _ := r.remembered(keyRoot)
	if err := d.findRoot(ctx, known); err != nil {
		return nil, err
	}
	r.rememberRoot(known, d.root)
	return d, nil
}

// googleClient refreshes and keeps its token as rclone does. It refreshes with
// the ctx it got, long after the call that opened the connection is over.
func googleClient(ctx context.Context, r *remote) (*http.Client, error) {
	ctx = context.WithoutCancel(ctx)
	config := &oauthutil.Config{
		Scopes:  []string{gdrive.DriveFileScope},
		AuthURL: googleauth.Endpoint.AuthURL, TokenURL: googleauth.Endpoint.TokenURL,
	}
	base := fshttp.NewClient(ctx)
	base.Transport = patient{base.Transport}
	client, _, err := oauthutil.NewClientWithBaseClient(ctx, "drive", mapper(r.kind.options, r.signIn, r.given, r.backend.Options), config, base)
	return client, err
}

// rememberRoot keeps the id of our folder. If it can't be saved, the folder is
// looked for again next time.
func (r *remote) rememberRoot(known, found string) {
	if known != found {
		r.signIn.Set(keyRoot, found)
	}
}

// findRoot finds our folder by its path, or by the id it had before if it is
// no longer there: the user may have moved it. One in the trash is not used.
func (d *driveAPI) findRoot(ctx context.Context, known string) error {
	found, err := d.walk(ctx)
	if err != nil {
		return err
	}
	isKnown := func(f *gdrive.File) bool { return f.Id == known }
	if known != "" && !slices.ContainsFunc(found, isKnown) {
		f, err := d.svc.Files.Get(known).SupportsAllDrives(true).Fields("id,trashed").Context(ctx).Do()
		switch {
		case err == nil && f.Trashed:
			return trashed(d.place)
		case err == nil:
			d.root = known
			return nil
		case !isGoogle(err, http.StatusNotFound):
			return err
		}
	}
	if i := slices.IndexFunc(found, isWhole); i >= 0 {
		d.root = found[i].Id
		d.twins = slices.Delete(found, i, i+1)
	}
	return nil
}

// walk returns the folders at our path, oldest first.
func (d *driveAPI) walk(ctx context.Context) (found []*gdrive.File, err error) {
	found = []*gdrive.File{{Id: "root"}}
	for name := range strings.FieldsFuncSeq(d.place.Path, isSlash) {
		i := slices.IndexFunc(found, isWhole)
		if i < 0 {
			return nil, nil
		}
		if found, err = d.foldersIn(ctx, found[i].Id, name); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func isSlash(r rune) bool { return r == '/' }

// mergedMark ends the name of a folder whose content was moved to another of
// its name. It is not deleted: a device that knows it by its id may still put
// something there, which is moved too when somebody next opens the place. No
// object can have such a name.
const mergedMark = " (merged)"

func isWhole(f *gdrive.File) bool { return !strings.HasSuffix(f.Name, mergedMark) }

// checkRoot returns what has become of our folder, or nil if it is well.
func (d *driveAPI) checkRoot(ctx context.Context) error {
	f, err := d.svc.Files.Get(d.root).SupportsAllDrives(true).Fields("id,trashed").Context(ctx).Do()
	switch {
	case isGoogle(err, http.StatusNotFound):
		err := providers.Fail(providers.ErrPermission, errors.New("the folder was deleted"))
		return hint.New(providers.HintMissing, err, "remote", d.place.String())
	case err != nil:
		return err
	case f.Trashed:
		return trashed(d.place)
	}
	return nil
}

// makeRoot creates our folder. If another device does so at the same moment
// there are two, which are merged when the place is next opened.
func (d *driveAPI) makeRoot(ctx context.Context, place providers.Place) error {
	id := "root"
	for name := range strings.FieldsFuncSeq(place.Path, isSlash) {
		found, err := d.foldersIn(ctx, id, name)
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(found, func(f *gdrive.File) bool { return !isWhole(f) })
		if len(found) == 0 {
			made, err := d.svc.Files.Create(&gdrive.File{Name: name, MimeType: folderType, Parents: []string{id}}).
				SupportsAllDrives(true).Fields("id").Context(ctx).Do()
			if err != nil {
				return err
			}
			found = []*gdrive.File{made}
		}
		id = found[0].Id
	}
	d.root = id
	return nil
}

// foldersIn returns the folders of a name, oldest first, and those merged into
// them.
func (d *driveAPI) foldersIn(ctx context.Context, parent, name string) ([]*gdrive.File, error) {
	query := fmt.Sprintf("'%s' in parents and (name='%s' or name='%s') and mimeType='%s' and trashed=false", quoted(parent), quoted(name), quoted(name+mergedMark), folderType)
	list, err := d.svc.Files.List().Q(query).Fields("files(id,name,parents,createdTime)").PageSize(1000).Context(ctx).Do()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list.Files, older)
	return list.Files, nil
}

func older(a, b *gdrive.File) int {
	if n := strings.Compare(a.CreatedTime, b.CreatedTime); n != 0 {
		return n
	}
	return strings.Compare(a.Id, b.Id)
}

// quoted escapes a text for a query.
func quoted(s string) string { return strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) }

// below returns all folders below ours, by their parent's id.
func (d *driveAPI) below(ctx context.Context) (map[string][]*gdrive.File, error) {
	all := map[string][]*gdrive.File{}
	err := d.svc.Files.List().Q("mimeType='"+folderType+"' and trashed=false").
		Fields("nextPageToken", "files(id,name,parents,createdTime)").PageSize(1000).
		Pages(ctx, func(page *gdrive.FileList) error {
			for _, f := range page.Files {
				for _, parent := range f.Parents {
					all[parent] = append(all[parent], f)
				}
			}
			return nil
		})
	return all, err
}

// maxMerges bounds how often folders are merged and looked at again.
const maxMerges = 8

// merger is a folder and another that its content belongs to.
type merger struct{ from, to *gdrive.File }

// repair learns the folders that there are and makes one of those that have
// the same name and parent: two devices that create a folder at once get two,
// and each would see only its own.
func (d *driveAPI) repair(ctx context.Context, f fs.Fs) error {
	if d == nil {
		return nil
	}
	emptied := map[string]bool{} // folders seen to be empty now
	for range maxMerges {
		all, err := d.below(ctx)
		if err != nil {
			return err
		}
		moved := 0
		for _, m := range d.learn(all, f) {
			if emptied[m.from.Id] {
				continue
			}
			n, err := d.merge(ctx, m, all)
			if err != nil {
				return err
			}
			emptied[m.from.Id] = true
			moved += n
		}
		if moved == 0 {
			return nil
		}
	}
	return nil // the rest next time
}

// learn fills the cache of folders, and returns those that must be merged.
func (d *driveAPI) learn(all map[string][]*gdrive.File, f fs.Fs) (mergers []merger) {
	d.folders = dircache.New("", d.root, f.(dircache.DirCacher)) // rclone's drive is one
	for _, twin := range d.twins {
		mergers = append(mergers, merger{twin, &gdrive.File{Id: d.root}})
	}
	type place struct{ path, id string }
	for todo := []place{{"", d.root}}; len(todo) > 0; todo = todo[1:] {
		at := todo[0]
		children := all[at.id]
		slices.SortFunc(children, older)
		first := map[string]*gdrive.File{}
		for _, child := range children {
			if isWhole(child) && first[child.Name] == nil {
				full := strings.TrimPrefix(at.path+"/"+child.Name, "/")
				d.folders.Put(full, child.Id)
				first[child.Name] = child
				todo = append(todo, place{full, child.Id})
			}
		}
		for _, child := range children {
			to := first[strings.TrimSuffix(child.Name, mergedMark)]
			if to != nil && to != child {
				mergers = append(mergers, merger{child, to})
			}
		}
	}
	return mergers
}

// merge moves all that is in a folder to another one, marks the folder as
// empty, and returns how much it moved.
func (d *driveAPI) merge(ctx context.Context, m merger, all map[string][]*gdrive.File) (moved int, err error) {
	moved, err = d.empty(ctx, m, all)
	if err != nil || !isWhole(m.from) {
		return moved, err
	}
	_, err = d.svc.Files.Update(m.from.Id, &gdrive.File{Name: m.from.Name + mergedMark}).
		SupportsAllDrives(true).Fields("id").Context(ctx).Do()
	return moved + 1, err
}

// empty moves what is in a folder to another one. A folder that is there too
// stays, and is emptied the same way: it takes listings a while to learn of one
// move, and they need not learn of one after the other.
func (d *driveAPI) empty(ctx context.Context, m merger, all map[string][]*gdrive.File) (moved int, err error) {
	err = d.svc.Files.List().Q(fmt.Sprintf("'%s' in parents and trashed=false", quoted(m.from.Id))).
		Fields("nextPageToken", "files(id,name,mimeType)").PageSize(1000).
		Pages(ctx, func(page *gdrive.FileList) error {
			for _, f := range page.Files {
				n, err := d.moveTo(ctx, f, m, all)
				if err != nil {
					return err
				}
				moved += n
			}
			return nil
		})
	return moved, err
}

func (d *driveAPI) moveTo(ctx context.Context, f *gdrive.File, m merger, all map[string][]*gdrive.File) (moved int, err error) {
	if f.MimeType == folderType {
		for _, to := range all[m.to.Id] {
			if to.Name == strings.TrimSuffix(f.Name, mergedMark) && to.Id != f.Id {
				return d.empty(ctx, merger{f, to}, all)
			}
		}
	}
	_, err = d.svc.Files.Update(f.Id, &gdrive.File{}).AddParents(m.to.Id).RemoveParents(m.from.Id).
		SupportsAllDrives(true).Fields("id").Context(ctx).Do()
	if isGoogle(err, http.StatusNotFound) { // deleted, or moved, meanwhile
		return 0, nil
	}
	return 1, err
}

func isGoogle(err error, status int) bool {
	e, ok := errors.AsType[*googleapi.Error](err)
	return ok && e.Code == status
}

// trashed says that our folder lies in the trash: what is put there is gone
// after 30 days.
func trashed(place providers.Place) error {
	return hint.New(providers.HintTrashed, providers.Fail(providers.ErrPermission, errors.New("the folder is in the trash")), "remote", place.String())
}

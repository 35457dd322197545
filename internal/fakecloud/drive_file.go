package fakecloud

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	driveFolder   = "application/vnd.google-apps.folder"
	driveShortcut = "application/vnd.google-apps.shortcut"
	googleApps    = "application/vnd.google-apps."
)

// driveFile is a file, a folder or a shortcut. Where it is in Index it is a
// copy that no longer changes, without the content.
type driveFile struct {
	ID, Name, MimeType string
	Parent             string // "" only for roots and what nobody can see
	Owner              string // an account's e-mail address
	Client             string // the client id that made it
	AppData            bool
	Seq, Version       int64 // when it was made; how often it changed
	Created, Modified  time.Time
	Trashed            bool // itself; what is inside counts as trashed too
	TrashedAt          time.Time
	Shortcut           string // the target's id
	Permissions        []*drivePermission

	Description     string
	Color           string
	Starred         bool
	CopyNeedsWriter bool
	WritersShare    bool
	Viewed          time.Time
	Properties      map[string]string
	AppProperties   map[string]map[string]string // by client id

	Content           []byte
	Size              int64
	MD5, SHA1, SHA256 string
}

// isBlob reports whether the file has bytes of its own.
func (f *driveFile) isBlob() bool { return !strings.HasPrefix(f.MimeType, googleApps) }

func (f *driveFile) isRoot() bool { return f.Parent == "" }

func (f *driveFile) setContent(data []byte) {
	f.Content, f.Size = data, int64(len(data))
	m, s1, s256 := md5.Sum(data), sha1.Sum(data), sha256.Sum256(data)
	f.MD5, f.SHA1, f.SHA256 = hex.EncodeToString(m[:]), hex.EncodeToString(s1[:]), hex.EncodeToString(s256[:])
}

// snapshot returns a copy for Index and for answers.
func (f *driveFile) snapshot() *driveFile {
	c := *f
	c.Content = nil
	c.Permissions = slices.Clone(f.Permissions)
	return &c
}

// serve answers with the bytes, or the range that was asked for.
func (f *driveFile) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", f.MimeType)
	w.Header().Set("Cache-Control", "private, max-age=0, must-revalidate")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.Content))
}

// driveVersion is a file as it was from At on; nil from when it was gone.
type driveVersion struct {
	At   time.Time
	File *driveFile
}

// driveView is a way to look at the files: as they are, or as listings see
// them. It returns nil for what isn't there.
type driveView func(id string) *driveFile

func (d *Drive) current(id string) *driveFile { return d.Nodes[id] }

// listed is the view of listings, which lags.
func (d *Drive) listed(id string) *driveFile {
	horizon := d.c.now().Add(-d.c.lag)
	var seen *driveFile
	for _, v := range d.Index[id] {
		if !v.At.After(horizon) {
			seen = v.File
		}
	}
	return seen
}

// index lets listings learn of a change, when their time has come.
func (d *Drive) index(id string) {
	v := driveVersion{At: d.c.now()}
	if f := d.Nodes[id]; f != nil {
		v.File = f.snapshot()
	}
	// What is older than the newest version that listings see is never
	// looked at again.
	old, horizon := d.Index[id], v.At.Add(-d.c.lag)
	for len(old) > 1 && !old[1].At.After(horizon) {
		old = old[1:]
	}
	if d.c.lag == 0 {
		old = nil
	}
	if d.Index[id] = append(slices.Clone(old), v); d.c.lag == 0 && v.File == nil {
		delete(d.Index, id)
	}
}

// trashed reports whether f or a folder above it is in the trash.
func (v driveView) trashed(f *driveFile) bool {
	for depth := 0; f != nil && depth < 200; depth++ {
		if f.Trashed {
			return true
		}
		f = v(f.Parent)
	}
	return false
}

// inside reports whether f is folder or below it.
func (v driveView) inside(f *driveFile, folder string) bool {
	for depth := 0; f != nil && depth < 200; depth++ {
		if f.ID == folder {
			return true
		}
		f = v(f.Parent)
	}
	return false
}

// changed is called after every change of a file.
func (d *Drive) changed(f *driveFile) {
	f.Version++
	d.index(f.ID)
	d.Changes = append(d.Changes, driveChange{At: d.c.now(), ID: f.ID, Owner: f.Owner, Client: f.Client, AppData: f.AppData})
}

// newFile makes a file that is not yet in the drive.
func (d *Drive) newFile(owner, client string) *driveFile {
	d.Made++
	now := d.c.now()
	return &driveFile{
		Seq: d.Made, Owner: owner, Client: client, Created: now, Modified: now, WritersShare: true,
		Permissions: []*drivePermission{{ID: permissionID(owner), Type: "user", Role: "owner", Email: owner}},
	}
}

// add puts a new file into the drive.
func (d *Drive) add(f *driveFile) {
	if f.ID == "" {
		f.ID = driveID("1", 32)
	}
	d.Taken[f.ID] = true
	d.Nodes[f.ID] = f
	d.changed(f)
}

// remove deletes a file for good, with all that is inside.
func (d *Drive) remove(f *driveFile) {
	if f.MimeType == driveFolder {
		for _, g := range d.children(f.ID) {
			d.remove(g)
		}
	}
	delete(d.Nodes, f.ID)
	d.changed(f)
}

// children returns what is in a folder now, trashed or not, oldest first.
func (d *Drive) children(folder string) (all []*driveFile) {
	for _, f := range d.Nodes {
		if f.Parent == folder && folder != "" {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b *driveFile) int { return int(a.Seq - b.Seq) })
	return all
}

// used returns the bytes an account has stored, and those in the trash.
func (d *Drive) used(owner string) (all, trash int64) {
	for _, f := range d.Nodes {
		if f.Owner != owner {
			continue
		}
		all += f.Size
		if driveView(d.current).trashed(f) {
			trash += f.Size
		}
	}
	return all, trash
}

// room fails if n more bytes are too many.
func (d *Drive) room(u *googleUser, n int64) error {
	if u.Total <= 0 {
		return nil
	}
	if all, _ := d.used(u.Email); all+n > u.Total {
		return driveErr(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded.")
	}
	return nil
}

// driveID returns a random id in the look of Drive's.
func driveID(prefix string, n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	b := make([]byte, n)
	rand.Read(b)
	for i := range b {
		b[i] = letters[b[i]%64]
	}
	return prefix + string(b)
}

func jsonText(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // v is ours
	}
	return string(data)
}

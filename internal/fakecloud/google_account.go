package fakecloud

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// GoogleAccount is one user's drive as its owner sees it in the browser: all
// of it, without lag. Paths are below "My Drive", with slashes and without
// one in front; where names repeat, a path means the oldest.
type GoogleAccount struct {
	d *Drive
	u *googleUser
}

// googleUser is an account.
type googleUser struct {
	Email     string
	Root      string            // id of "My Drive"; "" until the account has a name
	Apps      map[string]string // appDataFolder, by client id
	Total     int64             // quota; 0 for none
	Generated map[string]bool   // ids given out by generateIds
}

// newUser adds an account. The first has no name until somebody signs in.
func (d *Drive) newUser(email string) *googleUser {
	u := &googleUser{Email: email, Apps: map[string]string{}, Generated: map[string]bool{}}
	d.Users = append(d.Users, u)
	if email != "" {
		u.Root = d.newRoot(u, "My Drive", "").ID
	}
	return u
}

// newRoot makes a folder in no folder.
func (d *Drive) newRoot(u *googleUser, name, client string) *driveFile {
	f := d.newFile(u.Email, client)
	f.ID, f.Name, f.MimeType, f.AppData = driveID("0A", 14)+"PVA", name, driveFolder, client != ""
	d.Taken[f.ID], d.Nodes[f.ID] = true, f
	d.Index[f.ID] = []driveVersion{{File: f.snapshot()}} // nobody has to wait for it
	return f
}

func (u *googleUser) appFolder(d *Drive, client string) string {
	if u.Apps[client] == "" {
		u.Apps[client] = d.newRoot(u, "appDataFolder", client).ID
	}
	return u.Apps[client]
}

// email makes an address of an account's name.
func email(account string) string {
	if account == "" || strings.Contains(account, "@") {
		return account
	}
	return account + "@gmail.example"
}

// user returns the account with a name, new if need be; "" is the first one.
func (d *Drive) user(account string) *googleUser {
	address, first := email(account), d.Users[0]
	if first.Email == "" {
		first.Email = address
		if address == "" {
			first.Email = "somebody@gmail.example"
		}
		first.Root = d.newRoot(first, "My Drive", "").ID
	}
	if address == "" {
		return first
	}
	for _, u := range d.Users {
		if u.Email == address {
			return u
		}
	}
	return d.newUser(address)
}

// Account returns an account by its e-mail address or the part before the @;
// "" is the one that signed in first. It is made if it isn't there.
func (d *Drive) Account(name string) GoogleAccount {
	d.mu.Lock()
	defer d.mu.Unlock()
	return GoogleAccount{d, d.user(name)}
}

// Email returns the account's address.
func (a GoogleAccount) Email() string {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	return a.u.Email
}

// SetQuota limits what the account can store, the trash included; 0 for no
// limit.
func (a GoogleAccount) SetQuota(total int64) {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	a.u.Total = total
}

// Used returns the stored bytes, the trash included.
func (a GoogleAccount) Used() int64 {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	all, _ := a.d.used(a.u.Email)
	return all
}

// Files returns the contents by path, without the trash. Where names repeat
// it has one of them; Paths has all.
func (a GoogleAccount) Files() map[string][]byte {
	files := map[string][]byte{}
	a.walk(func(path string, f *driveFile) {
		if f.isBlob() && !driveView(a.d.current).trashed(f) {
			files[path] = slices.Clone(f.Content)
		}
	})
	return files
}

// Paths returns the sorted paths of all that isn't in the trash, each as
// often as it is there. Folders end in a slash.
func (a GoogleAccount) Paths() []string { return a.list(false) }

// Trashed returns the paths of what is in the trash.
func (a GoogleAccount) Trashed() []string { return a.list(true) }

func (a GoogleAccount) list(trashed bool) []string {
	paths := []string{}
	a.walk(func(path string, f *driveFile) {
		if driveView(a.d.current).trashed(f) != trashed {
			return
		}
		if f.MimeType == driveFolder {
			path += "/"
		}
		paths = append(paths, path)
	})
	slices.Sort(paths)
	return paths
}

// walk visits everything below "My Drive".
func (a GoogleAccount) walk(visit func(path string, f *driveFile)) {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	var down func(folder, prefix string)
	down = func(folder, prefix string) {
		for _, f := range a.d.children(folder) {
			visit(prefix+f.Name, f)
			down(f.ID, prefix+f.Name+"/")
		}
	}
	down(a.u.Root, "")
}

// TrashPath puts a file or folder into the trash, as the user would.
func (a GoogleAccount) TrashPath(path string) error {
	return a.touch("trash", path, func(f *driveFile) { f.Trashed, f.TrashedAt = true, a.d.c.now() })
}

// RemovePath deletes a file or folder for good.
func (a GoogleAccount) RemovePath(path string) error {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	f, err := a.find("remove", path)
	if err == nil {
		a.d.remove(f)
	}
	return err
}

// MovePath moves and renames a file or folder. The new folder must exist.
func (a GoogleAccount) MovePath(from, to string) error {
	folder, name := "", to
	if i := strings.LastIndexByte(to, '/'); i >= 0 {
		folder, name = to[:i], to[i+1:]
	}
	a.d.mu.Lock()
	parent, err := a.find("move to", folder)
	a.d.mu.Unlock()
	if err != nil {
		return err
	}
	return a.touch("move", from, func(f *driveFile) { f.Parent, f.Name = parent.ID, name })
}

// Corrupt flips a bit in the middle of a file and leaves its hashes as they
// were: the cloud doesn't know.
func (a GoogleAccount) Corrupt(path string) error {
	return a.touch("corrupt", path, func(f *driveFile) {
		f.Content = slices.Clone(f.Content)
		f.Content[len(f.Content)/2] ^= 1
	})
}

// EmptyTrash deletes for good what is in the trash.
func (a GoogleAccount) EmptyTrash() {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	a.d.emptyTrashOf(a.u)
}

func (a GoogleAccount) touch(what, path string, change func(*driveFile)) error {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	f, err := a.find(what, path)
	if err == nil {
		change(f)
		a.d.changed(f)
	}
	return err
}

// find returns the oldest file at a path that isn't in the trash.
func (a GoogleAccount) find(what, path string) (*driveFile, error) {
	at := a.d.Nodes[a.u.Root]
	for _, name := range strings.Split(strings.Trim(path, "/"), "/") {
		if name == "" || at == nil {
			continue
		}
		all := a.d.children(at.ID)
		i := slices.IndexFunc(all, func(f *driveFile) bool { return f.Name == name && !f.Trashed })
		if i < 0 {
			return nil, fmt.Errorf("%s %s: %w", what, path, fs.ErrNotExist)
		}
		at = all[i]
	}
	if at == nil {
		return nil, fmt.Errorf("%s %s: %w", what, path, fs.ErrNotExist)
	}
	return at, nil
}

// MissInListings lets the next n listings say incompleteSearch and leave out
// half of what they found.
func (d *Drive) MissInListings(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.incomplete = n
}

package fakecloud

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"sync"
	"time"
)

// Inside looks into what one account of OneDrive or Dropbox holds, and
// changes it behind its clients' backs: as its owner does on the web, another
// device does, or bad luck. Paths have no slash in front; their case doesn't
// matter.
type Inside struct {
	lock *sync.Mutex
	now  func() time.Time
	find func() store // under the lock
}

// store is where an account's files are.
type store interface {
	names() *namespace
	room() *int64 // the quota
	write(f *node, data []byte, now time.Time)
}

// use runs do under the lock.
func (i Inside) use(do func(s store, n *namespace)) {
	i.lock.Lock()
	defer i.lock.Unlock()
	s := i.find()
	do(s, s.names())
}

// Files returns all files with their content, by path.
func (i Inside) Files() map[string][]byte {
	files := map[string][]byte{}
	i.use(func(_ store, n *namespace) {
		n.walk(n.root(), func(f *node) {
			if !f.Folder {
				files[n.path(f)] = f.Data
			}
		})
	})
	return files
}

// Paths returns the paths of all files, sorted.
func (i Inside) Paths() []string { return slices.Sorted(maps.Keys(i.Files())) }

// Folders returns the paths of all folders, sorted, without the root.
func (i Inside) Folders() []string {
	var paths []string
	i.use(func(_ store, n *namespace) {
		n.walk(n.root(), func(f *node) {
			if f.Folder && f.Parent != "" {
				paths = append(paths, n.path(f))
			}
		})
	})
	slices.Sort(paths)
	return paths
}

// Trashed returns the paths that trashed files and folders had, in the order
// in which they were trashed. What was trashed with its folder isn't listed.
func (i Inside) Trashed() []string {
	var paths []string
	i.use(func(_ store, n *namespace) {
		for _, f := range n.inTrash() {
			paths = append(paths, n.path(f))
		}
	})
	return paths
}

// Used returns how many bytes the files take, the trash left out.
func (i Inside) Used() (sum int64) {
	i.use(func(_ store, n *namespace) { sum = n.used() })
	return sum
}

// SetQuota sets how many bytes there is room for.
func (i Inside) SetQuota(total int64) {
	i.use(func(s store, _ *namespace) { *s.room() = total })
}

// PutPath writes a file, with the folders it needs.
func (i Inside) PutPath(name string, data []byte) {
	i.use(func(s store, n *namespace) {
		f := n.find(n.root(), name)
		if f == nil {
			dir, base := path.Split(name)
			parent := n.root()
			for _, folder := range elements(dir) {
				next := n.child(parent, folder)
				if next == nil {
					next = n.add(parent, folder, true, i.now())
				}
				parent = next
			}
			f = n.add(parent, base, false, i.now())
		}
		s.write(f, slices.Clone(data), i.now())
	})
}

// TrashPath puts a file or folder in the trash.
func (i Inside) TrashPath(path string) error {
	return i.at(path, func(n *namespace, f *node) { n.trash(f) })
}

// RemovePath deletes a file or folder for good.
func (i Inside) RemovePath(path string) error {
	return i.at(path, func(n *namespace, f *node) { n.remove(f) })
}

// EmptyTrash deletes for good what was trashed.
func (i Inside) EmptyTrash() {
	i.use(func(_ store, n *namespace) {
		for _, f := range n.inTrash() {
			n.remove(f)
		}
	})
}

// RestorePath puts back what was trashed, unless its name was taken since.
func (i Inside) RestorePath(path string) (err error) {
	i.use(func(_ store, n *namespace) {
		for _, f := range n.inTrash() {
			if n.path(f) == path && n.find(n.root(), path) == nil {
				f.Trashed = false
				n.link(f)
				n.touch(f)
				return
			}
		}
		err = fmt.Errorf("restore %s: it is not in the trash, or its name is taken", path)
	})
	return err
}

// MovePath gives a file or folder another place or name. Its new folder must
// be there.
func (i Inside) MovePath(from, to string) (err error) {
	dir, base := path.Split(to)
	moved := i.at(from, func(n *namespace, f *node) {
		parent := n.find(n.root(), dir)
		if taken := n.find(n.root(), to); parent == nil || !parent.Folder || taken != nil && taken != f || n.within(parent, f) {
			err = fmt.Errorf("move %s to %s: there is no room for it", from, to)
			return
		}
		n.move(f, parent, base)
	})
	if moved != nil {
		return moved
	}
	return err
}

// Corrupt damages a byte in the middle of a file. The hash that the service
// reports stays that of the undamaged file.
func (i Inside) Corrupt(path string) error {
	return i.at(path, func(_ *namespace, f *node) {
		f.Data = slices.Clone(f.Data)
		f.Data[len(f.Data)/2] ^= 0x40
	})
}

// at finds what is at a path and does something to it.
func (i Inside) at(path string, do func(n *namespace, f *node)) (err error) {
	i.use(func(_ store, n *namespace) {
		f := n.find(n.root(), path)
		if f == nil || f.Parent == "" {
			err = fmt.Errorf("%s: there is no such file or folder", path)
			return
		}
		do(n, f)
	})
	return err
}

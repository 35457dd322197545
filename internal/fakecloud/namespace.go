package fakecloud

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// node is one file or folder of a namespace.
type node struct {
	ID       string
	Name     string
	Parent   string // the id of the folder it is in; "" for the root
	Folder   bool
	Data     []byte // never changed in place, so that a reader needs no lock
	Hash     string // as the service reports it, even where Data was damaged since
	Created  time.Time
	Modified time.Time
	// What the client said of its own copy.
	ClientCreated  time.Time
	ClientModified time.Time

	Seq     int64 // when it last changed, counted over the namespace
	Rev     int64 // content versions, counted over the namespace
	Trashed bool  // the top of what was put in the trash
	Deleted bool  // gone for good; kept for those who ask for changes

	Note     string // Graph's description
	Edition  int    // counts Graph's versions
	Versions []version
	Grants   []*grant
	Shared   bool // it was once, whoever may see it now
}

// namespace is a tree of files and folders whose names are unique within a
// folder whatever their case, as on OneDrive and Dropbox. It knows nothing of
// HTTP; its owner guards it with a lock.
type namespace struct {
	Nodes map[string]*node
	Root  string
	Seq   int64 // counts changes
	Made  int64 // counts nodes ever made

	name func(made int64) string     // makes an id
	kids map[string]map[string]*node // by the folder's id and the folded name
}

func newNamespace(id func(made int64) string, now time.Time) *namespace {
	n := &namespace{Nodes: map[string]*node{}, name: id, kids: map[string]map[string]*node{}}
	root := n.make("root", true, now)
	n.Root = root.ID
	return n
}

// reindex restores what is not stored.
func (n *namespace) reindex(id func(made int64) string) {
	n.name, n.kids = id, map[string]map[string]*node{}
	for _, f := range n.Nodes {
		if f.Parent != "" && !f.Trashed && !f.Deleted {
			n.link(f)
		}
	}
}

func (n *namespace) root() *node { return n.Nodes[n.Root] }

func (n *namespace) make(name string, folder bool, now time.Time) *node {
	n.Made++
	f := &node{ID: n.name(n.Made), Name: name, Folder: folder,
		Created: now, Modified: now, ClientCreated: now, ClientModified: now}
	n.Nodes[f.ID] = f
	n.touch(f)
	return f
}

// add makes a file or folder in a folder, where its name must be free.
func (n *namespace) add(parent *node, name string, folder bool, now time.Time) *node {
	f := n.make(name, folder, now)
	f.Parent = parent.ID
	n.link(f)
	n.touch(f)
	return f
}

// touch marks a change of f. The folders above count as changed too: that is
// how both services tell it.
func (n *namespace) touch(f *node) {
	n.Seq++
	for ; f != nil; f = n.Nodes[f.Parent] {
		f.Seq = n.Seq
	}
}

// write gives f a new content.
func (n *namespace) write(f *node, data []byte, hash string, now time.Time) {
	n.Seq++
	f.Data, f.Hash, f.Rev = data, hash, n.Seq
	f.Modified, f.ClientModified = now, now
	n.touch(f)
}

func (n *namespace) link(f *node) {
	if n.kids[f.Parent] == nil {
		n.kids[f.Parent] = map[string]*node{}
	}
	n.kids[f.Parent][strings.ToLower(f.Name)] = f
}

func (n *namespace) unlink(f *node) { delete(n.kids[f.Parent], strings.ToLower(f.Name)) }

// move gives f another place or name, which must be free or its own.
func (n *namespace) move(f, parent *node, name string) {
	n.unlink(f)
	n.touch(f)
	f.Parent, f.Name = parent.ID, name
	n.link(f)
	n.touch(f)
}

// trash takes f out of the tree with all that is in it.
func (n *namespace) trash(f *node) {
	n.touch(f)
	n.unlink(f)
	f.Trashed = true
}

// remove deletes f for good with all that is in it.
func (n *namespace) remove(f *node) {
	n.touch(f)
	if !f.Trashed {
		n.unlink(f)
	}
	n.bury(f)
}

func (n *namespace) bury(f *node) {
	for _, kid := range n.children(f) {
		n.bury(kid)
	}
	f.Seq, f.Deleted, f.Trashed, f.Data, f.Versions = n.Seq, true, false, nil, nil
	delete(n.kids, f.ID)
}

// alive returns the node with an id unless it, or a folder it is in, was
// trashed or deleted.
func (n *namespace) alive(id string) *node {
	f := n.Nodes[id]
	for up := f; up != nil; up = n.Nodes[up.Parent] {
		if up.Trashed || up.Deleted {
			return nil
		}
	}
	return f
}

func (n *namespace) child(parent *node, name string) *node {
	return n.kids[parent.ID][strings.ToLower(name)]
}

// children returns what is in a folder, by name.
func (n *namespace) children(parent *node) []*node {
	kids := n.kids[parent.ID]
	sorted := make([]*node, 0, len(kids))
	for _, name := range slices.Sorted(maps.Keys(kids)) {
		sorted = append(sorted, kids[name])
	}
	return sorted
}

// find returns what is at a path below a folder, or nil. The path "" is the
// folder itself.
func (n *namespace) find(from *node, path string) *node {
	for _, name := range elements(path) {
		if from == nil || !from.Folder {
			return nil
		}
		from = n.child(from, name)
	}
	return from
}

// path returns where f is, without a slash in front.
func (n *namespace) path(f *node) string {
	var names []string
	for ; f != nil && f.Parent != ""; f = n.Nodes[f.Parent] {
		names = append(names, f.Name)
	}
	slices.Reverse(names)
	return strings.Join(names, "/")
}

// within reports whether f is folder or somewhere below it.
func (n *namespace) within(f, folder *node) bool {
	for ; f != nil; f = n.Nodes[f.Parent] {
		if f == folder {
			return true
		}
	}
	return false
}

// walk visits f and all below it, a folder before what it holds.
func (n *namespace) walk(f *node, visit func(*node)) {
	visit(f)
	for _, kid := range n.children(f) {
		n.walk(kid, visit)
	}
}

// size is the length of a file, or of all files below a folder.
func (n *namespace) size(f *node) int64 {
	var sum int64
	n.walk(f, func(f *node) { sum += int64(len(f.Data)) })
	return sum
}

// used is what all files take together with their kept versions.
func (n *namespace) used() int64 {
	var sum int64
	for id, f := range n.Nodes {
		if n.alive(id) != nil {
			sum += f.weight()
		}
	}
	return sum
}

// trashed is what all that was trashed takes.
func (n *namespace) trashed() int64 {
	var sum int64
	for _, f := range n.Nodes {
		sum += f.weight()
	}
	return sum - n.used()
}

func (f *node) weight() int64 {
	sum := int64(len(f.Data))
	for _, v := range f.Versions {
		sum += v.Counted
	}
	return sum
}

// inTrash returns the tops of what was trashed, oldest change first.
func (n *namespace) inTrash() []*node {
	var tops []*node
	for _, f := range n.Nodes {
		if f.Trashed && !f.Deleted {
			tops = append(tops, f)
		}
	}
	slices.SortFunc(tops, func(a, b *node) int { return int(a.Seq - b.Seq) })
	return tops
}

// changed returns what changed after seq, oldest change first, deleted and
// trashed things included.
func (n *namespace) changed(seq int64) []*node {
	var found []*node
	for _, f := range n.Nodes {
		if f.Seq > seq {
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b *node) int {
		if a.Seq != b.Seq {
			return int(a.Seq - b.Seq)
		}
		return len(n.path(a)) - len(n.path(b)) // folders before what they hold
	})
	return found
}

// elements splits a path into its names.
func elements(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

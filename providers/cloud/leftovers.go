package cloud

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"sync"
)

// A leftover is what a Put writes to before the object gets its name: the name
// with "_" and a random number. "_" is in no valid name, so a leftover can't
// be taken for an object.
var leftoverName = regexp.MustCompile(`^(.+)_[0-9a-f]{8}$`)

// leftovers knows the leftovers of crashed puts, from one look at each folder
// that something is put into.
type leftovers struct {
	mu      sync.Mutex
	folders map[string]map[string][]string // folder → object → its leftovers
	live    map[string]bool                // what puts of this process write to now
}

// begin returns a new leftover's path for an object.
func (l *leftovers) begin(name string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.live == nil {
		l.live = map[string]bool{}
	}
	beside := fmt.Sprintf("%s_%08x", name, rand.Uint32())
	l.live[beside] = true
	return beside
}

func (l *leftovers) end(beside string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.live, beside)
}

// looked tells whether a folder has been looked at.
func (l *leftovers) looked(folder string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.folders[folder] != nil
}

// found notes what a look at a folder found.
func (l *leftovers) found(folder string, paths []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.folders == nil {
		l.folders = map[string]map[string][]string{}
	}
	if l.folders[folder] != nil {
		return // a concurrent look was first
	}
	l.folders[folder] = map[string][]string{}
	for _, p := range paths {
		if m := leftoverName.FindStringSubmatch(p); m != nil && !l.live[p] {
			l.folders[folder][m[1]] = append(l.folders[folder][m[1]], p)
		}
	}
}

// add notes a leftover that could not be removed.
func (l *leftovers) add(name, beside string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.folders[path.Dir(name)]; known != nil && !slices.Contains(known[name], beside) {
		known[name] = append(known[name], beside)
	}
}

// take returns an object's leftovers and forgets them.
func (l *leftovers) take(name string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.folders[path.Dir(name)]
	taken := known[name]
	delete(known, name)
	return taken
}

// clearLeftovers removes what crashed puts of an object left. It is a service
// to the disk, not a condition of the Put, so errors are left to the next one.
func (r *remote) clearLeftovers(ctx context.Context, name string) {
	folder := path.Dir(name)
	if !r.leftovers.looked(folder) {
		paths, err := r.filesIn(ctx, folder)
		if err != nil {
			return
		}
		r.leftovers.found(folder, paths)
	}
	for _, beside := range r.leftovers.take(name) {
		r.removeLeftover(ctx, name, beside)
	}
}

// removeLeftover removes a leftover of an object, even after ctx ended, or
// notes it for the object's next Put.
func (r *remote) removeLeftover(ctx context.Context, name, beside string) {
	ctx = context.WithoutCancel(ctx)
	o, err := r.fs().NewObject(ctx, beside)
	if err == nil {
		err = o.Remove(ctx)
	}
	if err != nil && !isMissing(err) {
		r.leftovers.add(name, beside)
	}
}

// filesIn returns the paths of everything in a folder that is no folder.
func (r *remote) filesIn(ctx context.Context, folder string) (paths []string, err error) {
	if folder == "." {
		folder = ""
	}
	l := r.listFolder(ctx, folder)
	for _, o := range l.objects {
		paths = append(paths, o.Remote())
	}
	return paths, l.err
}

package cloud

import (
	"context"
	"sync"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/lib/dircache"
)

// drivelists is rclone's Drive with one listing or look-up at a time. Each of
// them writes down its query, for rclone's own tests and without a guard.
//
// Its recursive listing is not used at all: it can lose an error on the way, and
// a listing that ends early passes for all there is.
type drivelists struct {
	fs.Fs
	folders dircache.DirCacher
	mu      sync.Mutex
}

func newDriveLists(f fs.Fs) *drivelists {
	return &drivelists{Fs: f, folders: f.(dircache.DirCacher)} // rclone's drive is one
}

func (l *drivelists) NewObject(ctx context.Context, name string) (fs.Object, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Fs.NewObject(ctx, name)
}

func (l *drivelists) List(ctx context.Context, folder string) (fs.DirEntries, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Fs.List(ctx, folder)
}

// FindLeaf and CreateDir make it a dircache.DirCacher.
func (l *drivelists) FindLeaf(ctx context.Context, parent, leaf string) (id string, found bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.folders.FindLeaf(ctx, parent, leaf)
}

func (l *drivelists) CreateDir(ctx context.Context, parent, leaf string) (id string, err error) {
	return l.folders.CreateDir(ctx, parent, leaf)
}

package cloud

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/hash"

	"github.com/chatkeep/chatkeep/providers"
)

// mostObjects is how many objects are remembered: more than any restore reads
// at a time, and a few megabytes.
const mostObjects = 10_000

// objects remembers where objects were found, so that a second read of one, or
// a first after a listing, need not look for it again. Objects never change;
// one that is gone is noticed when it is read.
type objects struct {
	mu    sync.Mutex
	known map[providers.Name]fs.Object
}

func (o *objects) get(name providers.Name) fs.Object {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.known[name]
}

func (o *objects) add(name providers.Name, object fs.Object) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil || len(o.known) >= mostObjects {
		o.known = map[providers.Name]fs.Object{}
	}
	o.known[name] = object
}

func (o *objects) drop(name providers.Name) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.known, name)
}

// clear forgets all: they belong to a connection that is over.
func (o *objects) clear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known = nil
}

// guarded is an object that several reads share. Some backends note in it what
// an answer said of it.
type guarded struct {
	fs.Object
	mu sync.Mutex
}

// shared guards an object before anybody else can get at it.
func shared(o fs.Object) fs.Object {
	if g, ok := o.(*guarded); ok {
		return g
	}
	return &guarded{Object: o}
}

func (g *guarded) Size() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Object.Size()
}

func (g *guarded) ModTime(ctx context.Context) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Object.ModTime(ctx)
}

func (g *guarded) Hash(ctx context.Context, t hash.Type) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Object.Hash(ctx, t)
}

func (g *guarded) Open(ctx context.Context, options ...fs.OpenOption) (io.ReadCloser, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Object.Open(ctx, options...)
}

// remember keeps an object for the next read. On a folder of this computer
// looking costs nothing, and finds what others changed.
func (r *remote) remember(name providers.Name, o fs.Object) {
	if !r.kind.folder {
		r.objects.add(name, shared(o))
	}
}

// find returns an object that was found before, or looks for it.
func (r *remote) find(ctx context.Context, name providers.Name) (o fs.Object, known bool, err error) {
	if o := r.objects.get(name); o != nil {
		return o, true, nil
	}
	o, err = r.look(ctx, name)
	return o, false, err
}

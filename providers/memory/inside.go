package memory

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/providers"
)

// Names returns the names of all objects in order, also of those that
// listings do not show yet.
func (r *Remote) Names() []providers.Name {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.objects))
}

// Bytes returns a copy of an object's bytes, or nil.
func (r *Remote) Bytes(name providers.Name) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.objects[name].bytes)
}

// SetBytes stores a copy of content under name, whatever was there, as
// somebody with access to the service could. It needs no capacity, and
// listings show it at once.
func (r *Remote) SetBytes(name providers.Name, content []byte) {
	o := newObject(bytes.Clone(content))
	r.mu.Lock()
	defer r.mu.Unlock()
	o.modTime = r.clock()
	r.objects[name] = o
}

// Drop removes an object, as somebody with access to the service could.
func (r *Remote) Drop(name providers.Name) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.objects, name)
}

// Folders returns the folders made by MakeFolder, in order.
func (r *Remote) Folders() []providers.Name {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.folders))
}

// Calls returns how often a method was called so far; "" for all of them.
func (r *Remote) Calls(m Method) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m != "" {
		return r.calls[m]
	}
	n := 0
	for _, calls := range r.calls {
		n += calls
	}
	return n
}

// SetClock sets the clock that stamps new objects.
func (r *Remote) SetClock(now func() time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = now
}

// SetCapacity makes the remote full at so many bytes; 0 is never.
func (r *Remote) SetCapacity(size int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.capacity = size
}

// SetListLag hides each object put from now on from the next listings.
func (r *Remote) SetListLag(listings int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lag = listings
}

// SetTraits makes the remote look like another kind: without SHA256 among the
// Sums it reports none; with SumsCostRead only listings that ask get them.
func (r *Remote) SetTraits(t providers.Traits) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.traits = t
}

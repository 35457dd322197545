// Package memory is a remote in the memory of this process, for tests and the
// demo. It keeps every promise of [providers.Remote], and on request breaks
// chosen calls the way services do: see [Remote.Inject]. It can pretend to
// stand behind a slow line, without anybody waiting: see [Remote.SetLine].
//
// It also lets a test look at the stored bytes and tamper with them, which a
// provider of course never offers.
package memory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chatkeep/chatkeep/providers"
)

// Remote is one remote in memory. It is safe for concurrent use.
type Remote struct {
	mu       sync.Mutex
	objects  map[providers.Name]object
	folders  map[providers.Name]bool
	traits   providers.Traits
	clock    func() time.Time
	line     *line
	arrived  map[providers.Name]time.Time
	capacity int64 // bytes, 0 for any number
	lag      int   // listings a new object is missing from
	calls    map[Method]int
	faults   []*armed
}

var _ providers.Remote = (*Remote)(nil)

// object is what is stored. Its bytes are never changed, only replaced.
type object struct {
	bytes   []byte
	sum     string // SHA-256
	modTime time.Time
	hidden  int // listings it will still be missing from
}

// New returns an empty remote that reports SHA-256 sums as a cloud does, with
// every answer.
func New() *Remote {
	return &Remote{
		objects: map[providers.Name]object{},
		folders: map[providers.Name]bool{},
		traits:  providers.Traits{Sums: []providers.Algorithm{providers.SHA256}},
		clock:   time.Now,
		line:    &line{},
		arrived: map[providers.Name]time.Time{},
		calls:   map[Method]int{},
	}
}

// String returns "memory:".
func (r *Remote) String() string { return "memory:" }

// Close does nothing; the objects stay.
func (r *Remote) Close() error { return nil }

// Traits returns those of a cloud, or the ones of SetTraits.
func (r *Remote) Traits() providers.Traits {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.traits
}

// Put stores the object.
func (r *Remote) Put(ctx context.Context, name providers.Name, src providers.Source) (providers.Info, error) {
	if err := providers.ValidPut(name, src); err != nil {
		return providers.Info{}, fmt.Errorf("put: %w", err)
	}
	fault, err := r.begin(ctx, Put, name)
	if err != nil {
		return providers.Info{}, err
	}
	content, err := read(ctx, src)
	if err != nil {
		return providers.Info{}, fmt.Errorf("put %s: %w", name, err)
	}
	if fault.Corrupt {
		content[len(content)/2] ^= 1
	}
	info, err := r.store(name, content)
	if err == nil {
		err = fault.lost(Put, name)
	}
	if err != nil {
		return providers.Info{}, err
	}
	info.Confirm(src)
	return info, nil
}

// read returns the whole source, piece by piece so that ctx can end it.
func read(ctx context.Context, src providers.Source) ([]byte, error) {
	in, err := src.Open()
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	defer in.Close()
	var content bytes.Buffer
	for err == nil {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		_, err = io.CopyN(&content, in, 64<<10)
	}
	if err != io.EOF {
		return nil, fmt.Errorf("read source: %w", err)
	}
	if got := int64(content.Len()); got != src.Size() {
		return nil, fmt.Errorf("source has %d bytes, expected %d", got, src.Size())
	}
	return content.Bytes(), nil
}

func (r *Remote) store(name providers.Name, content []byte) (providers.Info, error) {
	o := newObject(content)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line.carried += int64(len(content))
	if r.capacity > 0 && r.used()-int64(len(r.objects[name].bytes))+int64(len(content)) > r.capacity {
		return providers.Info{}, fmt.Errorf("put %s: %w", name, r.fail(providers.ErrQuota))
	}
	o.modTime, o.hidden = r.clock(), r.lag
	r.objects[name] = o
	if _, again := r.arrived[name]; !again {
		r.arrived[name] = o.modTime
	}
	return r.info(name, o, false), nil
}

func newObject(content []byte) object {
	sum := sha256.Sum256(content)
	return object{bytes: content, sum: hex.EncodeToString(sum[:])}
}

func (r *Remote) used() (n int64) {
	for _, o := range r.objects {
		n += int64(len(o.bytes))
	}
	return n
}

// info describes an object. Sums that cost reading are only in a listing that
// asks for them.
func (r *Remote) info(name providers.Name, o object, asked bool) providers.Info {
	info := providers.Info{Name: name, Size: int64(len(o.bytes)), ModTime: o.modTime}
	if slices.Contains(r.traits.Sums, providers.SHA256) && (asked || !r.traits.SumsCostRead) {
		info.Sums = map[providers.Algorithm]string{providers.SHA256: o.sum}
	}
	return info
}

// Get reads the object as it is now, whatever happens to it later.
func (r *Remote) Get(ctx context.Context, name providers.Name, offset, n int64) (io.ReadCloser, error) {
	if err := validGet(name, offset, n); err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	fault, err := r.begin(ctx, Get, name)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	o, ok := r.objects[name]
	if !ok {
		return nil, fmt.Errorf("get %s: %w", name, r.fail(providers.ErrNotExist))
	}
	if err := fault.lost(Get, name); err != nil {
		return nil, err
	}
	return r.newBody(ctx, name, o.bytes, offset, n, fault), nil
}

func validGet(name providers.Name, offset, n int64) error {
	if err := providers.ValidName(name); err != nil {
		return err
	}
	return providers.ValidRange(offset, n)
}

// Stat describes the object.
func (r *Remote) Stat(ctx context.Context, name providers.Name) (providers.Info, error) {
	if err := providers.ValidName(name); err != nil {
		return providers.Info{}, fmt.Errorf("stat: %w", err)
	}
	fault, err := r.begin(ctx, Stat, name)
	if err != nil {
		return providers.Info{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	o, ok := r.objects[name]
	if !ok {
		return providers.Info{}, fmt.Errorf("stat %s: %w", name, r.fail(providers.ErrNotExist))
	}
	if err := fault.lost(Stat, name); err != nil {
		return providers.Info{}, err
	}
	return r.info(name, o, false), nil
}

// List lists a state of the remote that existed when it was called, in the
// order of names.
func (r *Remote) List(ctx context.Context, prefix providers.Name, opt providers.ListOptions, fn func(providers.Info) error) error {
	if err := providers.ValidPrefix(prefix); err != nil {
		return fmt.Errorf("list: %w", err)
	}
	fault, err := r.begin(ctx, List, prefix)
	if err != nil {
		return err
	}
	for i, info := range r.visible(prefix, opt) {
		if fault.Cut > 0 && int64(i) == fault.Cut {
			return fault.cutError(List, prefix)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(info); err != nil {
			return err
		}
	}
	return fault.lost(List, prefix)
}

// visible is one listing: it brings hidden objects one listing closer to
// being seen.
func (r *Remote) visible(prefix providers.Name, opt providers.ListOptions) (infos []providers.Info) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(r.objects)) {
		o := r.objects[name]
		if o.hidden > 0 {
			o.hidden--
			r.objects[name] = o
			continue
		}
		if strings.HasPrefix(string(name), string(prefix)) {
			infos = append(infos, r.info(name, o, opt.Sums))
		}
	}
	return infos
}

// Delete removes the object.
func (r *Remote) Delete(ctx context.Context, name providers.Name) error {
	if err := providers.ValidName(name); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	fault, err := r.begin(ctx, Delete, name)
	if err != nil {
		return err
	}
	r.Drop(name)
	return fault.lost(Delete, name)
}

// MakeFolder remembers the folder for Folders.
func (r *Remote) MakeFolder(ctx context.Context, folder providers.Name) error {
	if err := providers.ValidName(folder); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	fault, err := r.begin(ctx, MakeFolder, folder)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.folders[folder] = true
	r.mu.Unlock()
	return fault.lost(MakeFolder, folder)
}

// fail is an error of a class, with the hint's value.
func (r *Remote) fail(class error) error {
	return providers.Fail(class, nil, "remote", r.String())
}

package memory

import (
	"context"
	"fmt"
	"io"

	"github.com/chatkeep/chatkeep/providers"
)

// Method is a method of a remote, for [Fault] and [Remote.Calls].
type Method string

// The methods that make requests.
const (
	Put        Method = "put"
	Get        Method = "get"
	Stat       Method = "stat"
	List       Method = "list"
	Delete     Method = "delete"
	MakeFolder Method = "make folder"
)

// Fault is something that goes wrong once, or more often. Calls refused for
// their arguments or an ended ctx are not counted.
type Fault struct {
	Method Method         // calls of this method; all if empty
	Name   providers.Name // calls for this object, prefix or folder; all if empty
	Call   int            // the n-th of those calls from now on; 0 and 1 are the next
	Times  int            // how many calls in a row; 0 is 1, -1 is every one

	Err error // returned, with operation and name; nothing is done

	// Lost does the work first and then returns Err: the answer was lost.
	Lost bool
	// Cut, if above zero, ends a Get's reader after so many bytes and a List
	// after so many objects, with Err (nil: unexpected EOF).
	Cut int64
	// Corrupt flips one bit of what Put stores. The call succeeds.
	Corrupt bool
	// Hold, if not nil, delays the call until the channel is closed, whatever
	// ctx says: a pacer that sleeps.
	Hold <-chan struct{}
}

// armed is a fault and what it still waits for.
type armed struct {
	Fault
	wait int // calls to let pass
	left int // calls to break, -1 for every one
}

// Inject makes a fault happen. Of several faults that fit a call the one
// injected first happens.
func (r *Remote) Inject(f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := &armed{Fault: f, wait: max(f.Call, 1) - 1, left: f.Times}
	if a.left == 0 {
		a.left = 1
	}
	r.faults = append(r.faults, a)
}

// Heal removes all faults.
func (r *Remote) Heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = nil
}

// begin counts a call and returns the fault that befalls it, or the error it
// ends with at once.
func (r *Remote) begin(ctx context.Context, m Method, name providers.Name) (Fault, error) {
	if err := ctx.Err(); err != nil {
		return Fault{}, err
	}
	f := r.next(m, name)
	if f.Hold != nil {
		<-f.Hold
	}
	if f.Err != nil && !f.Lost && f.Cut == 0 {
		return Fault{}, f.failed(m, name)
	}
	return f, nil
}

func (r *Remote) next(m Method, name providers.Name) Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls[m]++
	r.line.asked += r.line.latency
	var found *armed
	for _, a := range r.faults {
		if a.Method != "" && a.Method != m || a.Name != "" && a.Name != name || a.left == 0 {
			continue
		}
		switch {
		case a.wait > 0:
			a.wait--
		case found == nil:
			found = a
		}
	}
	if found == nil {
		return Fault{}
	}
	if found.left > 0 {
		found.left--
	}
	return found.Fault
}

// lost is the error of a call whose work is done.
func (f Fault) lost(m Method, name providers.Name) error {
	if !f.Lost {
		return nil
	}
	return f.failed(m, name)
}

func (f Fault) failed(m Method, name providers.Name) error {
	return fmt.Errorf("%s %s: %w", m, name, f.Err)
}

func (f Fault) cutError(m Method, name providers.Name) error {
	if f.Err == nil {
		return io.ErrUnexpectedEOF
	}
	return f.failed(m, name)
}

// body reads a part of an object's bytes.
type body struct {
	r    *Remote
	ctx  context.Context
	left []byte
	end  error // after the last byte
}

func (r *Remote) newBody(ctx context.Context, name providers.Name, content []byte, offset, n int64, fault Fault) *body {
	b := &body{r: r, ctx: ctx, end: io.EOF}
	size := int64(len(content))
	if n < 0 {
		n = size - offset // below zero if offset is past the end
	}
	if offset > size || offset+n > size {
		b.end = io.ErrUnexpectedEOF
	}
	b.left = content[min(offset, size):min(max(offset+n, offset), size)]
	if fault.Cut > 0 && fault.Cut <= int64(len(b.left)) {
		b.left, b.end = b.left[:fault.Cut], fault.cutError(Get, name)
	}
	return b
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if len(b.left) == 0 {
		return 0, b.end
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	b.r.mu.Lock()
	b.r.line.carried += int64(n)
	b.r.mu.Unlock()
	return n, nil
}

func (b *body) Close() error { return nil }

package main

import (
	"net/http"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// door is before a server's uploads. It stands open until somebody closes it.
type door struct {
	mu     sync.Mutex
	only   string        // part of the paths for which it is closed
	opened chan struct{} // closed when it opens; nil: it stands open
	waits  chan struct{} // somebody stands before it
}

// doors are those of all servers of the stories, by address.
var doors sync.Map

func doorOf(address string) *door {
	d, _ := doors.LoadOrStore(address, &door{waits: make(chan struct{}, 1000)})
	return d.(*door)
}

// pass waits while the door is closed for a request, and its client waits too.
func (d *door) pass(r *http.Request) {
	d.mu.Lock()
	opened := d.opened
	if opened == nil || r.Method != http.MethodPut || !strings.Contains(r.URL.Path, d.only) {
		d.mu.Unlock()
		return
	}
	d.mu.Unlock()
	d.waits <- struct{}{}
	select {
	case <-opened:
	case <-r.Context().Done():
	}
}

func (d *door) open() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.opened != nil {
		close(d.opened)
		d.opened = nil
	}
}

// hold lets the uploads to the WebDAV server wait whose path has this in it,
// until let.
func hold(ts *testscript.TestScript, _ bool, args []string) {
	d := doorOf(ts.Getenv("DAV"))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.only, d.opened = args[0], make(chan struct{})
	ts.Defer(d.open) // before the server is closed, which waits for them
}

// held waits until an upload does.
func held(ts *testscript.TestScript, _ bool, _ []string) { <-doorOf(ts.Getenv("DAV")).waits }

// let lets the uploads go.
func let(ts *testscript.TestScript, _ bool, _ []string) { doorOf(ts.Getenv("DAV")).open() }

package fakecloud

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Kind is what a request is for, over all services.
type Kind string

// The kinds of requests.
const (
	KindToken    Kind = "token"    // the token endpoint, device codes included
	KindConsent  Kind = "consent"  // the page where the user agrees
	KindFolder   Kind = "folder"   // a folder is looked up or made
	KindList     Kind = "list"     // what is in folders
	KindLookup   Kind = "lookup"   // one file by name or path
	KindGet      Kind = "get"      // one file's metadata by id
	KindCreate   Kind = "create"   // makes a file: a whole one or an upload session
	KindChunk    Kind = "chunk"    // a piece of an upload, or the question how far it got
	KindDownload Kind = "download" // a file's bytes
	KindDelete   Kind = "delete"   // deletes or trashes
	KindUpdate   Kind = "update"   // changes what is there: names, times, contents
	KindAbout    Kind = "about"    // account and quota
	KindChanges  Kind = "changes"  // what changed since
	KindIDs      Kind = "ids"      // ids for files to be made
	KindOther    Kind = "other"
)

// Request is one request as the cloud saw it.
type Request struct {
	Time   time.Time // the cloud's, at its beginning
	Host   string
	Method string
	Path   string
	Query  string
	Kind   Kind
	Status int   // 0 while it runs, and where the connection was cut
	Bytes  int64 // of the body up
	Sent   int64 // of the body down
}

// Requests returns everything that was asked since the start or since
// ResetRequests, in the order of arrival, what is still under way included.
func (c *Cloud) Requests() []Request { return c.log.all() }

// ResetRequests forgets what was asked.
func (c *Cloud) ResetRequests() { c.log.reset() }

// Count returns how many requests were of one of the kinds.
func (c *Cloud) Count(kinds ...Kind) (n int) {
	for _, r := range c.Requests() {
		if slices.Contains(kinds, r.Kind) {
			n++
		}
	}
	return n
}

type requestLog struct {
	mu      sync.Mutex
	entries []*Request
}

func (l *requestLog) all() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Request, len(l.entries))
	for i, r := range l.entries {
		all[i] = *r
	}
	return all
}

func (l *requestLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = nil
}

func (l *requestLog) begin(r Request) *Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, &r)
	return &r
}

// update changes an entry that begin returned.
func (l *requestLog) update(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// countedBody counts the bytes a client sent.
type countedBody struct {
	io.ReadCloser
	n int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

// peek returns the whole body and leaves it to be read again, with the error
// its reading ended in. It is for small bodies.
func peek(r *http.Request) []byte {
	data, err := io.ReadAll(r.Body)
	rest := io.Reader(bytes.NewReader(data))
	if err != nil {
		rest = io.MultiReader(rest, failing{err})
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{rest, r.Body}
	return data
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

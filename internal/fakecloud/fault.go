package fakecloud

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"sync"
)

// Fault is a rule by which requests go wrong. It matches requests for which
// every one of Host, Method, Path and Kind that is set holds, passes over the
// first Skip of them, and is gone after Times more; 0 means once, less than 0
// until ClearFaults. Of several rules the first that matches applies.
type Fault struct {
	Host   string
	Method string
	Path   *regexp.Regexp // of the path, or of path?query
	Kind   Kind
	Skip   int
	Times  int

	// Status, with Header and Body, is answered instead of the service.
	// Header alone is added to the service's answer.
	Status int
	Header http.Header
	Body   string
	// Delay holds the request back until it can be received from.
	Delay <-chan struct{}
	// Drop cuts the connection instead of answering.
	Drop bool
	// After lets the service do the work first: its answer is lost.
	After bool
	// Truncate cuts the connection when n bytes of the body were sent. With
	// Stall, the rest follows when that can be received from.
	Truncate int64
	Stall    <-chan struct{}
	// Keep lets an upload's server keep only n bytes of this chunk; less
	// than 0 for none of it.
	Keep int64
}

// Inject adds a rule.
func (c *Cloud) Inject(f Fault) { c.faults.add(f) }

// ClearFaults removes all rules.
func (c *Cloud) ClearFaults() { c.faults.clear() }

type faults struct {
	mu    sync.Mutex
	rules []*Fault
}

func (s *faults) add(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, &f)
}

func (s *faults) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

// take returns what shall go wrong with a request; the zero Fault is nothing.
func (s *faults) take(r *http.Request, host string, kind Kind) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.rules {
		if !f.matches(r, host, kind) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times--; f.Times == 0 {
			s.rules = slices.Delete(s.rules, i, i+1)
		}
		return *f
	}
	return Fault{}
}

func (f *Fault) matches(r *http.Request, host string, kind Kind) bool {
	return (f.Host == "" || f.Host == host) &&
		(f.Method == "" || f.Method == r.Method) &&
		(f.Kind == "" || f.Kind == kind) &&
		(f.Path == nil || f.Path.MatchString(r.URL.Path) || f.Path.MatchString(r.URL.RequestURI()))
}

type keepKey struct{}

// withKeep tells a service how much of a chunk to keep.
func withKeep(r *http.Request, n int64) *http.Request {
	if n == 0 {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), keepKey{}, max(n, 0)))
}

// kept returns the bytes of a chunk that the server keeps: all of them, or
// what a Fault leaves.
func keepOf(r *http.Request, chunk []byte) []byte {
	if n, ok := r.Context().Value(keepKey{}).(int64); ok {
		return chunk[:min(n, int64(len(chunk)))]
	}
	return chunk
}

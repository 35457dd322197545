package fakecloud

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
)

// later is an answer that is written once the lock it was made under is free
// again: a client that reads slowly holds up nobody but itself.
type later struct {
	header http.Header
	status int
	body   bytes.Buffer
	stream func(w http.ResponseWriter, r *http.Request) // instead of the above
}

func (l *later) Header() http.Header         { return l.header }
func (l *later) Write(p []byte) (int, error) { return l.body.Write(p) }
func (l *later) WriteHeader(status int)      { l.status = status }

// answerLater reads the request to its end, lets handle answer it, and then
// writes the answer. A request that breaks off does nothing at all: both
// services throw away what didn't arrive whole.
func answerLater(w http.ResponseWriter, r *http.Request, handle func(l *later, r *http.Request)) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = inMemory{bytes.NewReader(body), body}
	l := &later{header: http.Header{}, status: http.StatusOK}
	handle(l, r)
	for key, values := range l.header {
		w.Header()[key] = values
	}
	if l.stream != nil {
		l.stream(w, r)
		return
	}
	if l.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(l.body.Len()))
	}
	w.WriteHeader(l.status)
	w.Write(l.body.Bytes())
}

// inMemory is a body that was read already.
type inMemory struct {
	*bytes.Reader
	data []byte
}

func (inMemory) Close() error { return nil }

// content is the body that answerLater has read.
func content(r *http.Request) []byte { return r.Body.(inMemory).data }

package fakecloud

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// serve finds the service, writes the request down and applies the faults.
func (c *Cloud) serve(w http.ResponseWriter, r *http.Request) {
	if !c.enter() {
		panic(http.ErrAbortHandler)
	}
	defer c.leave()
	host := hostOf(r)
	s := c.serviceFor(host)
	if s == nil {
		http.Error(w, "fake cloud: no service answers for "+host, http.StatusMisdirectedRequest)
		return
	}
	body := &countedBody{ReadCloser: r.Body}
	r.Body = body
	entry := c.log.begin(Request{Time: c.now(), Host: host, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery})
	kind := s.classify(r)
	c.log.update(func() { entry.Kind = kind })
	out := &recorded{ResponseWriter: w}
	defer func() {
		c.log.update(func() { entry.Status, entry.Bytes, entry.Sent = out.status, body.n, out.sent })
	}()
	w.Header().Set("Date", c.now().UTC().Format(http.TimeFormat)) // clients read the cloud's clock from it
	c.answer(out, r, s, c.faults.take(r, host, kind))
}

// answer lets the service answer, as far as the fault lets it.
func (c *Cloud) answer(w *recorded, r *http.Request, s service, f Fault) {
	c.wait(r, f.Delay)
	r = withKeep(r, f.Keep)
	if f.After {
		s.ServeHTTP(&lost{header: http.Header{}}, r)
	}
	if f.Drop {
		panic(http.ErrAbortHandler) // closes the connection, or ends the HTTP/2 stream
	}
	for k, v := range f.Header {
		w.Header()[k] = v
	}
	if f.Status != 0 {
		io.Copy(io.Discard, r.Body) // else the client may see a reset instead of the answer
		w.WriteHeader(f.Status)
		io.WriteString(w, f.Body)
		return
	}
	if f.After {
		panic(http.ErrAbortHandler)
	}
	if f.Truncate > 0 {
		w.cutAt, w.stall = f.Truncate, func() bool { return f.Stall != nil && c.wait(r, f.Stall) }
	}
	s.ServeHTTP(w, r)
	if w.cut {
		panic(http.ErrAbortHandler)
	}
}

// wait returns when ready can be received from. It gives up with the request
// and with the cloud.
func (c *Cloud) wait(r *http.Request, ready <-chan struct{}) bool {
	if ready == nil {
		return false
	}
	select {
	case <-ready:
		return true
	case <-r.Context().Done():
	case <-c.done:
	}
	return false
}

// recorded notes what was answered, and cuts it off where a fault says so.
type recorded struct {
	http.ResponseWriter
	status int
	sent   int64
	cutAt  int64 // 0 is never
	cut    bool
	stall  func() bool // waits at the cut; reports whether the rest may follow
}

var errCut = errors.New("fake cloud: the answer is cut here")

func (w *recorded) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorded) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.cut {
		return 0, errCut
	}
	if w.cutAt == 0 || w.sent+int64(len(p)) <= w.cutAt {
		n, err := w.ResponseWriter.Write(p)
		w.sent += int64(n)
		return n, err
	}
	return w.writeCut(p)
}

func (w *recorded) writeCut(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p[:w.cutAt-w.sent])
	w.sent += int64(n)
	if err != nil {
		return n, err
	}
	http.NewResponseController(w.ResponseWriter).Flush()
	if !w.stall() {
		w.cut = true
		return n, errCut
	}
	w.cutAt = 0
	more, err := w.Write(p[n:])
	return n + more, err
}

// Unwrap lets http.ResponseController through.
func (w *recorded) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// lost is where an answer goes that the client never gets.
type lost struct{ header http.Header }

func (l *lost) Header() http.Header         { return l.header }
func (l *lost) Write(p []byte) (int, error) { return len(p), nil }
func (l *lost) WriteHeader(int)             {}

// writeJSON answers with v; nil has no body.
func writeJSON(w http.ResponseWriter, status int, v any) {
	if v == nil {
		w.WriteHeader(status)
		return
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // v is ours
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	w.Write(data)
}

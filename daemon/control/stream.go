package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// tellEvery is how often a client hears how far a job is.
const tellEvery = 500 * time.Millisecond

// run does a job and streams how it goes, a line of JSON each time. The job
// never waits for the client: what the client is too slow for is replaced by
// what is newer.
func (s *server) run(w http.ResponseWriter, r *http.Request, body []byte) {
	job := r.PathValue("job")
	if !isJob(job) {
		s.fail(w, badRequest(http.StatusNotFound, fmt.Errorf("%.20q is no job", job)))
		return
	}
	if len(body) > 0 && !json.Valid(body) {
		s.fail(w, badRequest(http.StatusBadRequest, errors.New("the arguments are not JSON")))
		return
	}
	ctx, cancel := s.until(r.Context())
	defer cancel()

	news := &latest{there: make(chan struct{}, 1)}
	ended := make(chan event, 1)
	go func() { ended <- s.runJob(ctx, job, body, news.put) }()

	out := newStream(w)
	off := context.AfterFunc(s.stopping, out.hurry)
	defer off()
	out.open()
	there, stopping := news.there, s.stopping.Done()
	var rested, late <-chan time.Time
	for {
		select {
		case last := <-ended:
			out.send(last)
			return
		case <-there:
			out.send(event{Progress: news.take()})
			there, rested = nil, time.After(tellEvery)
		case <-rested:
			there, rested = news.there, nil
		case <-stopping: // and so has ctx
			stopping, late = nil, time.After(endTimeout/2)
		case <-late:
			out.send(event{Error: toWire(hint.New(CodeStops, errors.New("the daemon ends")))})
			return
		}
	}
}

// runJob calls the service, whose panic is an error.
func (s *server) runJob(ctx context.Context, job string, args json.RawMessage, tell func(Progress)) (e event) {
	defer func() {
		if p := recover(); p != nil {
			e = event{Error: toWire(s.panicked(p))}
		}
	}()
	result, err := s.svc.Run(ctx, job, args, tell)
	switch {
	case err != nil:
		return event{Error: toWire(s.stopped(err))}
	case result == nil:
		return event{Error: toWire(hint.New(codeInternal, fmt.Errorf("run %s: it ended without a result", job)))}
	}
	return event{Result: result}
}

// isJob reports whether text can be the name of a job.
func isJob(text string) bool {
	return text != "" && len(text) <= 32 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_-") == ""
}

// latest keeps the newest progress for one reader.
type latest struct {
	mu    sync.Mutex
	is    Progress
	there chan struct{} // has something if there is something new
}

func (l *latest) put(p Progress) {
	l.mu.Lock()
	l.is = p
	l.mu.Unlock()
	select {
	case l.there <- struct{}{}:
	default:
	}
}

func (l *latest) take() *Progress {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.is
	return &p
}

// stream writes events until its reader leaves. A reader may be as slow as it
// likes, even stopped and continued: it gets fewer lines.
type stream struct {
	w    http.ResponseWriter
	rc   *http.ResponseController
	gone bool
}

func newStream(w http.ResponseWriter) *stream {
	return &stream{w: w, rc: http.NewResponseController(w)}
}

// open tells the reader that the job was accepted.
func (s *stream) open() {
	s.w.Header().Set("Content-Type", "application/x-ndjson")
	s.w.WriteHeader(http.StatusOK)
	s.gone = s.rc.Flush() != nil
}

func (s *stream) send(e event) {
	if s.gone {
		return
	}
	text, err := json.Marshal(e)
	if err != nil {
		text, _ = json.Marshal(event{Error: toWire(hint.New(codeInternal, fmt.Errorf("say the result: %w", err)))})
	}
	_, err = s.w.Write(append(text, '\n'))
	s.gone = err != nil || s.rc.Flush() != nil
}

// hurry bounds how long the reader may still take.
func (s *stream) hurry() { _ = s.rc.SetWriteDeadline(time.Now().Add(endTimeout * 3 / 4)) }

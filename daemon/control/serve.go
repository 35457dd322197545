package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// How long the server waits for whom.
const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second
	writeTimeout  = 10 * time.Second
	idleTimeout   = time.Minute
	endTimeout    = 2 * time.Second // for those who are being answered when the server ends
)

// Serve answers requests until ctx ends, and closes l. Who is being answered
// then gets what there is: end the jobs first, so that those who watch one
// learn how it ended.
func Serve(ctx context.Context, l net.Listener, svc Service, log *slog.Logger) error {
	stopping, stop := context.WithCancel(context.Background())
	defer stop()
	h := &server{svc: svc, log: log, stopping: stopping, patience: bodyTimeout}
	srv := &http.Server{
		Handler:           h.handler(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, caller{}, checkCaller(c))
		},
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve commands: %w", err)
	case <-ctx.Done():
	}
	stop()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		log.Debug("a command still waited when the daemon ended", "error", err)
		_ = srv.Close()
	}
	<-served
	return nil
}

// caller is the key under which a request has what is wrong with its caller.
type caller struct{}

type server struct {
	svc      Service
	log      *slog.Logger
	stopping context.Context
	patience time.Duration // with a body
}

// answer is what a request gets: something to be said in JSON, text with its
// type, or an error.
type answer func(r *http.Request, body []byte) (any, error)

// plain is an answer that isn't JSON.
type plain struct {
	kind string
	text []byte
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	reply := func(method, path string, f answer) {
		mux.Handle(path, s.only(method, func(w http.ResponseWriter, r *http.Request, body []byte) { s.reply(w, r, body, f) }))
	}
	reply("GET", "/v1/status", func(r *http.Request, _ []byte) (any, error) { return s.svc.Status(r.Context()) })
	reply("GET", "/v1/history", s.history)
	reply("GET", "/metrics", func(r *http.Request, _ []byte) (any, error) {
		text, err := s.svc.Metrics(r.Context())
		return plain{MetricsType, text}, err
	})
	reply("POST", "/v1/pause", s.pause)
	reply("POST", "/v1/resume", func(r *http.Request, _ []byte) (any, error) { return struct{}{}, s.svc.Resume(r.Context()) })
	reply("POST", "/v1/reload", func(r *http.Request, _ []byte) (any, error) { return struct{}{}, s.svc.Reload(r.Context()) })
	mux.Handle("/v1/jobs/{job}", s.only("POST", s.run))
	reply("", "/", func(r *http.Request, _ []byte) (any, error) {
		return nil, badRequest(http.StatusNotFound, errors.New("nothing is there"))
	})
	return s.guarded(mux)
}

// guarded lets only those in who may, and only those who speak as we do. A
// request without the header is from a program that isn't chatkeep.
func (s *server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(apiHeader, api)
		defer func() {
			if p := recover(); p != nil {
				s.fail(w, s.panicked(p))
			}
		}()
		if err, _ := r.Context().Value(caller{}).(error); err != nil {
			s.log.Warn("a command of another user was refused", "error", err)
			s.fail(w, withStatus(http.StatusForbidden, hint.New(CodeNotYours, err)))
			return
		}
		if theirs := r.Header.Get(apiHeader); theirs != "" && theirs != api {
			err := fmt.Errorf("the command speaks version %.20q, the daemon %s", theirs, api)
			s.fail(w, withStatus(http.StatusUpgradeRequired, hint.New(CodeOtherAPI, err)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) panicked(p any) error {
	s.log.Error("a request failed by a mistake of the program", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	return hint.New(codeInternal, fmt.Errorf("answer a command: %v", p))
}

// only reads the body of a request that has the right method; "" is any.
func (s *server) only(method string, f func(http.ResponseWriter, *http.Request, []byte)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if method != "" && r.Method != method && (method != "GET" || r.Method != "HEAD") {
			w.Header().Set("Allow", method)
			s.fail(w, badRequest(http.StatusMethodNotAllowed, fmt.Errorf("%.20q is not %s", r.Method, method)))
			return
		}
		// Not by the server's ReadTimeout: that ends requests that are answered
		// for long, too.
		rc := http.NewResponseController(w)
		_ = rc.SetReadDeadline(time.Now().Add(s.patience))
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
		if err != nil {
			status := http.StatusBadRequest
			if large := new(http.MaxBytesError); errors.As(err, &large) {
				status = http.StatusRequestEntityTooLarge
			}
			s.fail(w, badRequest(status, fmt.Errorf("read request: %w", err)))
			return
		}
		_ = rc.SetReadDeadline(time.Time{})
		f(w, r, body)
	})
}

func (s *server) reply(w http.ResponseWriter, r *http.Request, body []byte, f answer) {
	ctx, cancel := s.until(r.Context())
	defer cancel()
	v, err := f(r.WithContext(ctx), body)
	if err != nil {
		s.fail(w, s.stopped(err))
		return
	}
	if p, ok := v.(plain); ok {
		s.write(w, http.StatusOK, p.kind, p.text)
		return
	}
	text, err := json.Marshal(v)
	if err != nil {
		s.fail(w, hint.New(codeInternal, fmt.Errorf("say the answer: %w", err)))
		return
	}
	s.write(w, http.StatusOK, "application/json", append(text, '\n'))
}

// until returns a context that ends with the request, and with the server.
func (s *server) until(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	off := context.AfterFunc(s.stopping, cancel)
	return ctx, func() { off(); cancel() }
}

// stopped makes clear that an error is only the daemon's end.
func (s *server) stopped(err error) error {
	if s.stopping.Err() != nil && errors.Is(err, context.Canceled) {
		return withStatus(http.StatusServiceUnavailable, hint.New(CodeStops, errors.New("the daemon ends")))
	}
	return err
}

func (s *server) fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if with := (statusError{}); errors.As(err, &with) {
		status = with.status
	}
	text, _ := json.Marshal(event{Error: toWire(err)})
	s.write(w, status, "application/json", append(text, '\n'))
}

func (s *server) write(w http.ResponseWriter, status int, kind string, text []byte) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	if _, err := w.Write(text); err != nil {
		s.log.Debug("a command did not take its answer", "error", err)
	}
}

// statusError is an error with the status that HTTP has for it.
type statusError struct {
	status int
	error
}

func (e statusError) Unwrap() error { return e.error }

func withStatus(status int, err error) error { return statusError{status, err} }

func badRequest(status int, err error) error {
	return withStatus(status, hint.New(CodeBadRequest, err))
}

func (s *server) history(r *http.Request, _ []byte) (any, error) {
	n := 20
	if text := r.URL.Query().Get("n"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > 1000 {
			return nil, badRequest(http.StatusBadRequest, fmt.Errorf("n is %.20q, not 1 to 1000", text))
		}
	}
	runs, err := s.svc.History(r.Context(), n)
	if runs == nil {
		runs = []history.Run{}
	}
	return historyAnswer{runs}, err
}

func (s *server) pause(r *http.Request, body []byte) (any, error) {
	var req pauseRequest
	if len(body) > 0 {
		if err := json.Unmarshal(body, &req); err != nil {
			return nil, badRequest(http.StatusBadRequest, fmt.Errorf("read request: %w", err))
		}
	}
	return struct{}{}, s.svc.Pause(r.Context(), req.Until)
}

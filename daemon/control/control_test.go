package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestMethods(t *testing.T) {
	run := history.Run{Job: "backup", Why: history.Asked, Started: noon, Ended: noon.Add(time.Minute), Outcome: history.Done}
	status := &Status{Version: "v1", PID: 7, Since: noon, Waiting: []string{"verify"}, Running: &Running{Job: "backup", Started: noon},
		Jobs: []Job{{Name: "backup", Next: noon, Last: &run}}, Paused: &Paused{}, Decision: policy.Decision{Allowed: policy.Everything}}
	svc := &fake{history: []history.Run{run, run, run}, reload: hint.New("config", errors.New("line 3"), "path", "/x", "count", 2)}
	svc.status = func(context.Context) (*Status, error) { return status, nil }
	svc.run = func(_ context.Context, job string, args json.RawMessage, tell func(Progress)) (*Result, error) {
		tell(Progress{Files: 1})
		doc, _ := json.Marshal(map[string]string{"job": job, "args": string(args)})
		return &Result{Outcome: history.Remarks, Trouble: &history.Trouble{Code: "full"}, Reasons: []policy.Reason{{Code: "metered"}}, Document: doc}, nil
	}
	path, _ := serve(t, svc)
	c, ctx := dial(t, path), t.Context()

	if got, err := c.Status(ctx); err != nil || !reflect.DeepEqual(got, status) {
		t.Errorf("status %+v, %v", got, err)
	}
	if runs, err := c.History(ctx, 2); err != nil || len(runs) != 2 || !reflect.DeepEqual(runs[0], run) {
		t.Errorf("history %+v, %v", runs, err)
	}
	if text, err := c.Metrics(ctx); err != nil || string(text) != "# EOF\n" {
		t.Errorf("metrics %q, %v", text, err)
	}
	until := noon.Add(time.Hour)
	if err := errors.Join(c.Pause(ctx, until), c.Pause(ctx, time.Time{}), c.Resume(ctx)); err != nil {
		t.Error(err)
	}
	if len(svc.paused) != 2 || !svc.paused[0].Equal(until) || !svc.paused[1].IsZero() {
		t.Errorf("paused %v", svc.paused)
	}
	err := c.Reload(ctx)
	if h := hint.Find(err); h == nil || h.Code != "config" || h.Args["count"] != int64(2) || h.Args["path"] != "/x" || err.Error() != "line 3" {
		t.Errorf("reload: %+v", err)
	}
	res, err := c.Run(ctx, "backup", json.RawMessage(`{"source":"x"}`), nil)
	if err != nil || res.Outcome != history.Remarks || res.Trouble.Code != "full" || res.Reasons[0].Code != "metered" ||
		string(res.Document) != `{"args":"{\"source\":\"x\"}","job":"backup"}` {
		t.Errorf("run %+v, %v", res, err)
	}
	if res, err = c.Run(ctx, "verify", nil, nil); err != nil || string(res.Document) != `{"args":"","job":"verify"}` {
		t.Errorf("run %+v, %v", res, err)
	}
}

func TestErrorsOnTheWay(t *testing.T) {
	for _, tt := range []struct {
		err     error
		code    hint.Code
		args    map[string]any
		damaged bool
	}{
		{errors.New("odd"), "failed", map[string]any{}, false},
		{fmt.Errorf("put: %w", hint.New("full", errors.New("x"), "free", uint64(1<<63), "list", []string{"a"}, "none", []string(nil), "yes", true, "text", "7", "wait", time.Second)),
			"full", map[string]any{"free": uint64(1 << 63), "list": []string{"a"}, "none": nil, "yes": true, "text": "7", "wait": "1s"}, false},
		{hint.New("outer", hint.New("inner", errors.New("x"))), "outer", map[string]any{}, false},
		{hint.New("damaged", fmt.Errorf("pack: %w", repo.ErrIntegrity), "object", "p"), "damaged", map[string]any{"object": "p"}, true},
		{repo.ErrIntegrity, repo.CodeDamaged, map[string]any{"object": "?"}, true},
		{context.Canceled, codeInterrupted, map[string]any{}, false},
		{providers.ErrNotExist, providers.HintMissing, map[string]any{}, false},
	} {
		text, err := json.Marshal(toWire(tt.err))
		if err != nil {
			t.Fatal(err)
		}
		var w wireError
		if err := json.Unmarshal(text, &w); err != nil {
			t.Fatal(err)
		}
		got := w.err()
		h := hint.Find(got)
		if h == nil || h.Code != tt.code || !reflect.DeepEqual(h.Args, tt.args) || got.Error() != tt.err.Error() || errors.Is(got, repo.ErrIntegrity) != tt.damaged {
			t.Errorf("%v: %+v, args %#v", tt.err, got, h.Args)
		}
	}
}

func TestNoDaemon(t *testing.T) {
	dir := socketDir(t)
	for _, path := range []string{dir + "/none.sock", dir + "/no/folder.sock"} {
		if _, err := Dial(t.Context(), path); !errors.Is(err, ErrNoDaemon) || !hint.Is(err, CodeNoDaemon) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Find(t.Context(), dir, func(string) string { return "" }); !errors.Is(err, ErrNoDaemon) || !hint.Is(err, CodeNoDaemon) {
		t.Errorf("%v", err)
	}
	path, stop := serve(t, &fake{})
	c := dial(t, path)
	stop()
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("after its end: %v", err)
	}
}

// What comes from a daemon that speaks otherwise, or from none at all.
func TestOtherVersion(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"newer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(apiHeader, "2")
			fmt.Fprint(w, "{}")
		},
		"stranger": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"nonsense": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(apiHeader, api)
			fmt.Fprint(w, "<html>")
		},
		"bare refusal": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(apiHeader, api)
			w.WriteHeader(500)
		},
	} {
		path := socketDir(t) + "/" + socketName
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: answer}}
		srv.Start()
		if _, err := dial(t, path).Status(t.Context()); !hint.Is(err, CodeOtherAPI) {
			t.Errorf("%s: %v", name, err)
		}
		srv.Close()
	}
	path, _ := serve(t, &fake{})
	if status, body := raw(t, path, "GET /v1/status HTTP/1.1\r\nHost: x\r\nChatkeep-API: 2\r\n\r\n"); status != 426 || !strings.Contains(body, string(CodeOtherAPI)) {
		t.Errorf("a newer command: %d %s", status, body)
	}
	if status, _ := raw(t, path, "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"); status != 200 {
		t.Errorf("a program that isn't chatkeep: %d", status)
	}
}

// raw sends a request as it stands.
func raw(t *testing.T, path, request string) (status int, body string) {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() { _, _ = io.WriteString(c, request) }()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%.80q: %v", request, err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

func TestBadRequests(t *testing.T) {
	svc := &fake{}
	path, _ := serve(t, svc)
	long := strings.Repeat("x", mostBody)
	for request, want := range map[string]int{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n":                                                                        404,
		"GET /v1/ HTTP/1.1\r\nHost: x\r\n\r\n":                                                                     404,
		"GET /v1/jobs/backup HTTP/1.1\r\nHost: x\r\n\r\n":                                                          405,
		"POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n":                                         405,
		"POST /v1/jobs/Back%2Fup HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n":                                 404,
		"POST /v1/jobs/" + strings.Repeat("a", 33) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n":           404,
		"POST /v1/jobs/backup HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{":                                   400,
		"POST /v1/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n{\"until\":\"soon\"}":                     400,
		"GET /v1/history?n=0 HTTP/1.1\r\nHost: x\r\n\r\n":                                                          400,
		"GET /v1/history?n=1001 HTTP/1.1\r\nHost: x\r\n\r\n":                                                       400,
		"GET /v1/history?n=x HTTP/1.1\r\nHost: x\r\n\r\n":                                                          400,
		"POST /v1/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 131072\r\n\r\n" + long + long:                       413,
		"POST /v1/pause HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n18000\r\n" + long + long + "\r\n": 413,
	} {
		status, body := raw(t, path, request)
		var e event
		if err := json.Unmarshal([]byte(body), &e); status != want || err != nil || e.Error == nil || e.Error.Code != string(CodeBadRequest) {
			t.Errorf("%.80q: %d %s, want %d", request, status, body, want)
		}
	}
	if status, _ := raw(t, path, "GET / HTTP/1.1\r\nHost: x\r\nX: "+long+"\r\n\r\n"); status != 431 {
		t.Errorf("long headers: %d", status)
	}
	if svc.calls != 0 {
		t.Errorf("the daemon was asked %d times", svc.calls)
	}
}

// A mistake of the program costs one request.
func TestPanics(t *testing.T) {
	svc := &fake{}
	svc.status = func(context.Context) (*Status, error) { panic("odd") }
	svc.run = func(context.Context, string, json.RawMessage, func(Progress)) (*Result, error) { panic("odder") }
	path, _ := serve(t, svc)
	c := dial(t, path)
	if _, err := c.Status(t.Context()); !hint.Is(err, codeInternal) || !strings.Contains(err.Error(), "odd") {
		t.Errorf("status: %v", err)
	}
	if _, err := c.Run(t.Context(), "backup", nil, nil); !hint.Is(err, codeInternal) || !strings.Contains(err.Error(), "odder") {
		t.Errorf("run: %v", err)
	}
	svc.run = func(context.Context, string, json.RawMessage, func(Progress)) (*Result, error) { return nil, nil }
	if _, err := c.Run(t.Context(), "backup", nil, nil); !hint.Is(err, codeInternal) {
		t.Errorf("no result: %v", err)
	}
	if _, err := c.Metrics(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// Progress comes at most twice a second, however often a job tells it, and what
// comes is the newest.
func TestProgress(t *testing.T) {
	svc := &fake{}
	seen := make(chan Progress, 100)
	svc.run = func(_ context.Context, _ string, _ json.RawMessage, tell func(Progress)) (*Result, error) {
		tell(Progress{Files: 1})
		<-seen // the first one comes at once
		for i := range 100_000 {
			tell(Progress{Files: uint64(i)})
		}
		p := <-seen
		for p.Files != 99_999 {
			p = <-seen
		}
		return &Result{Outcome: history.Done}, nil
	}
	path, _ := serve(t, svc)
	began, lines := time.Now(), 0
	if _, err := dial(t, path).Run(t.Context(), "backup", nil, func(p Progress) { lines++; seen <- p }); err != nil {
		t.Fatal(err)
	}
	if most := int(time.Since(began)/tellEvery) + 1; lines < 2 || lines > most {
		t.Errorf("%d lines, at most %d", lines, most)
	}
}

// A job goes on when its client leaves, and the daemon learns that it left.
func TestClientLeaves(t *testing.T) {
	svc := &fake{}
	left, jobEnded := make(chan error, 1), make(chan bool, 1)
	svc.run = func(ctx context.Context, _ string, _ json.RawMessage, tell func(Progress)) (*Result, error) {
		go func() { // the job, which is the daemon's
			tell(Progress{Files: 1})
			left <- <-done(ctx)
			tell(Progress{Files: 2})
			jobEnded <- true
		}()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	path, stop := serve(t, svc)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := dial(t, path).Run(ctx, "backup", nil, func(Progress) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the client: %v", err)
	}
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the daemon: %v", err)
	}
	<-jobEnded
	stop()
}

func done(ctx context.Context) chan error {
	c := make(chan error, 1)
	context.AfterFunc(ctx, func() { c <- ctx.Err() })
	return c
}

// A request that is answered for longer than its body may take goes on.
func TestLongAnswer(t *testing.T) {
	svc := &fake{}
	const patience = 20 * time.Millisecond
	svc.run = func(ctx context.Context, _ string, _ json.RawMessage, _ func(Progress)) (*Result, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * patience):
			return &Result{Outcome: history.Done}, nil
		}
	}
	s := &server{svc: svc, log: quiet, stopping: t.Context(), patience: patience}
	srv := httptest.NewServer(s.handler())
	defer srv.Close()
	resp, err := http.Post(srv.URL+"/v1/jobs/backup", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(text), `"result"`) {
		t.Errorf("%s, %v", text, err)
	}
	// A body that doesn't come is not waited for.
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "POST /v1/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
	resp, err = http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 400 {
		t.Errorf("half a body: %s", resp.Status)
	}
}

// Twenty watch one job. One of them reads nothing: neither the job nor the
// others notice.
func TestManyWatchers(t *testing.T) {
	const watchers = 20
	var started sync.WaitGroup
	started.Add(watchers + 1)
	svc := &fake{}
	svc.run = func(_ context.Context, _ string, _ json.RawMessage, tell func(Progress)) (*Result, error) {
		started.Done()
		started.Wait()
		for i := range 5000 {
			tell(Progress{Bytes: uint64(i)})
		}
		return &Result{Outcome: history.Done, Document: json.RawMessage(`"` + strings.Repeat("x", 1<<19) + `"`)}, nil
	}
	path, stop := serve(t, svc)
	slow, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	fmt.Fprint(slow, "POST /v1/jobs/backup HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	c := dial(t, path)
	var all sync.WaitGroup
	var good atomic.Int32
	for range watchers {
		all.Go(func() {
			res, err := c.Run(t.Context(), "backup", nil, func(Progress) {})
			if err != nil || len(res.Document) < 1<<19 {
				t.Error(err)
				return
			}
			good.Add(1)
		})
	}
	all.Wait()
	if good.Load() != watchers {
		t.Errorf("%d of %d", good.Load(), watchers)
	}
	began := time.Now()
	stop() // does not wait for the slow one for ever
	if d := time.Since(began); d > 2*endTimeout {
		t.Errorf("it took %v to end", d)
	}
}

// Hundreds of requests at once leave nothing behind.
func TestManyRequests(t *testing.T) {
	before := runtime.NumGoroutine()
	svc := &fake{}
	path, stop := serve(t, svc)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			c, err := Dial(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for range 25 {
				if s, err := c.Status(t.Context()); err != nil || s.PID != 7 {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if svc.calls != 500 {
		t.Errorf("%d calls", svc.calls)
	}
	stop()
	nothingLeft(t, before)
}

// nothingLeft waits until no more goroutines are there than before.
func nothingLeft(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// When the daemon ends, those who watch a job are told so, also by a service
// that doesn't stop when it is asked to.
func TestServeEnds(t *testing.T) {
	for _, stubborn := range []bool{false, true} {
		before := runtime.NumGoroutine()
		svc := &fake{}
		release := make(chan bool)
		svc.run = func(ctx context.Context, _ string, _ json.RawMessage, tell func(Progress)) (*Result, error) {
			tell(Progress{Files: 1})
			<-ctx.Done()
			if stubborn {
				<-release
			}
			return nil, fmt.Errorf("run: %w", ctx.Err())
		}
		path, stop := serve(t, svc)
		running, ended := make(chan bool, 1), make(chan error, 1)
		c := dial(t, path)
		go func() {
			_, err := c.Run(t.Context(), "backup", nil, func(Progress) { running <- true })
			ended <- err
		}()
		<-running
		stop()
		if err := <-ended; !hint.Is(err, CodeStops) {
			t.Errorf("stubborn %v: %v", stubborn, err)
		}
		close(release)
		c.Close()
		nothingLeft(t, before)
	}
}

// A daemon that dies in the middle is not taken for one that ended well.
func TestDaemonDies(t *testing.T) {
	path := socketDir(t) + "/" + socketName
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range []string{"", "HTTP/1.1 200 OK\r\nChatkeep-API: 1\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\n{\"progress\":{\"files\":1}}\n\r\n"} {
		go func() {
			for range 2 { // Dial looks whether somebody is there
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 4096))
				_, _ = io.WriteString(c, answer)
				c.Close()
			}
		}()
		if _, err := dial(t, path).Run(t.Context(), "backup", nil, nil); !hint.Is(err, CodeLost) {
			t.Errorf("%.20q: %v", answer, err)
		}
	}
	l.Close()
}

func FuzzRequest(f *testing.F) {
	f.Add("GET", "/v1/status", "1", []byte{})
	f.Add("POST", "/v1/jobs/backup", "1", []byte(`{"a":1}`))
	f.Add("POST", "/v1/pause", "", []byte(`{"until":"2026-03-01T12:00:00Z"}`))
	f.Add("GET", "/v1/history?n=3", "2", []byte{})
	f.Add("HEAD", "/metrics", "1", []byte("x"))
	s := &server{svc: &fake{}, log: quiet, stopping: context.Background(), patience: time.Second}
	h := s.handler()
	f.Fuzz(func(t *testing.T, method, target, version string, body []byte) {
		r, err := http.NewRequest(method, "http://chatkeep/", bytes.NewReader(body))
		if err != nil {
			return
		}
		path, query, _ := strings.Cut(target, "?")
		r.URL.Path, r.URL.RawQuery = "/"+strings.TrimPrefix(path, "/"), query
		r.Header[apiHeader] = []string{version}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Header().Get(apiHeader) != api {
			t.Fatal("it doesn't say what it speaks")
		}
		switch {
		case w.Code == 200 || w.Code >= 300 && w.Code < 400: // or the path as it should be written
		case w.Code < 400 || w.Code > 499:
			t.Fatalf("status %d", w.Code)
		default:
			var e event
			if json.Unmarshal(w.Body.Bytes(), &e) != nil || e.Error == nil || e.Error.Code == "" {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
	})
}

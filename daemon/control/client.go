package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// How long a client waits for the daemon to take a call, and to begin to
// answer.
const (
	dialTimeout   = 5 * time.Second
	answerTimeout = 30 * time.Second
)

// Client talks to a daemon. It may be used concurrently.
type Client struct {
	path string
	http *http.Client
}

// Dial returns a client of the daemon that listens at path. If none does, the
// error is ErrNoDaemon.
func Dial(ctx context.Context, path string) (*Client, error) {
	c := &Client{path: path}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	conn.Close()
	c.http = &http.Client{Transport: &http.Transport{
		DialContext:           func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
		ResponseHeaderTimeout: answerTimeout,
		MaxIdleConnsPerHost:   1,
		IdleConnTimeout:       idleTimeout / 2, // before the daemon ends it
		DisableCompression:    true,
	}}
	return c, nil
}

// Path returns where the daemon listens.
func (c *Client) Path() string { return c.path }

// Close gives up the connection.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	within, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if len(c.path) > longestPath {
		return nil, noDaemon(fmt.Errorf("call %s: %w: no socket has so long a name", c.path, ErrNoDaemon))
	}
	conn, err := new(net.Dialer).DialContext(within, "unix", c.path)
	switch {
	case err == nil:
	case isNobody(err):
		return nil, noDaemon(fmt.Errorf("call %s: %w", c.path, errors.Join(ErrNoDaemon, err)))
	case errors.Is(err, fs.ErrPermission):
		return nil, hint.New(CodeNotYours, fmt.Errorf("call the daemon: %w", err))
	case ctx.Err() == nil && (within.Err() != nil || isBusy(err)):
		return nil, hint.New(CodeSilent, fmt.Errorf("call the daemon: %w", err))
	default:
		return nil, fmt.Errorf("call the daemon: %w", err)
	}
	if err := checkServer(conn); err != nil {
		conn.Close()
		return nil, hint.New(CodeNotYours, fmt.Errorf("call %s: %w", c.path, err))
	}
	return conn, nil
}

// Status returns the daemon's view.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	s := new(Status)
	if err := c.ask(ctx, "GET", "/v1/status", nil, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Pause lets nothing run by itself until then; the zero time: until Resume.
func (c *Client) Pause(ctx context.Context, until time.Time) error {
	return c.ask(ctx, "POST", "/v1/pause", pauseRequest{until}, nil)
}

// Resume ends a pause.
func (c *Client) Resume(ctx context.Context) error {
	return c.ask(ctx, "POST", "/v1/resume", nil, nil)
}

// Reload lets the daemon read its configuration again. The error says what is
// wrong with it; then the old one stays.
func (c *Client) Reload(ctx context.Context) error {
	return c.ask(ctx, "POST", "/v1/reload", nil, nil)
}

// History returns the last n runs, the newest last.
func (c *Client) History(ctx context.Context, n int) ([]history.Run, error) {
	var h historyAnswer
	err := c.ask(ctx, "GET", "/v1/history?n="+strconv.Itoa(n), nil, &h)
	return h.Runs, err
}

// Metrics returns the metrics in the OpenMetrics text format.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) {
	var text []byte
	err := c.ask(ctx, "GET", "/metrics", nil, &text)
	return text, err
}

// Run does a job now and tells how it goes; tell is called by the caller's
// goroutine and may be nil. When ctx ends the client leaves, and the job goes
// on.
func (c *Client) Run(ctx context.Context, job string, args json.RawMessage, tell func(Progress)) (*Result, error) {
	var body any
	if len(args) > 0 {
		body = args
	}
	resp, err := c.send(ctx, "POST", "/v1/jobs/"+url.PathEscape(job), body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	lines := json.NewDecoder(resp.Body)
	for {
		var e event
		if err := lines.Decode(&e); err != nil {
			return nil, c.failed(ctx, err)
		}
		switch {
		case e.Error != nil:
			return nil, e.Error.err()
		case e.Result != nil:
			return e.Result, nil
		case e.Progress != nil && tell != nil:
			tell(*e.Progress)
		}
	}
}

// ask sends a request and reads the answer to it.
func (c *Client) ask(ctx context.Context, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errSilent)
	defer cancel()
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return c.failed(ctx, err)
	}
	switch into := into.(type) {
	case nil:
		return nil
	case *[]byte:
		*into = text
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return hint.New(CodeOtherAPI, fmt.Errorf("read the daemon's answer: %w", err))
	}
	return nil
}

var errSilent = errors.New("no answer in time")

// send sends a request, and returns its answer if it is one.
func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	text := []byte{}
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("call the daemon: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://chatkeep"+path, bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("call the daemon: %w", err)
	}
	req.Header.Set(apiHeader, api)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	if resp.Header.Get(apiHeader) != api && resp.StatusCode != http.StatusUpgradeRequired {
		resp.Body.Close()
		return nil, hint.New(CodeOtherAPI, fmt.Errorf("the daemon speaks version %.20q, the command %s", resp.Header.Get(apiHeader), api))
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var e event
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || e.Error == nil {
		return nil, hint.New(CodeOtherAPI, fmt.Errorf("the daemon's answer is %s", resp.Status))
	}
	return nil, e.Error.err()
}

// failed says why there was no answer.
func (c *Client) failed(ctx context.Context, err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	var timeout net.Error
	switch {
	case hint.Find(err) != nil:
		return err
	case context.Cause(ctx) == errSilent, ctx.Err() == nil && errors.As(err, &timeout) && timeout.Timeout():
		return hint.New(CodeSilent, fmt.Errorf("call the daemon: %w", err))
	case ctx.Err() != nil:
		return fmt.Errorf("call the daemon: %w", ctx.Err())
	}
	return hint.New(CodeLost, fmt.Errorf("call the daemon: %w", err))
}

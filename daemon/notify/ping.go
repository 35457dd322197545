package notify

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// pingService is the kind of channel where the other end knows when to expect
// a sign of life, and tells the user if there is none: it notices also that
// the computer is off. Its address is that of the page to get, with ping+
// before it; /fail is appended when a run failed, as healthchecks has it.
const pingService = "ping"

// pingURL is the page to get.
func pingURL(address string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimPrefix(address, pingService+"+"))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("after ping+ comes a web address")
	}
	u.Fragment = ""
	return u, nil
}

// ping tells how a run went.
func ping(ctx context.Context, c Channel, ok bool) error {
	u, err := pingURL(c.URL)
	if err != nil {
		return failed(c, err)
	}
	if !ok {
		u = u.JoinPath("fail")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return failed(c, err)
	}
	r.Header.Set("User-Agent", "chatkeep")
	t := single(false)
	defer t.CloseIdleConnections()
	answer, err := (&http.Client{Transport: t}).Do(r)
	if err != nil {
		return failed(c, err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, longestAnswer)
	if answer.StatusCode >= 300 {
		return failed(c, errors.New("status "+answer.Status))
	}
	return nil
}

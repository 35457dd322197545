package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/matrix"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/gotify"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/ntfy"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
	"github.com/nicholas-fedor/shoutrrr/pkg/util/jsonclient"
)

// service is one that shoutrrr knows and this program has tried.
type service struct {
	title bool // it shows a title of its own; else that is the text's first line
	most  int  // bytes of a message, the title included
}

// services are those that may be used. Others of shoutrrr's are left out: they
// page a company's staff, or ignore the proxy of the environment and hold on to
// connections.
var services = map[string]service{
	"bark": {true, 2000}, "discord": {true, 1900}, "generic": {true, 4000}, "googlechat": {false, 3000},
	"gotify": {true, 4000}, "lark": {true, 4000}, "matrix": {false, 4000}, "ntfy": {true, 3500},
	"pushbullet": {true, 4000}, "pushover": {true, 1000}, "rocketchat": {false, 4000}, "signal": {false, 1900},
	"slack": {true, 3000}, "smtp": {true, 8000}, "teams": {true, 4000}, "telegram": {true, 3500},
	"wecom": {false, 2000}, "zulip": {false, 4000},
}

// Services lists what a channel can go through, by name.
func Services() []string {
	list := []string{pingService}
	for name := range services {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// serviceOf is the first part of an address.
func serviceOf(address string) string {
	scheme, _, _ := strings.Cut(address, ":")
	name, _, _ := strings.Cut(strings.ToLower(scheme), "+")
	return name
}

// deadline bounds each send, also where shoutrrr has none.
const deadline = 30 * time.Second

// mostStuck is how many sends of a channel may be hanging. Most of shoutrrr's
// services can't be told to stop.
const mostStuck = 4

// init mends what shoutrrr does when Telegram can't be reached, doesn't answer
// in Telegram's way, or says no with a status that says yes: it takes all that
// for a success.
func init() {
	jsonclient.DefaultClient = jsonclient.NewWithHTTPClient(&http.Client{Transport: plain{}, Timeout: deadline})
}

// plain is a transport that turns whatever is no JSON object that says yes, an
// error of the network too, into one that says no, with a status to match.
type plain struct{}

func (plain) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return saysNo(r, 0, err.Error()), nil
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, longestAnswer))
	var object map[string]any
	if err != nil || json.Unmarshal(body, &object) != nil {
		return saysNo(r, answer.StatusCode, "no answer of this service"), nil
	}
	if object["ok"] != true && answer.StatusCode < http.StatusBadRequest {
		answer.StatusCode, answer.Status = http.StatusBadRequest, "400 Bad Request"
	}
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return answer, nil
}

const longestAnswer = 1 << 20

func saysNo(r *http.Request, status int, why string) *http.Response {
	body, _ := json.Marshal(map[string]any{"ok": false, "error_code": status, "description": why})
	return &http.Response{
		Status: "503 Service Unavailable", StatusCode: http.StatusServiceUnavailable, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// understood reports whether a service takes an address. Nobody is asked. The
// error has nothing of the address.
func understood(address string) (err error) {
	defer func() {
		if recover() != nil { // of an address that shoutrrr didn't expect
			err = errors.New("its service doesn't understand it")
		}
	}()
	name := serviceOf(address)
	if name == pingService {
		_, err := pingURL(address)
		return err
	}
	if _, ok := services[name]; !ok {
		return errors.New("there is no such service")
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return errors.New("it is not complete")
	}
	if u.Host == "dummy.com" { // shoutrrr's own documentation; it skips all checks
		return errors.New("it is an example")
	}
	if name == "matrix" { // the service would sign in
		if (&matrix.Config{}).SetURL(u) != nil || u.User == nil {
			return errors.New("its service doesn't understand it")
		}
		return nil
	}
	if _, err := locate(address); err != nil {
		return errors.New("its service doesn't understand it")
	}
	if _, password := u.User.Password(); name == "bark" && !password {
		return errors.New("it has no key")
	}
	return nil
}

// locate opens a service, silently.
func locate(address string) (types.Service, error) {
	var r router.ServiceRouter
	s, err := r.Locate(address)
	if err != nil {
		return nil, err
	}
	switch s := s.(type) { // these two would ignore the proxy of the environment, and keep their connections for ever
	case *ntfy.Service:
		s.SetHTTPClient(&http.Client{Transport: single(s.Config.DisableTLSVerification), Timeout: deadline})
	case *gotify.Service:
		if c := s.GetHTTPClient(); c != nil {
			c.Transport = single(s.Config.InsecureSkipVerify)
		}
	}
	return s, nil
}

// single is a transport for one request.
func single(trusting bool) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableKeepAlives = true
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	t.TLSClientConfig.InsecureSkipVerify = trusting // only if the address says so
	return t
}

// deliver sends one message, or, to a service that expects signs of life, how a
// run went. Whatever the service does, it returns when ctx ends.
func (n *Notifier) deliver(ctx context.Context, c Channel, m Message, ok bool) error {
	if c.isPing() {
		return ping(ctx, c, ok)
	}
	n.mu.Lock()
	busy := n.stuck[c.Name] >= mostStuck
	if !busy {
		n.stuck[c.Name]++
	}
	n.mu.Unlock()
	if busy {
		return failed(c, errStuck)
	}
	done := make(chan error, 1)
	go func() {
		err := hand(c, m)
		n.mu.Lock()
		n.stuck[c.Name]--
		n.mu.Unlock()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return failed(c, ctx.Err())
	}
}

// hand gives a message to shoutrrr.
func hand(c Channel, m Message) (err error) {
	defer func() {
		if recover() != nil { // its text could have the address
			err = failed(c, errors.New("the library failed"))
		}
	}()
	kind, ok := services[c.Service()]
	if !ok {
		return failed(c, errors.New("there is no such service"))
	}
	s, err := locate(c.URL)
	if err != nil {
		return failed(c, err)
	}
	title, text := oneLine(m.Title), m.Text
	params := types.Params{}
	if kind.title {
		params["title"] = title
		text = cut(text, kind.most-len(title))
	} else {
		text = cut(title+"\n\n"+text, kind.most)
	}
	if c.Service() == "smtp" {
		params["title"] = mime.BEncoding.Encode("utf-8", title) // shoutrrr puts it into the header as it is
	}
	if c.Service() == "generic" && !strings.Contains(c.URL, "template=") {
		delete(params, "title") // the text alone is sent
		text = cut(title+"\n\n"+text, kind.most)
	}
	if err := s.Send(text, &params); err != nil {
		return failed(c, err)
	}
	return nil
}

// oneLine makes a title of a text: it may become a header.
func oneLine(text string) string {
	return cut(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text), 200)
}

// cut shortens a text to so many bytes.
func cut(text string, most int) string {
	const more = "…"
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:max(0, most-len(more))], "") + more
}

var errStuck = fmt.Errorf("%d messages are on their way still, without an answer", mostStuck)

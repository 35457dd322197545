package signin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers/cloud"
)

// startCloud starts a cloud of the test's own.
func startCloud(t *testing.T) *fakecloud.Cloud {
	t.Helper()
	c, err := fakecloud.Start(fakecloud.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if refused := c.Refused(); len(refused) > 0 {
			t.Errorf("somebody asked for %v", refused)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// through is a client on the way of a cloud's proxy.
func through(t *testing.T, c *fakecloud.Cloud) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(c.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("the cloud has no certificate")
	}
	proxy, err := url.Parse(c.Proxy())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		Proxy: func(r *http.Request) (*url.URL, error) {
			if loopback(r.URL) {
				return nil, nil
			}
			return proxy, nil
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// service answers for every host with one handler. No request leaves the test.
func answering(t *testing.T, h http.HandlerFunc) *http.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: redirected(func(r *http.Request) (*http.Response, error) {
		if !loopback(r.URL) {
			r = r.Clone(r.Context())
			r.Host, r.URL.Scheme, r.URL.Host = r.URL.Host, to.Scheme, to.Host
		}
		return http.DefaultTransport.RoundTrip(r)
	})}
}

type redirected func(*http.Request) (*http.Response, error)

func (f redirected) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// person answers questions and looks at the browser.
type person struct {
	t       *testing.T
	client  *http.Client
	answers map[string][]string // by question; the last one again and again
	onSay   func(key string, values map[string]any)
	check   func(context.Context, map[string]string) error
	browse  func(url string) error
	pages   sync.WaitGroup

	said  []string
	asked []string
	shown string // the last address shown
	mu    sync.Mutex
	page  string // what the browser showed at last; read once all pages have ended
}

func newPerson(t *testing.T, client *http.Client) *person {
	p := &person{t: t, client: client, answers: map[string][]string{}}
	t.Cleanup(p.pages.Wait)
	p.browse = func(url string) error {
		p.pages.Go(func() {
			text := p.get(url)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.page = text
		})
		return nil
	}
	return p
}

func (p *person) env() Env {
	return Env{Client: p.client, OpenBrowser: func(url string) error { return p.browse(url) }, Ask: p.ask, Say: p.say, Text: p.text, Check: p.check}
}

// get follows an address to its end, as a browser does.
func (p *person) get(url string) string {
	res, err := p.client.Get(url)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return string(text)
}

// lands returns where a consent page sends the browser.
func (p *person) lands(url string) string {
	p.t.Helper()
	client := &http.Client{Transport: p.client.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(url)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	return res.Header.Get("Location")
}

func (p *person) ask(_ context.Context, q Question) (string, error) {
	p.asked = append(p.asked, q.Key)
	answers := p.answers[q.Key]
	if len(answers) == 0 {
		return "", fmt.Errorf("nobody answers %s (%s)", q.Key, q.Flag)
	}
	answer := answers[0]
	if len(answers) > 1 {
		p.answers[q.Key] = answers[1:]
	}
	if answer == "<landing>" {
		answer = p.lands(p.shown)
	}
	if i := slices.IndexFunc(q.Choices, func(c Choice) bool { return c.Text == answer }); i >= 0 {
		answer = q.Choices[i].ID
	}
	return answer, nil
}

func (p *person) say(key string, pairs ...any) {
	p.said = append(p.said, key)
	values := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	if u, ok := values["url"].(string); ok {
		p.shown = u
	}
	if p.onSay != nil {
		p.onSay(key, values)
	}
}

func (p *person) text(key string, _ ...any) string { return "说 <" + key + ">" }

// logIn signs in to a home of its own and returns what was kept.
func (p *person) logIn(l Login) (map[string]string, error) {
	p.t.Helper()
	home := filepath.Join(p.t.TempDir(), "home")
	err := LogIn(p.t.Context(), cloud.NewSignIn(home), l, p.env())
	s, oerr := cloud.OpenSignIn(home)
	if oerr != nil {
		p.t.Fatal(oerr)
	}
	if err != nil && !s.Empty() {
		p.t.Errorf("failed, and yet there is a sign-in: %v", err)
	}
	return s.Values(), err
}

// failsWith signs in and wants a hint.
func (p *person) failsWith(l Login, code hint.Code) {
	p.t.Helper()
	_, err := p.logIn(l)
	if h := hint.Find(err); h == nil || h.Code != code {
		p.t.Errorf("got %v, want the hint %s", err, code)
	}
	if err != nil && (strings.Contains(err.Error(), "ya29") || strings.Contains(err.Error(), "GOCSPX")) {
		p.t.Errorf("a secret in %v", err)
	}
}

var errUnwelcome = errors.New("the account is not the right one")

// openSignIn opens what is kept.
func openSignIn(t *testing.T, home string) *cloud.SignIn {
	t.Helper()
	s, err := cloud.OpenSignIn(home)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

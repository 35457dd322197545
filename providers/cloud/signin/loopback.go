package signin

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/oauth2"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// byBrowser opens the consent page on this computer and waits for the browser
// to come back to a port of it.
func (c *consent) byBrowser(ctx context.Context, config *oauth2.Config, state string, options []oauth2.AuthCodeOption, env Env) (string, error) {
	back, err := listenBack(ctx, state, env)
	if err != nil {
		return "", err
	}
	defer back.close()
	config.RedirectURL = "http://" + net.JoinHostPort(c.redirect, strconv.Itoa(back.port))
	url := config.AuthCodeURL(state, options...)
	env.Say("login.browser", "url", url)
	if err := env.open(url); hint.Find(err) != nil {
		return "", err // nobody is there to open it by hand
	} else if err != nil {
		env.Say("login.no_browser")
	}
	return back.wait(ctx)
}

// back is where the browser comes back to.
type back struct {
	state  string
	env    Env
	port   int
	server *http.Server
	answer chan answer
}

type answer struct {
	code string
	err  error
}

// listenBack listens on a port of the system's choice, for this computer only.
// A browser may take localhost for ::1, so that is listened to as well where
// the port is free there.
func listenBack(ctx context.Context, state string, env Env) (*back, error) {
	var lc net.ListenConfig
	four, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("wait for the browser: %w", err)
	}
	b := &back{state: state, env: env, port: four.Addr().(*net.TCPAddr).Port, answer: make(chan answer, 1)}
	b.server = &http.Server{
		Handler: b, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), // it could name a request's address
	}
	go func() { _ = b.server.Serve(four) }()
	if six, err := lc.Listen(ctx, "tcp6", net.JoinHostPort("::1", strconv.Itoa(b.port))); err == nil {
		go func() { _ = b.server.Serve(six) }()
	}
	return b, nil
}

func (e Env) open(url string) error {
	if e.OpenBrowser == nil {
		return errors.New("open browser: there is none")
	}
	return e.OpenBrowser(url)
}

// browserPatience is how long the person may take on the page. A page left
// open for longer has ended by itself at the service's end.
const browserPatience = 30 * time.Minute

// wait returns the code the browser brought.
func (b *back) wait(ctx context.Context) (string, error) {
	select {
	case <-time.After(browserPatience):
		return "", hint.New(HintSignInExpired, errors.New("the browser did not come back"))
	case a := <-b.answer:
		return a.code, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// close ends listening, once the browser has its page.
func (b *back) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = b.server.Shutdown(ctx)
}

// ServeHTTP takes the browser's answer. Any web page can make the browser call
// here, so what does not carry the state is sent away and waited past.
func (b *back) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.URL.Path != "/" || !b.here(r.Host) {
		http.NotFound(w, r)
		return
	}
	code, err := answerIn(r.URL.RawQuery, b.state)
	if hint.Is(err, HintSignInOtherTry) || hint.Is(err, HintSignInNoCode) {
		b.page(w, http.StatusBadRequest, "login.page.other")
		return
	}
	if err != nil {
		b.page(w, http.StatusOK, "login.page.refused")
	} else {
		b.page(w, http.StatusOK, "login.page.done")
	}
	select {
	case b.answer <- answer{code, err}:
	default: // the first answer counts
	}
}

// here reports whether the browser knows that it calls this computer. Another
// name means that a page has played with its own.
func (b *back) here(host string) bool {
	name, port, err := net.SplitHostPort(host)
	return err == nil && port == strconv.Itoa(b.port) && (name == "127.0.0.1" || name == "localhost" || name == "::1")
}

// page answers with a sentence in the person's language.
func (b *back) page(w http.ResponseWriter, status int, key string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("Connection", "close")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<!doctype html><title>chatkeep</title><p>"+html.EscapeString(b.env.Text(key))+"</p>\n")
}

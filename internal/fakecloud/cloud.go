package fakecloud

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Options says how a cloud behaves. The zero value is a cloud in memory, on
// this computer's clock, whose listings are always up to date.
type Options struct {
	// Dir keeps the state from Close to the next Start, with the authority
	// and, if it is still free, the proxy's port. "" keeps it in memory.
	Dir string
	// Now is the cloud's clock; nil for time.Now, or with Virtual for one
	// that stands still between calls of Advance.
	Now     func() time.Time
	Virtual bool
	// Lag is how long listings miss what was created, changed, renamed,
	// trashed or deleted.
	Lag time.Duration
}

// Cloud is all services behind one listener and one proxy. Its methods may be
// called at any time, also while requests are under way.
type Cloud struct {
	lag      time.Duration
	dir      string
	clock    *clock
	ca       *authority
	caFile   string
	temp     string // removed at Close
	front    *http.Server
	proxy    *proxy
	services []service
	faults   faults
	log      requestLog
	done     chan struct{}
	running  sync.WaitGroup // the listener's goroutine
	mu       sync.Mutex
	idle     sync.Cond // active is less
	active   int       // requests under way
	closed   bool

	drive   *Drive
	graph   *Graph
	dropbox *Dropbox
}

// service answers for some hosts. It locks for itself, and never while it
// reads a request or writes an answer.
type service interface {
	// hosts lists names; "*.example.com" stands for every name below.
	hosts() []string
	http.Handler
	// classify says what a request is, before it is answered. What it reads
	// of the body it takes from peek.
	classify(r *http.Request) Kind
	// save and load keep the state in a folder. Loading from a folder where
	// nothing was saved leaves the service as it is.
	save(dir string) error
	load(dir string) error
}

// Start starts a cloud. Its listeners are up on return.
func Start(o Options) (*Cloud, error) {
	c := &Cloud{lag: o.Lag, dir: o.Dir, clock: newClock(o), done: make(chan struct{})}
	c.idle.L = &c.mu
	if err := c.start(); err != nil {
		c.Close()
		return nil, fmt.Errorf("start fake cloud: %w", err)
	}
	return c, nil
}

func (c *Cloud) start() error {
	if err := c.openFolder(); err != nil {
		return err
	}
	c.drive, c.graph, c.dropbox = newDrive(c), newGraph(c.now), newDropbox(c.now)
	c.services = []service{c.drive, c.graph, c.dropbox}
	if err := c.load(); err != nil {
		return err
	}
	address, err := c.listen()
	if err != nil {
		return err
	}
	c.proxy, err = startProxy(c.oldPort(), address, c.known)
	return err
}

// openFolder makes the authority, or takes the one of the last time.
func (c *Cloud) openFolder() (err error) {
	folder := c.dir
	if folder == "" {
		if c.temp, err = os.MkdirTemp("", "fakecloud-"); err != nil {
			return err
		}
		folder = c.temp
	}
	c.caFile = filepath.Join(folder, "ca.pem")
	c.ca, err = openAuthority(folder)
	return err
}

// listen starts the TLS server that plays every host.
func (c *Cloud) listen() (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	c.front = &http.Server{
		Handler:   http.HandlerFunc(c.serve),
		TLSConfig: c.ca.config(c.known),
		ErrorLog:  log.New(io.Discard, "", 0), // clients that hang up are what is tested
	}
	c.running.Go(func() { c.front.ServeTLS(l, "", "") })
	return l.Addr().String(), nil
}

// enter lets a request in that Idle and Close will wait for; leave ends it.
func (c *Cloud) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.active++
	}
	return !c.closed
}

func (c *Cloud) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active--
	c.idle.Broadcast()
}

// Idle returns when no request is under way: what a client that was killed
// had sent has had its effect.
func (c *Cloud) Idle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.active > 0 {
		c.idle.Wait()
	}
}

// Close ends every connection and, with a folder, keeps the state there.
func (c *Cloud) Close() error {
	c.mu.Lock()
	again := c.closed
	c.closed = true
	c.mu.Unlock()
	if again {
		return nil
	}
	close(c.done)
	if c.proxy != nil {
		c.proxy.close()
	}
	if c.front != nil {
		c.front.Close()
	}
	c.running.Wait()
	c.Idle()
	var err error
	if c.dir != "" && c.proxy != nil {
		err = c.save()
	}
	if c.temp != "" {
		err = errors.Join(err, os.RemoveAll(c.temp))
	}
	return err
}

// Proxy returns the proxy's URL, for HTTPS_PROXY.
func (c *Cloud) Proxy() string { return "http://" + c.proxy.address() }

// CAFile returns the path of the authority's certificate, for SSL_CERT_FILE.
func (c *Cloud) CAFile() string { return c.caFile }

// Refused lists the hosts the proxy was asked for and knows nothing of.
func (c *Cloud) Refused() []string { return c.proxy.refusals() }

// SetOffline cuts every connection and lets none in until it is called again
// with false: the network is gone.
func (c *Cloud) SetOffline(off bool) { c.proxy.setOffline(off) }

// Now returns the cloud's time.
func (c *Cloud) Now() time.Time { return c.clock.now() }

// Advance moves the clock of a cloud with Options.Virtual.
func (c *Cloud) Advance(d time.Duration) { c.clock.advance(d) }

// Drive returns Google Drive, with Google's sign-in.
func (c *Cloud) Drive() *Drive { return c.drive }

// Graph returns Microsoft Graph, with Microsoft's sign-in.
func (c *Cloud) Graph() *Graph { return c.graph }

// Dropbox returns Dropbox, with its sign-in.
func (c *Cloud) Dropbox() *Dropbox { return c.dropbox }

func (c *Cloud) now() time.Time { return c.clock.now() }

// known reports whether a service answers for host.
func (c *Cloud) known(host string) bool { return c.serviceFor(host) != nil }

// serviceFor returns the service that answers for host, or nil. The first
// wins, and a name before a pattern.
func (c *Cloud) serviceFor(host string) service {
	host = strings.ToLower(host)
	_, parent, _ := strings.Cut(host, ".")
	var byPattern service
	for _, s := range c.services {
		for _, h := range s.hosts() {
			if h == host {
				return s
			}
			if byPattern == nil && strings.HasPrefix(h, "*.") && (h[2:] == parent || strings.HasSuffix(parent, h[1:])) {
				byPattern = s
			}
		}
	}
	return byPattern
}

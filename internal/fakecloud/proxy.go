package fakecloud

import (
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
)

// proxy is an HTTP proxy that tunnels to the cloud's own listener, whatever
// known host is asked for, and to nowhere else.
type proxy struct {
	target string
	known  func(host string) bool
	l      net.Listener
	server *http.Server
	wg     sync.WaitGroup // the listener's goroutine, and every open connection

	mu      sync.Mutex
	open    map[net.Conn]bool
	offline bool
	refused []string
}

// startProxy listens on address if that is free, else on a port of its own.
func startProxy(address, target string, known func(string) bool) (*proxy, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
	}
	p := &proxy{target: target, known: known, l: l, open: map[net.Conn]bool{}}
	p.server = &http.Server{Handler: p, ErrorLog: log.New(io.Discard, "", 0)}
	p.wg.Go(func() { p.server.Serve(l) })
	return p, nil
}

func (p *proxy) address() string { return p.l.Addr().String() }

func (p *proxy) close() {
	p.server.Close()
	p.setOffline(true)
	p.wg.Wait()
}

// ServeHTTP answers CONNECT. Everything else, and every other host or port,
// is refused: a test can't reach anybody by mistake.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, port, err := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || err != nil || port != "443" || !p.known(host) {
		p.mu.Lock()
		p.refused = append(p.refused, r.Host)
		p.mu.Unlock()
		http.Error(w, "fake cloud: no service answers for "+r.Host, http.StatusBadGateway)
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if !p.keep(server) {
		http.Error(w, "fake cloud: offline", http.StatusBadGateway)
		return
	}
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil || !p.keep(client) {
		p.drop(server)
		return
	}
	io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	go p.pump(server, buffered, client)
	go p.pump(client, server, server)
}

// pump copies until either side ends, and then ends both.
func (p *proxy) pump(to net.Conn, from io.Reader, fromConn net.Conn) {
	io.Copy(to, from)
	p.drop(to)
	p.drop(fromConn)
}

// keep remembers a connection to be cut, or cuts it at once.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.offline {
		c.Close()
		return false
	}
	p.open[c] = true
	p.wg.Add(1)
	return true
}

func (p *proxy) drop(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[c] {
		delete(p.open, c)
		p.wg.Done()
	}
}

func (p *proxy) setOffline(off bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offline = off
	for c := range p.open {
		if off {
			c.Close()
		}
	}
}

func (p *proxy) refusals() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.refused)
}

// Package fakebus is a private system bus for tests, on a real dbus-daemon,
// with peers that speak as NetworkManager, UPower and login1.
//
//	bus := fakebus.Start(t)
//	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.Address()) // or sense.Options.Bus
//	bus.SetMetered(fakebus.Metered)
//
// It starts as a laptop at home: on Wi-Fi, unmetered, plugged in. Each method
// returns when the bus has taken the signal, not when anyone has received it.
// What is set while a peer or the bus is away is there when it returns.
package fakebus

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chatkeep/chatkeep/internal/needs"
)

// Bus is a bus and its peers.
type Bus struct {
	t    testing.TB
	dir  string
	conf string

	mu     sync.Mutex // guards all below, and the order of what is done
	daemon *exec.Cmd  // nil: stopped
	nm     *peer
	upower *peer
	login1 *peer
	number int // of active connections so far
	locks  map[*lock]bool
	moved  chan struct{} // closed and replaced when locks change
}

// The policy of a bus that lets everyone do everything, except to answer what
// nobody asked.
const conf = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
 <type>system</type>
 <listen>unix:path=%s</listen>
 <auth>EXTERNAL</auth>
 <policy context="default">
  <allow user="*"/>
  <allow own="*"/>
  <allow send_destination="*"/>
  <allow receive_sender="*"/>
 </policy>
</busconfig>
`

// Start starts a bus with all peers. Both end with the test.
func Start(t testing.TB) *Bus {
	t.Helper()
	needs.Have(t, needs.DBus)
	// Not t.TempDir: the path of a socket is short.
	dir, err := os.MkdirTemp("", "bus")
	if err != nil {
		t.Fatalf("fakebus: %v", err)
	}
	b := &Bus{t: t, dir: dir, conf: filepath.Join(dir, "bus.conf"), locks: map[*lock]bool{}, moved: make(chan struct{})}
	b.nm, b.upower, b.login1 = newNM(), newUPower(), newLogin1(b)
	t.Cleanup(func() {
		for _, p := range b.peers() {
			p.hang(false)
		}
		b.Stop()
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("fakebus: %v", err)
		}
	})
	if err := os.WriteFile(b.conf, fmt.Appendf(nil, conf, b.socket()), 0o600); err != nil {
		t.Fatalf("fakebus: %v", err)
	}
	b.Restart()
	return b
}

func (b *Bus) socket() string { return filepath.Join(b.dir, "bus") }

// Address returns the address of the bus, the same all its life.
func (b *Bus) Address() string { return "unix:path=" + b.socket() }

// Stop kills the bus and with it all its connections.
func (b *Bus) Stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.daemon == nil {
		return
	}
	_ = b.daemon.Process.Kill() // by its id; it may have ended by itself
	_ = b.daemon.Wait()
	b.daemon = nil
	for _, p := range b.peers() {
		p.disconnect()
	}
}

// Restart starts the bus again, after Stop or instead of it. Peers that were
// there are there again.
func (b *Bus) Restart() {
	b.t.Helper()
	b.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := os.RemoveAll(b.socket()); err != nil {
		b.t.Fatalf("fakebus: %v", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		b.t.Fatalf("fakebus: %v", err)
	}
	defer r.Close()
	cmd := exec.Command("dbus-daemon", "--config-file="+b.conf, "--nofork", "--nopidfile", "--nosyslog", "--print-address=3")
	cmd.ExtraFiles = []*os.File{w}
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		b.t.Fatalf("fakebus: start dbus-daemon: %v", err)
	}
	b.daemon = cmd
	if _, err := bufio.NewReader(r).ReadString('\n'); err != nil { // the address, once it listens
		b.t.Fatalf("fakebus: dbus-daemon did not come up: %v", err)
	}
	for _, p := range b.peers() {
		if !p.away {
			b.check(p.connect(b.Address()))
		}
	}
}

func (b *Bus) peers() []*peer { return []*peer{b.nm, b.upower, b.login1} }

// check fails the test at what should never fail. It may be called by another
// goroutine than the test's, so it does not end the test.
func (b *Bus) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Errorf("fakebus: %v", err)
	}
}

// leave takes a peer and its name off the bus, as when its service ends.
func (b *Bus) leave(p *peer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p.away = true
	p.disconnect()
}

// enter brings it back, with what it had and under a new unique name.
func (b *Bus) enter(p *peer) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	p.away = false
	if b.daemon != nil && p.conn == nil {
		b.check(p.connect(b.Address()))
	}
}

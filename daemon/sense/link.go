package sense

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
)

// The bus itself.
const (
	busName        = "org.freedesktop.DBus"
	busPath        = dbus.ObjectPath("/org/freedesktop/DBus")
	propertiesName = "org.freedesktop.DBus.Properties"
)

// errNoBus is why there is no connection where no computer has a system bus.
var errNoBus = errors.New("sense: this system has no D-Bus")

// link is one connection to the bus. When it breaks it is thrown away.
//
// It is the connection's signal handler too: the library's own starts a
// goroutine for every signal that nobody takes at once.
type link struct {
	s      *Sense
	conn   *dbus.Conn
	cancel context.CancelFunc
	peers  []*peer
}

// peer is a service on the bus that is asked. Its fields below the empty line
// are guarded by Sense.mu.
type peer struct {
	name  string
	rules [][]dbus.MatchOption
	cares map[string][]string // by interface: the properties whose change matters
	read  func(context.Context, asker) (apply func(*Sense), err error)
	lost  func(*Sense)                                     // forgets what was read
	heard func(s *Sense, iface, member string, body []any) // takes its other signals; nil: there are none

	owner  string // its unique name, which no one else on the bus can take; empty: it is not there
	told   bool   // a signal named the owner
	dirty  bool   // to be read
	busy   bool   // is being read
	silent bool   // is there, but did not answer
	first  chan struct{}
	asked  bool // first is closed
}

// hasBus reports whether it makes sense to look for a bus.
func hasBus(address string) bool { return address != "" || runtime.GOOS == "linux" }

// dial opens a connection to the bus, without a word yet.
func dial(address string, opts ...dbus.ConnOption) (*dbus.Conn, error) {
	switch {
	case address != "":
		return dbus.Dial(address, opts...)
	case hasBus(address):
		return dbus.SystemBusPrivate(opts...) // where the environment or the system says
	}
	return nil, errNoBus
}

// greet introduces us. Neither question could be given up if the bus does not
// answer, and some never do, so conn is closed when patience is over.
func greet(conn *dbus.Conn) error {
	timer := time.AfterFunc(patience, func() { _ = conn.Close() })
	defer timer.Stop()
	if err := conn.Auth(nil); err != nil {
		return err
	}
	return conn.Hello()
}

// connect makes a link and waits until each peer was asked once.
func (s *Sense) connect() {
	raw, err := dial(s.o.Bus)
	if err != nil {
		return
	}
	l := &link{s: s, peers: []*peer{networkPeer(), powerPeer(), loginPeer(s)}}
	for _, p := range l.peers {
		p.first = make(chan struct{})
	}
	ctx, cancel := context.WithCancel(s.ctx)
	l.cancel = cancel
	// As a plain stream the connection takes no files: anyone on the bus may
	// send some along with a signal, and nobody would close them.
	l.conn, err = dbus.NewConn(raw, dbus.WithContext(ctx), dbus.WithSignalHandler(l))
	if err != nil {
		cancel()
		_ = raw.Close()
		return
	}
	if err := greet(l.conn); err != nil {
		l.close()
		return
	}
	s.mu.Lock()
	if s.ctx.Err() == nil && l.conn.Connected() {
		s.link = l
	}
	s.mu.Unlock()
	if err := l.watch(); err != nil {
		l.close()
		return
	}
	for _, p := range l.peers {
		select {
		case <-p.first:
		case <-l.conn.Context().Done():
		}
	}
}

// watch asks for the signals first and for the owners of the names after, so
// that no change falls between.
func (l *link) watch() error {
	ctx, cancel := context.WithTimeout(l.conn.Context(), patience)
	defer cancel()
	for _, p := range l.peers {
		owners := []dbus.MatchOption{
			dbus.WithMatchSender(busName), dbus.WithMatchObjectPath(busPath), dbus.WithMatchInterface(busName),
			dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, p.name),
		}
		for _, rule := range append([][]dbus.MatchOption{owners}, p.rules...) {
			if err := l.conn.AddMatchSignalContext(ctx, rule...); err != nil {
				return err
			}
		}
		var owner string
		err := l.conn.BusObject().CallWithContext(ctx, busName+".GetNameOwner", 0, p.name).Store(&owner)
		if _, answered := errors.AsType[dbus.Error](err); err != nil && !answered {
			return err
		}
		l.s.mu.Lock()
		if !p.told {
			p.owner = owner
		}
		l.refresh(p)
		l.s.mu.Unlock()
	}
	return nil
}

// close ends the link. s.mu is not held.
func (l *link) close() {
	_ = l.conn.Close()
	l.cancel()
}

// Terminate is called by the library when the connection is closed, by
// whomever.
func (l *link) Terminate() {
	l.cancel()
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != l {
		return
	}
	s.link = nil
	for _, p := range l.peers {
		p.lost(s)
	}
	s.tell()
}

// DeliverSignal is called by the library for each signal, in their order. It
// takes no time: what is to be asked is asked elsewhere. A signal says what
// its sender wants, and rules don't keep out what was sent to us alone, so
// only the owner of a name is believed.
func (l *link) DeliverSignal(iface, member string, sig *dbus.Signal) {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if sig.Sender == busName {
		var name, before, owner string
		if member != "NameOwnerChanged" || dbus.Store(sig.Body, &name, &before, &owner) != nil {
			return
		}
		if i := slices.IndexFunc(l.peers, func(p *peer) bool { return p.name == name }); i >= 0 {
			l.peers[i].owner, l.peers[i].told = owner, true
			l.refresh(l.peers[i])
		}
		return
	}
	i := slices.IndexFunc(l.peers, func(p *peer) bool { return p.owner != "" && p.owner == sig.Sender })
	if i < 0 || s.link != l {
		return
	}
	p := l.peers[i]
	switch {
	case iface == propertiesName:
		if p.concerns(sig.Body) {
			l.refresh(p)
		}
	case p.heard != nil:
		p.heard(s, iface, member, sig.Body)
	}
}

// concerns reports whether the body of PropertiesChanged names a property that
// matters. The strength of a radio does not.
func (p *peer) concerns(body []any) bool {
	var iface string
	var changed map[string]dbus.Variant
	var gone []string
	if dbus.Store(body, &iface, &changed, &gone) != nil {
		return false
	}
	return slices.ContainsFunc(p.cares[iface], func(name string) bool {
		_, ok := changed[name]
		return ok || slices.Contains(gone, name)
	})
}

// refresh has p read, once for any number of changes. s.mu is held.
func (l *link) refresh(p *peer) {
	p.dirty = true
	if !p.busy && !l.s.closed {
		p.busy = true
		l.s.tasks.Go(func() { l.work(p) })
	}
}

// work reads p until nothing is left to read.
func (l *link) work(p *peer) {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for p.dirty && s.link == l {
		p.dirty = false
		a := asker{l.conn, p.owner}
		apply, err := p.lost, error(nil)
		if a.owner != "" {
			s.mu.Unlock()
			apply, err = l.ask(p, a)
			s.mu.Lock()
		}
		if s.link != l || p.owner != a.owner {
			continue // it is another's now, and p is dirty
		}
		p.silent = err != nil
		apply(s)
		s.tell()
		if !p.asked {
			p.asked = true
			close(p.first)
		}
	}
	p.busy = false
}

// ask reads p. If it does not answer, and the bus itself doesn't either, the
// link is given up.
func (l *link) ask(p *peer, a asker) (func(*Sense), error) {
	ctx, cancel := context.WithTimeout(l.conn.Context(), patience)
	defer cancel()
	apply, err := p.read(ctx, a)
	if err == nil {
		return apply, nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		ctx, cancel := context.WithTimeout(l.conn.Context(), patience)
		defer cancel()
		if l.conn.BusObject().CallWithContext(ctx, busName+".GetId", 0).Err != nil {
			l.close()
		}
	}
	return p.lost, err
}

// asker asks one owner of a name.
type asker struct {
	conn  *dbus.Conn
	owner string
}

// all returns the properties of an object.
func (a asker) all(ctx context.Context, path dbus.ObjectPath, iface string) (properties, error) {
	var props properties
	err := a.conn.Object(a.owner, path).CallWithContext(ctx, propertiesName+".GetAll", dbus.FlagNoAutoStart, iface).Store(&props)
	return props, err
}

// properties are what an object says of itself.
type properties map[string]dbus.Variant

// get returns the property called name, if it is there and of type T.
func get[T any](p properties, name string) (value T, ok bool) {
	v, ok := p[name]
	return value, ok && v.Store(&value) == nil
}

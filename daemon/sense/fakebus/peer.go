package fakebus

import (
	"fmt"
	"maps"
	"sync"

	"github.com/godbus/dbus/v5"
)

// properties are those of an object, by interface and name.
type properties map[string]map[string]any

// peer is a service: it owns a name and has objects with properties.
type peer struct {
	name   string
	export func(*dbus.Conn) error // adds its methods; may be nil

	// These are guarded by Bus.mu.
	conn *dbus.Conn // nil: it is not on the bus
	away bool       // on purpose

	mu      sync.Mutex // its methods are called by anyone at any time
	objects map[dbus.ObjectPath]properties
	hung    chan struct{} // closed when it answers again; nil: it does answer
}

// connect enters the bus. The name comes last, when everything else is there.
func (p *peer) connect(address string) error {
	conn, err := dbus.Connect(address)
	if err != nil {
		return fmt.Errorf("connect as %s: %w", p.name, err)
	}
	p.conn = conn
	if err := conn.ExportSubtree(answers{p}, "/org/freedesktop", "org.freedesktop.DBus.Properties"); err != nil {
		return err
	}
	if p.export != nil {
		if err := p.export(conn); err != nil {
			return err
		}
	}
	reply, err := conn.RequestName(p.name, dbus.NameFlagDoNotQueue)
	if err == nil && reply != dbus.RequestNameReplyPrimaryOwner {
		err = fmt.Errorf("reply %d", reply)
	}
	if err != nil {
		return fmt.Errorf("own %s: %w", p.name, err)
	}
	return nil
}

func (p *peer) disconnect() {
	if p.conn != nil {
		_ = p.conn.Close()
		p.conn = nil
	}
}

// hang lets no question be answered until it is called with false.
func (p *peer) hang(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case on && p.hung == nil:
		p.hung = make(chan struct{})
	case !on && p.hung != nil:
		close(p.hung)
		p.hung = nil
	}
}

// wait returns when p may answer.
func (p *peer) wait() {
	p.mu.Lock()
	hung := p.hung
	p.mu.Unlock()
	if hung != nil {
		<-hung
	}
}

// set changes properties of an object and sends the signal.
func (p *peer) set(path dbus.ObjectPath, iface string, values map[string]any) error {
	changed := make(map[string]dbus.Variant, len(values))
	for name, v := range values {
		changed[name] = dbus.MakeVariant(v)
	}
	p.mu.Lock()
	maps.Copy(p.objects[path][iface], values)
	p.mu.Unlock()
	return p.emit(path, "org.freedesktop.DBus.Properties.PropertiesChanged", iface, changed, []string{})
}

// emit sends a signal, if p is on the bus, and waits until the bus has it.
func (p *peer) emit(path dbus.ObjectPath, name string, values ...any) error {
	if p.conn == nil {
		return nil
	}
	if err := p.conn.Emit(path, name, values...); err != nil {
		return fmt.Errorf("emit %s: %w", name, err)
	}
	var id string
	return p.conn.BusObject().Call("org.freedesktop.DBus.GetId", 0).Store(&id)
}

// answers are the methods of org.freedesktop.DBus.Properties.
type answers struct{ p *peer }

// Get returns one property.
func (a answers) Get(msg dbus.Message, iface, name string) (dbus.Variant, *dbus.Error) {
	all, err := a.GetAll(msg, iface)
	if err != nil {
		return dbus.Variant{}, err
	}
	v, ok := all[name]
	if !ok {
		return dbus.Variant{}, dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", []any{"no property " + name})
	}
	return v, nil
}

// GetAll returns all properties of one interface.
func (a answers) GetAll(msg dbus.Message, iface string) (map[string]dbus.Variant, *dbus.Error) {
	a.p.wait()
	path, _ := msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	a.p.mu.Lock()
	defer a.p.mu.Unlock()
	object, ok := a.p.objects[path]
	if !ok {
		return nil, dbus.NewError("org.freedesktop.DBus.Error.UnknownObject", []any{"no object " + string(path)})
	}
	values, ok := object[iface]
	if !ok {
		return nil, dbus.NewError("org.freedesktop.DBus.Error.UnknownInterface", []any{"no interface " + iface})
	}
	all := make(map[string]dbus.Variant, len(values))
	for name, v := range values {
		all[name] = dbus.MakeVariant(v)
	}
	return all, nil
}

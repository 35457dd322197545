package fakebus

import (
	"fmt"
	"slices"

	"github.com/godbus/dbus/v5"
)

const (
	nmName   = "org.freedesktop.NetworkManager"
	nmPath   = dbus.ObjectPath("/org/freedesktop/NetworkManager")
	nmActive = nmName + ".Connection.Active"
	none     = dbus.ObjectPath("/")
)

// What NetworkManager may say of the cost.
const (
	MeteredUnknown uint32 = iota
	Metered
	Unmetered
	GuessMetered
	GuessUnmetered
)

// What NetworkManager may say of the way to the internet.
const (
	ConnectivityUnknown uint32 = iota
	Offline
	Portal
	Limited
	Full
)

// The connection at the start.
const (
	HomeUUID = "0d2e7fd8-5a47-4f0c-9d55-6c1f3c0a5b01"
	HomeName = "Home"
	WiFi     = "802-11-wireless"
	Ethernet = "802-3-ethernet"
)

func newNM() *peer {
	return &peer{name: nmName, objects: map[dbus.ObjectPath]properties{
		nmPath: {nmName: {
			"Metered": Unmetered, "Connectivity": Full, "State": uint32(70),
			"PrimaryConnection": nmPath + "/ActiveConnection/0",
			"ActiveConnections": []dbus.ObjectPath{nmPath + "/ActiveConnection/0"},
		}},
		nmPath + "/ActiveConnection/0": active(HomeUUID, HomeName, WiFi, none),
	}}
}

func active(uuid, id, kind string, over dbus.ObjectPath) properties {
	return properties{nmActive: {
		"Uuid": uuid, "Id": id, "Type": kind, "State": uint32(2), "Vpn": kind == "vpn", "SpecificObject": over,
		"Default": over == none, "Default6": false, "Devices": []dbus.ObjectPath{nmPath + "/Devices/1"},
	}}
}

// SetMetered sets what the connection costs.
func (b *Bus) SetMetered(metered uint32) { b.setNM(map[string]any{"Metered": metered}) }

// SetConnectivity sets what can be reached, and the state that goes with it.
func (b *Bus) SetConnectivity(connectivity uint32) {
	state := map[uint32]uint32{ConnectivityUnknown: 70, Offline: 20, Portal: 60, Limited: 60, Full: 70}[connectivity]
	b.setNM(map[string]any{"Connectivity": connectivity, "State": state})
}

// SetState sets the state alone, without a signal for anything else.
func (b *Bus) SetState(state uint32) { b.setNM(map[string]any{"State": state}) }

func (b *Bus) setNM(values map[string]any) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.check(b.nm.set(nmPath, nmName, values))
}

// SetConnection replaces the connection that everything goes over, and ends a
// VPN. An empty uuid is no connection at all. What is said of cost and
// connectivity stays.
func (b *Bus) SetConnection(uuid, id, kind string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nm.forget()
	if uuid == "" {
		b.check(b.nm.set(nmPath, nmName, map[string]any{"PrimaryConnection": none, "ActiveConnections": []dbus.ObjectPath{}}))
		return
	}
	path := b.add(active(uuid, id, kind, none))
	b.check(b.nm.set(nmPath, nmName, map[string]any{"PrimaryConnection": path, "ActiveConnections": []dbus.ObjectPath{path}}))
}

// SetVPN brings up a VPN of the plugin kind beside the connection, or ends it.
func (b *Bus) SetVPN(up bool) {
	kind := "vpn"
	if !up {
		kind = ""
	}
	b.SetTunnel(kind, false)
}

// SetTunnel brings up a VPN of the kind "vpn" or "wireguard", or ends it if the
// kind is empty. If it is primary, everything goes through it.
func (b *Bus) SetTunnel(kind string, primary bool) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	base := b.nm.base()
	up, through := []dbus.ObjectPath{}, none
	if base != none {
		up, through = append(up, base), base
	}
	if kind != "" {
		over := none
		if kind == "vpn" { // wireguard does not know what it goes over
			over = base
		}
		tunnel := active("7a1e0b52-0c0f-4f1b-8a8e-000000000002", "Tunnel", kind, over)
		tunnel[nmActive]["Default"] = false
		tunnel[nmActive]["Devices"] = []dbus.ObjectPath{nmPath + "/Devices/2"}
		path := b.add(tunnel)
		up = append(up, path)
		if primary {
			through = path
		}
	}
	b.check(b.nm.set(nmPath, nmName, map[string]any{"PrimaryConnection": through, "ActiveConnections": up}))
}

// SetConnectionState sets the state of the connection that everything goes
// over, or of a VPN that is up: 1 on its way up, 2 up, 3 on its way down.
func (b *Bus) SetConnectionState(state uint32, vpn bool) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, path := range b.nm.active() {
		if (path != b.nm.base()) == vpn {
			b.check(b.nm.set(path, nmActive, map[string]any{"State": state}))
		}
	}
}

// StopNM ends NetworkManager, StartNM starts it again.
func (b *Bus) StopNM()  { b.leave(b.nm) }
func (b *Bus) StartNM() { b.enter(b.nm) }

// HangNM lets NetworkManager answer nothing, or again.
func (b *Bus) HangNM(on bool) { b.nm.hang(on) }

// add adds an active connection.
func (b *Bus) add(object properties) dbus.ObjectPath {
	b.number++
	path := dbus.ObjectPath(fmt.Sprintf("%s/ActiveConnection/%d", nmPath, b.number))
	b.nm.mu.Lock()
	defer b.nm.mu.Unlock()
	b.nm.objects[path] = object
	return path
}

// active returns the active connections.
func (p *peer) active() []dbus.ObjectPath {
	p.mu.Lock()
	defer p.mu.Unlock()
	paths, _ := p.objects[nmPath][nmName]["ActiveConnections"].([]dbus.ObjectPath)
	return slices.Clone(paths)
}

// base returns the active connection that is no VPN, or none.
func (p *peer) base() dbus.ObjectPath {
	for _, path := range p.active() {
		p.mu.Lock()
		kind, _ := p.objects[path][nmActive]["Type"].(string)
		p.mu.Unlock()
		if kind != "vpn" && kind != "wireguard" {
			return path
		}
	}
	return none
}

// forget removes all active connections.
func (p *peer) forget() {
	for _, path := range p.active() {
		p.mu.Lock()
		delete(p.objects, path)
		p.mu.Unlock()
	}
}
